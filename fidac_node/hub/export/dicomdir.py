"""A DICOMDIR (PS3.3 F, PS3.10 8): which files there are, by patient, study, series and image, with the keys of F.5."""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import IO, Any, Final, NamedTuple

from fidac_node.dicom.dictionary import tag_of, vrs_of
from fidac_node.dicom.encode import Syntax, join
from fidac_node.dicom.part10 import FileMeta, encode_meta
from fidac_node.dicom.uids import EXPLICIT_VR_LE, MEDIA_STORAGE_DIRECTORY
from fidac_node.hub.export.plan import Item

_SYNTAX: Final = Syntax.of(EXPLICIT_VR_LE)
_UTF_8: Final = "ISO_IR 192"
_NEXT: Final = 0x00041400
_LOWER: Final = 0x00041420
_FIRST: Final = 0x00041200
_LAST: Final = 0x00041202
_IN_USE_FLAG: Final = 0x00041410
_FILE_SET_ID: Final = 0x00041130
_CONSISTENT: Final = 0x00041212
_RECORDS: Final = 0x00041220
_ITEM_HEADER: Final = 8


class _Record(NamedTuple):
    """One directory record: its depth (0 patient to 3 image) and its keys, encoded but for the two offsets."""

    depth: int
    elements: dict[int, bytes]

    @property
    def length(self) -> int:
        """Bytes of its item."""
        return _ITEM_HEADER + len(self.encoded(0, 0))

    def encoded(self, following: int, lower: int) -> bytes:
        """With the offsets of the next record of its kind and of the first that belongs to it."""
        offsets = {_NEXT: _long(_NEXT, following), _LOWER: _long(_LOWER, lower)}
        return join(self.elements | offsets)


def write_dicomdir(file: IO[bytes], items: Iterable[Item]) -> None:
    """Write the DICOMDIR of files that come series by series, under names as PS3.10 8.2 wants them."""
    meta = FileMeta(MEDIA_STORAGE_DIRECTORY, f"2.25.{uuid.uuid4().int}", EXPLICIT_VR_LE)
    records = list(_records(items))
    head = encode_meta(meta)
    start = len(head) + len(_identification(0, 0)) + len(_SYNTAX.header(_RECORDS, "SQ", 0))
    offsets = []
    for record in records:
        offsets.append(start)
        start += record.length
    following, lower = _links(records, offsets)
    patients = [offset for record, offset in zip(records, offsets, strict=True) if record.depth == 0]
    file.write(head + _identification(patients[0] if patients else 0, patients[-1] if patients else 0))
    file.write(_SYNTAX.header(_RECORDS, "SQ", start - offsets[0] if offsets else 0))
    for number, record in enumerate(records):
        encoded = record.encoded(following[number], lower[number])
        file.write(_SYNTAX.item(len(encoded)) + encoded)


def _links(records: list[_Record], offsets: list[int]) -> tuple[list[int], list[int]]:
    """For each record the offset of the next one beside it, and of the first below it; 0: there is none."""
    following, lower = [0] * len(records), [0] * len(records)
    beside: list[int] = [0, 0, 0, 0]  # the last record met of each depth, from the end
    for number in range(len(records) - 1, -1, -1):
        depth = records[number].depth
        following[number] = beside[depth]
        lower[number] = beside[depth + 1] if depth < 3 else 0
        beside[depth] = offsets[number]
        beside[depth + 1 :] = [0] * (3 - depth)
    return following, lower


def _records(items: Iterable[Item]) -> Iterator[_Record]:
    """The records in the order of the tree; StudyID, which de-identification empties, is the study's number here."""
    study_number = 0
    for _, of_patient in groupby(items, key=lambda item: (item.site, item.patient)):
        for patient, of_study in _first_and_all(of_patient, lambda item: item.study):
            if patient is not None:
                yield _record(0, "PATIENT", PatientName=patient.patient, PatientID=patient.patient)
            study_number += 1
            for study, of_series in _first_and_all(of_study, lambda item: item.series):
                if study is not None:
                    yield _record(1, "STUDY", **_of_study(study, study_number))
                for number, item in enumerate(of_series):
                    if not number:
                        yield _record(2, "SERIES", **_of_series(item))
                    yield _record(3, "IMAGE", **_of_image(item, number + 1))


def _first_and_all(items: Iterable[Item], key: Callable[[Item], str]) -> Iterator[tuple[Item | None, list[Item]]]:
    """The groups of ``items``, and with the first of them the first item."""
    for number, (_, group) in enumerate(groupby(items, key=key)):
        own = list(group)
        yield (own[0] if not number else None), own


def _of_study(item: Item, number: int) -> dict[str, Any]:
    return {
        "StudyDate": item.date,
        "StudyTime": item.time,
        "AccessionNumber": "",
        "StudyDescription": "",
        "StudyInstanceUID": item.study,
        "StudyID": str(number),
    }


def _of_series(item: Item) -> dict[str, Any]:
    number = "" if item.series_number is None else str(item.series_number)
    return {"Modality": item.modality, "SeriesInstanceUID": item.series, "SeriesNumber": number}


def _of_image(item: Item, number: int) -> dict[str, Any]:
    return {
        "ReferencedFileID": item.path.replace("/", "\\"),
        "ReferencedSOPClassUIDInFile": item.sop_class,
        "ReferencedSOPInstanceUIDInFile": item.sop,
        "ReferencedTransferSyntaxUIDInFile": item.syntax,
        "InstanceNumber": str(number if item.number is None else item.number),
    }


def _record(depth: int, kind: str, **keys: str) -> _Record:
    said = {"DirectoryRecordType": kind, "SpecificCharacterSet": _UTF_8, **keys}
    elements = {_IN_USE_FLAG: _SYNTAX.element(_IN_USE_FLAG, "US", b"\xff\xff")}
    for keyword, value in said.items():
        tag = tag_of(keyword)
        assert tag is not None
        elements[tag] = _SYNTAX.element(tag, vrs_of(tag)[0], value.encode("utf-8"))
    return _Record(depth, elements)


def _identification(first: int, last: int) -> bytes:
    """What is before the records (PS3.3 F.3.2.1)."""
    return join(
        {
            _FILE_SET_ID: _SYNTAX.element(_FILE_SET_ID, "CS", b"FIDAC"),
            _FIRST: _long(_FIRST, first),
            _LAST: _long(_LAST, last),
            _CONSISTENT: _SYNTAX.element(_CONSISTENT, "US", b"\x00\x00"),
        }
    )


def _long(tag: int, value: int) -> bytes:
    return _SYNTAX.element(tag, "UL", struct.pack("<L", value))
