"""What the pixels carry: graphics, unused bits, bytes after the image, comments of codecs; images of many frames."""

from __future__ import annotations

import struct

from fidac_node.dicom.uids import DEFLATED_EXPLICIT_VR_LE, EXPLICIT_VR_BE, EXPLICIT_VR_LE, IMPLICIT_VR_LE
from tests.deid_encoding import El, Want, data_set, syntax_of
from tests.deid_kinds.register import LITTLE, carrier
from tests.deid_slices import ENHANCED_CT, PIXELS, Slice, packed, tag_of


@carrier(*LITTLE)
def graphics(one: Slice) -> None:
    """Overlays, curves, icons and annotations: all 16 groups of each, with labels."""
    for group in range(0x5000, 0x5020, 2):
        one.put(group << 16 | 0x0005, (1,), "gone", vr="US")
        one.put(group << 16 | 0x0022, one.person.family, "gone", vr="LO")
        one.put(group << 16 | 0x3000, one.secret(), "gone", vr="OW")
    for group in range(0x6000, 0x6020, 2):
        one.put(group << 16 | 0x0010, (4,), "gone", vr="US")
        one.put(group << 16 | 0x0011, (4,), "gone", vr="US")
        one.put(group << 16 | 0x0022, f"{one.person.family} {group:X}", "gone", vr="LO")
        one.put(group << 16 | 0x0100, (1,), "gone", vr="US")
        one.put(group << 16 | 0x0102, (0,), "gone", vr="US")
        one.put(group << 16 | 0x1500, one.person.given, "gone", vr="LO")
        one.put(group << 16 | 0x3000, one.secret(), "gone", vr="OW")
    icon = one.item()
    icon.put("Rows", (4,), "gone")
    icon.put(0x7FE00010, one.secret(), "gone", vr="OW")
    one.put("IconImageSequence", [icon], "gone")
    graphic = one.item()
    graphic.put("UnformattedTextValue", one.person.family, "gone")
    one.put("GraphicAnnotationSequence", [graphic], "gone")
    nested = one.item()
    nested.put("AcquisitionType", "SPIRAL", "kept")
    nested.put(0x60020022, one.person.family, "gone", vr="LO")
    nested.put(0x60023000, one.secret(), "gone", vr="OW")
    nested.put(0x50020022, one.person.family, "gone", vr="LO")
    one.put(0x00189321, [nested], "present")


@carrier(EXPLICIT_VR_LE, IMPLICIT_VR_LE, EXPLICIT_VR_BE)
def high_bits(one: Slice) -> None:
    """An overlay in the unused high bits of the pixels: masked, or the object held."""
    one.want = "either"
    del one.elements[0x00280120]
    for number, value in ((0x0010, (4,)), (0x0011, (4,)), (0x0100, (16,)), (0x0102, (12,))):
        one.put(0x60000000 | number, value, "gone", vr="US")
    one.put(0x60000040, "G", "gone", vr="CS")
    one.put(0x60000050, (1, 1), "gone", vr="SS")
    one.pixels = packed(tuple(pixel | (0x1000 if number % 3 else 0) for number, pixel in enumerate(PIXELS)), one.syntax)
    one.pixels_after = packed(PIXELS, one.syntax)


@carrier(EXPLICIT_VR_LE, IMPLICIT_VR_LE, DEFLATED_EXPLICIT_VR_LE)
def tails(one: Slice) -> None:
    """Bytes after the image: in PixelData, in elements behind it, in padding."""
    person = one.person
    one.surplus = (person.name + " " + person.patient_id).encode("latin-1")
    one.surplus += b"\0" * (len(one.surplus) % 2)
    syntax = syntax_of(one.syntax)
    behind = {
        0x7FE10010: El("LO", person.family, Want("gone")),
        0x7FE11001: El("OB", one.secret(), Want("gone")),
        0xFFFAFFFA: El("SQ", [{0x04000120: El("OB", one.secret(), Want("gone"))}], Want("gone")),
        0xFFFCFFFC: El("OB", person.name.encode("latin-1", "replace"), Want("gone")),
    }
    one.tail = data_set(behind, syntax, "latin-1")


@carrier(EXPLICIT_VR_LE, IMPLICIT_VR_LE, EXPLICIT_VR_BE)
def enhanced(one: Slice) -> None:
    """An Enhanced CT image: identity in functional groups, frames and dimensions in their places."""
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceLocation"):
        del one.elements[tag_of(keyword)]
    one.put("SOPClassUID", ENHANCED_CT, "kept")
    one.put("ImageType", r"ORIGINAL\PRIMARY\VOLUME\NONE", "kept")
    one.put("NumberOfFrames", "3", "kept")
    date = f"{one.person.studies[one.study]:%Y%m%d}"
    measures = one.item()
    measures.put("PixelSpacing", r"0.7\0.7", "kept")
    measures.put("SliceThickness", "1.25", "kept")
    shared = one.item()
    shared.put("PixelMeasuresSequence", [measures], "present")
    one.put("SharedFunctionalGroupsSequence", [shared], "present")
    frames = []
    for number in range(3):
        content = one.item()
        content.put("FrameReferenceDateTime", f"{date}102413.{number}", "moment")
        content.put("FrameAcquisitionDateTime", f"{date}102413.{number}", "moment")
        content.text("FrameComments", "{family} {id}")
        content.put("StackID", "1", "kept")
        content.put("InStackPositionNumber", (number + 1,), "kept")
        content.put("DimensionIndexValues", (1, number + 1), "kept")
        position = one.item()
        position.put("ImagePositionPatient", rf"0\0\{number}", "kept")
        frame = one.item()
        frame.put("FrameContentSequence", [content], "present")
        frame.put("PlanePositionSequence", [position], "present")
        frame.put(0x00291010, one.person.family, "gone", vr="LO")
        frames.append(frame)
    one.put("PerFrameFunctionalGroupsSequence", frames, "present")
    organisation = one.item()
    organisation.put("DimensionOrganizationUID", one.uid(91), "uid")
    one.put("DimensionOrganizationSequence", [organisation], "present")
    one.pixels = packed(PIXELS * 3, one.syntax)


def _segment(marker: int, payload: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(payload) + 2) + payload


def _jpeg(*extra: bytes) -> bytes:
    tables = _segment(0xC4, b"\0\0\2" + bytes(14) + b"\0\1") + _segment(
        0xC3, struct.pack(">BHHB", 12, 4, 4, 1) + b"\1\x11\0"
    )
    return b"\xff\xd8" + b"".join(extra) + tables + _segment(0xDA, b"\1\1\0\1\0\0") + b"\x12\xff\x00\x34\x56\xff\xd9"


def _jpeg_ls(*extra: bytes) -> bytes:
    frame = _segment(0xF7, struct.pack(">BHHB", 12, 4, 4, 1) + b"\1\x11\0")
    return b"\xff\xd8" + frame + b"".join(extra) + _segment(0xDA, b"\1\1\0\0\0\0") + b"\x12\xff\x7f\x34\xff\xd9"


def jpeg_2000(*extra: bytes) -> bytes:
    body = b"\xff\x93\x12\x34\xff\x7f"
    tile = b"\xff\x90" + struct.pack(">HHLBB", 10, 0, 12 + len(body), 0, 1) + body
    size = struct.pack(">H8LH", 0, 4, 4, 0, 0, 4, 4, 0, 0, 1) + b"\x0b\1\1"
    return b"\xff\x4f" + _segment(0x51, size) + b"".join(extra) + tile + b"\xff\xd9"


def items_of(frame: bytes) -> bytes:
    """Pixel data of one fragment, with an empty offset table."""
    frame += b"\0" * (len(frame) % 2)
    return struct.pack("<HHL", 0xFFFE, 0xE000, 0) + struct.pack("<HHL", 0xFFFE, 0xE000, len(frame)) + frame


_PLANE = bytes(range(16))
_CODECS = (
    ("1.2.840.10008.1.2.4.70", _jpeg, ((0xFE, b""), (0xE1, b"Exif\0\0"), (0xEE, b"Adobe"))),
    ("1.2.840.10008.1.2.4.57", _jpeg, ((0xFE, b""), (0xED, b"Photoshop 3.0\0"))),
    ("1.2.840.10008.1.2.4.51", _jpeg, ((0xFE, b""), (0xE1, b"http://ns.adobe.com/xap/1.0/\0"))),
    ("1.2.840.10008.1.2.4.80", _jpeg_ls, ((0xFE, b""), (0xE8, b"SPIFF\0"))),
    ("1.2.840.10008.1.2.4.90", jpeg_2000, ((0x64, b"\0\1"),)),
    ("1.2.840.10008.1.2.4.201", jpeg_2000, ((0x64, b"\0\1"),)),
)


@carrier(*(syntax for syntax, _, _ in _CODECS))
def codestreams(one: Slice) -> None:
    """Comments and application segments of compressed pixels, and bytes after their end.

    They become zeros, nothing else is changed.
    """
    build, markers = next((build, markers) for syntax, build, markers in _CODECS if syntax == one.syntax)
    fields = one.person.fields(one.study)
    texts = [prefix + "{FAMILY} {id} {hospital}".format(**fields).encode("latin-1", "replace") for _, prefix in markers]
    blank = [prefix if marker == 0x64 else bytes(len(prefix)) for marker, prefix in markers]
    after = [part + bytes(len(text) - len(part)) for text, part in zip(texts, blank, strict=True)]
    trailer = fields["FAMILY"].encode("latin-1", "replace")
    secret = build(*(_segment(marker, text) for (marker, _), text in zip(markers, texts, strict=True)))
    clean = build(*(_segment(marker, text) for (marker, _), text in zip(markers, after, strict=True)))
    one.pixels = items_of(secret + trailer)
    one.pixels_after = items_of(clean + bytes(len(trailer)))


@carrier("1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5")
def compressed(one: Slice) -> None:
    """An ordinary compressed slice keeps every byte."""
    builds = {"70": _jpeg, "80": _jpeg_ls, "90": jpeg_2000}
    build = builds.get(one.syntax.rpartition(".")[2])
    one.pixels = items_of(build() if build else rle(_PLANE, _PLANE))


@carrier("1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5")
def odd_segments(one: Slice) -> None:
    """Segments that no decoder asks for, and the slack of RLE: blanked, or the object held."""
    one.want = "either"
    text = one.person.family.upper().encode("latin-1", "replace").ljust(16, b"\0")
    one.needles.raw.add(text.rstrip(b"\0"))
    if one.syntax == "1.2.840.10008.1.2.5":
        one.pixels = items_of(rle(_PLANE, _PLANE, text))
        one.pixels_after = items_of(rle(_PLANE, _PLANE, bytes(16)))
        return
    build, markers = {
        "70": (_jpeg, (0xF0, 0xFD, 0xBF)),
        "80": (_jpeg_ls, (0xF0, 0xFD, 0xBF)),
        "90": (jpeg_2000, (0x65, 0x74)),
    }[one.syntax.rpartition(".")[2]]
    marker = one.rng.choice(markers)
    one.pixels = items_of(build(_segment(marker, text)))
    one.pixels_after = items_of(build(_segment(marker, bytes(16))))


def rle(upper: bytes, lower: bytes, slack: bytes = b"") -> bytes:
    """The two bytes of each pixel in a segment each.

    ``slack`` is in the offsets that are not used and before the first segment.
    """
    segments = [b"".join(bytes((len(run) - 1,)) + run for run in _runs(plane)) for plane in (upper, lower)]
    segments = [segment + b"\0" * (len(segment) % 2) for segment in segments]
    first = 64 + len(slack)
    head = struct.pack("<LLL", 2, first, first + len(segments[0])) + slack
    return head.ljust(64, b"\0") + slack + b"".join(segments)


def _runs(plane: bytes) -> list[bytes]:
    return [plane[at : at + 128] for at in range(0, len(plane), 128)]
