"""What several commands say in the same words."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from fidac_node.cli import FAILED, HELD, fail

if TYPE_CHECKING:
    from fidac_node.operations.selection import Done
    from fidac_node.operations.status import Disk
    from fidac_node.operations.uses import UseLog


def when(seconds: float) -> str:
    """Seconds of the epoch in this machine's own time."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def show_disk(disk: Disk, name: str = "disk", consequence: str = "new objects are rejected") -> None:
    """Print a disk's line of a status; ``consequence`` is what follows when it is full."""
    if disk.error:
        click.echo(f"  {name}: {disk.error}")
    elif disk.free_bytes is not None:
        inodes = "" if disk.free_inodes is None or disk.room else f", {disk.free_inodes} inodes"
        full = "" if disk.room else f": FULL, {consequence}"
        click.echo(f"  {name}: {disk.free_bytes >> 20} MB{inodes} free, {disk.reserve_bytes >> 20} MB reserve{full}")


def show_failed_connections(number: int) -> None:
    """Print how many connections came to nothing, if any did."""
    if number:
        click.echo(f"  connections that came to nothing: {number} (the log says whose, and why)")


def show_done(result: Done, done: str) -> None:
    """Say what became of a selection; end with :data:`HELD` when studies were left alone."""
    for entry in result.moved_on:
        click.echo(f"{entry}: moved on meanwhile, left alone", err=True)
    click.echo(f"{len(result.entries)} objects {done}")
    for problem in result.left_alone:
        click.echo(f"left alone: {problem}", err=True)
    if result.left_alone:
        raise SystemExit(HELD)


def show_uses(log: UseLog, *, as_json: bool) -> None:
    """Print a record of uses; fail when a line was changed or taken out."""
    uses, broken = log.read()
    if as_json:
        click.echo(json.dumps([asdict(use) for use in uses], indent=2))
    else:
        for use in uses:
            click.echo(f"{when(use.at)}  {use.user}  {use.command}  {use.subject}  {use.reason}")
    if broken:
        fail(f"{log.path}: before line {broken[0]} a line was changed or taken out", FAILED)
