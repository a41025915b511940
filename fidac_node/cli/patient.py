"""``fidac-node site patient``: a person says whether a PatientID with another birth date or sex is the same person."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import click

from fidac_node.cli import WholeGroup, config_option

_HANDLE: Final = re.compile(r"[a-z2-7]{12}")
_subject = click.argument("subject", metavar="STUDY|PSEUDONYM")
_reason = click.option(
    "--reason", required=True, help="Why you decide so: kept in the record of acts. Name no patient."
)


@click.group(name="patient", cls=WholeGroup)
def command() -> None:
    """Decide about objects held as another-person: same, different; each decision is recorded."""


@command.command()
@config_option("site")
@_subject
@_reason
def same(config: Path, subject: str, reason: str) -> None:
    """It is the same person as before: birth date or sex were corrected. The objects may be retried and pass.

    STUDY is the study's handle; a PSEUDONYM stands for all studies of his, also those to come.
    """
    _judge(config, subject, reason, same=True)
    which = f"--study {subject}" if _HANDLE.fullmatch(subject) else "--reason another-person"
    click.echo(f"{subject}: the same person; 'fidac-node site queue retry {which}' lets the objects pass")


@command.command()
@config_option("site")
@_subject
@_reason
def different(config: Path, subject: str, reason: str) -> None:
    """It is another person under the same PatientID. The objects stay held, whoever retries them,
    until the PACS corrects the PatientID.
    """  # noqa: D205  # one paragraph of the help
    _judge(config, subject, reason, same=False)
    click.echo(
        f"{subject}: another person; have the PACS correct the PatientID "
        "and send the study again, then drop what is held"
    )


def _judge(config: Path, subject: str, reason: str, *, same: bool) -> None:
    from fidac_node.config.config import load_site
    from fidac_node.operations.patients import judge

    judge(load_site(config), subject, reason, same=same)
