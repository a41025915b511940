"""What the index says about an object, and writing it down.

:func:`describe` reads one header; :func:`record` writes a batch in one transaction. Repeats change
nothing, and the rows do not depend on the order in which objects arrived.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from peewee import Database, chunked, fn

from fidac_node import marks
from fidac_node.archive import Place
from fidac_node.database import exclusive
from fidac_node.errors import Permanent
from fidac_node.index.header import Header, opened
from fidac_node.index.models import Instance, Patient, Profile, Series, Study
from fidac_node.part10 import FileMeta, format_tag
from fidac_node.uids import is_valid_uid

_MOST_VALUES: Final = 5000
_AGE: Final = re.compile(r"(\d{3})([DWMY])")
_PER_YEAR: Final = {"D": 365.25, "W": 52.18, "M": 12, "Y": 1}


# Row numbers by what identifies a row: (site, pseudonym), (site, study), (site, study, series), (name, digest).
_Numbers: TypeAlias = "dict[tuple[str, ...], int]"


@dataclass(frozen=True)
class Acquisition:
    """How a series was acquired, as one of its instances says; lengths in millimetres, ``kvp`` in kilovolts."""

    modality: str
    body_part: str
    manufacturer: str
    model: str
    kernel: str
    kvp: float | None
    slice_thickness: float | None
    row_spacing: float | None
    column_spacing: float | None
    rows: int | None
    columns: int | None
    contrast: bool
    contrast_agent: str


@dataclass(frozen=True)
class Description:
    """Everything that the index holds about one object."""

    place: Place
    pseudonym: str
    sex: str
    date: datetime.date | None
    patient_age: str
    programme: str
    profile: str
    profile_digest: str
    label: str
    label_source: str
    acquisition: Acquisition
    sop_class_uid: str
    transfer_syntax_uid: str
    number: int | None
    frames: int
    localizer: bool
    bytes: int
    received_at: datetime.datetime

    @property
    def rank(self) -> str:
        """Study and series take their attributes from the instance that ranks first: images before localizers, then by UID."""
        return f"{int(self.localizer)}:{self.place.sop}"

    @property
    def age_years(self) -> int | None:
        """PatientAge in whole years."""
        match = _AGE.fullmatch(self.patient_age)
        return int(int(match[1]) / _PER_YEAR[match[2]]) if match else None


def describe(path: Path, site: str, *, limit: int = 4 << 30) -> Description:
    """Read what the index wants to know from the header of a Part 10 file of ``site``.

    ``limit`` (bytes) bounds what a deflated data set may inflate to. Raises
    :class:`~fidac_node.errors.Permanent` (``malformed``, or ``not-deidentified`` without a pseudonym) or ``OSError``.
    """
    with opened(path, limit=limit) as (meta, header):
        return describe_header(path, site, meta, header)


def describe_header(path: Path, site: str, meta: FileMeta, header: Header) -> Description:
    """Do as :func:`describe` does, with a header that is open already."""
    stat = path.stat()
    pseudonym = header.text(0x00100020)
    if not pseudonym:
        raise Permanent("not-deidentified", "PatientID (0010,0020) is empty: there is no pseudonym to file it under")
    label = header.private(marks.PRIVATE_GROUP, marks.PRIVATE_CREATOR, marks.LABEL).lower()
    return Description(
        place=_place(site, meta, header),
        pseudonym=pseudonym,
        sex=header.text(0x00100040).upper(),
        date=_date(header.text(0x00080020)),
        patient_age=header.text(0x00101010).upper(),
        programme=header.text(0x00120020),
        profile=header.private(marks.PRIVATE_GROUP, marks.PRIVATE_CREATOR, marks.PROFILE),
        profile_digest=header.private(marks.PRIVATE_GROUP, marks.PRIVATE_CREATOR, marks.PROFILE_DIGEST).lower(),
        label=label if label in marks.LABELS else "unknown",
        label_source=header.private(marks.PRIVATE_GROUP, marks.PRIVATE_CREATOR, marks.LABEL_SOURCE),
        acquisition=_acquisition(header),
        sop_class_uid=meta.sop_class_uid,
        transfer_syntax_uid=meta.transfer_syntax_uid,
        number=header.integer(0x00200013),
        frames=header.integer(0x00280008) or 1,
        localizer="LOCALIZER" in header.text(0x00080008).upper().split("\\"),
        bytes=stat.st_size,
        received_at=datetime.datetime.fromtimestamp(stat.st_mtime, datetime.UTC).replace(tzinfo=None),
    )


def whereabouts(db: Database, places: Iterable[Place]) -> dict[tuple[str, str], Place]:
    """Return where the index has the instances of ``places``, by (site, SOPInstanceUID); unknown ones are left out."""
    found: dict[tuple[str, str], Place] = {}
    for site, wanted in _by_site((place.site, place.sop) for place in places):
        query = (
            Instance.select(Study.study_instance_uid, Series.series_instance_uid, Instance.sop_instance_uid)
            .join(Series)
            .join(Study)
            .where(Instance.site == site, Instance.sop_instance_uid.in_(wanted))
        )
        found.update({(site, sop): Place(site, study, series, sop) for study, series, sop in query.tuples().execute(db)})
    return found


def sop_classes(db: Database, site: str, sops: Iterable[str]) -> dict[str, str]:
    """Return the SOP Class UID of each instance of ``site`` that the index has."""
    found: dict[str, str] = {}
    for _, wanted in _by_site((site, sop) for sop in sops):
        query = Instance.select(Instance.sop_instance_uid, Instance.sop_class_uid).where(
            Instance.site == site, Instance.sop_instance_uid.in_(wanted)
        )
        found.update(query.tuples().execute(db))
    return found


def owners(db: Database, places: Iterable[Place]) -> dict[tuple[str, str], str]:
    """Return the pseudonym that each known study of ``places`` belongs to, by (site, StudyInstanceUID)."""
    found: dict[tuple[str, str], str] = {}
    for site, wanted in _by_site((place.site, place.study) for place in places):
        query = (
            Study.select(Study.study_instance_uid, Patient.pseudonym)
            .join(Patient)
            .where(Study.site == site, Study.study_instance_uid.in_(wanted))
        )
        found.update({(site, study): pseudonym for study, pseudonym in query.tuples().execute(db)})
    return found


def record(db: Database, descriptions: Sequence[Description]) -> int:
    """Write a batch into the index, in one transaction, and return how many instances are new to it.

    An instance that the index has already is left as it is.
    """
    with exclusive(db):
        known = whereabouts(db, (description.place for description in descriptions))
        fresh = {(new.place.site, new.place.sop): new for new in reversed(descriptions) if (new.place.site, new.place.sop) not in known}
        if fresh:
            _insert(db, [fresh[key] for key in sorted(fresh)])
    return len(fresh)


def _insert(db: Database, fresh: list[Description]) -> None:
    profiles = _profiles(db, fresh)
    patients = _patients(db, fresh)
    studies = _studies(db, fresh, patients, profiles)
    series = _series(db, fresh, studies, profiles)
    rows = [
        {
            "site": new.place.site,
            "series": series[new.place[:3]],
            "sop_instance_uid": new.place.sop,
            "sop_class_uid": new.sop_class_uid,
            "transfer_syntax_uid": new.transfer_syntax_uid,
            "number": new.number,
            "frames": new.frames,
            "slice_thickness": new.acquisition.slice_thickness,
            "profile": profiles.get((new.profile, new.profile_digest)),
            "label": new.label,
            "label_source": new.label_source,
            "bytes": new.bytes,
            "received_at": new.received_at,
        }
        for new in fresh
    ]
    Instance.insert_many(rows).execute(db)
    _count(db, set(studies.values()), set(series.values()))


def _profiles(db: Database, fresh: list[Description]) -> _Numbers:
    wanted = {(new.profile, new.profile_digest) for new in fresh if new.profile or new.profile_digest}
    for name, digest in sorted(wanted):
        Profile.insert(name=name, digest=digest).on_conflict_ignore().execute(db)
    rows = (
        Profile.select(Profile.name, Profile.digest, Profile.id).where(Profile.name.in_([name for name, _ in wanted])).tuples().execute(db)
    )
    return {(name, digest): number for name, digest, number in rows}


def _patients(db: Database, fresh: list[Description]) -> _Numbers:
    found: _Numbers = {}
    for site, pseudonyms in _by_site((new.place.site, new.pseudonym) for new in fresh):
        for pseudonym in pseudonyms:
            Patient.insert(site=site, pseudonym=pseudonym, sex="").on_conflict_ignore().execute(db)
        rows = Patient.select(Patient.pseudonym, Patient.id, Patient.sex).where(Patient.site == site, Patient.pseudonym.in_(pseudonyms))
        for pseudonym, number, sex in rows.tuples().execute(db):
            found[site, pseudonym] = number
            said = {new.sex for new in fresh if (new.place.site, new.pseudonym) == (site, pseudonym)} | {sex}
            agreed = min(filter(None, said), default="")
            if agreed != sex:
                Patient.update(sex=agreed).where(Patient.id == number).execute(db)
    return found


def _studies(db: Database, fresh: list[Description], patients: _Numbers, profiles: _Numbers) -> _Numbers:
    numbers: _Numbers = {}
    for key, group in _grouped(fresh, 2).items():
        first = min(group, key=lambda new: new.rank)
        attributes = {
            "patient": patients[first.place.site, first.pseudonym],
            "date": first.date,
            "patient_age": first.patient_age,
            "age_years": first.age_years,
            "programme": first.programme,
            "profile": profiles.get((first.profile, first.profile_digest)),
        }
        numbers[key] = _upsert(db, Study, {"site": key[0], "study_instance_uid": key[1], "series": 0}, group, attributes)
    return numbers


def _series(db: Database, fresh: list[Description], studies: _Numbers, profiles: _Numbers) -> _Numbers:
    numbers: _Numbers = {}
    for key, group in _grouped(fresh, 3).items():
        first = min(group, key=lambda new: new.rank)
        attributes = {**asdict(first.acquisition), "profile": profiles.get((first.profile, first.profile_digest))}
        numbers[key] = _upsert(db, Series, {"study": studies[key[:2]], "series_instance_uid": key[2]}, group, attributes)
    return numbers


def _upsert(db: Database, model: type[Study | Series], fixed: dict[str, Any], group: list[Description], attributes: dict[str, Any]) -> int:
    """Insert a study or series, or let a better ranking instance or a stronger label change it; return its number."""
    rank = min(new.rank for new in group)
    label, label_source = min(((new.label, new.label_source) for new in group), key=_strength)
    uid = "study_instance_uid" if model is Study else "series_instance_uid"
    parent = "site" if model is Study else "study"
    where = (getattr(model, parent) == fixed[parent]) & (getattr(model, uid) == fixed[uid])
    row = model.select(model.id, model.read_from, model.label, model.label_source).where(where).tuples().first(db)
    if row is None:
        blank = {"instances": 0, "bytes": 0, "received_at": group[0].received_at}
        values = {**fixed, **attributes, **blank, "read_from": rank, "label": label, "label_source": label_source}
        return int(model.insert(**values).execute(db))
    number, read_from, *old = row
    changes = {**attributes, "read_from": rank} if rank < read_from else {}
    if _strength((label, label_source)) < _strength((old[0], old[1])):
        changes |= {"label": label, "label_source": label_source}
    if changes:
        model.update(**changes).where(model.id == number).execute(db)
    return int(number)


def _count(db: Database, studies: Iterable[int], series: Iterable[int]) -> None:
    """Count what was touched anew: adding up would drift, this cannot."""
    totals = Instance.select(Instance.series, fn.COUNT(Instance.id), fn.SUM(Instance.bytes), fn.MAX(Instance.received_at))
    for number, instances, size, latest in totals.where(Instance.series.in_(list(series))).group_by(Instance.series).tuples().execute(db):
        Series.update(instances=instances, bytes=int(size), received_at=latest).where(Series.id == number).execute(db)
    sums = Series.select(Series.study, fn.COUNT(Series.id), fn.SUM(Series.instances), fn.SUM(Series.bytes), fn.MAX(Series.received_at))
    for number, count, instances, size, latest in sums.where(Series.study.in_(list(studies))).group_by(Series.study).tuples().execute(db):
        Study.update(series=count, instances=int(instances), bytes=int(size), received_at=latest).where(Study.id == number).execute(db)


def _strength(label: tuple[str, str]) -> tuple[int, str]:
    """Of several labels the one that says most stands for the series and the study (the order of ``marks.LABELS``)."""
    return marks.LABELS.index(label[0]), label[1]


def _grouped(fresh: Iterable[Description], depth: int) -> dict[tuple[str, ...], list[Description]]:
    groups: dict[tuple[str, ...], list[Description]] = {}
    for new in fresh:
        groups.setdefault(new.place[:depth], []).append(new)
    return groups


def _by_site(pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[str, list[str]]]:
    """Group (site, value) pairs; a long list comes in parts that one SQL statement takes."""
    sites: dict[str, set[str]] = {}
    for site, value in pairs:
        sites.setdefault(site, set()).add(value)
    for site, values in sorted(sites.items()):
        for part in chunked(sorted(values), _MOST_VALUES):
            yield site, part


def _place(site: str, meta: FileMeta, header: Header) -> Place:
    for tag, announced in ((0x00080016, meta.sop_class_uid), (0x00080018, meta.sop_instance_uid)):
        if header.text(tag) != announced:
            raise Permanent("malformed", f"{format_tag(tag)} differs between the data set and its File Meta Information")
    place = Place(site, header.text(0x0020000D), header.text(0x0020000E), meta.sop_instance_uid)
    for tag, uid in ((0x0020000D, place.study), (0x0020000E, place.series)):
        if not is_valid_uid(uid):
            raise Permanent("malformed", f"{format_tag(tag)} is not a valid UID")
    return place


def _acquisition(header: Header) -> Acquisition:
    measures = header.holder(0x00280030)
    thickness = header.holder(0x00180050).number(0x00180050)
    agent = header.text(0x00180010)
    return Acquisition(
        modality=header.text(0x00080060).upper(),
        body_part=header.text(0x00180015).upper(),
        manufacturer=header.text(0x00080070),
        model=header.text(0x00081090),
        kernel=header.holder(0x00181210).text(0x00181210),
        kvp=header.holder(0x00180060).number(0x00180060),
        slice_thickness=thickness,
        row_spacing=measures.number(0x00280030),
        column_spacing=measures.number(0x00280030, 1),
        rows=header.short(0x00280010),
        columns=header.short(0x00280011),
        contrast=bool(agent) or any(True for _ in header.items(0x00180012)),
        contrast_agent=agent,
    )


def _date(text: str) -> datetime.date | None:
    """A DA value (PS3.5 6.2); anything else is no date."""
    try:
        return datetime.datetime.strptime(text, "%Y%m%d").date() if len(text) == 8 else None
    except ValueError:
        return None
