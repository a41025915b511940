"""The journal of a study at the hub: how its objects came, what was promised for them, and who got them since."""

from __future__ import annotations

import datetime
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from fidac_node.errors import NotFound
from fidac_node.hub.index.journal import Answered, Presence, answers, presences
from fidac_node.hub.index.labels import Entry as LabelEntry
from fidac_node.hub.index.labels import history
from fidac_node.hub.index.matching import StudyFilter
from fidac_node.hub.index.query import find
from fidac_node.hub.index.record import kept
from fidac_node.hub.index.superseded import Correction, corrections
from fidac_node.hub.index.uploads import Result, brought_of_study, results_of
from fidac_node.operations.uses import Act, hub_uses

if TYPE_CHECKING:
    from peewee import Database

    from fidac_node.config.config import HubConfig
    from fidac_node.hub.index.rows import InstanceRow, StudyRow

__all__ = ["Journal", "LabelEntry", "Received", "Result", "journals", "said_of"]

# Between the object's last byte and the moment that a receiver writes down that the peer is there.
_SLACK: Final = datetime.timedelta(seconds=2)


@dataclass(frozen=True)
class Received:
    """One object: when it came (UTC), from which addresses its site was sending then, by which recipe it was made.

    ``upload`` is who brought it by the portal; empty: it came by DICOM.
    """

    SOPInstanceUID: str
    SeriesInstanceUID: str
    received_at: datetime.datetime
    addresses: tuple[str, ...]
    profile: str
    profile_digest: str
    label: str
    bytes: int
    upload: str = ""


@dataclass(frozen=True)
class Journal:
    """What is known of a study of one site: itself, objects as they came, corrections, commitment, who got any.

    ``labels`` is what else was said of it than the objects say, ``results`` are those of PCR that came with it.
    """

    study: StudyRow
    objects: tuple[Received, ...]
    corrections: tuple[Correction, ...]
    labels: tuple[LabelEntry, ...]
    results: tuple[Result, ...]
    commitment: tuple[Answered, ...]
    handed_out: tuple[Act, ...]

    def as_dict(self) -> dict[str, Any]:
        """As ``hub show --json`` has it."""
        return {
            "study": self.study._asdict(),
            "objects": [asdict(one) for one in self.objects],
            "corrections": [one._asdict() for one in self.corrections],
            "labels": [one._asdict() for one in self.labels],
            "results": [one._asdict() for one in self.results],
            "commitment": [one._asdict() for one in self.commitment],
            "retrieved": [act.as_dict() for act in self.handed_out],
        }


def journals(config: HubConfig, db: Database, study_uid: str, site: str = "") -> list[Journal]:
    """The journal of a study, by its StudyInstanceUID; one for each site that has it.

    Raises :class:`NotFound`.
    """
    wanted = StudyFilter(study_uid=study_uid, site=site)
    with closing(find(db, "studies", wanted, exact_times=True)) as found:
        studies = [cast("StudyRow", row) for row in found]
    if not studies:
        raise NotFound(f"no study {study_uid} is in the index; 'fidac-node hub find studies' shows what there is")
    handed_out = tuple(hub_uses(config).of_study(study_uid))
    return [_journal(db, study, handed_out) for study in studies]


def said_of(db: Database, site: str, study_uid: str) -> tuple[list[LabelEntry], list[Result]]:
    """What was said of a study of a site besides its objects: other labels, in order, and results of PCR."""
    return history(db, site, study_uid), results_of(db, site, study_uid)


def _journal(db: Database, study: StudyRow, handed_out: tuple[Act, ...]) -> Journal:
    wanted = StudyFilter(study_uid=study.StudyInstanceUID, site=study.site)
    with closing(find(db, "instances", wanted, exact_times=True)) as found:
        rows = [cast("InstanceRow", row) for row in found]
    moments = [_moment(row) for row in rows]
    there = presences(db, study.site, min(moments) - _SLACK, max(moments) + _SLACK) if moments else []
    name = study.site, study.StudyInstanceUID
    digests = {
        sop: one.filed.digest for (_, sop), one in kept(db, ((study.site, row.SOPInstanceUID) for row in rows)).items()
    }
    brought = {sop: who for sop, digest, who in brought_of_study(db, *name) if digest == digests.get(sop)}
    objects = sorted(
        (_received(row, there, brought.get(row.SOPInstanceUID, "")) for row in rows),
        key=lambda one: (one.received_at, one.SOPInstanceUID),
    )
    return Journal(
        study,
        tuple(objects),
        tuple(corrections(db, *name)),
        tuple(history(db, *name)),
        tuple(results_of(db, *name)),
        tuple(answers(db, *name)),
        handed_out,
    )


def _received(row: InstanceRow, there: list[Presence], upload: str) -> Received:
    moment = _moment(row)
    if upload:
        there = []  # an association of the same moment brought something else
    addresses = {one.address for one in there if one.since - _SLACK <= moment <= one.until + _SLACK}
    return Received(
        row.SOPInstanceUID,
        row.SeriesInstanceUID,
        moment,
        tuple(sorted(addresses)),
        row.profile,
        row.profile_digest,
        row.label,
        row.bytes,
        upload,
    )


def _moment(row: InstanceRow) -> datetime.datetime:
    assert row.received_at is not None  # it was asked for
    return row.received_at
