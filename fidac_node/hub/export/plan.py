"""What is to be exported, and where each object goes: worked out in whole before the first byte is copied.

The plan is a file, so that neither a million objects nor a day of copying asks for memory or for an open question to
the index.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from fidac_node.hub.archive import Place
from fidac_node.hub.index.record import kept

if TYPE_CHECKING:
    from peewee import Database

    from fidac_node.hub.digests import Filed
    from fidac_node.hub.index.rows import InstanceRow

_PAGE: Final = 500
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_NOT_IN_A_NAME: Final = re.compile(r"[^A-Za-z0-9_-]")
_LONGEST_NAME: Final = 40

Paths = Callable[["InstanceRow"], str]


class Item(NamedTuple):
    """One object of an export: where it goes, whose it is, what its file must be, and what a DICOMDIR says of it."""

    path: str
    site: str
    patient: str
    study: str
    series: str
    sop: str
    sop_class: str
    syntax: str
    label: str
    digest: str
    size: int
    date: str
    time: str
    modality: str
    series_number: int | None
    number: int | None

    @property
    def place(self) -> Place:
        """Where the archive has it."""
        return Place(self.site, self.study, self.series, self.sop)

    @property
    def folder(self) -> str:
        """The folder of its series."""
        return self.path.rpartition("/")[0]


class Totals(NamedTuple):
    """How many objects, and how many bytes."""

    objects: int
    bytes: int


def write(
    file: Path, rows: Iterable[InstanceRow], db: Database, filed: Callable[[Place], Filed], paths: Paths
) -> Totals:
    """Write the plan of ``rows``, which come series by series.

    ``filed`` tells what the file of an object must be of which the index does not know it. Raises ``OSError``.
    """
    objects = size = 0
    rows = iter(rows)
    with file.open("w", encoding="ascii") as out:
        while page := list(islice(rows, _PAGE)):
            known = kept(db, ((row.site, row.SOPInstanceUID) for row in page))
            for row in page:
                said = known[row.site, row.SOPInstanceUID].filed
                item = _item(row, said if said.digest else filed(_place(row)), paths(row))
                out.write(json.dumps(item) + "\n")
                objects, size = objects + 1, size + item.size
    return Totals(objects, size)


def read(file: Path) -> Iterator[Item]:
    """The objects of a plan, in its order. Raises ``OSError``."""
    with file.open(encoding="ascii") as lines:
        for line in lines:
            yield Item._make(json.loads(line))


def by_uid() -> Paths:
    """PatientID/StudyInstanceUID/SeriesInstanceUID/SOPInstanceUID.dcm; one pseudonym at two sites has two folders."""
    owners: dict[str, str] = {}

    def path(row: InstanceRow) -> str:
        folder = folder_name(row.PatientID)
        if owners.setdefault(folder.lower(), row.site) != row.site:
            folder = f"{folder}.{row.site}"
        return f"{folder}/{row.StudyInstanceUID}/{row.SeriesInstanceUID}/{row.SOPInstanceUID}.dcm"

    return path


def by_number() -> Paths:
    """Names as a DICOMDIR may have them: components of 8 capitals and digits at most (PS3.10 8.2)."""
    before: list[tuple[str, ...]] = [()]
    numbers = [0, 0, 0, 0]

    def path(row: InstanceRow) -> str:
        own = (row.site, row.PatientID, row.StudyInstanceUID, row.SeriesInstanceUID)
        depth = next((n for n, last in enumerate((2, 3, 4)) if own[:last] != before[0][:last]), 3)
        numbers[depth] += 1
        numbers[depth + 1 :] = [1] * (3 - depth)
        before[0] = own
        patient, study, series, image = numbers
        return f"DICOM/PT{patient:06}/ST{study:06}/SE{series:06}/IM{image:06}"

    return path


def folder_name(pseudonym: str) -> str:
    """A folder's name for a pseudonym, whatever is in it: what no name should have is replaced, and kept apart."""
    if _NAME.fullmatch(pseudonym):
        return pseudonym
    mark = hashlib.sha256(pseudonym.encode("utf-8")).hexdigest()[:12]
    return f"x{_NOT_IN_A_NAME.sub('_', pseudonym)[:_LONGEST_NAME]}-{mark}"


def _place(row: InstanceRow) -> Place:
    return Place(row.site, row.StudyInstanceUID, row.SeriesInstanceUID, row.SOPInstanceUID)


def _item(row: InstanceRow, filed: Filed, path: str) -> Item:
    date = row.StudyDate.strftime("%Y%m%d") if row.StudyDate else ""
    return Item(
        path=path,
        site=row.site,
        patient=row.PatientID,
        study=row.StudyInstanceUID,
        series=row.SeriesInstanceUID,
        sop=row.SOPInstanceUID,
        sop_class=row.SOPClassUID,
        syntax=row.TransferSyntaxUID,
        label=row.label,
        digest=filed.digest,
        size=filed.size,
        date=date,
        time=row.StudyTime,
        modality=row.Modality,
        series_number=row.SeriesNumber,
        number=row.InstanceNumber,
    )
