"""``fidac-node site queue``: what waits at the site, and what waits for you."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from fidac_node.cli import config_option, fail
from fidac_node.cli.opening import opened_ledger
from fidac_node.cli.words import show_done, when
from fidac_node.system.logs import printable

if TYPE_CHECKING:
    from fidac_node.config.config import SiteConfig
    from fidac_node.operations.selection import Done

_TIMES: Final = ("changed_at", "received_at", "last_attempt", "next_attempt")


@click.group(name="queue")
def command() -> None:
    """What waits, and what waits for you: list, show, retry, hold, release, supersede, drop."""


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

    with opened_ledger(config) as (_, ledger):
        states = queue.HELD if held else LIVE_STATES
        rows = ledger.rows(states=states, study=study, reason=reason, patient=patient, limit=limit or -1)
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        set_aside = f"{row['state']:<9} {row['reason'] or '-':<16}"
        click.echo(f"{row['entry']}  {set_aside} tries {row['attempts']}  {printable(row['message'] or '')}")
    click.echo(f"{len(rows)} objects" + (" (more: --limit 0)" if limit and len(rows) == limit else ""), err=True)


@command.command(name="show")
@config_option("site")
@click.argument("entry")
def show_entry(config: Path, entry: str) -> None:
    """Everything known about one object."""
    with opened_ledger(config) as (_, ledger):
        rows = [row for row in ledger.rows(study=entry[:12]) if row["entry"] == entry]
    if not rows:
        fail(f"no object {entry!r} here; 'fidac-node site queue list' shows them")
    for key, value in rows[0].items():
        click.echo(printable(f"{key}: {when(value) if value and key in _TIMES else '-' if value is None else value}"))


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
    from fidac_node.operations.selection import Selection

    selection = Selection(**chosen)
    if not selection:
        raise click.UsageError("say which: OBJECT..., --study, --reason, --patient or --all")
    act: Callable[[SiteConfig, Selection], Done] = getattr(queue, name)
    show_done(act(load_site(config), selection), done)
