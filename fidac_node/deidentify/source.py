"""An object before de-identification: its header, cut into elements; its pixel data, located and never loaded.

Memory is bounded by the header (64 MB at most), whatever the size of the object. Standard library
alone; :func:`open_source` is for files, :func:`read_source` for bytes in memory or in a :class:`.Window`.
"""

from __future__ import annotations

import io
import mmap
import struct
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import BinaryIO, Final, Literal, NamedTuple, TypeAlias, cast

from fidac_node.dicom import charset, elements, forms, mend, part10
from fidac_node.dicom.dictionary import tag_of, vrs_of
from fidac_node.dicom.elements import LARGEST_HEADER, MOST_ELEMENTS, DataSet, Elements, Unusual
from fidac_node.dicom.encode import Syntax, join
from fidac_node.dicom.part10 import PIXEL_DATA, FileMeta, Malformed, format_tag
from fidac_node.dicom.recognise import holds_a_file, real_syntax, recognised
from fidac_node.dicom.series import Cut, Cutter, Cutters, cutters, whole
from fidac_node.dicom.tags import SOP_CLASS_UID, SOP_INSTANCE_UID
from fidac_node.dicom.uids import DEFLATED_EXPLICIT_VR_LE, EXPLICIT_VR_LE
from fidac_node.dicom.walk import Leaf, leaves
from fidac_node.dicom.window import Window

_CHUNK: Final = 1 << 20
_LONGEST_HEAD: Final = 12  # bytes before a value (PS3.5 7.1.2)
# Of what is not in memory (bytes): where most headers end, then what none may reach beyond.
_BEGINNINGS: Final = (1 << 20, LARGEST_HEADER + (4 << 20))
# An encoded element, whether its header is explicit and little endian, and the character sets: its value as text.
Paths: TypeAlias = "tuple[tuple[int, ...], ...]"
Texts: TypeAlias = "Callable[[bytes, bool, bool, tuple[str, ...]], str]"
# What is decoded by: the Image Pixel module and its like (PS3.3 C.7.6.3), and these.
_IMAGE_PIXEL: Final = 0x0028
_OF_PIXELS: Final = frozenset({SOP_CLASS_UID, SOP_INSTANCE_UID})
_IN_MEMORY: Final = 64 << 20
# How it is told that these are not what the data set wants: FileMetaInformationVersion stands for all of group 0002.
_FILE_META: Final = (0x00020001,)
_TRANSFER_SYNTAX: Final = (0x00020010,)
_NOT_AS_AGREED: Final = (
    "the data set is not in the transfer syntax that was agreed for it: the sender is set up wrongly. "
    "What it holds can be taken from a file: 'import' reads it by what it is"
)
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


def _text(encoded: bytes, explicit: bool, little: bool, declared: tuple[str, ...]) -> str:
    raw = _right(encoded, explicit, little)[:_LONGEST_TEXT].strip(b"\x00 ")
    try:
        return charset.decode(raw, declared)
    except charset.Undecodable:
        return raw.decode("latin-1")


def _right(encoded: bytes, explicit: bool, little: bool) -> bytes:
    """The value of an element, written as its attribute's VR wants it where there is but one way."""
    order: Literal["little", "big"] = "little" if little else "big"
    tag = int.from_bytes(encoded[:2], order) << 16 | int.from_bytes(encoded[2:4], order)
    vr, start, _ = elements.head_of(encoded, explicit)
    raw, known = encoded[start:], vrs_of(tag)
    if vr and known and vr not in known:
        found = forms.converted(tag, vr, raw, little=little)
        return raw if found is None else forms.right(tag, *found, little=little)
    return forms.right(tag, vr or next(iter(known), ""), raw, little=little)


@dataclass(eq=False, repr=False)  # no log or traceback may print a header
class Source:
    """One object to de-identify.

    ``cut`` holds the header before the pixel data, ``tail`` the encoded elements after it. ``buffer`` is the
    whole Part 10 file, or the inflated data set; ``file`` has the same bytes where there is one. ``mended`` are the
    paths of what was not well-formed; ``again`` reads it once more, for what is not (:mod:`.mend`).
    """

    meta: FileMeta
    syntax: Syntax
    cut: Cut
    tail: tuple[bytes, ...]
    pixel_data: PixelData | None
    buffer: part10.Readable
    file: BinaryIO | None = None
    texts: Texts = _text
    mended: Paths = ()
    again: Callable[[], Source] | None = None

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

    def right(self, tag: int) -> bytes:
        """The value of a top-level element as :mod:`.forms` writes it; ``b""`` if it is absent."""
        encoded = self.elements.get(tag)
        return b"" if encoded is None else _right(encoded, self.syntax.explicit, self.syntax.little)

    def picture(self) -> BinaryIO:
        """The pixels and what the header says of them, written right, as a Part 10 file for who decodes them."""
        said = {tag: self._written(tag) for tag in self.elements if tag >> 16 == _IMAGE_PIXEL or tag in _OF_PIXELS}
        stored = self.number("BitsStored", 0) or self.number("BitsAllocated", 16)
        for keyword, number in {"SamplesPerPixel": 1, "HighBit": stored - 1, "PixelRepresentation": 0}.items():
            said[tag_of(keyword) or 0] = self._us(keyword, self.number(keyword, number))
        plain = self.meta.transfer_syntax_uid != DEFLATED_EXPLICIT_VR_LE
        meta = self.meta if plain else self.meta._replace(transfer_syntax_uid=EXPLICIT_VR_LE)
        file = cast(BinaryIO, tempfile.SpooledTemporaryFile(_IN_MEMORY))  # noqa: SIM115  # who asked closes it
        file.write(part10.encode_meta(meta) + join(said))
        if self.pixel_data is not None:
            file.writelines(self._pixel_data(self.pixel_data))
        file.seek(0)
        return file

    def _written(self, tag: int) -> bytes:
        declared, _, undefined = elements.head_of(self.elements[tag], self.syntax.explicit)
        known = vrs_of(tag)
        if undefined or not known or "SQ" in (declared, known[0]):
            return b""
        return self.syntax.element(tag, declared if declared in known else known[0], self.right(tag))

    def _us(self, keyword: str, number: int) -> bytes:
        order: Literal["little", "big"] = "little" if self.syntax.little else "big"
        return self.syntax.element(tag_of(keyword) or 0, "US", number.to_bytes(2, order))

    def _pixel_data(self, pixels: PixelData) -> Iterator[bytes]:
        """The element, in pieces."""
        vr = pixels.vr or "OW"
        if pixels.encapsulated:
            yield self.syntax.header(PIXEL_DATA, "OB", 0)[:-4] + b"\xff" * 4
        else:
            yield self.syntax.header(PIXEL_DATA, vr, pixels.length)
        for start in range(pixels.offset, end := pixels.offset + pixels.length, _CHUNK):
            yield bytes(self.buffer[start : min(start + _CHUNK, end)])
        if pixels.encapsulated:
            yield b"\xfe\xff\xdd\xe0" + bytes(4)

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

        This is what rules and triage ask: what is written slightly wrong is read as :mod:`.forms` writes it, what
        cannot be decoded as declared as Latin-1.
        """
        tag = tag_of(keyword)
        encoded = self.elements.get(tag) if tag is not None else None
        return (
            default
            if encoded is None
            else self.texts(encoded, self.syntax.explicit, self.syntax.little, self.charset) or default
        )

    def number(self, keyword: str, default: int | None = None) -> int:
        """The value of a top-level US or IS attribute.

        Raises :class:`Malformed` if it is no such number, or absent and there is no default.
        """
        tag = tag_of(keyword) or 0
        raw = self.right(tag)
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
    def open(
        self, path: Path, limit: int, *, agreed: bool = False, examine: Callable[[part10.Buffer], None] | None = None
    ) -> Iterator[Source]:
        """Open a Part 10 file for de-identification, or what is nearly one (:mod:`.recognise`, :mod:`.mend`).

        ``limit`` (bytes) bounds what a deflated data set may inflate to; ``agreed``: its transfer syntax was agreed
        with the sender, and another is a fault that he should know of. ``examine`` looks at the file's bytes before
        anything of them is believed. Raises :class:`Malformed` (code ``malformed``) for what cannot be read with
        certainty.
        """
        with ExitStack() as stack:
            file: BinaryIO = stack.enter_context(path.open("rb", buffering=0))
            buffer = stack.enter_context(_mapped(file))
            if examine is not None:
                examine(buffer)
            meta, offset, said = _meta_in(buffer, agreed=agreed)
            if meta.transfer_syntax_uid == DEFLATED_EXPLICIT_VR_LE:
                file, offset = _inflated(file, offset, path.parent, limit, stack), 0
                buffer = stack.enter_context(_mapped(file))
            yield self._parsed(meta, buffer, offset, file, said, agreed=agreed)

    def read(self, buffer: bytes | memoryview | Window, limit: int) -> Source:
        """Read a Part 10 file that is in memory, or in a window; as :meth:`open`."""
        meta, offset, said = _meta_in(buffer)
        if meta.transfer_syntax_uid == DEFLATED_EXPLICIT_VR_LE:
            return self._parsed(meta, part10.inflate(buffer, limit, offset), 0, None, said)
        file = buffer.open() if isinstance(buffer, Window) else None
        return self._parsed(meta, buffer, offset, file, said)

    def _parsed(
        self,
        meta: FileMeta,
        buffer: part10.Readable,
        offset: int,
        file: BinaryIO | None,
        said: Paths,
        *,
        agreed: bool = False,
    ) -> Source:
        try:
            source = _parse(meta, buffer, offset, file, self._cutters, self._texts)
        except Malformed as error:
            stated = meta.transfer_syntax_uid
            real = stated if stated == DEFLATED_EXPLICIT_VR_LE else real_syntax(buffer, offset, stated)
            if real != stated:
                meta, said = _as_it_is(meta, real, agreed=agreed), (*said, _TRANSFER_SYNTAX)
            read = _mended if Syntax.of(real).little else _parse
            try:
                source = read(meta, buffer, offset, file, self._cutters, self._texts)
            except Malformed:
                raise error from None  # the strict reader says better what is wrong
        return replace(source, mended=(*said, *source.mended)) if said else source


def open_source(path: Path, limit: int) -> AbstractContextManager[Source]:
    """Open a single Part 10 file; as :meth:`Sources.open`."""
    return Sources().open(path, limit)


def read_source(buffer: bytes | memoryview | Window, limit: int) -> Source:
    """Read a single Part 10 file that is in memory, or in a window; as :meth:`Sources.read`."""
    return Sources().read(buffer, limit)


def _parse(
    meta: FileMeta, buffer: part10.Readable, offset: int, file: BinaryIO | None, learned: Cutters, texts: Texts
) -> Source:
    syntax = Syntax.of(meta.transfer_syntax_uid)
    end = len(buffer)
    cut, position = _cut(learned[syntax.explicit], buffer, offset) if syntax.little else (whole({}), offset)
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
            raise Malformed(f"the header is larger than {LARGEST_HEADER >> 20} MiB at {format_tag(element.tag)}")
        if len(found) + len(tail) >= MOST_ELEMENTS:
            raise Malformed(f"there are more than {MOST_ELEMENTS} elements in one data set")
        encoded = bytes(buffer[element.start : element.after])
        if element.tag in found:
            raise Malformed(f"{format_tag(element.tag)} comes twice in one data set")
        if pixel_data is not None and element.tag < PIXEL_DATA:
            raise Malformed(f"{format_tag(element.tag)} stands behind the pixel data (PS3.5 7.1)")
        if pixel_data is not None:
            tail.append(encoded)
        else:
            found[element.tag] = encoded
            in_order = False
    if not in_order:
        cut = whole(found)
    again = partial(_mended, meta, buffer, offset, file, learned, texts)
    return Source(meta, syntax, cut, tuple(tail), pixel_data, buffer, file, texts, again=again)


def _cut(cutter: Cutter, buffer: part10.Readable, offset: int) -> tuple[Cut, int]:
    """Cut a header up to PixelData; as :meth:`.Cutter.split`, also of what is not in memory."""
    end = len(buffer)
    if not isinstance(buffer, Window):
        return cutter.split(buffer, offset, end)
    for size in _BEGINNINGS:
        seen = buffer[: offset + size]
        try:
            cut, position = cutter.split(seen, offset, end)
        except struct.error:
            continue  # it goes on behind what is seen
        except Malformed:
            if len(seen) == end or size == _BEGINNINGS[-1]:
                raise
            continue
        if len(seen) == end or position + _LONGEST_HEAD <= len(seen):
            return cut, position
    raise Malformed(f"the header is larger than {LARGEST_HEADER >> 20} MiB")


def _mended(
    meta: FileMeta, buffer: part10.Readable, offset: int, file: BinaryIO | None, learned: Cutters, texts: Texts
) -> Source:
    """An object that is not well-formed, as it was meant. Raises :class:`Malformed` if that is not certain."""
    syntax = Syntax.of(meta.transfer_syntax_uid)
    if not syntax.little:
        raise Malformed("in big endian nothing is put right")
    found = mend.mended(buffer, offset, len(buffer), meta.transfer_syntax_uid)
    header = join({tag: encoded for tag, encoded in found.elements.items() if tag < PIXEL_DATA})
    cut, end = learned[syntax.explicit].split(header, 0, len(header))
    if end != len(header):
        raise Malformed("what was put right is not well-formed")
    tail = tuple(encoded for tag, encoded in found.elements.items() if tag > PIXEL_DATA)
    pixel_data = None
    if found.pixels is not None:
        vr, first, last, encapsulated = found.pixels
        pixel_data = PixelData(vr, first, last - first, encapsulated)
    return Source(meta, syntax, cut, tail, pixel_data, buffer, file, texts, mended=found.paths)


def _meta_in(buffer: part10.Readable, *, agreed: bool = False) -> tuple[FileMeta, int, Paths]:
    """The File Meta Information, where the data set begins, and what of both is not as PS3.10 wants it."""
    try:
        meta, offset = part10.meta_in(buffer)
        if holds_a_file(buffer, offset):
            raise Malformed("a file within a file")
    except Malformed:
        return *recognised(buffer), (_FILE_META,)
    if meta.transfer_syntax_uid != DEFLATED_EXPLICIT_VR_LE:
        return meta, offset, ()
    real = real_syntax(buffer, offset, DEFLATED_EXPLICIT_VR_LE)
    if real == DEFLATED_EXPLICIT_VR_LE:
        return meta, offset, ()
    return _as_it_is(meta, real, agreed=agreed), offset, (_TRANSFER_SYNTAX,)


def _as_it_is(meta: FileMeta, syntax: str, *, agreed: bool) -> FileMeta:
    """File Meta Information with the transfer syntax that the data set has."""
    if agreed:
        raise Malformed(_NOT_AS_AGREED)
    return meta._replace(transfer_syntax_uid=syntax)


@contextmanager
def _mapped(file: BinaryIO) -> Iterator[part10.Buffer]:
    if file.seek(0, io.SEEK_END) == 0:
        yield b""
        return
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as buffer:
        yield buffer


def _inflated(deflated: BinaryIO, offset: int, directory: Path, limit: int, stack: ExitStack) -> BinaryIO:
    """Inflate to a nameless file in ``directory``, which vanishes with its descriptor (PS3.5 A.5)."""
    deflated.seek(offset)
    inflater = part10.zlib_of(deflated.read(2))
    deflated.seek(offset)
    try:
        target = stack.enter_context(tempfile.TemporaryFile(dir=directory))  # noqa: SIM115  # the stack closes it
    except OSError:
        # Beside what is read there is no writing, as on a CD.
        target = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
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
