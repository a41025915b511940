"""What the index says about an object, and writing it down.

:func:`describe` reads one header; :func:`record` writes a batch in one transaction. Repeats change
nothing, and the rows do not depend on the order in which objects arrived.
"""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from operator import or_
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

from peewee import Database

from fidac_node.dicom import marks, tags
from fidac_node.dicom.part10 import FileMeta, format_tag
from fidac_node.dicom.uids import is_valid_uid
from fidac_node.errors import Permanent
from fidac_node.hub.archive import Place
from fidac_node.hub.digests import Filed
from fidac_node.hub.index.header import Header, opened
from fidac_node.hub.index.labels import strength
from fidac_node.hub.index.models import Instance, Patient, Profile, Series, Study, label_bit
from fidac_node.hub.index.withdrawn import any_withdrawn, withdrawal_of
from fidac_node.system.database import ask, change, exclusive, insert

# Instead of the fingerprint of the file that is known to be right: the file was found to be wrong, and is to be read
# before the hub answers for it.
DOUBTED: Final = -1

_MOST_VALUES: Final = 5000
_KEYWORD: Final = re.compile(r"[A-Za-z0-9]{1,64}", re.ASCII)
_LONGEST_KEYWORDS: Final = 1 << 12
_AGE: Final = re.compile(r"(\d{3})([DWMY])")
# What de-identification writes where an IOD demands a value and none could be kept (PS3.15 Table E.1-1, action D): an
# Enhanced CT must have a kernel, a model, dates. As a number it is 0, which no length and no tension is. Midnight is
# left: it may be true, and no time of day is in the index.
_NOT_SAID: Final = frozenset({"ANONYMOUS", "000Y"})
_NO_DAY: Final = datetime.date(1900, 1, 1)
_TIME: Final = re.compile(r"([01]\d|2[0-3])([0-5]\d([0-5]\d(\.\d{1,6})?)?)?", re.ASCII)
_PER_YEAR: Final = {"D": 365.25, "W": 52.18, "M": 12, "Y": 1}


# Row numbers by what identifies a row: (site, pseudonym), (site, study), (site, study, series), (name, digest).
_Numbers: TypeAlias = "dict[tuple[str, ...], int]"
# An SQL expression for each column, and the values in it; the last is what a new row begins with.
_Changes: TypeAlias = "dict[str, tuple[str, list[Any]]]"


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
    lost: frozenset[str] = frozenset()
    digest: str = ""
    seen: int = 0
    pixels: str = ""
    time: str = ""
    series_number: int | None = None
    version: int = 1

    @property
    def rank(self) -> str:
        """Study and series take their attributes from the instance that ranks first.

        Images come before localizers, then it goes by UID.
        """
        return f"{int(self.localizer)}:{self.place.sop}"

    @property
    def of_whom(self) -> tuple[str, str, str]:
        """The site, the StudyInstanceUID and the pseudonym: by any of them an object may have been withdrawn."""
        return self.place.site, self.place.study, self.pseudonym

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
    pseudonym = header.text(tags.PATIENT_ID)
    if not pseudonym:
        raise Permanent("not-deidentified", "PatientID (0010,0020) is empty: there is no pseudonym to file it under")
    label = header.private(marks.PRIVATE_GROUP, marks.PRIVATE_CREATOR, marks.LABEL).lower()
    return Description(
        place=_place(site, meta, header),
        pseudonym=pseudonym,
        sex=_said(header, tags.PATIENT_SEX).upper(),
        date=_date(header.text(tags.STUDY_DATE)),
        patient_age=_said(header, tags.PATIENT_AGE).upper(),
        programme=header.text(tags.CLINICAL_TRIAL_PROTOCOL_ID),
        profile=header.private(marks.PRIVATE_GROUP, marks.PRIVATE_CREATOR, marks.PROFILE),
        profile_digest=header.private(marks.PRIVATE_GROUP, marks.PRIVATE_CREATOR, marks.PROFILE_DIGEST).lower(),
        label=label if label in marks.LABELS else "unknown",
        label_source=header.private(marks.PRIVATE_GROUP, marks.PRIVATE_CREATOR, marks.LABEL_SOURCE),
        acquisition=_acquisition(header),
        sop_class_uid=meta.sop_class_uid,
        transfer_syntax_uid=meta.transfer_syntax_uid,
        number=header.integer(tags.INSTANCE_NUMBER),
        frames=header.integer(tags.NUMBER_OF_FRAMES) or 1,
        localizer="LOCALIZER" in header.text(tags.IMAGE_TYPE).upper().split("\\"),
        bytes=stat.st_size,
        received_at=datetime.datetime.fromtimestamp(stat.st_mtime, datetime.UTC).replace(tzinfo=None),
        lost=_keywords(header.private_raw(marks.PRIVATE_GROUP, marks.PRIVATE_CREATOR, marks.LOST)),
        time=_time(header.text(tags.STUDY_TIME)),
        series_number=header.integer(tags.SERIES_NUMBER),
        version=version_in(header),
    )


def version_in(header: Header) -> int:
    """Which version of its instance an object is, counted by its site. Raises :class:`Permanent`."""
    try:
        return marks.version_of(header.private(marks.PRIVATE_GROUP, marks.PRIVATE_CREATOR, marks.VERSION))
    except ValueError:
        tag = format_tag(marks.private_tag(marks.VERSION))
        raise Permanent("malformed", f"{tag} does not count a version of the instance") from None


def whereabouts(db: Database, places: Iterable[Place]) -> dict[tuple[str, str], Place]:
    """Return where the index has the instances of ``places``, by (site, SOPInstanceUID); unknown ones are left out."""
    sql = """SELECT study_instance_uid, series_instance_uid, sop_instance_uid
        FROM instance JOIN series ON series.id = instance.series_id JOIN study ON study.id = series.study_id
        WHERE instance.site_id = ? AND sop_instance_uid IN ?"""
    found: dict[tuple[str, str], Place] = {}
    for site, wanted in _by_site((place.site, place.sop) for place in places):
        found.update(
            {(site, sop): Place(site, study, series, sop) for study, series, sop in ask(db, sql, site, wanted)}
        )
    return found


class Kept(NamedTuple):
    """What the index says of the file of an instance: ``seen`` is the fingerprint of the one known to be right."""

    number: int
    sop_class_uid: str
    filed: Filed
    seen: int


def kept(db: Database, pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Kept]:
    """What the index says of the file of each instance that it has of ``pairs`` (site, SOPInstanceUID)."""
    sql = """SELECT sop_instance_uid, id, sop_class_uid, digest, bytes, seen FROM instance
        WHERE site_id = ? AND sop_instance_uid IN ?"""
    found: dict[tuple[str, str], Kept] = {}
    for site, wanted in _by_site(pairs):
        for sop, number, sop_class, digest, size, seen in ask(db, sql, site, wanted):
            found[site, sop] = Kept(int(number), sop_class, Filed(digest, int(size)), int(seen))
    return found


def owners(db: Database, places: Iterable[Place]) -> dict[tuple[str, str], str]:
    """Return the pseudonym that each known study of ``places`` belongs to, by (site, StudyInstanceUID)."""
    sql = """SELECT study_instance_uid, pseudonym FROM study JOIN patient ON patient.id = study.patient_id
        WHERE study.site_id = ? AND study_instance_uid IN ?"""
    found: dict[tuple[str, str], str] = {}
    for site, wanted in _by_site((place.site, place.study) for place in places):
        found.update({(site, study): pseudonym for study, pseudonym in ask(db, sql, site, wanted)})
    return found


def record(db: Database, descriptions: Sequence[Description]) -> int:
    """Write a batch into the index, in one transaction, and return how many instances are new to it.

    An instance that the index has already is left as it is, but for what its file is, where a description says so. What
    was withdrawn is left out: whoever withdraws needs to wait for nobody.
    """
    with exclusive(db):
        descriptions = _not_withdrawn(db, descriptions)
        known = whereabouts(db, (description.place for description in descriptions))
        _renew(db, [new for new in descriptions if known.get((new.place.site, new.place.sop)) == new.place])
        fresh = {
            (new.place.site, new.place.sop): new
            for new in reversed(descriptions)
            if (new.place.site, new.place.sop) not in known
        }
        if fresh:
            _insert(db, [fresh[key] for key in sorted(fresh)])
    return len(fresh)


def withdrawals(db: Database, descriptions: Iterable[Description]) -> dict[tuple[str, str, str], str]:
    """By which withdrawals objects may not come again, by (site, StudyInstanceUID, pseudonym)."""
    if not any_withdrawn(db):
        return {}
    keys = {new.of_whom for new in descriptions}
    return {key: found for key in keys if (found := withdrawal_of(db, *key))}


def _not_withdrawn(db: Database, descriptions: Sequence[Description]) -> Sequence[Description]:
    gone = withdrawals(db, descriptions)
    return [new for new in descriptions if new.of_whom not in gone] if gone else descriptions


def _renew(db: Database, known: list[Description]) -> None:
    """Write down what the files of known instances are, where that is said and is another; sums follow."""
    said = [new for new in known if new.digest]
    before = kept(db, ((new.place.site, new.place.sop) for new in said))
    for new in said:
        old = before[new.place.site, new.place.sop]
        if (old.filed, old.seen) != (Filed(new.digest, new.bytes), new.seen):
            changes: _Changes = {"digest": ("?", [new.digest]), "bytes": ("?", [new.bytes]), "seen": ("?", [new.seen])}
            change(db, Instance, old.number, changes)
            _add_bytes(db, old.number, new.bytes - old.filed.size)


def _add_bytes(db: Database, instance: int, more: int) -> None:
    """Let the sums of its series and study follow an instance that is another size now."""
    sql = "SELECT series_id, study_id FROM instance JOIN series ON series.id = series_id WHERE instance.id = ?"
    for series, study in ask(db, sql, instance) if more else ():
        change(db, Series, series, {"bytes": ("bytes + ?", [more])})
        change(db, Study, study, {"bytes": ("bytes + ?", [more])})


def _insert(db: Database, fresh: list[Description]) -> None:
    profiles = _profiles(db, fresh)
    studies = _studies(db, fresh, _patients(db, fresh), profiles)
    series = _series(db, fresh, studies, profiles)
    rows = [
        (
            *(
                new.place.site,
                series[new.place[:3]],
                new.place.sop,
                new.sop_class_uid,
                new.transfer_syntax_uid,
                new.number,
                new.frames,
            ),
            *(
                new.acquisition.slice_thickness,
                profiles.get((new.profile, new.profile_digest)),
                new.label,
                new.label_source,
            ),
            *(new.bytes, new.received_at, new.digest, new.seen, new.pixels),
        )
        for new in fresh
    ]
    insert(db, Instance, _INSTANCE_COLUMNS, rows)


_INSTANCE_COLUMNS: Final = (
    *("site_id", "series_id", "sop_instance_uid", "sop_class_uid", "transfer_syntax_uid", "number", "frames"),
    *("slice_thickness", "profile_id", "label", "label_source", "bytes", "received_at"),
    *("digest", "seen", "pixels"),
)


def _profiles(db: Database, fresh: list[Description]) -> _Numbers:
    wanted = {(new.profile, new.profile_digest) for new in fresh if new.profile or new.profile_digest}
    if not wanted:
        return {}
    sql, names = "SELECT name, digest, id FROM profile WHERE name IN ?", sorted({name for name, _ in wanted})
    found: _Numbers = {(name, digest): number for name, digest, number in ask(db, sql, names)}
    for name, digest in sorted(wanted - found.keys()):
        found[name, digest] = int(Profile.insert(name=name, digest=digest).execute(db))
    return found


def _patients(db: Database, fresh: list[Description]) -> _Numbers:
    sql = "SELECT pseudonym, id, sex FROM patient WHERE site_id = ? AND pseudonym IN ?"
    found: _Numbers = {}
    for site, pseudonyms in _by_site((new.place.site, new.pseudonym) for new in fresh):
        known = {pseudonym: (number, sex) for pseudonym, number, sex in ask(db, sql, site, pseudonyms)}
        for pseudonym in pseudonyms:
            number, sex = known.get(pseudonym, (0, ""))
            said = {new.sex for new in fresh if (new.place.site, new.pseudonym) == (site, pseudonym)} | {sex}
            agreed = min(filter(None, said), default="")
            if not number:
                number = Patient.insert(site=site, pseudonym=pseudonym, sex=agreed).execute(db)
            elif agreed != sex:
                Patient.update(sex=agreed).where(Patient.id == number).execute(db)
            found[site, pseudonym] = int(number)
    return found


def _studies(db: Database, fresh: list[Description], patients: _Numbers, profiles: _Numbers) -> _Numbers:
    numbers: _Numbers = {}
    for key, group in _grouped(fresh, 2).items():
        first = min(group, key=lambda new: new.rank)
        attributes = {
            "patient_id": patients[first.place.site, first.pseudonym],
            "date": first.date,
            "time": first.time,
            "patient_age": first.patient_age,
            "age_years": first.age_years,
            "programme": first.programme,
            "profile_id": profiles.get((first.profile, first.profile_digest)),
        }
        numbers[key], _ = _upsert(db, Study, {"site_id": key[0], "study_instance_uid": key[1]}, group, attributes, {})
    return numbers


def _series(db: Database, fresh: list[Description], studies: _Numbers, profiles: _Numbers) -> _Numbers:
    numbers: _Numbers = {}
    added: Counter[int] = Counter()
    for key, group in _grouped(fresh, 3).items():
        first = min(group, key=lambda new: new.rank)
        attributes = {
            **vars(first.acquisition),
            "number": first.series_number,
            "profile_id": profiles.get((first.profile, first.profile_digest)),
        }
        study = studies[key[:2]]
        row = {"study_id": study, "series_instance_uid": key[2]}
        changes = {**_narrowing(group), **_lost(db, row, group)}
        numbers[key], is_new = _upsert(db, Series, row, group, attributes, changes)
        added[study] += is_new
    for study, number in added.items():
        if number:
            change(db, Study, study, {"series": ("series + ?", [number])})
    return numbers


def _narrowing(group: list[Description]) -> _Changes:
    """What all the instances of a series have between them."""
    labels = reduce(or_, (label_bit(new.label) for new in group))
    thinnest = min(
        (new.acquisition.slice_thickness for new in group if new.acquisition.slice_thickness is not None), default=None
    )
    changes: _Changes = {"labels": ("labels | ?", [labels])}
    if thinnest is not None:
        changes["thinnest"] = ("CASE WHEN thinnest < ? THEN thinnest ELSE ? END", [thinnest, thinnest])
    return changes


def _lost(db: Database, series: dict[str, Any], group: list[Description]) -> _Changes:
    """What any instance of a series lost; mostly none did, and nothing is asked."""
    lost = frozenset().union(*(new.lost for new in group))
    if not lost:
        return {}
    known = ask(db, "SELECT lost FROM series WHERE study_id = ? AND series_instance_uid = ?", *series.values())
    lost |= {keyword for (text,) in known for keyword in text.split("\\") if keyword}
    return {"lost": ("?", ["\\".join(sorted(lost))])}


def _upsert(
    db: Database,
    model: type[Study | Series],
    key: dict[str, Any],
    group: list[Description],
    attributes: dict[str, Any],
    more: _Changes,
) -> tuple[int, bool]:
    """Insert a study or series with what these instances say, or add it; return its row's number, and if it is new.

    A better ranking instance or a stronger label changes the attributes. Sums are added to in the transaction that
    inserts what they count, so that they cannot drift.
    """
    rank = min(new.rank for new in group)
    label, label_source = min(((new.label, new.label_source) for new in group), key=lambda one: strength(*one))
    latest = max(new.received_at for new in group)
    sums: _Changes = {
        "instances": ("instances + ?", [len(group)]),
        "bytes": ("bytes + ?", [sum(new.bytes for new in group)]),
        "received_at": ("CASE WHEN received_at > ? THEN received_at ELSE ? END", [latest, latest]),
        **more,
    }
    labelled = {"label": label, "label_source": label_source}
    rows = ask(
        db,
        f"SELECT id, read_from, label, label_source FROM {model.__name__.lower()} "
        f"WHERE {' AND '.join(f'{column} = ?' for column in key)}",
        *key.values(),
    )
    if not rows:
        blank = {column: values[-1] for column, (_, values) in sums.items()}
        return int(model.insert(**key, **attributes, **labelled, **blank, read_from=rank).execute(db)), True
    number, read_from, *old = rows[0]
    changes = {**attributes, "read_from": rank} if rank < read_from else {}
    if strength(label, label_source) < strength(old[0], old[1]):
        changes |= labelled
    change(db, model, number, {**sums, **{column: ("?", [value]) for column, value in changes.items()}})
    return int(number), False


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
        wanted = sorted(values)
        for start in range(0, len(wanted), _MOST_VALUES):
            yield site, wanted[start : start + _MOST_VALUES]


def _place(site: str, meta: FileMeta, header: Header) -> Place:
    for tag, announced in ((tags.SOP_CLASS_UID, meta.sop_class_uid), (tags.SOP_INSTANCE_UID, meta.sop_instance_uid)):
        if header.text(tag) != announced:
            raise Permanent(
                "malformed", f"{format_tag(tag)} differs between the data set and its File Meta Information"
            )
    place = Place(
        site, header.text(tags.STUDY_INSTANCE_UID), header.text(tags.SERIES_INSTANCE_UID), meta.sop_instance_uid
    )
    for tag, uid in ((tags.STUDY_INSTANCE_UID, place.study), (tags.SERIES_INSTANCE_UID, place.series)):
        if not is_valid_uid(uid):
            raise Permanent("malformed", f"{format_tag(tag)} is not a valid UID")
    return place


def _acquisition(header: Header) -> Acquisition:
    measures = header.holder(tags.PIXEL_SPACING)
    agent = _said(header, tags.CONTRAST_BOLUS_AGENT)
    return Acquisition(
        modality=_said(header, tags.MODALITY).upper(),
        body_part=_said(header, tags.BODY_PART_EXAMINED).upper(),
        manufacturer=_said(header, tags.MANUFACTURER),
        model=_said(header, tags.MANUFACTURER_MODEL_NAME),
        kernel=_values(_said(header.holder(tags.CONVOLUTION_KERNEL), tags.CONVOLUTION_KERNEL)),
        kvp=_measured(header.holder(tags.KVP), tags.KVP),
        slice_thickness=_measured(header.holder(tags.SLICE_THICKNESS), tags.SLICE_THICKNESS),
        row_spacing=_measured(measures, tags.PIXEL_SPACING),
        column_spacing=_measured(measures, tags.PIXEL_SPACING, 1),
        rows=header.short(tags.ROWS),
        columns=header.short(tags.COLUMNS),
        contrast=bool(agent) or any(True for _ in header.items(tags.CONTRAST_BOLUS_AGENT_SEQUENCE)),
        contrast_agent=agent,
    )


def _values(text: str) -> str:
    """Several values without their padding (PS3.5 6.2): each is asked for by itself."""
    return "\\".join(value.strip() for value in text.split("\\")) if "\\" in text else text


def _keywords(raw: bytes) -> frozenset[str]:
    """Keywords of PS3.6 in a private element; what is none of their form is left out."""
    values = (value.strip(" \x00") for value in raw[:_LONGEST_KEYWORDS].decode("ascii", "replace").split("\\"))
    return frozenset(value for value in values if _KEYWORD.fullmatch(value))


def _said(header: Header, tag: int) -> str:
    """A text of the header; empty where it is a dummy."""
    text = header.text(tag)
    return "" if text in _NOT_SAID else text


def _measured(header: Header, tag: int, index: int = 0) -> float | None:
    """A length or tension of the header; ``None`` where it is a dummy."""
    return header.number(tag, index) or None


def _time(text: str) -> str:
    """A TM value (PS3.5 6.2) with minutes and seconds, so that texts compare as times do; empty for anything else."""
    if not _TIME.fullmatch(text):
        return ""
    whole, point, fraction = text.partition(".")
    return whole.ljust(6, "0") + point + fraction


@lru_cache(maxsize=256)
def _date(text: str) -> datetime.date | None:
    """A DA value (PS3.5 6.2); anything else is no date, nor is a dummy."""
    try:
        day = datetime.datetime.strptime(text, "%Y%m%d").date() if len(text) == 8 else None
    except ValueError:
        return None
    return None if day == _NO_DAY else day
