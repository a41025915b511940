"""What several commands say in the same words."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from fidac_node.cli import FAILED, HELD, fail
from fidac_node.cli.rows import write_rows
from fidac_node.system.logs import printable

if TYPE_CHECKING:
    from fidac_node.operations.selection import Done
    from fidac_node.operations.service import Owner
    from fidac_node.operations.status import Alive, Disk
    from fidac_node.operations.uses import Act, UseLog, Wanted

F = TypeVar("F", bound=Callable[..., Any])

ACT_COLUMNS: Final = ("at", "who", "from", "act", "what", "number", "reason", "outcome", "studies")


def when(seconds: float) -> str:
    """Seconds of the epoch as ISO 8601 writes them, in this machine's own time, with its zone."""
    return datetime.datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="seconds")


def counted(number: int, what: str) -> str:
    """How many there are of something: 1 object, 2 objects, 2 studies."""
    plural = f"{what[:-1]}ies" if what.endswith("y") else what if what.endswith("s") else f"{what}s"
    return f"{number} {what if number == 1 else plural}"


def mebibytes(number: int) -> str:
    """A size, in the one unit that all of this programme has."""
    return f"{number / (1 << 20):.1f} MiB"


def day(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> datetime.date | None:
    """Read a date of a command's option."""
    if value is None:
        return None
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            raise ValueError(value)
        return datetime.date.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a date; write it as YYYY-MM-DD, for example 2024-03-31") from None


def system_options(function: F) -> F:
    """Give a command that sets something up the choice to do so where the unit of its service expects it."""
    for option in (
        click.option(
            "--system",
            is_flag=True,
            help="Instead of DIRECTORY: in /etc/fidac-node and /var/lib/fidac-node, for the unit in systemd/.",
        ),
        click.option("--user", default="fidac", show_default=True, help="With --system: the service's account."),
    ):
        function = option(function)
    return function


def one_place(directory: Path | None, *, system: bool) -> None:
    """Demand a directory, or the system's. Raises ``UsageError``."""
    if system == (directory is not None):
        raise click.UsageError("say where: a DIRECTORY, or --system")


def show_next(where: str, kind: str, path: Path, owner: Owner | None) -> None:
    """Say how what was set up is checked and started."""
    here = " " * len(where)
    if owner is None:
        click.echo(f"  {where} fidac-node doctor -c {path}\n  {here} fidac-node {kind} run -c {path}")
        return
    unit = f"fidac-node-{kind}.service"
    click.echo(f"  {where} sudo -u {owner.name} fidac-node doctor -c {path}")
    click.echo(f"  {here} cp systemd/{unit} /etc/systemd/system/ && systemctl enable --now {unit}")


def show_disk(disk: Disk, name: str = "disk", consequence: str = "new objects are rejected") -> None:
    """Print a disk's line of a status; ``consequence`` is what follows when it is full."""
    if disk.error:
        click.echo(f"  {name}: {disk.error}")
    elif disk.free_bytes is not None:
        inodes = "" if disk.free_inodes is None or disk.room else f", {disk.free_inodes} inodes"
        full = "" if disk.room else f": FULL, {consequence}"
        click.echo(f"  {name}: {disk.free_bytes >> 20} MiB{inodes} free, {disk.reserve_bytes >> 20} MiB reserve{full}")


def show_alive(alive: Alive) -> None:
    """Print which processes do not run as they should, where not all of them are stopped."""
    for one in alive.trouble if {one.state for one in alive.stages} != {"stopped"} else ():
        click.echo(f"    {one}")


def exit_code(alive: Alive, *, degraded: bool) -> int:
    """What a status ends with: 1 hung, 3 stopped or a person is needed, 0."""
    return FAILED if alive.state == "hung" else HELD if degraded else 0


def show_failed_connections(number: int) -> None:
    """Print how many connections came to nothing, if any did."""
    if number:
        click.echo(f"  connections that came to nothing: {number} (the log says whose, and why)")


def show_done(result: Done, done: str) -> None:
    """Say what became of a selection; end with :data:`HELD` when studies were left alone."""
    for entry in result.moved_on:
        click.echo(f"{entry}: moved on meanwhile, left alone", err=True)
    click.echo(f"{counted(len(result.entries), 'object')} {done}")
    for problem in result.left_alone:
        click.echo(f"left alone: {problem}", err=True)
    if result.left_alone:
        raise SystemExit(HELD)


def show_acts(log: UseLog, wanted: Wanted, *, as_json: bool) -> None:
    """Print what a record of acts has of what is wanted; fail when a line was changed or taken out."""
    acts = log.acts(wanted)
    if as_json:
        write_rows((act.as_dict() for act in acts), ACT_COLUMNS, "json")
    else:
        for act in acts:
            click.echo(act_line(act))
    if broken := log.verify().broken:
        fail(f"{log.path}: before line {broken[0]} a line was changed or taken out", FAILED)


def act_line(act: Act, at: str = "") -> str:
    """An act in a line, with its moment in this machine's own time, or as it is said by ``at``."""
    return printable("  ".join(filter(None, (at or when(act.at), *_told(act)))))


def _told(act: Act) -> Iterator[str]:
    yield from (act.who, act.origin, act.act, act.what)
    yield "" if act.number is None else f"({act.number})"
    yield from (act.reason, act.outcome)
