from __future__ import annotations

import os
from pathlib import Path

import pytest

from fidac_node.commitment.transactions import Reference, Report, Transactions
from fidac_node.dicom.uids import is_valid_uid

CT = "1.2.840.10008.5.1.4.1.1.2"


def test_a_report_is_kept_for_the_process_that_asked(tmp_path: Path) -> None:
    asking, receiving = Transactions(tmp_path), Transactions(tmp_path)
    uid = asking.ask({"2.25.1": "one", "2.25.2": "two"})
    assert is_valid_uid(uid) and receiving.asked(uid) == {"2.25.1": "one", "2.25.2": "two"}
    report = Report(uid, (Reference(CT, "2.25.1"),), ((Reference(CT, "2.25.2"), 0x0112),))
    assert receiving.report(report)
    assert list(asking.reports()) == [report]
    asking.forget(uid)
    assert list(asking.reports()) == [] and asking.asked(uid) is None and not list(tmp_path.iterdir())


@pytest.mark.parametrize("uid", ["2.25.7", "../2.25.7", "", "2.25.7/../8"])
def test_a_report_on_a_transaction_that_is_not_ours_is_not_kept(tmp_path: Path, uid: str) -> None:
    transactions = Transactions(tmp_path / "reports")
    (tmp_path / "2.25.7.asked.json").write_text("{}")
    assert not transactions.report(Report(uid, (), ()))
    assert not list((tmp_path / "reports").iterdir())


def test_two_transactions_never_share_a_uid(tmp_path: Path) -> None:
    transactions = Transactions(tmp_path)
    assert len({transactions.ask({}) for _ in range(20)}) == 20


def test_what_is_old_is_forgotten_and_what_is_new_is_kept(tmp_path: Path) -> None:
    transactions = Transactions(tmp_path)
    old, new = transactions.ask({}), transactions.ask({})
    os.utime(tmp_path / f"{old}.asked.json", (0, 0))
    transactions.sweep(3600)
    assert transactions.asked(old) is None and transactions.asked(new) is not None
