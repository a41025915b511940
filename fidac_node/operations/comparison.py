"""What de-identification did to a study, or would do to what is held: headers before and after."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from fidac_node.deidentify import Deidentifier, Source
from fidac_node.deidentify.source import open_source, read_source
from fidac_node.deidentify.tools.diff import Row, compare
from fidac_node.errors import Permanent
from fidac_node.identity.originals import open_headers
from fidac_node.identity.reasons import check_reason
from fidac_node.operations.uses import UseLog
from fidac_node.site.ledger import Ledger
from fidac_node.site.node import Site, open_site
from fidac_node.spool.entry import Entry

_NAMING: Final = ("PatientID", "PatientName", "PatientBirthDate", "AccessionNumber")


@dataclass(frozen=True)
class Comparison:
    """One object, before and after; ``note`` says what is compared, or why nothing is.

    ``identity`` are the words that name the patient.
    """

    entry: str
    note: str
    rows: list[Row]
    identity: list[str]


def compare_study(config: Path, ledger: Ledger, study: str, reason: str) -> list[Comparison]:
    """Compare one object of each series that was de-identified, and one for each reason for which others are held.

    It names the patient, so the use is recorded. Raises :class:`ConfigError`, also for a reason that names the patient.
    """
    site = open_site(config)
    found = [*_done(site, study), *_held(site, ledger, study)]
    reason = check_reason(reason, [word for one in found for word in one.identity])
    UseLog(site.config.deidentify.vault_directory).write("show --diff", study, reason)
    site.keys.close()
    return found or [Comparison(study, _nothing(site), [], [])]


def _done(site: Site, study: str) -> Iterator[Comparison]:
    """What was de-identified: the kept header of each series against the copy in the outbox, while that is there."""
    if site.keys.vault is None:
        return
    headers = open_headers(site.config.spool.directory, site.config.deidentify.vault_key_file)
    for kept in headers.of_study(study):
        before = read_source(headers.read(kept), site.config.receive.max_object)
        until = time.strftime("%Y-%m-%d %H:%M", time.localtime(kept.at + site.config.spool.retention_hours * 3600))
        try:
            with open_source(site.outbox.path(kept.entry), site.config.receive.max_object) as after:
                state = site.outbox.state(kept.entry)
                note = f"before, and as de-identified ({state}); the first of its series; kept until {until}"
                yield Comparison(str(kept.entry), note, _rows(before, after), _naming(before))
        except FileNotFoundError:
            note = (
                "its anonymous copy is not here any more: the hub has it, or somebody dropped it; "
                f"the header is kept until {until}"
            )
            yield Comparison(str(kept.entry), note, [], _naming(before))


def _held(site: Site, ledger: Ledger, study: str) -> Iterator[Comparison]:
    """What is held: the original is here, and what would become of it is worked out in memory."""
    reasons: dict[tuple[Any, Any], str] = {}
    for row in ledger.rows(states=("held",), study=study):
        reasons.setdefault((row["reason"], row["message"]), row["entry"])
    if not reasons:
        return
    engine = _engine(site)
    for (code, message), name in reasons.items():
        with suppress(FileNotFoundError):  # released or dropped meanwhile
            path = site.inbox.path(Entry.parse(name))
            yield _preview(name, path, engine, f"held ({code}): {message}", site)


def _preview(name: str, path: Path, engine: Deidentifier, why: str, site: Site) -> Comparison:
    identity: list[str] = []
    limit = site.config.receive.max_object
    try:
        with open_source(path, limit) as before, tempfile.NamedTemporaryFile(dir=site.outbox.directory / "tmp") as fp:
            identity = _naming(before)
            # It is about the header: whether somebody looked at the pixels decides nothing in it.
            engine.deidentify(
                before, cast(BinaryIO, fp), label="unknown", label_source="default", limit=limit, looked=True
            )
            fp.flush()
            with open_source(Path(fp.name), limit) as after:
                return Comparison(name, f"{why}; released, it would become", _rows(before, after), identity)
    except Permanent as error:
        return Comparison(name, f"{why}; released, it would be held again ({error.code}): {error}", [], identity)


def _engine(site: Site) -> Deidentifier:
    config = site.config
    return Deidentifier(
        site.plan,
        site.keys.patients,
        config.site.id,
        config.deidentify.programme,
        rules=site.pixel_rules,
        moments=site.moments,
        own=site.own_words,
    )


def _rows(before: Source, after: Source) -> list[Row]:
    return compare(before.nodes(), after.nodes(), little=before.syntax.little)


def _naming(source: Source) -> list[str]:
    return [source.get(keyword) for keyword in _NAMING]


def _nothing(site: Site) -> str:
    """Why there is nothing to compare."""
    if site.keys.vault is None:
        return "nothing is held, and of a programme that is anonymised no header is ever kept"
    if not site.config.spool.keep_headers:
        return "nothing is held, and no header is kept: [spool] keep_headers is false"
    hours = site.config.spool.retention_hours
    return f"nothing is held, and headers are kept for {hours:g} hours ([spool] retention_hours)"
