"""What every fuzzed file must hold to, and how files are damaged.

For the test suite and for the fuzzer that is run by hand.
"""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

from fidac_node.deidentify import Deidentifier, Plan, Pseudonymiser, load_plan
from fidac_node.deidentify.source import Source
from fidac_node.dicom import part10
from fidac_node.dicom.part10 import PIXEL_DATA
from fidac_node.dicom.uids import DEFLATED_EXPLICIT_VR_LE, EXPLICIT_VR_BE, EXPLICIT_VR_LE, IMPLICIT_VR_LE
from fidac_node.errors import Permanent
from tests import strategies as made
from tests.strategies import Elem, elem, image, sequence

KEY: Final = bytes(range(32))
LIMIT: Final = 1 << 26
# A patient's engine is made anew after so many files: caches are part of what is tested.
_LIFE: Final = 500


class Violation(AssertionError):
    """A file got through in a way that it must not, whatever was in it."""


class Spy:
    """The gate, and what it saw last."""

    def __init__(self, gate: Any) -> None:
        self._gate = gate
        self.seen: list[bytes] = []

    def read(self, *before: Any) -> Any:
        """Read an input."""
        return self._gate.read(*before)

    def check(self, said: Any, after: Sequence[bytes], *, head: bytes, **how: Any) -> None:
        """Check, and if it passes remember the bytes."""
        self._gate.check(said, after, head=head, **how)
        self.seen.append(head + b"".join(after))


@lru_cache
def _plan() -> Plan:
    return load_plan("fidac-chest-ct")


class Harness:
    """De-identifies one damaged file after the other and watches over it; with ``paths`` by the slow path too."""

    def __init__(self, *, paths: bool = False) -> None:
        self._plan = _plan()
        self._left = 0
        self._slow = (
            Deidentifier(self._plan, Pseudonymiser(KEY, "FIDAC", "S1"), "S1", "FIDAC", path="slow") if paths else None
        )
        self.codes: Counter[str] = Counter()

    def run(self, file: bytes) -> bytes | None:
        """De-identify ``file``; return the output, ``None`` if it is held.

        Raises :class:`Violation`, and whatever escapes.
        """
        if not self._left:
            self._engine = Deidentifier(self._plan, Pseudonymiser(KEY, "FIDAC", "S1"), "S1", "FIDAC")
            self._spy = Spy(self._engine._gate)
            self._engine._gate = self._spy  # type: ignore[assignment]
            self._left = _LIFE
        self._left -= 1
        self._spy.seen.clear()
        source, output, code = _deidentified(self._engine, file)
        self.codes[code] += 1
        if source is not None and output is not None:
            check_output(source, output, self._spy.seen)
        if self._slow is not None:
            _, other, reason = _deidentified(self._slow, file)
            if output != other or code != reason:
                raise Violation(f"by the slow path otherwise: {code} and {reason}")
        return output


def _deidentified(engine: Deidentifier, file: bytes) -> tuple[Source | None, bytes | None, str]:
    target = io.BytesIO()
    try:
        source = engine.sources.read(file, LIMIT)
        engine.deidentify(source, target, label="unknown", label_source="default", limit=LIMIT)
    except Permanent as error:
        return None, None, error.code if error.code != "error" else str(error)
    return source, target.getvalue(), "delivered"


def check_output(source: Source, output: bytes, seen: list[bytes]) -> None:
    """Every byte of an output was seen by the gate, or is the picture. Raises :class:`Violation`."""
    if len(seen) != 1:
        raise Violation(f"the gate let {len(seen)} headers through for one output")
    meta, start = part10.read_meta(io.BytesIO(output))
    if meta.transfer_syntax_uid == DEFLATED_EXPLICIT_VR_LE:
        output = output[:start] + _inflated(output[start:])
    if not output.startswith(seen[0]):
        raise Violation("the gate saw another header than the one that was written")
    try:
        pixels = list(part10.walk(output, len(seen[0]), len(output), meta.transfer_syntax_uid))
    except Permanent as error:
        raise Violation("what follows the header is no element") from error
    if [(one.tag, one.after) for one in pixels] != [(PIXEL_DATA, len(output))]:
        raise Violation("something else than the pixel data follows the header")
    before = source.pixel_data
    if before is None:
        raise Violation("pixel data came out of an object without")
    value = bytes(source.buffer[before.offset : before.offset + before.length])
    left = output[pixels[0].value : pixels[0].end]
    if before.encapsulated != (pixels[0].end != pixels[0].after):
        raise Violation("compressed pixel data came out native, or the other way round")
    if not before.encapsulated and left not in [
        _stored(one, source) for one in (value[: len(left)], value[: len(left) - 1] + b"\0")
    ]:
        raise Violation("the pixels are not those of the input, without the bits above BitsStored")


def _stored(pixels: bytes, source: Source) -> bytes:
    """The pixels without the bits above BitsStored, by arithmetic (PS3.5 8.1.1)."""
    bits = source.number("BitsStored")
    if source.number("BitsAllocated") != 16 or not 8 < bits < 16:
        return pixels
    order, sign = "<" if source.syntax.little else ">", (source.number("PixelRepresentation", 0) == 1) << bits - 1
    words = struct.unpack(f"{order}{len(pixels) // 2}H", pixels[: len(pixels) // 2 * 2])
    stored = [((word & (1 << bits) - 1) ^ sign) - sign & 0xFFFF for word in words]
    return struct.pack(f"{order}{len(words)}H", *stored) + pixels[len(words) * 2 :]


def _inflated(deflated: bytes) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    body = inflater.decompress(deflated)
    if len(inflater.unused_data) > 1 or any(inflater.unused_data):
        raise Violation("bytes follow the deflated data set")
    return body


# --- Files to begin with


def seeds() -> list[bytes]:
    """Small objects that have a bit of everything, in every encoding."""
    inner = [elem(0x00081150, "UI", made.CT), elem(0x00081155, "UI", "1.2.3.4"), elem(0x00100010, "PN", "QUENOUILLE^Z")]
    code = [elem(0x00080100, "SH", "113100"), elem(0x00080102, "SH", "DCM"), elem(0x00080104, "LO", "Basic")]
    found = []
    for form in ("", "s", "i", "si", "u", "us"):
        rich = [
            *image().values(),
            elem(0x00080005, "CS", "ISO_IR 100"),
            elem(0x00081030, "LO", b"Thorax de QUENOUILLE, n\xe9e le 14/07/1961"),
            elem(0x00100010, "PN", b"QUENOUILLE^Z\xe9phyrine"),
            sequence(0x00081140, [inner, [*inner, sequence(0x0040A170, [code], form)], []], form),
            sequence(0x52009230, [[sequence(0x00209113, [[elem(0x00200032, "DS", "0\\0\\1")]], form)]] * 3, form),
            elem(0x00190010, "LO", "GEMS_ACQU_01"),
            Elem(0x00191023, "DS", b"0.5 "),
            Elem(0x00191024, "UN", b"1.0 "),
            Elem(0x00280106, "US", b"\0\0"),
            Elem(0x00281202, "OW", bytes(16)),
            Elem(0x60000022, "LO", b"QUENOUILLE"),
            Elem(0xFFFCFFFC, "OB", bytes(6)),
        ]
        syntaxes = made.SYNTAXES if form in ("", "si") else (EXPLICIT_VR_LE, IMPLICIT_VR_LE, EXPLICIT_VR_BE)
        found += [made.part10(rich, syntax, group_lengths=form == "s") for syntax in syntaxes]
    compressed = image() | {PIXEL_DATA: Elem(PIXEL_DATA, "OB", made.fragments(made.jpeg(b"QUENOUILLE")), form="p")}
    return [*found, made.part10(list(compressed.values()), made.JPEG_BASELINE)]


# --- Damage

_HUGE: Final = (0, 1, 3, 0xFFFE, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xFFFFFFF0, 0xFFFFFFFE, 0xFFFFFFFF)
_PIECES: Final = (
    b"\xfe\xff\x00\xe0\xff\xff\xff\xff", b"\xfe\xff\x0d\xe0\0\0\0\0", b"\xfe\xff\xdd\xe0\0\0\0\0",
    b"\xfe\xff\x00\xe0\0\0\0\0", b"\xff\xff\xff\xff",
    b"SQ\0\0\xff\xff\xff\xff", b"UN\0\0\xff\xff\xff\xff", b"UT\0\0", b"LO", b"OB\0\0",
    b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff",
    b"\x10\x00\x20\x00LO\x04\0ABCD", b"\x08\x00\x05\x00CS\x0a\0ISO_IR 192", b"\x08\x00\x05\x00CS\x0e\0ISO 2022 IR 87",
    b"\x1b$B", b"\\", b"\0\0\0\0",
    b"\xe0\x7f\x10\x00OW\0\0\x20\0\0\0", b"\x09\x00\x10\x00LO\x04\0ACME",
    b"\x02\x00\x10\x00UI\x12\x001.2.840.10008.1.2\0",
)  # fmt: skip
_TEXTS: Final = (
    b"QUENOUILLE^Z", b"Thorax axial", b"\xe9t\xe9 B70f", b"19610714", b"1.2.840.10008.1.2.", b"1.2.3.4\\1.2.5", b"12",
    b"\\\\", b"\x1b$B;3ED\x1b(B",
    b"\0\0",
    b"\xff\xff", b"ISO_IR 192", b"2024031710", b"090Y", b"DERIVED\\SECONDARY ", b"-1.5\\2e3", b"\xef\xbb\xbfA",
    b"SIEMENS CSA ", b"06 39 98 12 47 ",
    b"  ",
)  # fmt: skip
_TAGS: Final = sorted(
    {
        *made.KNOWN,
        0x00080005,
        0x00280301,
        0x00291010,
        0x00290010,
        0x00190010,
        0x00191023,
        0x60003000,
        0x7FE00001,
        0x0018FFFE,
    }
)
_VRS: Final = [vr.encode() for vr in sorted(made.LONG | set(made.BY_VR))]
_Damage = Callable[[bytearray, int, int], None]


def _headers(data: bytearray) -> list[int]:
    """Where elements begin, as far as the file can be followed."""
    places: list[int] = []
    try:
        meta, offset = part10.read_meta(io.BytesIO(bytes(data)))
        places.extend(one.start for one in part10.walk(bytes(data), offset, len(data), meta.transfer_syntax_uid))
    except Permanent:
        pass  # damaged already: what came before it will do
    return places or [min(132, len(data))]


def _flip(data: bytearray, at: int, value: int) -> None:
    data[at % len(data)] ^= 1 << value % 8


def _set(data: bytearray, at: int, value: int) -> None:
    data[at % len(data)] = value % 256


def _truncate(data: bytearray, at: int, value: int) -> None:
    del data[at % len(data) :]


def _splice(data: bytearray, at: int, value: int) -> None:
    start = value % len(data)
    data[at % len(data) : at % len(data)] = data[start : start + 1 + value % 97]


def _cut(data: bytearray, at: int, value: int) -> None:
    del data[at % len(data) : at % len(data) + 1 + value % 33]


def _insert(data: bytearray, at: int, value: int) -> None:
    places = _headers(data)
    place = places[at % len(places)]
    data[place:place] = _PIECES[value % len(_PIECES)]


def _overwrite(data: bytearray, at: int, value: int) -> None:
    piece = _PIECES[value % len(_PIECES)]
    data[at % len(data) : at % len(data) + len(piece)] = piece


def _length(data: bytearray, at: int, value: int) -> None:
    places = _headers(data)
    place = places[at % len(places)] + 4 + 2 * (value % 3)
    length = _HUGE[value % len(_HUGE)]
    data[place : place + 4] = (
        struct.pack("<L", length) if value & 64 else struct.pack("<H", length & 0xFFFF) + data[place + 2 : place + 4]
    )


def _vr(data: bytearray, at: int, value: int) -> None:
    places = _headers(data)
    place = places[at % len(places)] + 4
    data[place : place + 2] = _VRS[value % len(_VRS)]


def _again(data: bytearray, at: int, value: int) -> None:
    places = [*_headers(data), len(data)]
    one, other = at % (len(places) - 1), value % len(places)
    data[places[other] : places[other]] = data[places[one] : places[one + 1]]


def _deep(data: bytearray, at: int, value: int) -> None:
    places = _headers(data)
    place = places[at % len(places)]
    depth = 1 + value % 80
    data[place:place] = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff" * depth + (
        b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0" * (depth - value % 3)
    )


def _value(data: bytearray, at: int, value: int) -> None:
    """Another value of the same length: the structure stays, what it says does not."""
    places = [*_headers(data), len(data)]
    one = at % (len(places) - 1)
    start, end = min(places[one] + 8, places[one + 1]), places[one + 1]
    text = _TEXTS[value % len(_TEXTS)]
    data[start:end] = (text * ((end - start) // len(text) + 1))[: end - start]


def _element(data: bytearray, at: int, value: int) -> None:
    """A whole element of PS3.6 more, where it belongs."""
    tag = _TAGS[at % len(_TAGS)]
    vr, text = made.KNOWN.get(tag, "UN"), _TEXTS[value % len(_TEXTS)] * (1 + value % 3)
    explicit = data[136:].find(IMPLICIT_VR_LE.encode() + b"\0\x02\0") < 0
    encoded = made.encode([Elem(tag, vr if value % 5 else _VRS[value % len(_VRS)].decode(), text)], explicit=explicit)
    key = (tag >> 16, tag & 0xFFFF)
    place = (
        next((one for one in _headers(data) if struct.unpack_from("<HH", data, one) >= key), None)
        if len(data) > 140
        else None
    )
    if place is not None:
        data[place:place] = encoded


def _without(data: bytearray, at: int, value: int) -> None:
    """One element less."""
    places = [*_headers(data), len(data)]
    one = at % (len(places) - 1)
    del data[places[one] : places[one + 1]]


GENTLE: Final[tuple[_Damage, ...]] = (_value, _element, _element, _without, _flip, _set)
DAMAGE: Final[tuple[_Damage, ...]] = (
    *GENTLE, _truncate, _splice, _cut, _insert, _overwrite, _length, _vr, _again, _deep,
)  # fmt: skip


def damaged(file: bytes, harm: Iterable[tuple[int, int, int]]) -> bytes:
    """``file`` after each ``(kind, place, value)``; the same numbers always do the same."""
    data = bytearray(file)
    for kind, at, value in harm:
        if len(data) > 160:
            DAMAGE[kind % len(DAMAGE)](data, at, value)
    return bytes(data)


def random_harm(rng: random.Random) -> list[tuple[int, int, int]]:
    """A few numbers for :func:`damaged`; most files should still be followed for a while."""
    gentle = rng.random() < 0.7
    kinds = len(GENTLE) if gentle else len(DAMAGE)
    return [
        (rng.randrange(kinds), rng.randrange(1 << 20), rng.randrange(1 << 10))
        for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 5)))
    ]


# --- Files made to be heavy


def heavy(size: int) -> dict[str, bytes]:
    """Headers of about ``size`` bytes that ask for as much work as they can."""
    start = list(image().values())
    item, end_item, end = b"\xfe\xff\x00\xe0", b"\xfe\xff\x0d\xe0\0\0\0\0", b"\xfe\xff\xdd\xe0\0\0\0\0"

    def within(body: bytes, syntax: str = EXPLICIT_VR_LE) -> bytes:
        """The image with ``body`` just before its pixels."""
        whole = made.part10(start, syntax)
        meta, offset = part10.read_meta(io.BytesIO(whole))
        pixels = next(
            one for one in part10.walk(whole, offset, len(whole), meta.transfer_syntax_uid) if one.tag == PIXEL_DATA
        )
        return whole[: pixels.start] + body + whole[pixels.start :]

    tags = [struct.pack("<HH", group, number) for group in range(0x0029, 0x0129, 2) for number in range(0x1000, 0x1800)]
    opening = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff" + item + b"\xff\xff\xff\xff"
    uid = b"\x08\x00\x55\x11UI\x08\x001.2.3.4\0"
    nested = opening * 30 + uid + (end_item + end) * 30
    reference = item + struct.pack("<L", len(uid)) + uid
    wide = size // len(reference)
    return {
        "empty private elements": within(b"".join(tag + b"LO\0\0" for tag in tags[: size // 8])),
        "empty items": within(b"\x50\x00\x40\x11SQ\0\0\xff\xff\xff\xff" + (item + b"\0\0\0\0") * (size // 8) + end),
        "open items": within(
            b"\x50\x00\x40\x11SQ\0\0\xff\xff\xff\xff" + (item + b"\xff\xff\xff\xff" + end_item) * (size // 16) + end
        ),
        "many references": within(
            b"\x50\x00\x40\x11SQ\0\0" + struct.pack("<L", wide * len(reference)) + reference * wide
        ),
        "deep and wide": within(
            b"\x50\x00\x40\x11SQ\0\0\xff\xff\xff\xff"
            + (item + b"\xff\xff\xff\xff" + nested + end_item) * (size // len(nested))
            + end
        ),
        "endless nesting": within(opening * (size // len(opening))),
        "one long text": within(
            b"\x20\x00\x00\x40" + struct.pack("<L", size) + b"axial Quenouille, ".ljust(32) * (size // 32),
            IMPLICIT_VR_LE,
        ),
        "long numbers in words": within(
            b"\x20\x00\x00\x40" + struct.pack("<L", size) + b"1 2 3-4." * (size // 8), IMPLICIT_VR_LE
        ),
        "one long word": within(b"\x20\x00\x00\x40" + struct.pack("<L", size) + b"1a" * (size // 2), IMPLICIT_VR_LE),
        "a name of a megabyte": within(
            b"\x10\x00\x01\x10" + struct.pack("<L", size) + b"Quenouil" * (size // 8), IMPLICIT_VR_LE
        ),
        "names without end": within(
            b"\x10\x00\x01\x10" + struct.pack("<L", size) + b"Abcde^X\\" * (size // 8), IMPLICIT_VR_LE
        ),
        "values without end": within(
            b"\x18\x00\x30\x10" + struct.pack("<L", size) + b"Zq\\" * (size // 3) + b" " * (size % 3), IMPLICIT_VR_LE
        ),
        "numbers without end": within(
            b"\x28\x00\x50\x10" + struct.pack("<L", size) + b"1.5\\" * (size // 4), IMPLICIT_VR_LE
        ),
        "UIDs without end": within(
            b"\x08\x00\x58\x00" + struct.pack("<L", size) + b"1.2.3.4\\" * (size // 8), IMPLICIT_VR_LE
        ),
        "dates without end": within(
            b"\x08\x00\x22\x00" + struct.pack("<L", size) + b"2024031\\" * (size // 8), IMPLICIT_VR_LE
        ),
        "one long UN": within(b"\x50\x00\x40\x40UN\0\0" + struct.pack("<L", size) + bytes(size)),
        "UN of undefined length": within(
            b"\x50\x00\x40\x11UN\0\0\xff\xff\xff\xff" + (item + b"\0\0\0\0") * (size // 8) + end
        ),
        "implicit items": within(
            b"\x50\x00\x40\x11\xff\xff\xff\xff" + (item + b"\xff\xff\xff\xff" + end_item) * (size // 16) + end,
            IMPLICIT_VR_LE,
        ),
        "big endian": within(
            b"".join(struct.pack(">HH", *struct.unpack("<HH", tag)) + b"LO\0\0" for tag in tags[: size // 8]),
            EXPLICIT_VR_BE,
        ),
        "a deflated bomb": made.part10([*start, Elem(0x00204000, "UT", b"a" * size * 8)], DEFLATED_EXPLICIT_VR_LE),
    }
