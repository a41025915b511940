"""An object before de-identification: its header, cut into elements; its pixel data, located and never loaded.

Memory is bounded by the header (64 MB at most), whatever the size of the object. Standard library
alone; :func:`open_source` is for files, :func:`read_source` for bytes in memory.
"""

from __future__ import annotations

import io
import mmap
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, TypeAlias

from fidac_node.dicom import charset, elements, part10
from fidac_node.dicom.dictionary import tag_of
from fidac_node.dicom.elements import LARGEST_HEADER, MOST_ELEMENTS, DataSet, Elements, Unusual
from fidac_node.dicom.encode import Syntax
from fidac_node.dicom.part10 import PIXEL_DATA, FileMeta, Malformed, format_tag
from fidac_node.dicom.series import Cut, Cutters, cutters, whole
from fidac_node.dicom.uids import DEFLATED_EXPLICIT_VR_LE
from fidac_node.dicom.walk import Leaf, leaves

_CHUNK: Final = 1 << 20
# An encoded element, whether its header is explicit, and the character sets: its value as text.
Texts: TypeAlias = "Callable[[bytes, bool, tuple[str, ...]], str]"
# What rules ask for is read this far (bytes): the length of the longest LT (PS3.5 6.2).
_LONGEST_TEXT: Final = 10240


class PixelData(NamedTuple):
    """Where the pixel data is in :attr:`Source.buffer`: from ``offset``, ``length`` bytes of value.

    For encapsulated data the value is the sequence of fragments without its delimiter.
    """

    vr: str
    offset: int
    length: int
    encapsulated: bool


def _text(encoded: bytes, explicit: bool, declared: tuple[str, ...]) -> str:
    raw = elements.value_of({0: encoded}, 0, explicit)[:_LONGEST_TEXT].strip(b"\x00 ")
    try:
        return charset.decode(raw, declared)
    except charset.Undecodable:
        return raw.decode("latin-1")


@dataclass(eq=False, repr=False)  # no log or traceback may print a header
class Source:
    """One object to de-identify.

    ``cut`` holds the header before the pixel data, ``tail`` the encoded elements after it. ``buffer`` is the
    whole Part 10 file, or the inflated data set; ``file`` has the same bytes where there is one.
    """

    meta: FileMeta
    syntax: Syntax
    cut: Cut
    tail: tuple[bytes, ...]
    pixel_data: PixelData | None
    buffer: part10.Buffer
    file: BinaryIO | None = None
    texts: Texts = _text

    @cached_property
    def elements(self) -> Elements:
        """Each encoded top-level element before the pixel data, by tag."""
        return self.cut.elements

    def __contains__(self, tag: int) -> bool:
        return tag in self.elements

    @cached_property
    def charset(self) -> tuple[str, ...]:
        """The values of SpecificCharacterSet, none if it is absent."""
        return charset.declared_in(self.elements, (), explicit=self.syntax.explicit)

    def leaves(self) -> Iterator[Leaf]:
        """Every element of the header at every depth, private ones too. Raises :class:`Malformed`."""
        header = b"".join((*self.elements.values(), *self.tail))
        return leaves(header, 0, len(header), self.meta.transfer_syntax_uid)

    def value(self, tag: int) -> bytes:
        """The value of a top-level element, undecoded; ``b""`` if it is absent."""
        return elements.value_of(self.elements, tag, self.syntax.explicit)

    def items(self, tag: int) -> tuple[DataSet, ...]:
        """The items of a top-level sequence; none if it is absent or no sequence. Raises :class:`Malformed`."""
        if tag not in self.elements:
            return ()
        try:
            found = (
                elements.nodes({tag: self.elements[tag]}, explicit=self.syntax.explicit)
                if self.syntax.little
                else self.nodes()
            )
        except Unusual:
            found = self.nodes()
        node = found.get(tag)
        return node.items or () if node else ()

    def shallow(self, tag: int) -> list[Elements]:
        """The items of a top-level sequence, cut no deeper than into their elements. Raises :class:`Malformed`."""
        encoded = self.elements.get(tag)
        if encoded is None:
            return []
        try:
            if self.syntax.little and elements.is_sequence(tag, encoded, self.syntax.explicit):
                return elements.items_of(encoded, self.syntax.explicit)
        except Unusual:
            pass  # the thorough reader takes it
        return [elements.encoded(item, explicit=True) for item in self.items(tag)]

    def nodes(self) -> DataSet:
        """The tree of the header. Raises :class:`Malformed`."""
        if self.syntax.little:
            try:
                return elements.nodes(self.elements, explicit=self.syntax.explicit)
            except Unusual:
                pass  # the thorough reader takes it
        from fidac_node.deidentify import slow

        self._check_structure()
        return slow.nodes(self.elements, self.syntax)

    def canonical(self) -> Elements:
        """The elements of the header, encoded plainly by the thorough reader. Raises :class:`Malformed`."""
        from fidac_node.deidentify import slow

        self._check_structure()
        return slow.canonical(self.elements, self.syntax)

    def _check_structure(self) -> None:
        """The thorough reader repairs and guesses: what is malformed, at any depth, must not reach it.

        Raises :class:`Malformed`.
        """
        for _ in self.leaves():
            pass

    def raw(self, keyword: str) -> bytes:
        """The value of a top-level attribute, undecoded; ``b""`` if it is absent."""
        tag = tag_of(keyword)
        return self.value(tag) if tag is not None else b""

    def get(self, keyword: str, default: str = "") -> str:
        """The value of a top-level text attribute, several values joined by a backslash.

        This is what rules and triage ask: what cannot be decoded as declared is read as Latin-1.
        """
        tag = tag_of(keyword)
        encoded = self.elements.get(tag) if tag is not None else None
        return default if encoded is None else self.texts(encoded, self.syntax.explicit, self.charset) or default

    def number(self, keyword: str, default: int | None = None) -> int:
        """The value of a top-level US or IS attribute.

        Raises :class:`Malformed` if it is no such number, or absent and there is no default.
        """
        tag = tag_of(keyword) or 0
        raw = self.value(tag)
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


class Sources:
    """Opens objects, and remembers what the headers of a series have in common: one for each engine."""

    def __init__(self) -> None:
        self._cutters = cutters()
        # The texts that rules ask for are the same in all slices of a series.
        self._texts: Texts = lru_cache(maxsize=1024)(_text)

    @contextmanager
    def open(self, path: Path, limit: int) -> Iterator[Source]:
        """Open a Part 10 file for de-identification.

        ``limit`` (bytes) bounds what a deflated data set may inflate to. Raises :class:`Malformed`
        (code ``malformed``) for anything that is not well-formed.
        """
        with ExitStack() as stack:
            file: BinaryIO = stack.enter_context(path.open("rb", buffering=0))
            buffer = stack.enter_context(_mapped(file))
            meta, offset = part10.meta_in(buffer)
            if meta.transfer_syntax_uid == DEFLATED_EXPLICIT_VR_LE:
                file.seek(offset)
                file, offset = _inflated(file, path.parent, limit, stack), 0
                buffer = stack.enter_context(_mapped(file))
            yield _parse(meta, buffer, offset, file, self._cutters, self._texts)

    def read(self, buffer: bytes | memoryview, limit: int) -> Source:
        """Read a Part 10 file that is in memory; as :meth:`open`."""
        meta, offset = part10.meta_in(buffer)
        if meta.transfer_syntax_uid == DEFLATED_EXPLICIT_VR_LE:
            return _parse(meta, part10.inflate(buffer[offset:], limit), 0, None, self._cutters, self._texts)
        return _parse(meta, buffer, offset, None, self._cutters, self._texts)


def open_source(path: Path, limit: int) -> AbstractContextManager[Source]:
    """Open a single Part 10 file; as :meth:`Sources.open`."""
    return Sources().open(path, limit)


def read_source(buffer: bytes | memoryview, limit: int) -> Source:
    """Read a single Part 10 file that is in memory; as :meth:`Sources.read`."""
    return Sources().read(buffer, limit)


def _parse(
    meta: FileMeta, buffer: part10.Buffer, offset: int, file: BinaryIO | None, learned: Cutters, texts: Texts
) -> Source:
    syntax = Syntax.of(meta.transfer_syntax_uid)
    end = len(buffer)
    cut, position = learned[syntax.explicit].split(buffer, offset, end) if syntax.little else (whole({}), offset)
    found = cut.elements
    tail: list[bytes] = []
    pixel_data: PixelData | None = None
    size = 0
    in_order = True
    for element in part10.walk(buffer, position, end, meta.transfer_syntax_uid):
        if element.tag == PIXEL_DATA:
            if pixel_data is not None:
                raise Malformed("PixelData (7FE0,0010) comes twice")
            encapsulated = element.after != element.end
            pixel_data = PixelData(element.vr.decode("ascii"), element.value, element.end - element.value, encapsulated)
            continue
        size += element.after - element.start
        if size > LARGEST_HEADER:
            raise Malformed(f"the header is larger than {LARGEST_HEADER >> 20} MB at {format_tag(element.tag)}")
        if len(found) + len(tail) >= MOST_ELEMENTS:
            raise Malformed(f"there are more than {MOST_ELEMENTS} elements in one data set")
        encoded = bytes(buffer[element.start : element.after])
        if element.tag in found:
            raise Malformed(f"{format_tag(element.tag)} comes twice in one data set")
        if pixel_data is not None:
            tail.append(encoded)
        else:
            found[element.tag] = encoded
            in_order = False
    if not in_order:
        cut = whole(found)
    return Source(meta, syntax, cut, tuple(tail), pixel_data, buffer, file, texts)


@contextmanager
def _mapped(file: BinaryIO) -> Iterator[part10.Buffer]:
    if file.seek(0, io.SEEK_END) == 0:
        yield b""
        return
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as buffer:
        yield buffer


def _inflated(deflated: BinaryIO, directory: Path, limit: int, stack: ExitStack) -> BinaryIO:
    """Inflate to a nameless file in ``directory``, which vanishes with its descriptor (PS3.5 A.5)."""
    try:
        target = stack.enter_context(tempfile.TemporaryFile(dir=directory))  # noqa: SIM115  # the stack closes it
    except OSError:
        # Beside what is read there is no writing, as on a CD.
        target = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
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
