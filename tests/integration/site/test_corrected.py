"""A corrected version of an instance at a site: by a person or a rule it takes the place of the one that came first."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from fidac_node.errors import Temporary
from fidac_node.hub.index.header import opened
from fidac_node.hub.index.record import version_in
from fidac_node.site import worker
from fidac_node.site.corrected import DECIDED, by_rule
from fidac_node.site.ledger import SUPERSEDED
from fidac_node.spool.entry import Entry
from tests.integration.site.test_again import arrive, encoded
from tests.integration.site.test_worker import Bench
from tests.unit.deidentify import build
from tests.unit.deidentify.tools.test_same import slice_of


@pytest.fixture
def one(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def work(one: Bench) -> None:
    one.worker._work(one.inbox.claim("w", 10), threading.Event())
    one.ledger.flush()


def version(one: Bench, entry: Entry) -> int:
    with opened(one.outbox.path(entry), limit=build.LIMIT) as (_, header):
        return version_in(header)


def corrected(one: Bench, kvp: str) -> Entry:
    """Another version comes, is held, and a person says that it is to take the place."""
    entry = arrive(one, encoded(one, slice_of(KVP=kvp)))
    work(one)
    assert one.state(entry) == "conflict"
    one.inbox.release(entry, **{DECIDED: True})
    work(one)
    return entry


@pytest.mark.parametrize("state", ["new", "sent", "committed", "purged", "refused"])
def test_wherever_the_first_version_is_the_corrected_one_takes_its_place_and_is_counted(one: Bench, state: str) -> None:
    first = arrive(one, encoded(one, slice_of()))
    work(one)
    if state in ("sent", "committed", "purged"):
        one.outbox.mark_sent(first)
    if state in ("committed", "purged"):
        one.outbox.mark_committed(first)
    if state == "refused":
        one.outbox.hold(first, "refused", "the hub does not want it")
    if state == "purged":
        one.outbox.remove(first)
    newer = corrected(one, "100")
    assert one.outbox.entries("new") == [newer] and version(one, newer) == 2
    assert not one.outbox.knows(first) and one.ledger.state(first) == ("dropped", SUPERSEDED)
    assert one.ledger.first_of_instance(first) == newer
    third = corrected(one, "80")
    assert version(one, third) == 3 and one.outbox.entries("new") == [third]


def test_an_older_version_that_comes_again_is_held_and_goes_back_only_by_a_person(one: Bench) -> None:
    one.worker._corrections._by_rule = lambda _: True  # which counts for the newer alone
    data = encoded(one, slice_of())
    first = arrive(one, data)
    work(one)
    newer = arrive(one, encoded(one, slice_of(KVP="100")))
    work(one)
    assert one.outbox.entries("new") == [newer]
    assert arrive(one, data) == first
    work(one)
    reason = one.inbox.reason(first) or {}
    assert reason["code"] == "conflict"
    assert str(reason["message"]).startswith(f"a newer version stands in its place, {newer}: they differ in KVP; ")
    one.inbox.release(first, **{DECIDED: True})
    work(one)
    assert one.outbox.entries("new") == [first] and version(one, first) == 3


def test_a_rule_holds_for_the_callers_that_it_names() -> None:
    assert by_rule("supersede", ())("ANY") and by_rule("supersede", ("PACS",))("PACS")
    assert not by_rule("supersede", ("PACS",))("OTHER") and not by_rule("hold", ())("ANY")


def test_the_corrected_version_again_in_other_bytes_is_a_repeat_of_it(one: Bench) -> None:
    one.worker._corrections._by_rule = lambda _: True
    arrive(one, encoded(one, slice_of()))
    work(one)
    newer = arrive(one, encoded(one, slice_of(KVP="100")))
    work(one)
    again = arrive(one, encoded(one, slice_of(KVP="100")) + bytes(8))
    work(one)
    assert one.ledger.state(again) == ("discarded", "repeat") and one.outbox.entries("new") == [newer]


def test_trouble_in_between_counts_no_version_twice(one: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_PAUSE_SECONDS", 0.0)
    first = arrive(one, encoded(one, slice_of()))
    work(one)
    newer = arrive(one, encoded(one, slice_of(KVP="100")))
    work(one)
    one.inbox.release(newer, **{DECIDED: True})
    real, calls = one.outbox.put_all, []

    def put_all(drafts: list[object]) -> list[bool]:
        calls.append(drafts)
        if len(calls) == 1:
            raise Temporary("the disk")
        return real(drafts)  # type: ignore[arg-type]

    monkeypatch.setattr(one.outbox, "put_all", put_all)
    work(one)
    assert one.outbox.entries("new") == [first]
    work(one)
    assert one.outbox.entries("new") == [newer] and version(one, newer) == 2
    assert one.ledger.state(first) == ("dropped", SUPERSEDED)
