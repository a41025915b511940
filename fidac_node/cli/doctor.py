"""``fidac-node doctor``: what is wrong here, and what to do about it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fidac_node.cli import FAILED
from fidac_node.system.logs import printable

if TYPE_CHECKING:
    from fidac_node.doctor import Finding


@click.command(name="doctor")
@click.option(
    "-c", "--config", metavar="FILE", help="Settings of a site or a hub; default: as for their commands, site first."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(config: str | None, as_json: bool) -> None:
    """Check everything that can be wrong, each with its remedy."""
    from fidac_node.doctor import examine

    findings = []
    for finding in examine(_find(config)):
        findings.append(finding)
        if not as_json:
            _print(finding)
    wrong = sum(not finding.ok for finding in findings)
    if as_json:
        click.echo(json.dumps([vars(finding) for finding in findings], indent=2))
    else:
        click.echo(f"\n{wrong} of {len(findings)} checks failed" if wrong else f"\nall {len(findings)} checks passed")
    raise SystemExit(FAILED if wrong else 0)


def _find(given: str | None) -> Path:
    from fidac_node.config.config import find_config
    from fidac_node.errors import ConfigError

    try:
        return find_config("site", given)
    except ConfigError:
        return find_config("hub", given)


def _print(finding: Finding) -> None:
    word, colour = ("FAIL", "red") if not finding.ok else ("WARN", "yellow") if finding.remedy else ("PASS", "green")
    click.secho(word, fg=colour, bold=True, nl=False)
    click.echo(printable(f"  {finding.check}: {finding.message}"))
    if finding.remedy:
        click.echo(printable(f"      -> {finding.remedy}"))
