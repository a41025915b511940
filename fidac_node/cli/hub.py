"""``fidac-node hub``: set up, run and ask the central archive."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from fidac_node.cli import FAILED, HELD, config_option, fail, setup_logging
from fidac_node.cli.rows import FORMATS, write_rows
from fidac_node.dicom.marks import LABELS
from fidac_node.errors import ConfigError

if TYPE_CHECKING:
    from peewee import Database

    from fidac_node.config.config import HubConfig
    from fidac_node.spool.entry import Entry
    from fidac_node.spool.queue import Spool

_TABLE_ROWS: Final = 50
_TABLE_COLUMNS: Final = {
    "studies": (
        "site",
        "PatientID",
        "StudyDate",
        "StudyInstanceUID",
        "Modality",
        "BodyPartExamined",
        "label",
        "series",
        "instances",
        "received_week",
    ),
    "series": (
        *(
            "site",
            "PatientID",
            "StudyDate",
            "SeriesInstanceUID",
            "Modality",
            "BodyPartExamined",
            "ManufacturerModelName",
        ),
        *("ConvolutionKernel", "SliceThickness", "label", "instances"),
    ),
    "instances": (
        "site",
        "PatientID",
        "StudyDate",
        "SOPInstanceUID",
        "InstanceNumber",
        "SliceThickness",
        "label",
        "bytes",
        "received_week",
    ),
}
_HELD_COLUMNS: Final = ("entry", "code", "site", "at", "message")
_SITE_COLUMNS: Final = ("site", "ae_title", "studies", "instances", "last_received", "added_at", "code")


def _day(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> datetime.date | None:
    if value is None:
        return None
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            raise ValueError(value)
        return datetime.date.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a date; write it as YYYY-MM-DD, for example 2024-03-31") from None


@click.group(name="hub", help="The central archive: set up, register sites, run, ask the index.")
def command() -> None:
    """Group of the hub's commands."""


@command.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--ae-title", default="FIDACHUB", show_default=True, help="The hub's AE title, as the sites will call it."
)
@click.option("--host", default="0.0.0.0", show_default=True, help="Address to listen on.")
@click.option("--port", default=11113, show_default=True, type=click.IntRange(1, 65535), help="TCP port to listen on.")
def init(directory: Path, ae_title: str, host: str, port: int) -> None:
    """Write a commented hub.toml, the data folders and an empty index into DIRECTORY."""
    from fidac_node.config.config import HubConfig, load_hub, render
    from fidac_node.hub.index import prepare
    from fidac_node.spool.queue import Spool
    from fidac_node.system.database import connect
    from fidac_node.system.safeio import make_directories, write_synced

    path = directory / "hub.toml"
    if path.exists():
        raise ConfigError(f"{path} exists already; edit it, or choose an empty directory")
    text = render(HubConfig, {"receive": {"ae_title": ae_title, "host": host, "port": port}})
    make_directories(directory)
    write_synced(path, text.encode(), mode=0o640)
    try:
        config = load_hub(path)
    except ConfigError:
        path.unlink()
        raise
    Spool(config.spool.directory / "inbox")
    make_directories(config.archive.directory)
    with _answering():
        db = connect(config.index.database, config.path.parent)
        prepare(db)
    click.echo(f"wrote {path}\n\nnext:\n  for each site:  fidac-node hub site add ID --ae-title TITLE -c {path}")
    click.echo(f"  here:           fidac-node doctor -c {path}\n                  fidac-node hub run -c {path}")
    click.echo(f"  at the site:    fidac-node site init DIR --site-id ID --hub {ae_title}@THIS-HOST:{port}")


@command.command()
@config_option("hub")
@click.option("--child", hidden=True, help="One stage process; the supervisor starts it.")
@click.option("--after-crash", is_flag=True, hidden=True, expose_value=False)
def run(config: Path, child: str | None) -> None:
    """Run the hub until it is stopped (Ctrl-C or SIGTERM)."""
    from fidac_node.config.config import load_hub

    setup_logging(load_hub(config).log.level)
    from fidac_node.hub import daemon

    with _answering():
        if child:
            daemon.run_child(config, child)
        raise SystemExit(daemon.run(config))


@command.command()
@config_option("hub")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(config: Path, as_json: bool) -> None:
    """What the hub holds, what waits, and whether it runs."""
    from fidac_node.hub.index import totals

    with _index(config) as (settings, db):
        state = {"ae_title": settings.receive.ae_title, **totals(db), **_spool_state(settings)}
    if as_json:
        click.echo(json.dumps(state, indent=2))
    else:
        _print_status(state)
    raise SystemExit(HELD if state["held"] or not state["disk"]["room"] else 0)


@command.group()
def site() -> None:
    """The sites that may store: add, list."""


@site.command(name="add")
@click.argument("site_id", metavar="ID")
@click.option("--ae-title", required=True, help="The AE title that the site's node calls with.")
@config_option("hub")
def site_add(config: Path, site_id: str, ae_title: str) -> None:
    """Let the site ID store, under its AE title."""
    from fidac_node.config.values import site_id_problem
    from fidac_node.dicom.ae import ae_title_problem
    from fidac_node.hub.index import add_site, site_code

    if problem := site_id_problem(site_id) or ae_title_problem(ae_title):
        raise ConfigError(problem)
    with _index(config) as (settings, db):
        added = add_site(db, site_id, ae_title)
        code = site_code(db, site_id)
    click.echo(f"site {site_id} may store as {ae_title}" + ("" if added else " (it was registered already)"))
    if code:
        hub = f"{settings.receive.ae_title}@THIS-HOST:{settings.receive.port}"
        click.echo(
            f"  at the site:  fidac-node site init DIR --site-id {site_id} --site-code {code} --ae-title {ae_title} --hub {hub}"
        )


@site.command(name="list")
@config_option("hub")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def site_list(config: Path, as_json: bool) -> None:
    """List the sites, what each has sent and when last."""
    from fidac_node.hub.index import received_per_site

    with _index(config) as (_, db):
        write_rows(received_per_site(db), _SITE_COLUMNS, "json" if as_json else "table")


@command.command()
@click.argument("level", type=click.Choice(["studies", "series", "instances"]))
@config_option("hub")
@click.option("--site", default="", help="The site's id.")
@click.option("--patient", default="", help="PatientID: the pseudonym.")
@click.option("--study-uid", default="", help="StudyInstanceUID.")
@click.option("--since", callback=_day, metavar="YYYY-MM-DD", help="First StudyDate (dates are shifted, per patient).")
@click.option("--until", callback=_day, metavar="YYYY-MM-DD", help="Last StudyDate.")
@click.option(
    "--received-since", callback=_day, metavar="YYYY-MM-DD", help="Received in the week (UTC) of this day or later."
)
@click.option("--label", type=click.Choice(LABELS, case_sensitive=False), help="What the site says of the case.")
@click.option("--sex", default="", help="PatientSex: F, M or O.")
@click.option("--min-age", type=click.IntRange(0), help="Youngest age, in years.")
@click.option("--max-age", type=click.IntRange(0), help="Oldest age, in years.")
@click.option("--modality", default="", help="Modality, for example CT.")
@click.option("--body-part", default="", help="BodyPartExamined, for example CHEST.")
@click.option("--manufacturer", default="", help="Manufacturer, for example 'siemens*'.")
@click.option("--model", default="", help="ManufacturerModelName.")
@click.option("--kernel", default="", help="ConvolutionKernel, for example 'b7*'.")
@click.option("--max-slice-thickness", type=click.FloatRange(0, min_open=True), help="SliceThickness at most, in mm.")
@click.option("--contrast/--no-contrast", default=None, help="With or without a contrast agent.")
@click.option(
    "--min-instances",
    type=click.IntRange(0),
    help="At least so many instances (in the study for 'studies', else in the series).",
)
@click.option(
    "--exact-times", is_flag=True, help="Add when it was received: for administrators of the hub; do not hand out."
)
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", show_default=True, help="How to print.")
@click.option(
    "--limit", type=click.IntRange(0), help=f"At most so many rows, 0 for all; a table has {_TABLE_ROWS} unless told."
)
def find(config: Path, level: str, form: str, limit: int | None, exact_times: bool, **filters: Any) -> None:
    """List the studies, series or instances that match all the filters.

    Texts match in any case; * stands for any text and ? for any character.
    """
    from fidac_node.hub.index import COLUMNS, EXACT_TIME, StudyFilter
    from fidac_node.hub.index import find as ask

    wanted = StudyFilter(**{name: value for name, value in filters.items() if value is not None})
    _check(wanted.since, wanted.until, "--since is after --until: no date is in between")
    _check(wanted.min_age, wanted.max_age, "--min-age is above --max-age: no age is in between")
    if limit is None and form == "table":
        limit = _TABLE_ROWS
    columns = [*(_TABLE_COLUMNS[level] if form == "table" else COLUMNS[level]), *([EXACT_TIME] if exact_times else [])]
    with _index(config) as (_, db), closing(ask(db, level, wanted, limit or None, exact_times=exact_times)) as rows:
        number = write_rows(rows, columns, form)
    if form == "table":
        click.echo(
            f"{number} {level}" + (" (there may be more: --limit 0)" if number and number == limit else ""), err=True
        )


@command.group()
def held() -> None:
    """What the hub did not file, with the reasons: list, show, release, drop."""


def _selection(function: Callable[..., None]) -> Callable[..., None]:
    """Which held objects a command is about."""
    for option in (
        click.argument("entries", nargs=-1, metavar="[OBJECT]..."),
        click.option("--code", default="", help="All objects held for this reason."),
        click.option("--site", default="", help="All objects of this site."),
        click.option("--all", "everything", is_flag=True, help="All held objects."),
        config_option("hub"),
    ):
        function = option(function)
    return function


@held.command(name="list")
@config_option("hub")
@click.option("--code", default="", help="Only those held for this reason.")
@click.option("--site", default="", help="Only those of this site.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def held_list(config: Path, code: str, site: str, as_json: bool) -> None:
    """List the held objects, the longest waiting first."""
    from fidac_node.hub.index.held import list_held

    with _index(config) as (_, db):
        write_rows(list_held(db, code=code, site=site), _HELD_COLUMNS, "json" if as_json else "table")


@held.command(name="show")
@click.argument("entry", metavar="OBJECT")
@config_option("hub")
def held_show(config: Path, entry: str) -> None:
    """Everything known about one held object, and where its file is."""
    spool = _spool(config)
    for found in spool.entries("held"):
        if str(found) == entry:
            for key, value in {"file": spool.path(found), **(spool.reason(found) or {})}.items():
                click.echo(f"{key}: {value}")
            return
    fail(f"no held object {entry!r}; 'fidac-node hub held list' shows them", FAILED)


@held.command()
@_selection
def release(config: Path, **selection: Any) -> None:
    """Let held objects be verified and filed again, for example after their site was registered."""
    _each(config, selection, lambda spool, entry: spool.release(entry), "put back to be filed")


@held.command()
@_selection
@click.confirmation_option(
    prompt="Delete these objects from the hub? Their site must send them again to bring them back."
)
def drop(config: Path, **selection: Any) -> None:
    """Delete held objects from the hub, for good."""
    _each(config, selection, lambda spool, entry: spool.remove(entry), "dropped")


@command.command()
@config_option("hub")
def reindex(config: Path) -> None:
    """Make the index anew from the archive; sites stay registered, and the hub may go on receiving."""
    from fidac_node.hub.archive import Archive
    from fidac_node.hub.index import prepare
    from fidac_node.hub.index.rebuild import reindex as rebuild
    from fidac_node.system.database import connect

    settings = _settings(config)
    with _answering():
        db = connect(settings.index.database, settings.path.parent)
        prepare(db)
        archive = Archive(settings.archive.directory)
        result = rebuild(
            archive, db, lambda done: click.echo(f"{done} files read", err=True), limit=settings.receive.max_object
        )
    click.echo(f"{result.indexed} instances indexed, {len(result.skipped)} files not")
    for path, why in result.skipped:
        click.echo(f"  {path}: {why}", err=True)
    for name in result.unregistered:
        click.echo(
            f"  site {name} has no AE title and may not store: fidac-node hub site add {name} --ae-title TITLE",
            err=True,
        )
    raise SystemExit(HELD if result.skipped or result.unregistered else 0)


def _settings(config: Path) -> HubConfig:
    from fidac_node.config.config import load_hub

    return load_hub(config)


def _spool(config: Path) -> Spool:
    from fidac_node.spool.queue import Spool

    return Spool(_settings(config).spool.directory / "inbox")


@contextmanager
def _index(config: Path) -> Iterator[tuple[HubConfig, Database]]:
    """The settings and the index, for asking."""
    from fidac_node.hub.index import check
    from fidac_node.system.database import connect, sqlite_path

    settings = _settings(config)
    with _answering():
        db = connect(settings.index.database, settings.path.parent)
        path = sqlite_path(db)
        if path is not None and not path.exists():
            raise ConfigError(
                f"no index at {path} yet: run 'fidac-node hub run -c {config}' once; 'fidac-node hub reindex' fills it from the archive"
            )
        with db.connection_context():
            check(db)
            yield settings, db


@contextmanager
def _answering() -> Iterator[None]:
    """Say plainly that the database does not answer."""
    from peewee import ImproperlyConfigured, PeeweeException

    try:
        yield
    except ImproperlyConfigured as error:
        raise ConfigError(f"the index cannot be opened: {error}") from error
    except PeeweeException as error:
        fail(f"the index does not answer: {str(error).strip()}; check [index] database, its server or its disk", FAILED)


def _each(config: Path, selection: dict[str, Any], act: Callable[[Spool, Entry], None], done: str) -> None:
    """Apply ``act`` to the held objects that are selected; one that moved on meanwhile is left alone."""
    from fidac_node.hub.index.held import forget_held, list_held
    from fidac_node.spool.entry import Entry

    entries, code, of_site, everything = (selection[name] for name in ("entries", "code", "site", "everything"))
    if not (entries or code or of_site or everything):
        raise click.UsageError("say which: OBJECT..., --code, --site or --all")
    spool = _spool(config)
    waiting = set(spool.entries("held"))
    number = 0
    with _index(config) as (_, db):
        for row in list_held(db, code=code, site=of_site):
            if entries and row["entry"] not in entries:
                continue
            entry = Entry.parse(row["entry"])
            if entry in waiting:
                act(spool, entry)
                number += 1
            else:
                click.echo(f"{entry}: moved on meanwhile, left alone", err=True)
            forget_held(db, row["entry"])
    click.echo(f"{number} objects {done}")


def _check(least: Any, most: Any, problem: str) -> None:
    if least is not None and most is not None and least > most:
        raise click.UsageError(problem)


def _spool_state(settings: HubConfig) -> dict[str, Any]:
    import shutil

    from fidac_node.spool.queue import Spool
    from fidac_node.system.locks import FILING, is_taken

    directory = settings.spool.directory / "inbox"
    if not directory.is_dir():
        return {
            "queued": 0,
            "running": False,
            "disk": {"free_bytes": None, "reserve_bytes": settings.spool.reserve, "room": True},
        }
    spool = Spool(directory, reserve=settings.spool.reserve)
    return {
        "queued": len(spool.entries("new")) + len(spool.entries("work")),
        "running": is_taken(directory / FILING),
        "disk": {
            "free_bytes": shutil.disk_usage(directory).free,
            "reserve_bytes": settings.spool.reserve,
            "room": spool.has_room(),
        },
    }


def _print_status(state: dict[str, Any]) -> None:
    click.echo(f"hub {state['ae_title']}: {'running' if state['running'] else 'not running'}")
    counts = ", ".join(f"{state[name]} {name}" for name in ("instances", "series", "studies", "patients", "sites"))
    click.echo(f"  {counts}")
    click.echo(f"  {state['bytes'] >> 20} MB archived; {state['queued']} objects wait to be filed")
    if state["held"]:
        click.echo(
            f"  waiting for you: {state['held']} held, {state['conflicts']} of them conflicts  ('fidac-node hub held list')"
        )
    disk = state["disk"]
    if disk["free_bytes"] is not None:
        room = "" if disk["room"] else ": FULL, new objects are rejected"
        click.echo(f"  disk: {disk['free_bytes'] >> 20} MB free, {disk['reserve_bytes'] >> 20} MB reserve{room}")
