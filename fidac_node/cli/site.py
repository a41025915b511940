"""``fidac-node site``: set up, run and look after the node in the hospital."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fidac_node.cli import config_option, difference, fail, patient, pseudonym, setup_logging
from fidac_node.errors import ConfigError

if TYPE_CHECKING:
    from fidac_node.config.config import SiteConfig
    from fidac_node.site.ledger import Ledger
    from fidac_node.spool.entry import Entry
    from fidac_node.spool.queue import Spool

_DEGRADED = 3
_HELD = {"held": "inbox", "refused": "outbox"}


@click.group(name="site", help="The node in the hospital: set up, run, watch, import, look after the queue.")
def command() -> None:
    """Group of the site's commands."""


for _group in (pseudonym.pseudonym, patient.command, pseudonym.programme, pseudonym.key):
    command.add_command(_group)


@command.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
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
def init(
    directory: Path, site_id: str, site_code: str, hub: str, ae_title: str, port: int, profile: str, mode: str
) -> None:
    """Write a commented site.toml, the spool's folders and fresh keys into DIRECTORY."""
    from fidac_node.config.config import SiteConfig, load_site, render
    from fidac_node.identity.keys import create_keys
    from fidac_node.site.ledger import FILE, Ledger
    from fidac_node.system.base32 import random_code
    from fidac_node.system.safeio import make_directories, write_synced

    path = directory / "site.toml"
    if path.exists():
        raise ConfigError(f"{path} exists already; edit it, or choose an empty directory")
    if mode == "anonymised":
        site_code = site_code or random_code()  # there a pseudonym must not tell the hospital
    values: dict[str, dict[str, object]] = {
        "site": {"id": site_id, **({"code": site_code} if site_code else {})},
        "receive": {"ae_title": ae_title, "port": port},
        "deidentify": {"profile": profile, "mode": mode},
        "send": {"hub": hub},
    }
    text = render(SiteConfig, values)
    make_directories(directory)
    write_synced(path, text.encode(), mode=0o640)
    try:
        config = load_site(path)
    except ConfigError:
        path.unlink()
        raise
    make_directories(config.spool.directory)
    made = create_keys(config.programme)
    Ledger(config.spool.directory / FILE).close()
    click.echo(f"wrote {path}")
    pseudonym.show_made(made)
    click.echo(
        f"\nnext:\n  at the hub:  fidac-node hub site add {site_id} --ae-title {config.send.ae_title or ae_title}"
    )
    click.echo(f"  here:        fidac-node doctor -c {path}\n               fidac-node site run -c {path}")
    click.echo(f"  at the PACS: send chest CTs to {ae_title}, this host, port {port}")


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
    """Counts per state, rates, what waits longest, disk, last error, last contact with the hub."""
    settings, ledger = _open(config)
    state = _status(settings, ledger)
    if as_json:
        click.echo(json.dumps(state, indent=2))
    else:
        _print_status(settings, state)
    raise SystemExit(_DEGRADED if state["held"] or state["refused"] or not state["disk"]["room"] else 0)


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

    from fidac_node.site.daemon import open_site
    from fidac_node.site.importing import import_paths

    site = open_site(config)
    site.check_key()
    with Progress(console=Console(stderr=True)) as progress:
        bar = progress.add_task("importing", total=None)
        result = import_paths(
            paths,
            site.inbox,
            site.ledger,
            label=label,
            handles=site.keys.handles,
            max_object=site.config.receive.max_object,
            progress=lambda done, total: progress.update(bar, completed=done, total=total),
        )
    site.ledger.close()
    click.echo(f"{result.accepted} taken, {result.duplicates} known already, {len(result.bad)} not taken")
    for name, why in result.bad:
        click.echo(f"  {name}: {why}", err=True)
    raise SystemExit(_DEGRADED if result.bad else 0)


@command.command()
@config_option("site")
@click.option("--limit", default=50, show_default=True, help="The latest so many; 0 for all.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def studies(config: Path, limit: int, as_json: bool) -> None:
    """One line per study, by local handle, the latest first."""
    settings, ledger = _open(config)
    rows = [_study(settings, row) for row in ledger.studies(limit=limit or -1)]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    click.echo(f"{'STUDY':<13} {'STATE':<11} {'OBJECTS':>7} {'DONE':>5} {'HELD':>5} {'LABEL':<9} LAST CHANGE")
    for row in rows:
        click.echo(
            f"{row['study']:<13} {row['state']:<11} {row['received']:>7} {row['committed']:>5} {row['held'] + row['refused']:>5} "
            f"{row['labels'] or '-':<9} {_when(row['changed'])}"
        )


@command.command()
@config_option("site")
@click.argument("study")
@click.option(
    "--identify", is_flag=True, help="Also print who it is, from the site's vault; recorded, and needs --reason."
)
@click.option(
    "--diff",
    is_flag=True,
    help="Also print headers before and after, which names the patient; recorded, and needs --reason.",
)
@click.option("--reason", default="", help="Why you ask who it is: kept in the record of uses. Name no patient.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(config: Path, study: str, identify: bool, diff: bool, reason: str, as_json: bool) -> None:
    """The whole journal of a study (its handle, as 'site studies' prints it)."""
    settings, ledger = _open(config)
    objects = ledger.rows(study=study)
    if not objects:
        fail(f"no study {study!r} here; 'fidac-node site studies' lists the handles")
    journal: list[dict[str, Any]] = [
        {"at": at, "entry": entry, "state": state, "message": message}
        for at, entry, state, message in ledger.events(study)
    ]
    result: dict[str, Any] = {"study": study, "objects": objects, "journal": journal}
    if identify:
        result["identities"] = pseudonym.identified(settings, study, reason)
    comparisons = difference.compare_study(config, ledger, study, reason) if diff else []
    if as_json:
        result |= {"diff": difference.as_json(comparisons)} if diff else {}
        click.echo(json.dumps(result, indent=2, ensure_ascii=False))
        return
    if identify:
        pseudonym.show_identities(result["identities"])
        if not result["identities"]:
            click.echo("identity: not in the vault yet: the study waits for de-identification or is held")
    for row in journal:
        click.echo(f"{_when(row['at'])}  {row['state']:<10} {row['entry']}  {row['message'] or ''}")
    difference.show(comparisons)


@command.group()
def queue() -> None:
    """What waits, and what waits for you: list, show, retry, hold, release, drop."""


def _filter_options(function: Callable[..., None]) -> Callable[..., None]:
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


@queue.command(name="list")
@config_option("site")
@click.option("--held", is_flag=True, help="Only what waits for a person: the quarantine.")
@click.option("--study", default="", help="Only this study.")
@click.option("--reason", default="", help="Only this reason.")
@click.option("--patient", default="", help="Only this patient, by his handle.")
@click.option("--limit", default=100, show_default=True, help="At most so many; 0 for all.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(config: Path, held: bool, study: str, reason: str, patient: str, limit: int, as_json: bool) -> None:
    """List the objects that wait, with their reasons; --held: the quarantine."""
    from fidac_node.site.ledger import LIVE_STATES

    _, ledger = _open(config)
    rows = ledger.rows(
        states=tuple(_HELD) if held else LIVE_STATES, study=study, reason=reason, patient=patient, limit=limit or -1
    )
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        click.echo(
            f"{row['entry']}  {row['state']:<9} {row['reason'] or '-':<16} tries {row['attempts']}  {row['message'] or ''}"
        )
    click.echo(f"{len(rows)} objects" + (" (more: --limit 0)" if limit and len(rows) == limit else ""), err=True)


@queue.command(name="show")
@config_option("site")
@click.argument("entry")
def show_entry(config: Path, entry: str) -> None:
    """Everything known about one object."""
    _, ledger = _open(config)
    rows = [row for row in ledger.rows(study=entry[:12]) if row["entry"] == entry]
    if not rows:
        fail(f"no object {entry!r} here; 'fidac-node site queue list' shows them")
    for key, value in rows[0].items():
        click.echo(f"{key}: {_when(value) if value and key in _TIMES else '-' if value is None else value}")


@queue.command()
@_filter_options
def retry(config: Path, **filters: Any) -> None:
    """Send or judge again, under today's rules, what is held or refused."""

    def act(spool: Spool, entry: Entry, state: str, ledger: Ledger) -> None:
        spool.release(entry)
        ledger.note(entry, "ready" if state == "held" else "outgoing")

    _each(config, filters, tuple(_HELD), act, "put back to be tried again", unless=partial(_undecided, withdrawn=False))


@queue.command()
@_filter_options
def release(config: Path, **filters: Any) -> None:
    """Let objects held by a rule (out of scope) pass in spite of it; they still must pass the gate.

    Of a study that named two patients: what had left of the other one was withdrawn, so that only what is here counts.
    """

    def act(spool: Spool, entry: Entry, state: str, ledger: Ledger) -> None:
        spool.release(entry, released=True)
        ledger.note(entry, "ready" if state == "held" else "outgoing")

    _each(config, filters, tuple(_HELD), act, "released", unless=partial(_undecided, withdrawn=True))


@queue.command()
@_filter_options
def hold(config: Path, **filters: Any) -> None:
    """Set waiting objects aside until you release them."""

    def act(spool: Spool, entry: Entry, state: str, ledger: Ledger) -> None:
        spool.hold(entry, "by-hand", "held by hand")
        ledger.note(entry, "held" if state == "ready" else "refused", reason="by-hand", message="held by hand")

    _each(config, filters, ("ready", "outgoing"), act, "held")


@queue.command()
@_filter_options
@click.confirmation_option(prompt="Delete these objects from the node? The PACS must send them again to get them back.")
def drop(config: Path, **filters: Any) -> None:
    """Delete held or refused objects from the node, for good."""

    def act(spool: Spool, entry: Entry, state: str, ledger: Ledger) -> None:
        ledger.note(entry, "dropped", message=f"dropped by hand while {state}")
        ledger.forget_first(entry)
        ledger.flush()
        spool.remove(entry)

    _each(config, filters, tuple(_HELD), act, "dropped")


_TIMES = ("changed_at", "received_at", "last_attempt", "next_attempt")


def _open(config: Path) -> tuple[SiteConfig, Ledger]:
    """The settings and the ledger, for reading."""
    from fidac_node.config.config import load_site
    from fidac_node.site import ledger

    settings = load_site(config)
    path = settings.spool.directory / ledger.FILE
    if not path.exists():
        raise ConfigError(f"no ledger at {path} yet: start the node once with 'fidac-node site run -c {config}'")
    return settings, ledger.Ledger(path, read_only=True)


def _undecided(rows: Ledger, study: str, *, withdrawn: bool) -> str:
    """Why nothing of a study may go on: its objects still name two patients. What a person dropped does not count any more."""
    if len(rows.patients([study]).get(study, ())) <= 1:
        return ""
    named = rows.settle(study, withdrawn=withdrawn)
    if len(named) <= 1:
        return ""
    return (
        f"study {study} names {len(named)} patients ({', '.join(sorted(named))}): drop the objects of the wrong one first "
        f"('queue drop --study {study} --patient HANDLE'); what had left of him counts until 'queue release' says that it was withdrawn"
    )


def _each(
    config: Path,
    filters: dict[str, Any],
    states: tuple[str, ...],
    act: Callable[[Spool, Entry, str, Ledger], None],
    done: str,
    *,
    unless: Callable[[Ledger, str], str] = lambda _rows, _study: "",
) -> None:
    """Apply ``act`` to every object that the filter selects; an object that moved on meanwhile is skipped.

    ``unless`` says why nothing of a study may be touched, if so.
    """
    from fidac_node.config.config import load_site
    from fidac_node.site import ledger
    from fidac_node.spool.queue import Spool

    settings = load_site(config)
    rows = ledger.Ledger(settings.spool.directory / ledger.FILE)
    spools = {name: Spool(settings.spool.directory / name) for name in ("inbox", "outbox")}
    number, problems = 0, dict[str, str]()
    for entry, state in _selected(rows, states, **filters):
        if entry.study not in problems:
            problems[entry.study] = unless(rows, entry.study)
        if problems[entry.study]:
            continue
        try:
            act(spools["inbox" if state in ("ready", "held") else "outbox"], entry, state, rows)
            number += 1
        except FileNotFoundError:
            click.echo(f"{entry}: moved on meanwhile, left alone", err=True)
    rows.close()
    click.echo(f"{number} objects {done}")
    for problem in filter(None, problems.values()):
        click.echo(f"left alone: {problem}", err=True)
    if any(problems.values()):
        raise SystemExit(_DEGRADED)


def _selected(
    rows: Ledger,
    states: tuple[str, ...],
    *,
    entries: tuple[str, ...],
    study: str,
    reason: str,
    patient: str,
    everything: bool,
) -> Iterator[tuple[Entry, str]]:
    from fidac_node.spool.entry import Entry

    if not (entries or study or reason or patient or everything):
        raise click.UsageError("say which: OBJECT..., --study, --reason, --patient or --all")
    for row in rows.rows(states=states, study=study, reason=reason, patient=patient):
        if not entries or row["entry"] in entries:
            yield Entry.parse(row["entry"]), row["state"]


def _status(settings: SiteConfig, ledger: Ledger) -> dict[str, Any]:
    import shutil

    free = shutil.disk_usage(settings.spool.directory).free
    error = ledger.last_error()
    contact = ledger.fact("hub_contact")
    reachable = ledger.fact("hub_reachable")
    oldest = ledger.oldest(("ready", "outgoing"))
    now = time.time()
    return {
        "site": settings.site.id,
        **ledger.counts(),
        "reasons": ledger.reasons(),
        "sent_last_hour": ledger.sent_since(now - 3600),
        "wire": _wire(ledger),
        "oldest_unsent_seconds": round(now - oldest) if oldest else None,
        "disk": {
            "free_bytes": free,
            "reserve_bytes": settings.spool.reserve,
            "room": free > settings.spool.reserve,
        },
        "hub": {
            "address": settings.send.hub,
            "reachable": reachable == "1",
            "last_contact": _iso(float(contact)) if contact else None,
            "error": ledger.fact("hub_error") if reachable == "0" else None,
        },
        "last_error": {"at": _iso(error[0]), "message": error[1]} if error else None,
    }


def _print_status(settings: SiteConfig, state: dict[str, Any]) -> None:
    from fidac_node.site.ledger import STATES

    click.echo(f"site {state['site']}, profile {settings.deidentify.profile}")
    shown = ", ".join(f"{name} {state[name]}" for name in STATES if state[name])
    click.echo(f"  received {state['received']}" + (f":  {shown}" if shown else ""))
    for reason, number in state["reasons"].items():
        click.echo(f"    waiting for you: {number} x {reason}  ('fidac-node site queue list --reason {reason}')")
    hub = state["hub"]
    click.echo(
        f"  hub {hub['address']}: {'reachable' if hub['reachable'] else 'not reached'}, last contact {hub['last_contact'] or 'never'}"
    )
    if hub["error"]:
        click.echo(f"    {hub['error']}")
    click.echo(f"  sent in the last hour: {state['sent_last_hour']}")
    for row in state["wire"]["by_transfer_syntax"]:
        click.echo(
            f"    in all, as {row['transfer_syntax']}: {row['objects']} objects, {row['bytes_received'] / 1e6:.1f} MB received, "
            f"{row['bytes_sent'] / 1e6:.1f} MB sent ({row['ratio']:.2f} : 1)"
        )
    if state["oldest_unsent_seconds"] is not None:
        click.echo(f"  oldest object not yet sent: {state['oldest_unsent_seconds']} s")
    disk = state["disk"]
    click.echo(
        f"  disk: {disk['free_bytes'] >> 20} MB free, {disk['reserve_bytes'] >> 20} MB reserve"
        + ("" if disk["room"] else ": FULL, new objects are rejected")
    )
    if state["last_error"]:
        click.echo(f"  last error: {state['last_error']['at']} {state['last_error']['message']}")


def _wire(ledger: Ledger) -> dict[str, Any]:
    """What was sent, against what was received of the same objects (bytes of the files), in all and per transfer syntax."""
    from fidac_node.dicom.uids import TRANSFER_SYNTAXES

    rows = ledger.sent()
    received, sent = (sum(row[key] for row in rows) for key in ("bytes_received", "bytes_sent"))
    each = [
        {
            "transfer_syntax": TRANSFER_SYNTAXES.get(row["transfer_syntax_uid"], row["transfer_syntax_uid"]),
            **row,
            "ratio": round(row["bytes_received"] / row["bytes_sent"], 3),
        }
        for row in rows
    ]
    total = {"bytes_received": received, "bytes_sent": sent, "ratio": round(received / sent, 3) if sent else None}
    return {**total, "by_transfer_syntax": each}


def _study(settings: SiteConfig, row: dict[str, Any]) -> dict[str, Any]:
    """Add the state of a study as a whole: complete when idle and everything is committed or discarded."""
    idle = time.time() - row["changed"] >= settings.spool.study_idle
    if row["held"] or row["refused"]:
        state = "waiting"
    elif row["committed"] + row["discarded"] + row["dropped"] == row["received"]:
        state = "complete" if idle else "settling"
    else:
        state = "on its way"
    return {**row, "state": state}


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def _iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
