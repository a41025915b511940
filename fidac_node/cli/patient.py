"""``fidac-node site patient``: a person says whether a PatientID with another birth date or sex is the same person."""

from __future__ import annotations

import re
import sys
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
    """Who is who: same, different (held as another-person), alias (merged in the PACS); each decision is recorded."""


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


@command.command()
@config_option("site")
@click.argument("old")
@click.argument("new")
@click.option("--issuer", default="", help="Issuer of both ids, if they have one.")
@click.option("--to", "file", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The signed file.")
@_reason
def alias(config: Path, old: str, new: str, issuer: str, file: Path, reason: str) -> None:
    """The PACS merged or renumbered a patient: the PatientIDs OLD and NEW are one person. '-' asks for an ID.

    Each keeps its pseudonym; the file tells the hub which are one person ('fidac-node hub patient alias --from FILE').
    """
    from fidac_node.config.config import load_site
    from fidac_node.operations.aliases import alias as write_down

    if file.exists():
        raise click.UsageError(f"{file} is there already: name another file")
    if "-" not in (old, new):
        click.echo("the patient's IDs are now in your shell's history; '-' in their place asks for them", err=True)
    done = write_down(load_site(config), _asked("old", old), _asked("new", new), issuer, reason)
    file.write_bytes(done.content)
    click.echo(f"one person: {done.person}, {', '.join(done.others)}")
    click.echo(
        f"wrote {file}: bring it to the hub's administrator, for 'fidac-node hub patient alias --from {file.name}'"
    )


def _asked(what: str, value: str) -> str:
    if value != "-":
        return value
    prompt = f"The {what} PatientID"
    return str(click.prompt(prompt, err=True)) if sys.stdin.isatty() else sys.stdin.readline().strip("\n")


def _judge(config: Path, subject: str, reason: str, *, same: bool) -> None:
    from fidac_node.config.config import load_site
    from fidac_node.operations.patients import judge

    judge(load_site(config), subject, reason, same=same)
