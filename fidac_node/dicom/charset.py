"""Bytes of a text attribute to characters, strictly, by SpecificCharacterSet (PS3.3 C.12.1.1.2).

Strict means: an unknown character set or a byte that it does not have is :class:`Undecodable`, not a
question mark. Standard library alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fidac_node.dicom.part10 import Malformed
from fidac_node.dicom.skim import LONG_VRS
from fidac_node.dicom.tags import SPECIFIC_CHARACTER_SET

_SINGLE: Final = {
    "": "ascii",
    "ISO_IR 6": "ascii",
    "ISO_IR 100": "iso8859_1",
    "ISO_IR 101": "iso8859_2",
    "ISO_IR 109": "iso8859_3",
    "ISO_IR 110": "iso8859_4",
    "ISO_IR 126": "iso8859_7",
    "ISO_IR 127": "iso8859_6",
    "ISO_IR 138": "iso8859_8",
    "ISO_IR 144": "iso8859_5",
    "ISO_IR 148": "iso8859_9",
    "ISO_IR 166": "tis_620",
    "ISO_IR 203": "iso8859_15",
    "ISO_IR 13": "shift_jis",
    "ISO_IR 192": "utf_8",
    "GB18030": "gb18030",
    "GBK": "gbk",
}
# VRs under which the name of a character set is found besides CS: a system that did not know it, or took it for text.
_NAMES: Final = frozenset({b"LO", b"SH", b"ST", b"UN"})
# With code extensions (PS3.5 6.1.2.5): what each escape sequence switches to.
_ESCAPES: Final = {
    b"\x1b(B": "ascii",
    b"\x1b-A": "iso8859_1",
    b"\x1b-B": "iso8859_2",
    b"\x1b-C": "iso8859_3",
    b"\x1b-D": "iso8859_4",
    b"\x1b-F": "iso8859_7",
    b"\x1b-G": "iso8859_6",
    b"\x1b-H": "iso8859_8",
    b"\x1b-L": "iso8859_5",
    b"\x1b-M": "iso8859_9",
    b"\x1b-T": "tis_620",
    b"\x1b-b": "iso8859_15",
    b"\x1b)I": "shift_jis",
    b"\x1b(J": "shift_jis",
    b"\x1b$B": "iso2022_jp",
    b"\x1b$(D": "iso2022_jp_1",
    b"\x1b$)C": "euc_kr",
    b"\x1b$)A": "gb2312",
}
# These codecs read the escape sequence themselves.
_SELF_ESCAPING: Final = frozenset({"iso2022_jp", "iso2022_jp_1"})


class Undecodable(ValueError):
    """The bytes are no text in the character set that the object declares."""


def declared_in(elements: Mapping[int, bytes], inherited: tuple[str, ...], *, explicit: bool) -> tuple[str, ...]:
    """The values of SpecificCharacterSet in a data set or item, given as encoded elements.

    An item inherits when it has none. Raises :class:`Malformed` for one that is no text: nobody could say what the
    texts mean.
    """
    encoded = elements.get(SPECIFIC_CHARACTER_SET)
    if encoded is None:
        return inherited
    start = 8
    if explicit and encoded[4:6] != b"CS":
        if encoded[4:6] not in _NAMES:
            raise Malformed("SpecificCharacterSet (0008,0005) has a value representation that is not CS")
        start = 12 if encoded[4:6] in LONG_VRS else 8
    value = encoded[start:]
    if not value.isascii():
        raise Malformed("SpecificCharacterSet (0008,0005) is no name of a character set")
    return tuple(one.strip() for one in value.decode("ascii").strip(" \x00").split("\\"))


def decode(value: bytes, declared: tuple[str, ...]) -> str:
    """Decode ``value``; ``declared`` holds the values of SpecificCharacterSet, none if it is absent.

    Raises :class:`Undecodable`.
    """
    if value.isascii() and b"\x1b" not in value:
        return value.decode("ascii")
    try:
        if b"\x1b" in value:
            return _with_escapes(value, declared)
        return value.decode(_codec(declared[0] if declared else ""))
    except UnicodeDecodeError:
        raise Undecodable(
            f"bytes that {declared[0] if declared else 'the default character set'} does not have"
        ) from None


def likely(value: bytes, declared: tuple[str, ...]) -> str:
    """Decode as declared, else as UTF-8 if it is that, else as Latin-1: what devices here leave undeclared."""
    try:
        return decode(value, declared)
    except Undecodable:
        pass  # not what it declares: the two guesses that remain
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def candidates(value: bytes, declared: tuple[str, ...]) -> list[str]:
    """Every way in which ``value`` may have been meant: as declared, as UTF-8, as Latin-1."""
    found = [value.decode("latin-1")]
    try:
        found.append(value.decode("utf-8"))
    except UnicodeDecodeError:
        found.append(value.decode("utf-8", "ignore"))
    try:
        found.append(decode(value, declared))
    except Undecodable:
        found.append(value.decode("cp1252", "ignore"))  # what Windows workstations write without declaring it
    return list(dict.fromkeys(found))


def _codec(label: str) -> str:
    label = label.strip(" \x00").upper().replace("ISO 2022 IR", "ISO_IR")
    if label not in _SINGLE:
        raise Undecodable("unknown SpecificCharacterSet")
    return _SINGLE[label]


def _with_escapes(value: bytes, declared: tuple[str, ...]) -> str:
    if not any(label.strip().startswith("ISO 2022") for label in declared):
        raise Undecodable("an escape sequence where no code extension is declared")
    head, *parts = value.split(b"\x1b")
    text = head.decode(_codec(declared[0]))
    for part in parts:
        piece = b"\x1b" + part
        escape = next((known for known in sorted(_ESCAPES, key=len, reverse=True) if piece.startswith(known)), None)
        if escape is None:
            raise Undecodable("an escape sequence that PS3.3 C.12.1.1.2 does not list")
        codec = _ESCAPES[escape]
        text += piece.decode(codec) if codec in _SELF_ESCAPING else piece[len(escape) :].decode(codec)
    return text
