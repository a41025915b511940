"""What waits at a site, and what waits for a person there: retry, release, hold, drop."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from fidac_node.operations.selection import Done, Selection
from fidac_node.operations.uses import UseLog
from fidac_node.site.corrected import CONFLICT, DECIDED
from fidac_node.site.ledger import FILE, LEFT_STATES, Ledger
from fidac_node.spool.entry import STUDY, Entry
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


def supersede(config: SiteConfig, selection: Selection) -> Done:
    """Let held versions of instances take the place of those that came first, at the hub, too.

    They still must pass rules and gate. Raises ``OSError``, ``Temporary``.
    """

    def act(spool: Spool, entry: Entry, _state: str, rows: Ledger) -> None:
        spool.release(entry, **{DECIDED: True})
        rows.note(entry, "ready")

    return _each(config, "queue supersede", selection, ("held",), act, unless_object=_no_version)


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

    done = _each(config, "queue drop", selection, HELD, act)
    return replace(done, left_alone=(*done.left_alone, *_beyond_dropping(config, selection, done)))


def _beyond_dropping(config: SiteConfig, selection: Selection, done: Done) -> Iterator[str]:
    """Why some of what a person named by itself or by its study is not dropped, and what can be done with it."""
    if selection.reason or selection.patient or not (selection.entries or (selection.study and not done.entries)):
        return
    studies = {selection.study} if selection.study else {entry[:STUDY] for entry in selection.entries}
    with closing(Ledger(config.spool.directory / FILE)) as rows:
        found = [row for study in sorted(studies) for row in rows.rows(states=LEFT_STATES, study=study)]
    left = [row for row in found if selection.names(row["entry"]) and row["entry"] not in map(str, done.entries)]
    for state in LEFT_STATES:
        some = [row["entry"] for row in left if row["state"] == state]
        if some:
            what = some[0] if len(some) == 1 else f"{len(some)} objects"
            yield (
                f"{what}: {state}, the hub has it and a copy here changes nothing; 'site withdraw --study "
                f"{some[0][:STUDY]}' takes the study back, also at the hub; a corrected version that the PACS sends "
                "takes its place by 'site queue supersede'; 'site purge' deletes copies here"
            )


def _no_version(row: Mapping[str, Any]) -> str:
    if row["reason"] == CONFLICT:
        return ""
    return (
        f"{row['entry']}: held as {row['reason']}, not as another version of an instance ({CONFLICT}): "
        "'site queue show' says what is to be done"
    )


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
    unless_object: Callable[[Mapping[str, Any]], str] = lambda _row: "",
) -> Done:
    """Apply ``act`` to what is selected, ``among`` these if they are given.

    ``unless`` says why nothing of a study may be touched, if so, ``unless_object`` the same of an object by its row.
    """
    rows = Ledger(config.spool.directory / FILE)
    try:
        selected = [pair for pair in _selected(rows, selection, states) if among is None or pair[0] in among]
        refused = [why for _, row in selected if (why := unless_object(row))]
        found = [(entry, row["state"]) for entry, row in selected if not unless_object(row)]
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
    return Done(tuple(done), tuple(moved_on), (*filter(None, problems.values()), *refused))


def _selected(rows: Ledger, selection: Selection, states: tuple[str, ...]) -> Iterator[tuple[Entry, Mapping[str, Any]]]:
    for row in rows.rows(states=states, study=selection.study, reason=selection.reason, patient=selection.patient):
        if selection.names(row["entry"]):
            yield Entry.parse(row["entry"]), row
