"""Who writes into a record of acts: the account, and where it sits."""

from __future__ import annotations

from pathlib import Path

import pytest

from fidac_node.operations.uses import UseLog, Who, on_behalf, user


def test_the_account_behind_sudo_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUDO_USER", raising=False)
    own = user()
    monkeypatch.setenv("SUDO_USER", "marie")
    assert user() == f"{own} (marie)"


def test_an_operation_is_written_down_with_its_account_and_where_that_comes_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = UseLog(tmp_path)
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    log.write("held drop", "all", number=3)
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.7 50000 192.0.2.1 22")
    with log.during("export", "studies: all", "for the reader study") as doing:
        doing.number = 12
    first, second = log.acts()
    assert (first.who, first.origin, first.act, first.number) == (user(), "", "held drop", 3)
    assert (second.origin, second.act, second.number, second.reason) == (
        "192.0.2.7",
        "export",
        12,
        "for the reader study",
    )


def test_what_is_done_on_behalf_of_somebody_is_his_act_and_nobody_elses_after_it(tmp_path: Path) -> None:
    log = UseLog(tmp_path)
    with on_behalf(Who("marie", "192.0.2.9")):
        log.write("held release", "all")
        assert user() == "marie"
    log.write("held release", "all")
    first, second = log.acts()
    assert (first.who, first.origin) == ("marie", "192.0.2.9")
    assert second.who == user() != "marie"
