"""``fidac-node hub verify``: whether the hub still has what it promised to keep."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from fidac_node.cli import HELD, config_option
from fidac_node.cli.opening import opened_index
from fidac_node.cli.words import counted
from fidac_node.system.logs import printable


@click.command()
@config_option("hub")
@click.option("--repair", is_flag=True, help="Let the sites concerned ask again, and send what is missing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify(config: Path, repair: bool, as_json: bool) -> None:
    """Read the whole archive, and name each file that is not what was filed; the hub may go on.

    What is wrong is sent again by its site, if that still keeps it, when it next asks for it; --repair has it ask.
    """
    from fidac_node.operations.keeping import Looked, ask_again, look_through

    looked, found = Looked(), []
    with opened_index(config) as (settings, db):
        with _progress("reading") as tell:
            for one in look_through(settings, db, looked, tell):
                found.append(one)
                if not as_json:
                    click.echo(printable(f"{one.path}  {one.words}"))
        strays = [one for one in found if one.fault == "no-row"]
        wrong = [one for one in found if one.fault != "no-row"]
        sites = sorted({one.site for one in wrong})
        if repair:
            ask_again(settings, db, sites, f"{len(wrong)} files are not what was filed")
    if as_json:
        shown = [{**vars(one), "path": str(one.path)} for one in found]
        click.echo(
            json.dumps({"files": looked.files, "bytes": looked.bytes, "wrong": shown, "asked_again": sites * repair})
        )
    else:
        click.echo(
            f"{looked.files} files looked at, {len(wrong)} not as filed, {len(strays)} not in the index", err=True
        )
        if wrong:
            asked = f"{', '.join(sites)} will ask again within an hour" if repair else "--repair lets their sites ask"
            kept = "of what a site keeps no longer, have its PACS send the study again"
            click.echo(f"not as filed: {asked}, and send again what they still keep; {kept}", err=True)
        if strays:
            click.echo("not in the index: 'fidac-node hub reindex' takes them in", err=True)
    raise SystemExit(HELD if found else 0)


@click.command()
@config_option("hub")
@click.argument("site")
@click.option(
    "--list",
    "file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="What the hub committed to, as the site wrote it ('site committed --list FILE').",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def reconcile(config: Path, site: str, file: Path | None, as_json: bool) -> None:
    """Compare what was committed to SITE with what is here, both ways; what is missing here, the site is to send again.

    Without --list only files that are known to be wrong count as missing.
    """
    from fidac_node.operations.keeping import reconcile_site

    with opened_index(config) as (settings, db):
        found = reconcile_site(settings, db, site, file)
    again = [sop for sop, one in found.missing_at_hub.items() if one.kept]
    if as_json:
        missing = [{"SOPInstanceUID": sop, **one._asdict()} for sop, one in found.missing_at_hub.items()]
        click.echo(
            json.dumps(
                {
                    "missing_at_hub": missing,
                    "missing_at_site": list(found.missing_at_site),
                    "asked_again": again,
                    "withdrawn": found.withdrawn,
                },
                indent=2,
            )
        )
    else:
        for sop, one in found.missing_at_hub.items():
            left = "the site still has it, and is asked to send it again" if one.kept else "gone at the site, too"
            click.echo(f"missing here: {sop}  study {one.study or '?'} of the site  {left}")
        for sop in found.missing_at_site:
            click.echo(f"not in the list: {sop}")
        click.echo(
            f"{len(found.missing_at_hub)} missing here, {len(again)} of them asked for again; "
            f"{len(found.missing_at_site)} not in the site's list; {found.withdrawn} withdrawn",
            err=True,
        )
        if gone := sorted({one.study for one in found.missing_at_hub.values() if not one.kept}):
            click.echo(
                f"what the site keeps no longer, its PACS must send again: studies {', '.join(gone)} ('site show STUDY "
                "--identify' there)",
                err=True,
            )
    raise SystemExit(HELD if found.missing_at_hub else 0)


@click.command()
@config_option("hub")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--archive-only", is_flag=True, help="Without the index.")
def backup(config: Path, directory: Path, archive_only: bool) -> None:
    """Copy index, archive and records to DIRECTORY; again, what is new since. The hub may go on."""
    from fidac_node.config.config import load_hub
    from fidac_node.operations.backup import back_up

    with _progress("copying") as tell:
        result = back_up(load_hub(config), directory, tell, archive_only=archive_only)
    click.echo(f"{directory}: {counted(result.copied, 'object')} copied, {result.there} were there")
    for path in result.wrong:
        click.echo(printable(f"not as filed, not copied: {path}"), err=True)
    for path in result.alone:
        click.echo(printable(f"in the backup, and no more in the archive: {path}"), err=True)
    if result.wrong or result.alone:
        click.echo(
            "'fidac-node hub verify' tells more; what the backup has, 'hub restore --archive-only' puts back", err=True
        )
        raise SystemExit(HELD)


@click.command()
@config_option("hub")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option("--archive-only", is_flag=True, help="Leave the index as it is; put back files that are missing.")
def restore(config: Path, directory: Path, archive_only: bool) -> None:
    """Put back from a backup in DIRECTORY what is not here; all is read then. The hub must not run.

    Nothing that is right is overwritten. What came after the backup, the sites send again when they next ask, as far as
    they keep it.
    """
    from fidac_node.config.config import load_hub
    from fidac_node.operations.backup import restore as put_back

    with _progress("copying") as tell:
        result = put_back(load_hub(config), directory, tell, archive_only=archive_only)
    index = "the index was put back; " if result.index else ""
    click.echo(
        f"{index}{counted(result.copied, 'object')} put back, {result.there} were there, {len(result.alone)} are newer"
    )
    for path in result.wrong:
        click.echo(printable(f"not as filed, not put back: {path}"), err=True)
    click.echo("the sites are told to ask again; now all is read and compared", err=True)
    click.get_current_context().invoke(verify, config=config, repair=False, as_json=False)


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar of bytes on standard error, where somebody looks."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(bar, completed=done, total=total)
