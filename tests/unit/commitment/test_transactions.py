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


def test_a_report_in_parts_is_kept_whole_and_forgotten_when_every_reference_is_answered(tmp_path: Path) -> None:
    transactions = Transactions(tmp_path)
    uid = transactions.ask({f"2.25.{number}": f"entry {number}" for number in (1, 2, 3)})
    first = Report(uid, (Reference(CT, "2.25.1"),), ())
    second = Report(uid, (), ((Reference(CT, "2.25.2"), 0x0112),))
    assert transactions.report(first) and transactions.report(second)
    assert sorted(transactions.reports(), key=str) == sorted([first, second], key=str)
    assert list(transactions.reports()) == [], "each is acted upon once"
    assert transactions.answered(uid, {"2.25.1", "2.25.2"}) == {"2.25.3"}
    assert transactions.asked(uid) == {"2.25.3": "entry 3"}
    assert transactions.answered(uid, {"2.25.3"}) == set() and list(tmp_path.iterdir()) == []


def test_a_report_that_an_earlier_version_kept_is_read(tmp_path: Path) -> None:
    transactions = Transactions(tmp_path)
    uid = transactions.ask({"2.25.1": "one"})
    (tmp_path / f"{uid}.report.json").write_text(f'{{"committed": [["{CT}", "2.25.1"]], "failed": []}}')
    assert list(transactions.reports()) == [Report(uid, (Reference(CT, "2.25.1"),), ())]


def test_a_report_whose_reader_fails_is_there_the_next_time(tmp_path: Path) -> None:
    transactions = Transactions(tmp_path)
    uid = transactions.ask({"2.25.1": "one"})
    report = Report(uid, (Reference(CT, "2.25.1"),), ())
    transactions.report(report)
    for _ in transactions.reports():
        break  # as an error would
    assert list(transactions.reports()) == [report]
