"""``fidac-node site``: set up, run and look after the node in the hospital."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fidac_node.cli import (
    HELD,
    WholeGroup,
    committed,
    config_option,
    patient,
    pseudonym,
    purge,
    queue,
    refuse,
    setup_logging,
    study,
)
from fidac_node.cli.opening import opened_ledger
from fidac_node.cli.words import (
    counted,
    exit_code,
    mebibytes,
    one_place,
    show_alive,
    show_disk,
    show_failed_connections,
    show_next,
    system_options,
    when,
)
from fidac_node.system.logs import printable

if TYPE_CHECKING:
    from fidac_node.operations.status import SiteStatus


@click.group(
    name="site", cls=WholeGroup, help="The node in the hospital: set up, run, watch, import, look after the queue."
)
def command() -> None:
    """Group of the site's commands."""


for _group in (queue.command, pseudonym.pseudonym, patient.command, pseudonym.programme, pseudonym.key):
    command.add_command(_group)


command.add_command(refuse.command, "withdraw")
command.add_command(study.find)
command.add_command(study.show)
command.add_command(committed.command, "committed")
command.add_command(purge.command, "purge")


@command.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), required=False)
@system_options
@click.option("--site-id", required=True, help="The site's code at the hub, for example CHU-LILLE.")
@click.option(
    "--site-code", default="", help="The neutral code that 'hub site add' prints: it starts each patient's pseudonym."
)
@click.option("--hub", required=True, metavar="AET@HOST:PORT", help="Where the hub listens.")
@click.option(
    "--ae-title", default="FIDACNODE", show_default=True, help="This node's AE title, as the PACS will call it."
)
@click.option("--port", default=11112, show_default=True, type=click.IntRange(1, 65535), help="TCP port to listen on.")
@click.option("--profile", default="fidac-chest-ct", show_default=True, help="De-identification profile.")
@click.option(
    "--mode",
    default="pseudonymised",
    show_default=True,
    type=click.Choice(["pseudonymised", "anonymised"]),
    help="With a vault at the site, or with a key that is destroyed at the end.",
)
@click.option(
    "--own-word",
    "own_words",
    multiple=True,
    help="A name of the hospital, its town or a department, to be looked for in every output (repeatable).",
)
def init(
    directory: Path | None,
    *,
    system: bool,
    user: str,
    site_id: str,
    site_code: str,
    hub: str,
    ae_title: str,
    port: int,
    profile: str,
    mode: str,
    own_words: tuple[str, ...],
) -> None:
    """Write a commented site.toml, the spool's folders and fresh keys into DIRECTORY, or for the service (--system)."""
    from fidac_node.operations import service
    from fidac_node.operations.setup import init_site

    one_place(directory, system=system)
    values: dict[str, dict[str, object]] = {
        "site": {"id": site_id, **({"code": site_code} if site_code else {})},
        "receive": {"ae_title": ae_title, "port": port},
        "deidentify": {"profile": profile, "mode": mode, "own_words": own_words or _asked_own_words()},
        "send": {"hub": hub},
    }
    owner = None
    if directory is None:
        config, made, owner = service.system_site(values, user)
    else:
        config, made = init_site(directory, values)
    click.echo(f"wrote {config.path}")
    pseudonym.show_made(made)
    click.echo(f"\nnext:\n  at the hub:  fidac-node hub site add {site_id} --ae-title {config.calling_ae}")
    show_next("here:       ", "site", config.path, owner)
    click.echo(f"  at the PACS: send chest CTs to {ae_title}, this host, port {port}")


def _asked_own_words() -> tuple[str, ...]:
    """The words of the site's own that who sits at a terminal types; nobody else is asked."""
    if not sys.stdin.isatty():
        return ()
    asked = "Names of the hospital, its town, its departments, between commas (Enter: none)"
    typed: str = click.prompt(asked, default="", show_default=False, err=True)
    return tuple(word for part in typed.split(",") if (word := part.strip()))


@command.command()
@config_option("site")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify(config: Path, as_json: bool) -> None:
    """Ask the hub for everything that is still kept here, and say what it does not answer for."""
    from fidac_node.config.config import load_site
    from fidac_node.operations.verify import site_verified

    found = site_verified(load_site(config))
    if as_json:
        missing = [{"entry": str(entry), "why": why} for entry, why in found.missing]
        unanswered = [str(entry) for entry in found.unanswered]
        click.echo(json.dumps({"committed": found.committed, "missing": missing, "unanswered": unanswered}, indent=2))
    else:
        for entry, why in found.missing:
            click.echo(f"{entry}  {why}")
        counts = len(found.missing), len(found.unanswered)
        click.echo(f"{found.committed} committed, {counts[0]} not, {counts[1]} without an answer", err=True)
        if found.missing:
            click.echo("send again: fidac-node site queue retry --committed OBJECT...", err=True)
    raise SystemExit(HELD if found.missing or found.unanswered else 0)


@command.command()
@config_option("site")
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(["receive", "deidentify", "send"]),
    help="Run just this stage (repeatable).",
)
@click.option("--child", hidden=True, help="One stage process; the supervisor starts it.")
@click.option("--after-crash", is_flag=True, hidden=True)
def run(config: Path, only: tuple[str, ...], child: str | None, after_crash: bool) -> None:
    """Run the node until it is stopped (Ctrl-C or SIGTERM)."""
    from fidac_node.config.config import load_site

    setup_logging(load_site(config).log.level)
    from fidac_node.site import daemon

    if child:
        daemon.run_child(config, child, after_crash=after_crash)
    raise SystemExit(daemon.run(config, only))


@command.command()
@config_option("site")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(config: Path, as_json: bool) -> None:
    """Whether it runs, what it has, what waits, and the hub. Exit codes: 0, 1 hung, 3 stopped or held."""
    from fidac_node.config.config import load_site
    from fidac_node.operations.status import ask_site

    state = ask_site(load_site(config))
    if as_json:
        click.echo(json.dumps(state.as_dict(), indent=2))
    else:
        _print_status(state)
    raise SystemExit(exit_code(state.alive, degraded=state.degraded))


@command.command(name="import")
@config_option("site")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--label", default="", help="Label of all these studies: certain, possible, negative, other, unknown.")
def import_(config: Path, paths: tuple[Path, ...], label: str) -> None:
    """Take files, folders, zip archives or DICOMDIR media into the same pipeline as C-STORE."""
    from fidac_node.dicom.marks import LABELS

    if label and label not in LABELS:
        raise click.UsageError(f"--label must be one of {', '.join(LABELS)}")
    from rich.console import Console
    from rich.progress import Progress

    from fidac_node.operations.importing import import_media

    with Progress(console=Console(stderr=True)) as progress:
        bar = progress.add_task("importing", total=None)
        tell = lambda done, total: progress.update(bar, completed=done, total=total)  # noqa: E731
        result = import_media(config, paths, label, tell)
    click.echo(f"{result.accepted} taken, {result.duplicates} known already, {len(result.bad)} not taken")
    for name, what in result.otherwise:
        click.echo(f"  {printable(str(name))}: taken, but {printable(what)}", err=True)
    for name, why in result.bad:
        click.echo(f"  {printable(str(name))}: {printable(why)}", err=True)
    raise SystemExit(HELD if result.bad else 0)


@command.command()
@config_option("site")
@click.option("--limit", default=50, show_default=True, help="The latest so many; 0 for all.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def studies(config: Path, limit: int, as_json: bool) -> None:
    """One line per study, by local handle, the latest first."""
    from fidac_node.operations.status import site_studies

    with opened_ledger(config) as (settings, ledger):
        rows = site_studies(settings, ledger, limit or -1)
    if as_json:
        click.echo(json.dumps([row.as_dict() for row in rows], indent=2))
        return
    click.echo(f"{'STUDY':<13} {'STATE':<11} {'OBJECTS':>7} {'DONE':>5} {'HELD':>5} {'LABEL':<9} LAST CHANGE")
    for row in rows:
        held = row.counts["held"] + row.counts["refused"]
        numbers = f"{row.received:>7} {row.counts['committed']:>5} {held:>5}"
        click.echo(f"{row.study:<13} {row.state:<11} {numbers} {row.labels or '-':<9} {when(row.changed)}")


def _print_status(state: SiteStatus) -> None:

    click.echo(f"site {state.site}: {state.alive.state}, profile {state.profile}")
    show_alive(state.alive)
    shown = ", ".join(
        f"{name} {state.counts[name]}" for name in state.counts if name != "received" and state.counts[name]
    )
    click.echo(f"  received {state.counts['received']}" + (f":  {shown}" if shown else ""))
    for reason, number in state.reasons.items():
        click.echo(f"    waiting for you: {number} x {reason}  ('fidac-node site queue list --reason {reason}')")
        if reason in state.advice:
            click.echo(f"      {state.advice[reason]}")
    if state.held_at_hub:
        click.echo(
            f"    waiting for a person at the hub: {state.held_at_hub}  ('fidac-node hub held list' there; here "
            "'fidac-node site queue list --reason held-at-hub')"
        )
    hub = state.hub
    state_of_hub = {True: "reachable", False: "not reached", None: "not asked lately"}[hub.reachable]
    contact, asked = (when(at) if at else "never" for at in (hub.last_contact, hub.last_asked))
    click.echo(f"  hub {hub.address}: {state_of_hub}, last contact {contact}, last asked {asked}")
    if hub.reachable is None:
        click.echo("    nobody asks it: is the node running, with its stage 'send'?")
    if hub.error:
        click.echo(f"    {printable(hub.error)}")
    click.echo(f"  sent in the last hour: {state.sent_last_hour}")
    for sent in state.sent:
        click.echo(
            f"    in all, as {sent.transfer_syntax}: {counted(sent.objects, 'object')}, "
            f"{mebibytes(sent.bytes_received)} received, {mebibytes(sent.bytes_sent)} sent ({sent.ratio:.2f} : 1)"
        )
    if state.oldest_unsent_seconds is not None:
        click.echo(f"  oldest object not yet sent: {state.oldest_unsent_seconds} s")
    _print_told(state)
    show_disk(state.disk)
    if state.purged_early_at is not None:
        click.echo(
            f"    made room for what arrives: {state.purged_early} committed copies went before their time, "
            f"the last {when(state.purged_early_at)}"
        )
    show_failed_connections(state.failed_connections)
    for name in state.ledgers_set_aside:
        click.echo(f"  a broken ledger was set aside as {name} and made anew: look at the disk, then delete that file")
    if state.last_error:
        click.echo(f"  last error: {when(state.last_error.at)} {printable(state.last_error.message)}")


def _print_told(state: SiteStatus) -> None:
    """Print what became of values and of what came again."""
    if state.repeats:
        click.echo(f"  came again in other bytes and kept once: {counted(state.repeats, 'object')} (discarded)")
    if state.normalised:
        click.echo(f"  values written right, as the standard has them: in {counted(state.normalised, 'object')}")
    if state.lost:
        click.echo(f"  values lost, which could not be understood: in {counted(state.lost, 'object')}, which name them")
