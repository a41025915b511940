"""``fidac-node hub site``: the hospitals that may store at the hub."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from fidac_node.cli import WholeGroup, config_option
from fidac_node.cli.opening import opened_index
from fidac_node.cli.rows import write_rows

_COLUMNS: Final = ("site", "ae_title", "studies", "instances", "last_received", "added_at", "disabled_at", "code")


@click.group(name="site", cls=WholeGroup)
def command() -> None:
    """The sites that may store: add, list, set, disable, enable, remove; by what they sign: key; key-forget."""


@command.command(name="add")
@click.argument("site_id", metavar="ID")
@click.option("--ae-title", required=True, help="The AE title that the site's node calls with.")
@config_option("hub")
def add(config: Path, site_id: str, ae_title: str) -> None:
    """Let the site ID store, under its AE title."""
    from fidac_node.operations.sites import register

    with opened_index(config) as (settings, db):
        added, code = register(settings, db, site_id, ae_title)
    click.echo(f"site {site_id} may store as {ae_title}" + ("" if added else " (it was registered already)"))
    if code:
        hub = f"{settings.receive.ae_title}@THIS-HOST:{settings.receive.port}"
        options = f"--site-id {site_id} --site-code {code} --ae-title {ae_title} --hub {hub}"
        click.echo(f"  at the site:  fidac-node site init DIR {options}")


@command.command(name="set")
@click.argument("site_id", metavar="ID")
@click.option("--ae-title", required=True, help="The AE title that the site's node calls with from now on.")
@config_option("hub")
def set_(config: Path, site_id: str, ae_title: str) -> None:
    """Let the site ID store under another AE title; its id is in every object and stays."""
    from fidac_node.operations.sites import change_title

    with opened_index(config) as (settings, db):
        before = change_title(settings, db, site_id, ae_title)
    if before == ae_title:
        click.echo(f"site {site_id} stores as {ae_title} already")
        return
    click.echo(f"site {site_id} may store as {ae_title}" + (f", no longer as {before}" if before else ""))
    click.echo(f'  at the site:  [send] ae_title = "{ae_title}" in site.toml, then start the node again')


@command.command(name="disable")
@click.argument("site_id", metavar="ID")
@click.option("--reason", default="", help="Why: kept in the record of acts.")
@config_option("hub")
def disable(config: Path, site_id: str, reason: str) -> None:
    """Let the site ID store nothing more until it is enabled; what it has sent stays."""
    from fidac_node.operations.sites import disable as stop

    with opened_index(config) as (settings, db):
        new = stop(settings, db, site_id, reason)
    click.echo(
        f"site {site_id} may not store: its associations are rejected from now on, and its node keeps what it has; "
        f"'fidac-node hub site enable {site_id}' lets it again"
        if new
        else f"site {site_id} was disabled already"
    )


@command.command(name="enable")
@click.argument("site_id", metavar="ID")
@config_option("hub")
def enable(config: Path, site_id: str) -> None:
    """Let the site ID store again."""
    from fidac_node.operations.sites import enable as go_on

    with opened_index(config) as (settings, db):
        new = go_on(settings, db, site_id)
    click.echo(f"site {site_id} may store again" if new else f"site {site_id} was not disabled")


@command.command(name="remove")
@click.argument("site_id", metavar="ID")
@config_option("hub")
def remove(config: Path, site_id: str) -> None:
    """Forget the site ID, of which nothing is here: one that was registered by mistake."""
    from fidac_node.operations.sites import remove as forget

    with opened_index(config) as (settings, db):
        forget(settings, db, site_id)
    click.echo(f"site {site_id} is forgotten: it may not store, and its id and AE title are free")


@command.command(name="key")
@click.argument("site_id", metavar="ID")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@config_option("hub")
def key(config: Path, site_id: str, file: Path) -> None:
    """Know what the site ID signs by the public key in FILE (from 'site key show'); it replaces an older one."""
    from fidac_node.operations.withdrawal import register_key

    with opened_index(config) as (settings, db):
        shown = register_key(settings, db, site_id, file.read_text("utf-8", "replace"))
    click.echo(f"what site {site_id} signs is known by the key with the fingerprint {shown}: compare it by telephone")


@command.command(name="list")
@config_option("hub")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(config: Path, as_json: bool) -> None:
    """List the sites, what each has sent and when last, and since when one is disabled."""
    from fidac_node.operations.sites import received_per_site

    with opened_index(config) as (_, db):
        write_rows(received_per_site(db), _COLUMNS, "json" if as_json else "table")


@command.command(name="key-forget")
@click.argument("site_id", metavar="ID")
@click.option("--programme", default="", help="Of this programme alone.")
@click.option("--reason", required=True, help="Why: kept in the record of acts.")
@config_option("hub")
def key_forget(config: Path, site_id: str, programme: str, reason: str) -> None:
    """Let another key in for the uploads of the site ID: its patients get other pseudonyms then.

    For a key that is lost for good, and after 'site key rotate' at its node.
    """
    from fidac_node.operations.uploads import forget_key

    with opened_index(config) as (settings, db):
        number = forget_key(settings, db, site_id, programme, reason)
    click.echo(
        f"the next upload for {site_id} says which key is its own from now on; what was brought before stays"
        if number
        else f"no key was known for uploads of {site_id}"
    )
