"""``fidac-node hub audit``: who did what at the hub, and whether the record of it is whole."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import click

from fidac_node.cli import HELD, config_option
from fidac_node.cli.words import day, show_acts


class _ListIsMeant(click.Group):
    """A group that lists when no other command is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        named = args and (args[0] in self.commands or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if named else ["list", *args])


@click.group(name="audit", cls=_ListIsMeant)
def command() -> None:
    """Who asked, fetched, exported, withdrew or changed what, when and from where: list, verify."""


@command.command(name="list")
@config_option("hub")
@click.option("--since", callback=day, metavar="YYYY-MM-DD", help="From this day on (this machine's time).")
@click.option("--act", default="*", help="Only such acts, for example query, retrieve, export, token, 'hub client*'.")
@click.option("--who", default="*", help="Only by these: an account, an AE title or the name of a token.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(config: Path, since: datetime.date | None, act: str, who: str, as_json: bool) -> None:
    """List the acts, the oldest first.

    Patterns match in any case, the whole text or one of its words; * stands for any text.
    """
    from fidac_node.config.config import load_hub
    from fidac_node.operations.uses import Wanted, hub_uses

    midnight = datetime.datetime.combine(since, datetime.time()).timestamp() if since else 0.0
    show_acts(hub_uses(load_hub(config)), Wanted(midnight, act, who), as_json=as_json)


@command.command()
@config_option("hub")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify(config: Path, as_json: bool) -> None:
    """Follow the chain of the record: is every line as it was written, and none taken out?

    That the last ones are missing cannot be seen here: compare their number and the last hash with what an earlier
    verify said, or with the collector of audit messages.
    """
    from fidac_node.config.config import load_hub
    from fidac_node.operations.uses import hub_uses

    log = hub_uses(load_hub(config))
    found = log.verify()
    if as_json:
        click.echo(json.dumps({"file": str(log.path), **found._asdict()}, indent=2))
    else:
        for number in found.broken:
            click.echo(f"{log.path}: line {number}: what is before it was changed or taken out")
        whole = "not as they were written" if found.broken else "each as it was written"
        click.echo(f"{found.lines} lines, {whole}; the last has the hash {found.head}")
    raise SystemExit(HELD if found.broken else 0)
