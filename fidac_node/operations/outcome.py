"""What became of a study at a site: one record that tells all, and how a study is found by whom or what it is about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from fidac_node.errors import ConfigError, NotFound, Permanent
from fidac_node.identity.reasons import check_reason
from fidac_node.operations.status import StudyStatus, site_study, utc
from fidac_node.operations.uses import UseLog
from fidac_node.spool.entry import Entry
from fidac_node.spool.queue import Spool

if TYPE_CHECKING:
    from fidac_node.config.config import SiteConfig
    from fidac_node.identity.keys import SiteKeys
    from fidac_node.site.ledger import Ledger

# Whom or what a study may be found by.
ACCESSION, PATIENT, STUDY_UID = "accession number", "patient id", "study uid"
_OUTBOX_STATES: Final = ("outgoing", "sent", "committed", "refused")


@dataclass(frozen=True)
class SeriesSummary:
    """One series as it left, or is to leave: what its anonymous copies say; of so many objects, in bytes."""

    series_uid: str
    number: str
    modality: str
    description: str
    objects: int
    bytes: int


@dataclass(frozen=True)
class Waiting:
    """So many objects that wait for a person, and why."""

    state: str
    reason: str
    message: str
    objects: int


@dataclass(frozen=True)
class Outcome:
    """All that a site knows of a study; times in seconds of the epoch.

    ``study_uid`` is the de-identified one, by which the hub is asked. ``series`` are those whose copies are still
    here, ``unknown`` objects belong to some of which nothing is. ``hub_said`` is the last that the hub said of objects
    that it has not committed to.
    """

    study: StudyStatus
    senders: tuple[tuple[str, str, int], ...]
    labels: tuple[tuple[str, str, int], ...]
    study_uid: str
    series: tuple[SeriesSummary, ...]
    unknown: int
    waiting: tuple[Waiting, ...]
    received: tuple[float, float]
    committed_at: float | None
    hub_said: tuple[tuple[str, int], ...]

    def as_dict(self) -> dict[str, Any]:
        """As ``site show --json`` has it."""
        return {
            **self.study.as_dict(),
            "senders": [dict(zip(("calling_ae", "called_ae", "objects"), one, strict=True)) for one in self.senders],
            "labels": [dict(zip(("label", "source", "objects"), one, strict=True)) for one in self.labels],
            "study_uid": self.study_uid or None,
            "series": [vars(one) for one in self.series],
            "without_a_copy_here": self.unknown,
            "waiting": [vars(one) for one in self.waiting],
            "received_from": utc(self.received[0]),
            "received_until": utc(self.received[1]),
            "committed_at": utc(self.committed_at) if self.committed_at else None,
            "hub_said": [{"message": message, "objects": number} for message, number in self.hub_said],
        }


def outcome(config: SiteConfig, ledger: Ledger, study: str) -> Outcome:
    """What became of the study of that handle. Raises :class:`NotFound`, ``Temporary``, ``OSError``."""
    rows = ledger.rows(study=study)
    summary = site_study(config, ledger, study)
    if not rows or summary is None:
        raise NotFound(f"no study {study} here")
    received = [row["received_at"] or row["changed_at"] for row in rows]
    committed = [row["changed_at"] for row in rows if row["state"] == "committed"]
    left = [row for row in rows if row["state"] in _OUTBOX_STATES]
    study_uid, series, read = _series(config, left)
    waiting = Counter((row["state"], row["reason"] or "-", row["message"] or "") for row in rows if _waits(row))
    return Outcome(
        study=summary,
        senders=_counted(rows, lambda row: (row["calling_ae"] or "", row["called_ae"] or "")),
        labels=_counted([row for row in rows if row["label"]], lambda row: (row["label"], row["label_source"] or "")),
        study_uid=study_uid,
        series=series,
        unknown=len(rows) - read,
        waiting=tuple(Waiting(*key, number) for key, number in waiting.most_common()),
        received=(min(received), max(received)),
        committed_at=max(committed, default=None),
        hub_said=tuple(Counter(row["message"] for row in rows if _is_open(row)).most_common()),
    )


def _waits(row: Mapping[str, Any]) -> bool:
    return row["state"] in ("held", "refused")


def _is_open(row: Mapping[str, Any]) -> bool:
    return row["state"] in ("outgoing", "sent") and bool(row["message"])


def _counted(rows: list[dict[str, Any]], said: Callable[[dict[str, Any]], tuple[str, str]]) -> tuple[Any, ...]:
    return tuple((*key, number) for key, number in Counter(map(said, rows)).most_common())


def _series(config: SiteConfig, rows: list[dict[str, Any]]) -> tuple[str, tuple[SeriesSummary, ...], int]:
    """The de-identified study, its series as the copies in the outbox tell, and how many copies were read."""
    from fidac_node.deidentify import open_source

    outbox, study_uid, read = Spool(config.spool.directory / "outbox"), "", 0
    found: dict[str, SeriesSummary] = {}
    for row in rows:
        with (
            suppress(FileNotFoundError, Permanent),
            open_source(outbox.path(Entry.parse(row["entry"])), config.receive.max_object) as source,
        ):
            uid, read, study_uid = source.get("SeriesInstanceUID"), read + 1, source.get("StudyInstanceUID")
            number, modality, description = map(source.get, ("SeriesNumber", "Modality", "SeriesDescription"))
            before = found.get(uid) or SeriesSummary(uid, number, modality, description, 0, 0)
            found[uid] = replace(before, objects=before.objects + 1, bytes=before.bytes + (row["bytes"] or 0))
    series = sorted(found.values(), key=lambda one: (len(one.number), one.number, one.series_uid))
    return study_uid, tuple(series), read


def find(config: SiteConfig, by: str, wanted: str, reason: str = "") -> list[str]:
    """The handles of the studies that an accession number, a patient id or an original Study Instance UID names.

    That it was asked is written down, never what. Raises :class:`NotFound`, :class:`ConfigError`, ``OSError``.
    """
    from fidac_node.identity.keys import open_keys

    wanted = wanted.strip()
    reason = check_reason(reason, [wanted]) if reason else ""
    with closing(open_keys(config.programme)) as keys:
        found = list(dict.fromkeys(_found(config, keys, by, wanted)))
    subject = ", ".join(found) or "-"
    UseLog(config.deidentify.vault_directory).write(f"find by {by}", subject, reason, number=len(found))
    if not found:
        raise NotFound(
            f"no study with this {by} is known here; it is compared exactly but for spaces, leading zeros count: "
            "was it sent to this node? 'fidac-node site studies' lists what was"
        )
    return found


def _found(config: SiteConfig, keys: SiteKeys, by: str, wanted: str) -> Iterator[str]:
    from fidac_node.operations.ledger import opened

    studies = list(keys.vault.studies()) if keys.vault else []
    if by == ACCESSION and keys.vault is None:
        raise ConfigError("without a vault nobody knows accession numbers: find the study by --study-uid")
    with opened(config) as ledger:
        if by == STUDY_UID:
            handle = keys.handles.study_handle(wanted)
            yield from (row["study"] for row in ledger.rows(study=handle, limit=1))
        elif by == PATIENT:
            issuers = {"", *(study.issuer for study in studies)}
            for patient in {keys.handles.patient_handle(issuer, wanted) for issuer in issuers}:
                yield from (row["study"] for row in ledger.rows(patient=patient))
    field = {ACCESSION: "accession_number", PATIENT: "patient_id", STUDY_UID: "study_uid"}[by]
    yield from (study.handle for study in studies if getattr(study, field).strip() == wanted)
    if by == ACCESSION:
        yield from _held(config, wanted)


def _held(config: SiteConfig, accession: str) -> Iterator[str]:
    """The studies of held originals with that accession number: the vault does not know them yet."""
    from fidac_node.deidentify import open_source

    inbox = Spool(config.spool.directory / "inbox")
    for entry in inbox.entries("held"):
        with (
            suppress(FileNotFoundError, Permanent),
            open_source(inbox.path(entry), config.receive.max_object) as source,
        ):
            if source.get("AccessionNumber").strip() == accession:
                yield entry.study
