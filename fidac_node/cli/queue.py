"""``fidac-node site queue``: what waits at the site, and what waits for you."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from fidac_node.cli import HELD, WholeGroup, config_option, fail
from fidac_node.cli.opening import opened_ledger
from fidac_node.cli.words import counted, show_done, when
from fidac_node.system.logs import printable

if TYPE_CHECKING:
    from fidac_node.config.config import SiteConfig
    from fidac_node.operations.selection import Done

_TIMES: Final = ("changed_at", "received_at", "last_attempt", "next_attempt")
# What each act is about.
_HELD: Final = ("held", "refused")
_STATES: Final = {
    "retry": _HELD,
    "release": _HELD,
    "supersede": ("held",),
    "drop": _HELD,
    "hold": ("ready", "outgoing"),
    "send_again": ("committed",),
}
# Seconds in which it is seen what becomes of an object that was let go on.
_SEEN_SECONDS: Final = 10.0


@click.group(name="queue", cls=WholeGroup)
def command() -> None:
    """What waits, and what waits for you: list, show, view, retry, hold, release, supersede, drop."""


def with_times(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the ledger for programs: moments as ISO 8601 has them."""
    from fidac_node.operations.status import utc

    return {name: utc(value) if value and name in _TIMES else value for name, value in row.items()}


def _selection(function: Callable[..., None]) -> Callable[..., None]:
    """One filter for every queue command: by object, study, reason, or all."""
    for option in (
        click.argument("entries", nargs=-1, metavar="[OBJECT]..."),
        click.option("--study", default="", help="All objects of this study."),
        click.option("--reason", default="", help="All objects set aside for this reason."),
        click.option("--patient", default="", help="All objects of this patient, by the handle that a reason names."),
        click.option("--all", "everything", is_flag=True, help="All objects."),
        config_option("site"),
    ):
        function = option(function)
    return function


@command.command(name="list")
@config_option("site")
@click.option("--held", is_flag=True, help="Only what waits for a person: the quarantine.")
@click.option("--study", default="", help="Only this study.")
@click.option("--reason", default="", help="Only this reason.")
@click.option("--patient", default="", help="Only this patient, by his handle.")
@click.option("--limit", default=100, show_default=True, help="At most so many; 0 for all.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(config: Path, held: bool, study: str, reason: str, patient: str, limit: int, as_json: bool) -> None:
    """List the objects that wait, with their reasons; --held: the quarantine."""
    from fidac_node.operations import queue
    from fidac_node.operations.ledger import LIVE_STATES
    from fidac_node.operations.nearest import nothing_selected
    from fidac_node.operations.selection import Selection

    with opened_ledger(config) as (_, ledger):
        states = queue.HELD if held else LIVE_STATES
        rows = ledger.rows(states=states, study=study, reason=reason, patient=patient, limit=limit or -1)
        if not rows and (chosen := Selection(study=study, reason=reason, patient=patient)):
            raise nothing_selected(ledger, chosen, states)
    if as_json:
        click.echo(json.dumps([with_times(row) for row in rows], indent=2))
        return
    for row in rows:
        set_aside = f"{row['state']:<9} {row['reason'] or '-':<16}"
        click.echo(f"{row['entry']}  {set_aside} tries {row['attempts']}  {printable(row['message'] or '')}")
    click.echo(counted(len(rows), "object") + (" (more: --limit 0)" if limit and len(rows) == limit else ""), err=True)


@command.command(name="show")
@config_option("site")
@click.argument("entry")
def show_entry(config: Path, entry: str) -> None:
    """Everything known about one object, and where its file is."""
    from fidac_node.operations import looking

    with opened_ledger(config) as (settings, ledger):
        rows = [row for row in ledger.rows(study=entry[:12]) if row["entry"] == entry]
    if not rows:
        fail(f"no object {entry!r} here; 'fidac-node site queue list' shows them")
    click.echo(f"file: {looking.file_of(settings, entry) or '- (it is not here any more)'}")
    for key, value in rows[0].items():
        click.echo(printable(f"{key}: {when(value) if value and key in _TIMES else '-' if value is None else value}"))


@command.command()
@config_option("site")
@click.argument("entry", metavar="OBJECT")
@click.option("--to", type=click.Path(path_type=Path, dir_okay=False), help="Where to write; default: ./OBJECT.png.")
@click.option("--frame", type=click.IntRange(1), default=None, help="This frame; default: the middle one.")
def view(config: Path, entry: str, to: Path | None, frame: int | None) -> None:
    """Write a picture (PNG) of an object, for the person who must look whether it names the patient; recorded."""
    from fidac_node.config.config import load_site
    from fidac_node.operations.looking import look
    from fidac_node.system.safeio import write_synced

    seen = look(load_site(config), entry, frame or 0)
    path = to or Path(f"{entry}.png")
    write_synced(path, seen.png)
    click.echo(
        f"wrote {path}, frame {seen.frame} of {seen.frames}; it may show who the patient is: delete it when done"
    )


@command.command()
@_selection
@click.option("--committed", is_flag=True, help="What the hub has committed to and is still kept here: send it again.")
def retry(config: Path, *, committed: bool, **selection: Any) -> None:
    """Send or judge again, under today's rules, what is held or refused; --committed: what the hub had."""
    if committed:
        _act("send_again", config, selection, "put back to be sent again")
    else:
        _act("retry", config, selection, "put back to be tried again")


@command.command()
@_selection
def release(config: Path, **selection: Any) -> None:
    """Let objects held by a rule (out of scope) pass in spite of it; they still must pass the gate.

    Of a study that named two patients: what had left of the other one was withdrawn, so that only what is here counts.
    """
    _act("release", config, selection, "released")


@command.command()
@_selection
def supersede(config: Path, **selection: Any) -> None:
    """Let a corrected version, held as 'conflict', take the place of the one that came first, here and at the hub.

    The hub keeps the older one aside for [archive] withdrawal_days; both ends write it down.
    """
    _act("supersede", config, selection, "are to take the place of the versions that came first")


@command.command()
@_selection
def hold(config: Path, **selection: Any) -> None:
    """Set waiting objects aside until you release them."""
    _act("hold", config, selection, "held")


@command.command()
@_selection
@click.confirmation_option(prompt="Delete these objects from the node? The PACS must send them again to get them back.")
def drop(config: Path, **selection: Any) -> None:
    """Delete held or refused objects from the node, for good."""
    _act("drop", config, selection, "dropped")


def _act(name: str, config: Path, chosen: dict[str, Any], done: str) -> None:
    from fidac_node.config.config import load_site
    from fidac_node.operations import queue
    from fidac_node.operations.nearest import nothing_selected
    from fidac_node.operations.selection import Selection

    selection = Selection(**chosen)
    if not selection:
        raise click.UsageError("say which: OBJECT..., --study, --reason, --patient or --all")
    act: Callable[[SiteConfig, Selection], Done] = getattr(queue, name)
    settings = load_site(config)
    result = act(settings, selection)
    if not any((result.entries, result.moved_on, result.left_alone)):
        with opened_ledger(config) as (_, ledger):
            raise nothing_selected(ledger, selection, _STATES[name])
    again = _held_again(settings, result) if name in ("retry", "release", "supersede") else False
    show_done(result, done)
    if again:
        raise SystemExit(HELD)


def _held_again(config: SiteConfig, result: Done) -> bool:
    """Say what became of objects that go on, if it shows at once; whether some are held again."""
    from fidac_node.operations.settling import settled

    found = settled(config, result.entries, _SEEN_SECONDS)
    reasons = Counter(found.held.values())
    for (code, message), number in reasons.most_common():
        click.echo(printable(f"held again: {counted(number, 'object')}, {code}: {message}"), err=True)
    if reasons:
        click.echo("  a release lets pass what a rule holds, never what names a patient or cannot be read", err=True)
    if found.stopped:
        click.echo(f"nothing goes on before it is started: {', '.join(found.stopped)} stopped", err=True)
    return bool(reasons)
