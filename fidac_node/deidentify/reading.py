"""An object before de-identification: its header, parsed; its pixel data, located and never loaded.

Memory is bounded by the header (64 MB at most), whatever the size of the object. The structure is
checked strictly at every depth (:mod:`.leaves`) before pydicom parses it, because pydicom repairs and
guesses where we must hold.
"""

from __future__ import annotations

import io
import mmap
import tempfile
import warnings
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset, read_sequence
from pydicom.sequence import Sequence

from fidac_node import part10
from fidac_node.deidentify import charset
from fidac_node.deidentify.dictionary import tag_of, vrs_of
from fidac_node.deidentify.encode import Syntax
from fidac_node.deidentify.leaves import Leaf, leaves
from fidac_node.errors import Permanent
from fidac_node.part10 import FileMeta, Malformed, format_tag
from fidac_node.uids import DEFLATED_EXPLICIT_VR_LE

LARGEST_HEADER: Final = 64 << 20
_CHUNK: Final = 1 << 20
_SPECIFIC_CHARACTER_SET: Final = 0x00080005


@dataclass(frozen=True)
class PixelData:
    """Where the pixel data is in :attr:`Source.file`: from ``offset``, ``length`` bytes of value.

    For encapsulated data the value is the sequence of fragments without its delimiter.
    """

    vr: str
    offset: int
    length: int
    encapsulated: bool


@dataclass(frozen=True, repr=False)  # no log or traceback may print a header
class Source:
    """One object to de-identify, open for reading.

    ``header`` holds the encoded elements before the pixel data and after it, ``data_set`` pydicom's
    parse of those before it (private ones left out); ``file`` is the Part 10 file, or the inflated
    data set.
    """

    meta: FileMeta
    syntax: Syntax
    header: bytes
    data_set: Dataset
    pixel_data: PixelData | None
    file: BinaryIO

    @property
    def charset(self) -> tuple[str, ...]:
        """The values of SpecificCharacterSet, none if it is absent."""
        return charset_of(self.data_set, ())

    def leaves(self) -> Iterator[Leaf]:
        """Every element of the header at every depth, private ones too."""
        return leaves(self.header, 0, len(self.header), self.meta.transfer_syntax_uid)

    def raw(self, keyword: str) -> bytes:
        """The value bytes of a top-level attribute; ``b""`` if it is absent, empty or a sequence."""
        tag = tag_of(keyword)
        return value_of(self.data_set, tag) if tag is not None else b""

    def get(self, keyword: str, default: str = "") -> str:
        """The value of a top-level text attribute, several values joined by a backslash.

        This is what rules and triage ask; it never fails: what cannot be decoded as declared is read
        as Latin-1.
        """
        raw = self.raw(keyword).strip(b"\x00 ")
        if not raw:
            return default
        try:
            return charset.decode(raw, self.charset)
        except charset.Undecodable:
            return raw.decode("latin-1")

    def number(self, keyword: str, default: int | None = None) -> int:
        """The value of a top-level US or IS attribute.

        Raises :class:`Malformed` if it is no such number, or absent and there is no default.
        """
        tag = tag_of(keyword) or 0
        raw = value_of(self.data_set, tag)
        if not raw.strip(b"\x00 ") and len(raw) != 2:
            if default is None:
                raise Malformed(f"{keyword} {format_tag(tag)} is missing")
            return default
        if len(raw) == 2 and tag >> 16 == 0x0028 and keyword != "NumberOfFrames":
            return int.from_bytes(raw, "little" if self.syntax.little else "big")
        try:
            return int(raw.decode("ascii").strip(" \x00"))
        except ValueError:
            raise Malformed(f"{keyword} {format_tag(tag)} is no number") from None


@contextmanager
def open_source(path: Path, limit: int) -> Iterator[Source]:
    """Open a Part 10 file for de-identification.

    ``limit`` (bytes) bounds what a deflated data set may inflate to. Raises :class:`Malformed`
    (code ``malformed``) for anything that is not well-formed.
    """
    with ExitStack() as stack:
        file: BinaryIO = stack.enter_context(path.open("rb"))
        meta, offset = part10.read_meta(file)
        if meta.transfer_syntax_uid == DEFLATED_EXPLICIT_VR_LE:
            file.seek(offset)
            file, offset = _inflated(file, path.parent, limit, stack), 0
        yield _parse(meta, file, offset)


def value_of(data_set: Dataset, tag: int) -> bytes:
    """The undecoded value of an element; ``b""`` if it is absent, empty or a sequence.

    Raises :class:`Malformed` if pydicom has decoded it already: what is written must be what was read.
    """
    value = data_set.get_item(tag).value if tag in data_set else None
    if value is None or value == "":  # both are pydicom's for no bytes at all
        return b""
    if isinstance(value, bytes):
        return value
    if isinstance(value, Sequence):
        return b""
    raise Malformed(f"{format_tag(tag)} was decoded before it was rewritten")


def items_of(data_set: Dataset, tag: int, syntax: Syntax) -> list[Dataset]:
    """The items of a sequence; none if it is absent, empty or no sequence. Raises :class:`Malformed`.

    Not by ``data_set[tag]``: that would convert the element, and others with it.
    """
    if tag not in data_set:
        return []
    element = data_set.get_item(tag)
    if isinstance(element.value, Sequence):
        return list(element.value)
    if not element.value or vrs_of(tag) != ("SQ",) or element.VR not in ("SQ", "UN", None):
        return []
    # A sequence inside UN is Implicit VR Little Endian (PS3.5 6.2.2 note 2).
    implicit = not syntax.explicit or element.VR == "UN"
    little = syntax.little or element.VR == "UN"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return list(read_sequence(io.BytesIO(element.value), implicit, little, len(element.value), "iso8859"))
        except Exception as error:
            raise Malformed(f"pydicom cannot read the items of {format_tag(tag)}: {type(error).__name__}") from error


def charset_of(data_set: Dataset, inherited: tuple[str, ...]) -> tuple[str, ...]:
    """The values of SpecificCharacterSet in a data set or item, which inherits when it has none."""
    if _SPECIFIC_CHARACTER_SET not in data_set:
        return inherited
    text = value_of(data_set, _SPECIFIC_CHARACTER_SET).decode("ascii", "replace").strip(" \x00")
    return tuple(one.strip() for one in text.split("\\"))


def parse_data_set(encoded: bytes, syntax: Syntax) -> Dataset:
    """Have pydicom parse encoded elements. Raises :class:`Malformed` where it fails."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its remarks quote values, and what matters is checked here
        try:
            return read_dataset(io.BytesIO(encoded), not syntax.explicit, syntax.little)
        except Permanent:
            raise
        except Exception as error:
            raise Malformed(f"pydicom cannot read the header: {type(error).__name__}") from error


def _parse(meta: FileMeta, file: BinaryIO, offset: int) -> Source:
    syntax = Syntax.of(meta.transfer_syntax_uid)
    public, rest, tail = [], [], []
    pixel_data: PixelData | None = None
    size = 0
    with _mapped(file) as buffer:
        for element in part10.walk(buffer, offset, len(buffer), meta.transfer_syntax_uid):
            if element.tag == part10.PIXEL_DATA:
                if pixel_data is not None:
                    raise Malformed("PixelData (7FE0,0010) comes twice")
                encapsulated = element.after != element.end
                pixel_data = PixelData(element.vr.decode("ascii"), element.value, element.end - element.value, encapsulated)
                continue
            size += element.after - element.start
            if size > LARGEST_HEADER:
                raise Malformed(f"the header is larger than {LARGEST_HEADER >> 20} MB at {format_tag(element.tag)}")
            encoded = bytes(buffer[element.start : element.after])
            if pixel_data is not None:
                tail.append(encoded)
            elif (element.tag >> 16) % 2 == 0 and element.tag & 0xFFFF and element.tag >> 16 >= 0x0008:
                public.append(encoded)
            else:
                rest.append(encoded)
    header = b"".join((*public, *rest, *tail))
    for _ in leaves(header, 0, len(header), meta.transfer_syntax_uid):
        pass  # the walk raises for what is malformed at any depth
    return Source(meta, syntax, header, parse_data_set(b"".join(public), syntax), pixel_data, file)


@contextmanager
def _mapped(file: BinaryIO) -> Iterator[part10.Buffer]:
    if file.seek(0, io.SEEK_END) == 0:
        yield b""
        return
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as buffer:
        yield buffer


def _inflated(deflated: BinaryIO, directory: Path, limit: int, stack: ExitStack) -> BinaryIO:
    """Inflate to a nameless file in ``directory``, which vanishes with its descriptor (PS3.5 A.5)."""
    target = stack.enter_context(tempfile.TemporaryFile(dir=directory))  # noqa: SIM115  # the stack closes it
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    total = 0
    try:
        while not inflater.eof:
            data = inflater.unconsumed_tail or deflated.read(_CHUNK)
            piece = inflater.decompress(data, _CHUNK)
            if not data and not piece:  # what is left in the inflater comes without further input
                raise Malformed("cut short: the deflated data set does not end")
            total += len(piece)
            if total > limit:
                raise Malformed(f"the deflated data set inflates to more than {limit} bytes")
            target.write(piece)
    except zlib.error as error:
        raise Malformed(f"the deflated data set cannot be inflated: {error}") from error
    target.flush()
    return target
