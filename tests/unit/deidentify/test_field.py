"""What equipment writes slightly wrong comes out right and is told; what nobody can tell is lost or held, and told.

One table of oddities, as reported from the field (none of its values is anybody's): each is run through the engine
alone, and for two people at once, who must come out the same byte for byte.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from fidac_node.deidentify import Deidentifier, Outcome
from fidac_node.deidentify.gate.needles import dates_in
from fidac_node.dicom import marks, part10
from fidac_node.dicom.dictionary import keyword_of, tag_of
from fidac_node.dicom.uids import DEFLATED_EXPLICIT_VR_LE, EXPLICIT_VR_LE, IMPLICIT_VR_LE
from fidac_node.errors import Permanent
from tests.unit.deidentify import build
from tests.unit.deidentify.build import KEY, PIXELS, ct, raw_element, read, traces
from tests.unit.deidentify.test_non_interference import Coinciding

Patch = Callable[[bytes], bytes]


class Case(NamedTuple):
    """An oddity, what the output has (``None``: nothing, ``...``: something), and what is told of which attributes."""

    patch: Patch
    output: dict[str, Any]
    normalised: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


def start_of(data: bytes) -> int:
    return part10.meta_in(data)[1]


def where(data: bytes, keyword: str) -> part10.Element:
    tag = tag_of(keyword)
    return next(one for one in part10.walk(data, start_of(data), len(data), EXPLICIT_VR_LE) if one.tag == tag)


def put(keyword: str, vr: str, value: bytes) -> Patch:
    """An element as it is given, instead of the one that is there or where it belongs."""
    tag = tag_of(keyword) or 0

    def patch(data: bytes) -> bytes:
        start = start_of(data)
        found = list(part10.walk(data, start, len(data), EXPLICIT_VR_LE))
        kept = {one.tag: data[one.start : one.after] for one in found} | {tag: raw_element(tag, vr, value)}
        return data[:start] + b"".join(kept[one] for one in sorted(kept))

    return patch


def behind_pixels(keyword: str) -> Patch:
    def patch(data: bytes) -> bytes:
        one = where(data, keyword)
        return data[: one.start] + data[one.after :] + data[one.start : one.after]

    return patch


def before(keyword: str, odd: bytes) -> Patch:
    return lambda data: data[: where(data, keyword).start] + odd + data[where(data, keyword).start :]


def meta(**values: str) -> Patch:
    """Other File Meta Information."""
    return lambda data: part10.encode_meta(part10.meta_in(data)[0]._replace(**values)) + data[start_of(data) :]


def unknown(data: bytes) -> bytes:
    """Every element as UN."""
    start = start_of(data)
    found = list(part10.walk(data, start, len(data), EXPLICIT_VR_LE))
    return data[:start] + b"".join(
        raw_element(one.tag, "OW" if one.tag == part10.PIXEL_DATA else "UN", data[one.value : one.end]) for one in found
    )


def implicit(data: bytes) -> bytes:
    """The data set in Implicit VR, whatever its File Meta Information says."""
    start = start_of(data)
    found = list(part10.walk(data, start, len(data), EXPLICIT_VR_LE))
    return data[:start] + b"".join(raw_element(one.tag, "", data[one.value : one.end], explicit=False) for one in found)


def deflated(data: bytes) -> bytes:
    head, start = meta(transfer_syntax_uid=DEFLATED_EXPLICIT_VR_LE)(data), start_of(data)
    return head[: start_of(head)] + zlib.compress(data[start:])


CODE = raw_element(0x00080100, "SH", b"R-10") + raw_element(0x00080102, "SH", b"SRT ")
ITEM, ITEM_END, SEQUENCE_END = b"\xfe\xff\x00\xe0", b"\xfe\xff\x0d\xe0" + bytes(4), b"\xfe\xff\xdd\xe0" + bytes(4)
OPEN_SEQUENCE = struct.pack("<HH2s2xL", 0x0008, 0x1032, b"SQ", 0xFFFFFFFF)
CREATOR = raw_element(0x00290010, "LO", b"ACME HEADER ")
CASES: dict[str, Case] = {
    "a whole number with a fraction of zero": Case(
        put("InstanceNumber", "IS", b"5.0 "), {"InstanceNumber": 5}, ("InstanceNumber",)
    ),
    "an exposure with a fraction": Case(put("Exposure", "IS", b"12.5"), {"Exposure": 13}, ("Exposure",)),
    "an instance number with a fraction": Case(
        put("InstanceNumber", "IS", b"5.5 "), {"InstanceNumber": None}, (), ("InstanceNumber",)
    ),
    "an age without unit": Case(put("PatientAge", "AS", b"45"), {"PatientAge": "045Y"}, ("PatientAge",)),
    "an age in words": Case(put("PatientAge", "AS", b"70 ans"), {"PatientAge": "070Y"}, ("PatientAge",)),
    "an age that is none": Case(put("PatientAge", "AS", b"NX DE_AB"), {"PatientAge": "062Y"}),
    "a date with dashes": Case(put("ContentDate", "DA", b"2024-03-17"), {"ContentDate": ...}, ("ContentDate",)),
    "a date with a time": Case(put("ContentDate", "DA", b"20240317101112 "), {"ContentDate": ...}, ("ContentDate",)),
    "a date of two meanings": Case(
        put("ContentDate", "DA", b"03/04/2024"), {"ContentDate": None}, (), ("ContentDate",)
    ),
    "a day that there is not": Case(put("ContentDate", "DA", b"20240230"), {"ContentDate": None}, (), ("ContentDate",)),
    "a study date that all others contradict": Case(
        put("StudyDate", "DA", b"2020-03-01"), {"StudyDate": ...}, ("StudyDate",)
    ),
    "a time with colons": Case(put("ContentTime", "TM", b"10:11:12"), {"ContentTime": "101112"}, ("ContentTime",)),
    "a moment as ISO 8601 has it": Case(
        put("AcquisitionDateTime", "DT", b"2024-03-17T10:11:12 "),
        {"AcquisitionDateTime": ...},
        ("AcquisitionDateTime",),
    ),
    "a body part in lower case": Case(
        put("BodyPartExamined", "CS", b"Thorax"), {"BodyPartExamined": "THORAX"}, ("BodyPartExamined",)
    ),
    "a body part longer than a CS": Case(
        put("BodyPartExamined", "CS", b"THORAX ABDOMEN PELVIS "),
        {"BodyPartExamined": "THORAX ABDOMEN"},
        ("BodyPartExamined",),
    ),
    "an image type in lower case": Case(
        put("ImageType", "CS", b"original\\primary\\axial"),
        {"ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"]},
        ("ImageType",),
    ),
    "a modality in lower case": Case(put("Modality", "CS", b"ct"), {"Modality": "CT"}, ("Modality",)),
    "decimal commas": Case(
        put("ImagePositionPatient", "DS", b"-160,5\\-160,5\\-100,5"),
        {"ImagePositionPatient": [-160.5, -160.5, -100.5]},
        ("ImagePositionPatient",),
    ),
    "a comma of two meanings": Case(
        put("SliceThickness", "DS", b"1,250 "), {"SliceThickness": None}, (), ("SliceThickness",)
    ),
    "a unit behind a number": Case(put("KVP", "DS", b"120kV "), {"KVP": 120}, ("KVP",)),
    "another unit behind a number": Case(put("KVP", "DS", b"120 keV "), {"KVP": None}, (), ("KVP",)),
    "a backslash behind the last value": Case(
        put("PixelSpacing", "DS", b"0.7\\0.7\\"), {"PixelSpacing": [0.7, 0.7]}, ("PixelSpacing",)
    ),
    "a number as text": Case(put("KVP", "SH", b"120 "), {"KVP": 120}, ("KVP",)),
    "a date as text": Case(put("ContentDate", "LO", b"20240317"), {"ContentDate": ...}, ("ContentDate",)),
    "a number of 32 bits": Case(put("Rows", "UL", struct.pack("<L", 4)), {"Rows": 4}, ("Rows",)),
    "a text as bytes": Case(put("ProtocolName", "OB", b"Thorax"), {"ProtocolName": None}),
    "a number of frames with a fraction": Case(
        put("NumberOfFrames", "IS", b"1.0 "), {"NumberOfFrames": 1}, ("NumberOfFrames",)
    ),
    "a known text as UN": Case(put("ProtocolName", "UN", b"Thorax"), {"ProtocolName": "Thorax"}),
    "everything as UN": Case(unknown, {"Modality": "CT", "Rows": 4, "BodyPartExamined": "CHEST"}),
    "no preamble": Case(lambda data: data[128:], {"Rows": 4}, ("FileMetaInformationVersion",)),
    "no File Meta Information": Case(lambda data: data[start_of(data) :], {"Rows": 4}, ("FileMetaInformationVersion",)),
    "two File Meta Informations": Case(
        lambda data: meta()(data)[: start_of(meta()(data))] + data, {"Rows": 4}, ("FileMetaInformationVersion",)
    ),
    "File Meta Information of another instance": Case(meta(sop_instance_uid="1.2.3"), {"Rows": 4}),
    "another transfer syntax than stated": Case(implicit, {"Rows": 4, "Modality": "CT"}, ("TransferSyntaxUID",)),
    "Implicit VR stated of what is explicit": Case(
        meta(transfer_syntax_uid=IMPLICIT_VR_LE), {"Rows": 4, "Modality": "CT"}, ("TransferSyntaxUID",)
    ),
    "deflated in the frame of zlib": Case(deflated, {"Rows": 4}),
    "said to be deflated": Case(meta(transfer_syntax_uid=DEFLATED_EXPLICIT_VR_LE), {"Rows": 4}, ("TransferSyntaxUID",)),
    "a slope behind the pixels": Case(
        lambda data: behind_pixels("RescaleSlope")(put("RescaleSlope", "DS", b"2 ")(data)),
        {"RescaleSlope": 2},
        ("RescaleSlope",),
    ),
    "the same element twice": Case(
        before("Modality", raw_element(0x00080060, "CS", b"CT")), {"Modality": "CT"}, ("Modality",)
    ),
    "an item closed by the end of a sequence": Case(
        before("PatientName", OPEN_SEQUENCE + ITEM + b"\xff" * 4 + CODE + SEQUENCE_END * 2),
        {"Rows": 4},
        ("ProcedureCodeSequence",),
    ),
    "a sequence in UN in Explicit VR": Case(
        before("PatientName", raw_element(0x00081032, "UN", ITEM + struct.pack("<L", len(CODE)) + CODE)),
        {"Rows": 4},
        ("ProcedureCodeSequence",),
    ),
    "a sequence that nobody can read": Case(
        before("PatientName", raw_element(0x00081140, "SQ", ITEM + b"\x03\0\0\0" + CODE)),
        {"ReferencedImageSequence": []},
        ("ReferencedImageSequence",),
        ("ReferencedImageSequence",),
    ),
    "a private sequence that nobody can read": Case(
        before("PixelData", CREATOR + raw_element(0x00291040, "SQ", b"not a sequence at all!!!")),
        {"Rows": 4},
        ("00291040",),
    ),
    "a private element with a VR that there is not": Case(
        before("PixelData", CREATOR + struct.pack("<HH2sH", 0x29, 0x1001, b"--", 4) + b"ABCD"),
        {"Rows": 4},
        ("00291001",),
    ),
    "a public element with a VR that there is not": Case(
        before("KVP", struct.pack("<HH2sH", 0x18, 0x22, b"  ", 6) + b"HELIX "),
        {"ScanOptions": "HELIX"},
        ("ScanOptions",),
    ),
    "zeros behind the last element": Case(lambda data: data + bytes(300), {"Rows": 4}),
    "a UID that is a UUID": Case(
        put("SOPInstanceUID", "UI", b"dccc9599087131742838cc1162a630fe"), {"SOPInstanceUID": ...}
    ),
}
HELD: dict[str, tuple[Patch, str]] = {
    "two names": (before("PatientID", raw_element(0x00100010, "PN", b"MARTIN^PAUL ")), "malformed"),
    "garbage behind": (lambda data: data + b"END OF FILE DUPONT", "malformed"),
    "cut short": (lambda data: data[:-10], "malformed"),
    "one value where a spacing has two": (put("PixelSpacing", "DS", b"0.7 "), "incomplete"),
    "a direction that is no number": (put("ImageOrientationPatient", "DS", b"1\\0\\0\\0\\nan\\0"), "incomplete"),
    "a length that could be told in two ways": (
        before("PixelData", CREATOR + struct.pack("<HH2sH", 0x29, 0x1001, b"??", 0x4000) + b"ABCD"),
        "malformed",
    ),
    "the image's own groups unreadable": (
        before("PixelData", raw_element(0x52009229, "SQ", b"not a sequence at all!!!")),
        "malformed",
    ),
}

ONE = {"PatientName": "QUENOUILLE^Zéphyrine", "PatientID": "IPP8003412765", "PatientBirthDate": "19610714"}
OTHER = {
    "PatientName": "王小东",
    "PatientID": "ZZ4417009",
    "PatientBirthDate": "19610601",
    "SpecificCharacterSet": "ISO_IR 192",
}
OTHER_IDENTITY = {
    "AccessionNumber": "7001234",
    "StudyID": "X",
    "ReferringPhysicianName": "NG^XU",
    "OperatorsName": "ABCD^E",
    "InstitutionName": "Clinique du Lac",
    "StationName": "CT99",
    "DeviceSerialNumber": "00012345",
    "StudyDescription": "Thorax de VANDERBEKE",
    "ImageComments": "M. Vanderbeke",
    "PatientAddress": "BP 4417",
    "PatientTelephoneNumbers": "01 00 00 00 00",
    "OtherPatientIDs": "ABC998877",
    "AdmissionID": "NDA1",
    "InstitutionAddress": "Foix",
    "RequestedProcedureID": "RP-9",
    "PatientMotherBirthName": "XU^A",
}


def file_of(**values: Any) -> bytes:
    """A small CT image, SeriesDate and ContentDate of its study's day with it."""
    target = io.BytesIO()
    ds = ct(**{"AcquisitionDate": "20240317", "ContentDate": "20240317", **values})
    ds.file_meta = None
    path_less = build.FileDataset("", ds, preamble=bytes(128))
    path_less.file_meta = build.FileMetaDataset()
    path_less.file_meta.MediaStorageSOPClassUID, path_less.file_meta.MediaStorageSOPInstanceUID = (
        build.CT,
        ds.SOPInstanceUID,
    )
    path_less.file_meta.TransferSyntaxUID = build.UID(EXPLICIT_VR_LE)
    build.dcmwrite(target, path_less, enforce_file_format=True)
    return target.getvalue()


def deidentified(data: bytes, engine: Deidentifier | None = None) -> tuple[bytes, Outcome]:
    engine, target = engine or build.deidentifier(), io.BytesIO()
    source = engine.sources.read(data, build.LIMIT)
    outcome = engine.deidentify(source, target, label="certain", label_source="called-ae", limit=build.LIMIT)
    return target.getvalue(), outcome


def named(paths: tuple[tuple[int, ...], ...]) -> tuple[str, ...]:
    return tuple(keyword_of(path[-1]) or f"{path[-1]:08X}" for path in paths)


@pytest.mark.parametrize("name", CASES)
def test_what_is_written_slightly_wrong_comes_out_right_and_is_told(name: str) -> None:
    case = CASES[name]
    encoded, outcome = deidentified(case.patch(file_of()))
    after = read(encoded)
    for keyword, wanted in case.output.items():
        value = after.get(keyword)
        if wanted is ...:
            assert value, keyword
        elif wanted is None or wanted == []:
            assert not value, keyword
        else:
            assert value == wanted, keyword
    assert after.PixelData == PIXELS
    if name != "everything as UN":
        assert sorted(named(outcome.normalised)) == sorted(case.normalised)
    assert sorted(named(outcome.lost)) == sorted(case.lost)
    block = after.private_block(marks.PRIVATE_GROUP, marks.PRIVATE_CREATOR)
    said = block[marks.LOST].value if marks.LOST in block else ""
    assert said == "\\".join(sorted(case.lost)), "the object says itself what it lost"
    assert traces(encoded) == []


@pytest.mark.parametrize("name", CASES)
def test_two_people_with_the_same_oddity_come_out_the_same(name: str) -> None:
    patch = CASES[name].patch
    outputs = []
    for person in (ONE, {**OTHER, **OTHER_IDENTITY}):
        engine = build.deidentifier()
        engine = Deidentifier(engine.plan, _Coinciding(), "S1", "FIDAC")
        outputs.append(deidentified(patch(file_of(**person)), engine)[0])
    assert outputs[0] == outputs[1]


class _Coinciding(Coinciding):
    """Gives everybody the pseudonyms of one patient; UIDs are the same in both already."""

    def __init__(self) -> None:
        super(Coinciding, self).__init__(KEY, "FIDAC", "S1")
        self._same = lambda uid: uid


@pytest.mark.parametrize("name", HELD)
def test_what_nobody_can_tell_is_held_with_its_reason(name: str) -> None:
    patch, code = HELD[name]
    with pytest.raises(Permanent) as caught:
        deidentified(patch(file_of()))
    assert caught.value.code == code


def test_what_was_agreed_otherwise_is_held_and_the_sender_is_to_blame(tmp_path: Any) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(implicit(file_of()))
    with (
        pytest.raises(Permanent, match="not in the transfer syntax that was agreed"),
        build.deidentifier().sources.open(path, build.LIMIT, agreed=True),
    ):
        pass


SPELLINGS = [
    {},
    {"StudyDate": ("DA", b"2024-03-17"), "SeriesDate": ("DA", b"2024.03.17")},
    {"StudyDate": ("LO", b"20240317"), "SeriesDate": ("DA", b"2024/03/17")},
    {"PatientAge": ("AS", b"62 ans"), "PatientID": ("UN", b"IPP8003412765 ")},
    {"StudyInstanceUID": ("UI", build.ROOT.encode() + b".1\0\0\0"), "PatientID": ("LO", b" IPP8003412765\0")},
]


def test_in_whatever_spelling_a_patient_keeps_pseudonym_and_interval() -> None:
    engine = build.deidentifier()
    found = set()
    for spelling in SPELLINGS:
        data = file_of()
        for keyword, (vr, value) in spelling.items():
            data = put(keyword, vr, value)(data)
        encoded, outcome = deidentified(data, engine)
        after = read(encoded)
        found.add((outcome.pseudonym, outcome.study_instance_uid, str(after.StudyDate), str(after.SeriesDate)))
    assert len(found) == 1


@pytest.mark.parametrize("written", [b"1961-07-14", b"1961.07.14", b"1961/07/14", b"19610714"])
def test_a_birth_date_is_looked_for_however_it_is_written(written: bytes) -> None:
    assert dates_in([written]) == {b"19610714"}
