"""Small encoded inputs and outputs for the gate, made by hand and not by the engine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from fidac_node.deidentify.gate.gate import Gate
from fidac_node.dicom.encode import Syntax
from fidac_node.dicom.part10 import FileMeta, encode_meta
from fidac_node.dicom.uids import EXPLICIT_VR_BE, EXPLICIT_VR_LE, IMPLICIT_VR_LE
from tests.unit.deidentify.build import CT

SYNTAXES = (EXPLICIT_VR_LE, IMPLICIT_VR_LE, EXPLICIT_VR_BE)
NEW_UID = "2.25.329800735698586629295641978511506172918"
OTHER_UID = "2.25.76282022070525992028092148316703707698"
OLD_UID = "1.3.6.1.4.1.99999.17.4711815.3"
PSEUDONYM = "S1-ABCDEFGHIJKLMNOP"
WRITTEN = frozenset({PSEUDONYM, "FIDAC", "S1", "YES", "MODIFIED"})
_WORDS = """
thorax chest lung sans avec injection iv angio thoracique siemens \
somatom force routine axial original primary ct inj dr mr hopital rue
france philips
"""
HARMLESS = frozenset(_WORDS.split())

Values = Iterable[tuple[int, str, bytes]]

INPUT: Values = (
    (0x00080005, "CS", b"ISO_IR 192"),
    (0x00080016, "UI", CT.encode()),
    (0x00080018, "UI", OLD_UID.encode()),
    (0x00080020, "DA", b"20240317"),
    (0x00080060, "CS", b"CT"),
    (0x0008103E, "LO", b"THORAX SANS INJ"),
    (0x00100010, "PN", "QUENOUILLE^Zéphyrine".encode()),
    (0x00100020, "LO", b"IPP8003412765"),
    (0x00100030, "DA", b"19610714"),
    (0x00180050, "DS", b"1.25"),
    (0x00200013, "IS", b"7"),
)
OUTPUT: Values = (
    (0x00080005, "CS", b"ISO_IR 192"),
    (0x00080016, "UI", CT.encode()),
    (0x00080018, "UI", NEW_UID.encode()),
    (0x00080020, "DA", b"20210705"),
    (0x00080060, "CS", b"CT"),
    (0x0008103E, "LO", b"THORAX SANS INJ"),
    (0x00100010, "PN", PSEUDONYM.encode()),
    (0x00100020, "LO", PSEUDONYM.encode()),
    (0x00100030, "DA", b""),
    (0x00180050, "DS", b"1.25"),
    (0x00200013, "IS", b"7"),
)


def element(tag: int, vr: str, value: bytes, syntax_uid: str = EXPLICIT_VR_LE, depth: int = 0) -> bytes:
    """One encoded element, ``depth`` sequences deep."""
    syntax = Syntax.of(syntax_uid)
    encoded = syntax.element(tag, vr, value)
    for _ in range(depth):
        encoded = syntax.sequence(0x00189321, [encoded])
    return encoded


def encoded(values: Values, syntax_uid: str = EXPLICIT_VR_LE) -> tuple[bytes, ...]:
    """Encoded elements of a small data set; the last of a tag counts."""
    return tuple(
        element(tag, vr, value, syntax_uid)
        for tag, (vr, value) in sorted({tag: (vr, value) for tag, vr, value in values}.items())
    )


@dataclass(frozen=True)
class Case:
    """An input and an output that a gate is asked about."""

    before: tuple[bytes, ...] = encoded(INPUT)
    after: tuple[bytes, ...] = encoded(OUTPUT)
    syntax: str = EXPLICIT_VR_LE
    sender: str = ""
    written: frozenset[str] = WRITTEN
    private: frozenset[int] = frozenset()
    kept: frozenset[int] = frozenset()
    head: bytes = b""
    gate: Gate = field(default_factory=lambda: Gate(HARMLESS))

    def check(self) -> None:
        """Ask the gate."""
        head = self.head or encode_meta(FileMeta(CT, NEW_UID, self.syntax))
        self.gate.check(
            self.gate.read(self.before, self.syntax, self.kept), self.after, head=head, sender=self.sender,
            transfer_syntax_uid=self.syntax, written=self.written, private=self.private,
        )  # fmt: skip

    def told(self, *values: tuple[int, str, bytes], **changes: object) -> Case:
        """The same with other elements of the input."""
        return replace(self, before=encoded((*INPUT, *values), self.syntax), **changes)  # type: ignore[arg-type]

    def left(self, tag: int, vr: str, value: bytes, depth: int = 0, **changes: object) -> Case:
        """The same with one more element in the output, instead of those with its tag."""
        top = tag if depth == 0 else 0x00189321
        kept = tuple(element(one, said, what, self.syntax) for one, said, what in OUTPUT if one != top)
        return replace(self, after=(*kept, element(tag, vr, value, self.syntax, depth)), **changes)  # type: ignore[arg-type]


def case(syntax_uid: str = EXPLICIT_VR_LE) -> Case:
    """An honest case in one encoding."""
    return Case(encoded(INPUT, syntax_uid), encoded(OUTPUT, syntax_uid), syntax_uid)
