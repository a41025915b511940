"""What waits at a site, and what waits for a person there: retry, release, hold, drop."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

from fidac_node.operations.selection import Done, Selection
from fidac_node.operations.uses import UseLog
from fidac_node.site.ledger import FILE, Ledger
from fidac_node.spool.entry import Entry
from fidac_node.spool.queue import Spool

if TYPE_CHECKING:
    from fidac_node.config.config import SiteConfig

# The states that wait for a person, and those that wait for nobody.
HELD: Final = ("held", "refused")
WAITING: Final = ("ready", "outgoing")

Act: TypeAlias = "Callable[[Spool, Entry, str, Ledger], None]"


def retry(config: SiteConfig, selection: Selection) -> Done:
    """Have held or refused objects judged or sent again, under today's rules. Raises ``OSError``, ``Temporary``."""

    def act(spool: Spool, entry: Entry, state: str, rows: Ledger) -> None:
        spool.release(entry)
        rows.note(entry, "ready" if state == "held" else "outgoing")

    return _each(config, "queue retry", selection, HELD, act, partial(_undecided, withdrawn=False))


def send_again(config: SiteConfig, selection: Selection) -> Done:
    """Send committed objects again that are still kept. Raises ``OSError``, ``Temporary``."""
    kept = set(Spool(config.spool.directory / "outbox").entries("committed"))

    def act(spool: Spool, entry: Entry, _state: str, rows: Ledger) -> None:
        at = rows.now()  # the sender may be done with it before this returns
        spool.send_again(entry)
        rows.note(entry, "outgoing", at=at, message="sent again by hand")

    return _each(config, "queue retry --committed", selection, ("committed",), act, among=kept)


def release(config: SiteConfig, selection: Selection) -> Done:
    """Let objects that a rule held pass in spite of it; they still must pass the gate.

    Of a study that named two patients, what had left of the other one was withdrawn, says who releases.
    """

    def act(spool: Spool, entry: Entry, state: str, rows: Ledger) -> None:
        spool.release(entry, released=True)
        rows.note(entry, "ready" if state == "held" else "outgoing")

    return _each(config, "queue release", selection, HELD, act, partial(_undecided, withdrawn=True))


def hold(config: SiteConfig, selection: Selection) -> Done:
    """Set waiting objects aside until a person releases them."""

    def act(spool: Spool, entry: Entry, state: str, rows: Ledger) -> None:
        spool.hold(entry, "by-hand", "held by hand")
        rows.note(entry, "held" if state == "ready" else "refused", reason="by-hand", message="held by hand")

    return _each(config, "queue hold", selection, WAITING, act)


def drop(config: SiteConfig, selection: Selection) -> Done:
    """Delete held or refused objects from the node, for good."""

    def act(spool: Spool, entry: Entry, state: str, rows: Ledger) -> None:
        rows.note(entry, "dropped", message=f"dropped by hand while {state}")
        rows.forget_first(entry)
        rows.flush()
        spool.remove(entry)

    return _each(config, "queue drop", selection, HELD, act)


def _undecided(rows: Ledger, study: str, *, withdrawn: bool) -> str:
    """Why nothing of a study may go on: its objects still name two patients, those dropped not counted."""
    if len(rows.patients([study]).get(study, ())) <= 1:
        return ""
    named = rows.forget_patients(study, withdrawn=withdrawn)
    if len(named) <= 1:
        return ""
    return (
        f"study {study} names {len(named)} patients ({', '.join(sorted(named))}): "
        f"drop the objects of the wrong one first ('queue drop --study {study} --patient HANDLE'); "
        "what had left of him counts until 'queue release' says that it was withdrawn"
    )


def _each(
    config: SiteConfig,
    command: str,
    selection: Selection,
    states: tuple[str, ...],
    act: Act,
    unless: Callable[[Ledger, str], str] = lambda _rows, _study: "",
    among: Collection[Entry] | None = None,
) -> Done:
    """Apply ``act`` to what is selected, ``among`` these if they are given.

    ``unless`` says why nothing of a study may be touched, if so.
    """
    rows = Ledger(config.spool.directory / FILE)
    try:
        found = [pair for pair in _selected(rows, selection, states) if among is None or pair[0] in among]
        if found:
            UseLog(config.deidentify.vault_directory).write(command, str(selection), number=len(found))
        problems = {study: unless(rows, study) for study in dict.fromkeys(entry.study for entry, _ in found)}
        spools = {name: Spool(config.spool.directory / name) for name in ("inbox", "outbox")}
        done, moved_on = [], []
        for entry, state in found:
            if not problems[entry.study]:
                try:
                    act(spools["inbox" if state in ("ready", "held") else "outbox"], entry, state, rows)
                except FileNotFoundError:
                    moved_on.append(entry)
                else:
                    done.append(entry)
    finally:
        rows.close()
    return Done(tuple(done), tuple(moved_on), tuple(filter(None, problems.values())))


def _selected(rows: Ledger, selection: Selection, states: tuple[str, ...]) -> Iterator[tuple[Entry, str]]:
    for row in rows.rows(states=states, study=selection.study, reason=selection.reason, patient=selection.patient):
        if selection.names(row["entry"]):
            yield Entry.parse(row["entry"]), row["state"]
