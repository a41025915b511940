"""What a person does to the queue is done once, told in full, and written down before."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fidac_node.config.config import SiteConfig
from fidac_node.operations import queue
from fidac_node.operations.selection import Done, Selection
from fidac_node.operations.setup import init_site
from fidac_node.operations.uses import UseLog
from fidac_node.site.ledger import FILE, Ledger
from fidac_node.spool.entry import Entry
from fidac_node.spool.queue import Spool

NAMES = [Entry("a" * 12, "b" * 16, digit * 16) for digit in "2345"] + [Entry("c" * 12, "d" * 16, "2" * 16)]


@pytest.fixture
def config(tmp_path: Path) -> SiteConfig:
    """A site with five held objects, of two studies."""
    values: dict[str, dict[str, object]] = {
        "site": {"id": "LILLE"},
        "deidentify": {"mode": "pseudonymised"},
        "send": {"hub": "HUB@localhost:11113"},
    }
    config, _ = init_site(tmp_path, values)
    spool, rows = Spool(config.spool.directory / "inbox"), Ledger(config.spool.directory / FILE)
    for entry in NAMES:
        draft = spool.create()
        draft.file.write(b"object")
        spool.put(draft, entry)
        spool.hold(entry, "out-of-scope", "held by a rule")
        rows.note(entry, "held", reason="out-of-scope", message="held by a rule")
    rows.close()
    return config


def recorded(config: SiteConfig) -> list[tuple[str, str, str]]:
    uses = UseLog(config.deidentify.vault_directory)
    assert not uses.verify().broken
    return [(use.act, use.what, f"{use.number} objects") for use in uses.acts()]


def states(config: SiteConfig) -> dict[Entry, str]:
    spool = Spool(config.spool.directory / "inbox")
    return {entry: spool.state(entry) for entry in NAMES if spool.knows(entry)}


@pytest.mark.parametrize(
    ("selection", "meant", "words"),
    [
        (Selection(everything=True), NAMES, "all"),
        (Selection(study="c" * 12), NAMES[4:], f"study {'c' * 12}"),
        (Selection(reason="out-of-scope"), NAMES, "reason out-of-scope"),
        (Selection(reason="leak"), [], "reason leak"),
        (Selection(entries=(str(NAMES[1]),)), [NAMES[1]], str(NAMES[1])),
        (Selection(entries=(str(NAMES[1]),), study="c" * 12), [], ""),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    ("act", "after"),
    [(queue.retry, "new"), (queue.release, "new"), (queue.drop, None)],
    ids=["retry", "release", "drop"],
)
def test_what_is_selected_and_nothing_else_is_acted_upon_and_written_down(
    config: SiteConfig,
    act: Callable[[SiteConfig, Selection], Done],
    after: str | None,
    selection: Selection,
    meant: list[Entry],
    words: str,
) -> None:
    result = act(config, selection)
    assert result == Done(tuple(sorted(meant, key=str)))
    expected = {entry: after if entry in meant else "held" for entry in NAMES}
    assert states(config) == {entry: state for entry, state in expected.items() if state is not None}
    assert recorded(config) == ([(f"queue {act.__name__}", words, f"{len(meant)} objects")] if meant else [])


def test_what_waits_for_nobody_can_be_set_aside_by_hand(config: SiteConfig) -> None:
    assert queue.hold(config, Selection(everything=True)) == Done(())
    queue.retry(config, Selection(everything=True))
    assert len(queue.hold(config, Selection(study="a" * 12)).entries) == 4
    assert sorted(states(config).values()) == ["held"] * 4 + ["new"]


def test_an_act_that_cannot_be_written_down_is_not_done(config: SiteConfig) -> None:
    record = config.deidentify.vault_directory / "uses.jsonl"
    record.mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        queue.drop(config, Selection(everything=True))
    assert set(states(config).values()) == {"held"} and len(states(config)) == len(NAMES)


def test_what_moved_on_meanwhile_is_told_and_left_alone(config: SiteConfig) -> None:
    os.unlink(Spool(config.spool.directory / "inbox").path(NAMES[0]))  # noqa: PTH108  # as another process would
    result = queue.release(config, Selection(study="a" * 12))
    assert result == Done(tuple(NAMES[1:4]), moved_on=(NAMES[0],))


def test_a_selection_that_says_nothing_is_none() -> None:
    assert not Selection()
    assert all((Selection(study="s"), Selection(entries=("e",)), Selection(site="x"), Selection(everything=True)))


def test_what_the_hub_has_committed_to_and_is_still_kept_is_sent_again_and_that_is_written_down(
    config: SiteConfig,
) -> None:
    outbox, rows = Spool(config.spool.directory / "outbox"), Ledger(config.spool.directory / FILE)
    kept, purged = Entry("e" * 12, "f" * 16, "2" * 16), Entry("e" * 12, "g" * 16, "2" * 16)
    for entry in (kept, purged):
        outbox.put(outbox.create(), entry)
        outbox.mark_sent(entry)
        outbox.mark_committed(entry)
        rows.note(entry, "committed")
    rows.close()
    outbox.remove(purged)
    done = queue.send_again(config, Selection(everything=True))
    assert done == Done((kept,)) and outbox.entries("new") == [kept]
    assert recorded(config)[-1] == ("queue retry --committed", "all", "1 objects")
    assert queue.send_again(config, Selection(everything=True)) == Done(())
