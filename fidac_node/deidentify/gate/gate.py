"""The last gate: nothing of the input's identity in the encoded output, or the object is held.

Reads the bytes that are about to be written by its own walk (:mod:`.contents`), not through the engine
that made them: structure first, then a search for every identifying value of the input, folded, in every
character set that may hide it. It fails closed: what it cannot read, it does not let through.

In a series most elements of input and output are those of the slice before. What was found in an element is
remembered by its bytes: for an input under its character set, for an output under the very needles that it
was searched for. Only what is new is looked at.
"""

from __future__ import annotations

import datetime
import io
import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from operator import attrgetter
from typing import Final, NamedTuple

from fidac_node.deidentify.gate.needles import Identifiers, InputReader, Inputs, Needles, together
from fidac_node.deidentify.gate.reader import ElementPath, Reader, declared_by, reader_of
from fidac_node.deidentify.gate.search import Heads, Scope, Search, SearchedPiece, Uncompared, leak
from fidac_node.dicom import part10
from fidac_node.dicom.uids import STANDARD_UID
from fidac_node.errors import Permanent

# More needles than this are no patient's header but an attempt to keep the gate busy.
_MOST_NEEDLES: Final = 5000
_LONGEST_AE: Final = 64
# What is remembered at most.
MOST_INPUT_MEMORIES: Final = 8
MOST_SEARCHES: Final = 32
MOST_METAS: Final = 64
MOST_SENDERS: Final = 64
MOST_SHARED: Final = 16
_MOST_MOVED: Final = 64
_NEW_UID: Final = re.compile(rb"2\.25\.\d{25,39}\0?")
_SOP_INSTANCE_UID: Final = b"\x02\x00\x03\x00UI"
_SHORTEST_ROW: Final = 12
_DATE_DUMMY: Final = frozenset({b"19000101"})
_SHIFTED: Final = "MODIFIED"


class _Shared:
    """What the pieces that an input has in common with others say together.

    ``moved`` are pieces of outputs whose dates have moved from those that are shared.
    """

    __slots__ = ("identifiers", "moved")

    def __init__(self, identifiers: Identifiers) -> None:
        self.identifiers = identifiers
        self.moved: set[SearchedPiece] = set()


class Said(NamedTuple):
    """What an input says of whom it is about: in pieces that it has in common with others, and in those of its own."""

    shared: _Shared
    own: Identifiers
    kept: frozenset[int]

    @property
    def names(self) -> frozenset[str]:
        """The folded words of all persons' names in it."""
        names = self.shared.identifiers.names
        return names | self.own.names if self.own.names else names


class _InputMemory:
    """The inputs of one encoding, character set and profile."""

    def __init__(self, reader: InputReader, kept: frozenset[int]) -> None:
        self.identifiers = reader.identifiers
        self._reader = reader
        self._kept = kept
        self._shared: dict[tuple[Identifiers, ...], _Shared] = {}

    def read(self, before: Sequence[bytes]) -> Said:
        """What an input says."""
        steady, own = self._reader.read(before)
        shared = self._shared.get(steady)
        if shared is None:
            if len(self._shared) >= MOST_SHARED:
                self._shared.clear()
            shared = self._shared[steady] = _Shared(together(steady))
        return Said(shared, own[0] if len(own) == 1 else together(own), self._kept)


class _Meta(NamedTuple):
    """A File Meta Information that was right, around its SOP Instance UID."""

    start: int
    end: int
    before: bytes
    after: bytes


class Gate:
    """Searches outputs.

    ``harmless`` are the folded words that identify nobody, ``words`` those of makers and models, ``own`` what a site
    has named itself: searched for in every output.
    """

    def __init__(self, harmless: frozenset[str], words: frozenset[str] = frozenset(), own: Sequence[str] = ()) -> None:
        self._harmless = harmless
        self._words = words
        self._inputs = Inputs(harmless)
        self._own = self._inputs.own(own)
        self._most_needles = _MOST_NEEDLES + sum(map(len, self._own))
        self._memories: dict[tuple[str, bytes, frozenset[int]], _InputMemory] = {}
        self._heads: dict[Scope, Heads] = {}
        self._searches: OrderedDict[tuple[object, ...], Search] = OrderedDict()
        self._senders: dict[str, tuple[Needles, ...]] = {}
        self._metas: dict[tuple[int, str], _Meta] = {}

    def read(self, before: Sequence[bytes], transfer_syntax_uid: str, kept: frozenset[int] = frozenset()) -> Said:
        """Read an input: the encoded top-level elements without the pixel data, in pieces of one or more.

        ``kept`` are the attributes that the profile lets through by name although they identify a device or an
        institution. Raises :class:`.Malformed` for what cannot be read, :class:`Permanent` ``leak`` for what cannot be
        looked for.
        """
        with _doubt("malformed"):
            reader = reader_of(transfer_syntax_uid, strict=False)
            element = _character_set(before, reader)
            key = (transfer_syntax_uid, element, kept)
            memory = self._memories.get(key)
            if memory is None:
                declared: tuple[str, ...] = ()
                if element:
                    declared = declared_by(element[reader.header(element, 0, len(element))[2] :])
                if len(self._memories) >= MOST_INPUT_MEMORIES:
                    self._memories.pop(next(iter(self._memories)))
                memory = self._memories[key] = _InputMemory(
                    self._inputs.reader(transfer_syntax_uid, declared, kept), kept
                )
            return memory.read(before)

    def check(
        self,
        said: Said,
        after: Sequence[bytes],
        *,
        head: bytes,
        sender: str,
        transfer_syntax_uid: str,
        written: frozenset[str],
        private: frozenset[int] = frozenset(),
        pixels: Iterable[Sequence[bytes]] = (),
    ) -> None:
        """Let an output pass.

        ``said`` is what :meth:`read` read of the input, ``after`` the encoded top-level elements of the output without
        the pixel data, in pieces of one or more, ``head`` its preamble and File Meta Information, ``sender`` the AE
        title in the input's. ``written`` are the values that the engine added: pseudonym and marks; ``private`` the
        safe private elements that it let through, with their creators; ``pixels`` lists of pieces of the pixel data in
        which text could stand unseen. Raises :class:`Permanent` ``leak`` on a hit, naming attributes and never a value.
        """
        with _doubt():
            search = self._search(said, sender, written, self._heads_of(Scope(transfer_syntax_uid, private, said.kept)))
            seen = search.look(after)
            if not _are_ascending(seen) and _comes_twice(seen):
                raise Permanent("leak", "an element comes twice in the output")
            search.look_in_pixels(pixels)
            _compare(said.shared, said.own, seen, self._instance_uid(head, transfer_syntax_uid), written)

    def _heads_of(self, scope: Scope) -> Heads:
        heads = self._heads.get(scope)
        if heads is None:
            if len(self._heads) >= MOST_INPUT_MEMORIES:
                self._heads.pop(next(iter(self._heads)))
            heads = self._heads[scope] = Heads(scope)
        return heads

    def _search(self, said: Said, sender: str, written: frozenset[str], heads: Heads) -> Search:
        needles = said.shared.identifiers.needles
        if not needles.issuperset(said.own.needles):
            needles |= said.own.needles
        key = (self._sender(sender), needles, written, heads.scope)
        search = self._searches.get(key)
        if search is None:
            # In an order that says nothing of what came before: of two attributes with one value a hit names the same.
            ordered = sorted((*key[0], *self._own, *needles), key=attrgetter("place", "tag"))
            search = Search(ordered, self._harmless, written, heads, self._words)
            if search.needles > self._most_needles:
                raise Permanent(
                    "leak", f"the input has more than {_MOST_NEEDLES} identifying values: the output cannot be checked"
                )
            if len(self._searches) >= MOST_SEARCHES:
                self._searches.popitem(last=False)
            self._searches[key] = search
        else:
            self._searches.move_to_end(key)
        return search

    def _sender(self, ae_title: str) -> tuple[Needles, ...]:
        found = self._senders.get(ae_title)
        if found is None:
            found = self._inputs.sender(ae_title)
            if len(self._senders) >= MOST_SENDERS:
                self._senders.clear()
            if len(ae_title) <= _LONGEST_AE:
                self._senders[ae_title] = found
        return found

    def _instance_uid(self, head: bytes, transfer_syntax_uid: str) -> str:
        """The SOP Instance UID in a File Meta Information that is what we write and nothing else."""
        key = (len(head), transfer_syntax_uid)
        known = self._metas.get(key)
        if known is None or head[: known.start] != known.before or head[known.end :] != known.after:
            known = _checked_meta(head, transfer_syntax_uid)
            if len(self._metas) >= MOST_METAS:
                self._metas.clear()
            self._metas[key] = known
        uid = head[known.start : known.end]
        if _NEW_UID.fullmatch(uid) is None:
            raise leak((0x00020003,), "an original UID")
        return uid.rstrip(b"\0").decode("ascii")


@contextmanager
def _doubt(*others: str) -> Iterator[None]:
    """Turn what hinders the check into :class:`Permanent` ``leak``, but for reasons whose code is one of ``others``."""
    try:
        yield
    except Permanent as error:
        if error.code in ("leak", *others):
            raise
        raise Permanent("leak", f"the output cannot be checked: {error}") from error
    except Exception as error:
        raise Permanent("leak", f"the output cannot be checked ({type(error).__name__})") from error


def _character_set(before: Sequence[bytes], reader: Reader) -> bytes:
    """The element that says in which character sets an input is written; ``b""`` if there is none."""
    tag = b"\x08\x00\x05\x00" if reader.little else b"\x00\x08\x00\x05"
    for piece in before:
        if piece.startswith(tag):
            _, _, value, length = reader.header(piece, 0, len(piece))
            return piece[: value + length]
        if tag in piece:
            for element in reader.elements(piece):
                if element.startswith(tag):
                    return element
    return b""


def _checked_meta(head: bytes, transfer_syntax_uid: str) -> _Meta:
    meta, length = part10.read_meta(io.BytesIO(head))
    plain = part10.FileMeta(meta.sop_class_uid, meta.sop_instance_uid, transfer_syntax_uid)
    if length != len(head) or part10.encode_meta(plain) != head:
        raise Permanent("leak", "the File Meta Information holds more than it should")
    if not STANDARD_UID.fullmatch(meta.sop_class_uid):
        raise leak((0x00020002,), "a class that is not the standard's")
    start = head.index(_SOP_INSTANCE_UID, 132) + 8
    end = start + int.from_bytes(head[start - 2 : start], "little")
    return _Meta(start, end, head[:start], head[end:])


def _are_ascending(seen: Iterable[SearchedPiece]) -> bool:
    """Say whether tags ascend from piece to piece and in each: then none comes twice."""
    last = -1
    for one in seen:
        if one.tags[0] <= last or not one.ordered:
            return False
        last = one.tags[-1]
    return True


def _comes_twice(seen: Iterable[SearchedPiece]) -> bool:
    tags = [tag for one in seen for tag in one.tags]
    return len(set(tags)) != len(tags)


def _compare(
    shared: _Shared, own: Identifiers, seen: Iterable[SearchedPiece], instance_uid: str, written: frozenset[str]
) -> None:
    """Compare what depends on the whole input: original UIDs, and dates that are where they were."""
    originals = shared.identifiers.uids | own.uids
    if instance_uid in originals:
        raise leak((0x00020003,), "an original UID")
    for one in seen:
        if one.rows or not originals.isdisjoint(one.uids):
            _compare_uids(one.uncompared, originals)
        if one.dated:
            _compare_dates(one.uncompared, own.dates, written)
            if one not in shared.moved:
                _compare_dates(one.uncompared, shared.identifiers.dates, written)
                if len(shared.moved) >= _MOST_MOVED:
                    shared.moved.clear()
                shared.moved.add(one)


def _compare_uids(left: Iterable[Uncompared], originals: frozenset[str]) -> None:
    for one in left:
        if not originals.isdisjoint(one.uids) or (one.rows and _spelled(one.rows, originals)):
            raise leak(one.path, "an original UID")


def _compare_dates(
    left: Iterable[Uncompared], dates: dict[ElementPath, frozenset[bytes]], written: frozenset[str]
) -> None:
    for path, after in chain.from_iterable(one.dates for one in left if dates):
        before = dates.get(path)
        if before is None or before.isdisjoint(after) or (after == _DATE_DUMMY and _SHIFTED not in written):
            continue
        if not _have_moved(before, after):
            raise leak(path, "an original date")


def _spelled(rows: frozenset[str], originals: frozenset[str]) -> bool:
    """Say whether long numbers in text are an original UID, its dots in whatever form, or part of one."""
    digits = [uid.replace(".", "") for uid in originals]
    return any(row in one or (one in row and len(one) >= _SHORTEST_ROW) for row in rows for one in digits)


def _have_moved(before: frozenset[bytes], after: frozenset[bytes]) -> bool:
    """Say whether dates that came again moved, all by the same number of days."""
    try:
        old, new = (
            frozenset(datetime.date(int(one[:4]), int(one[4:6]), int(one[6:])) for one in dates)
            for dates in (before, after)
        )
    except ValueError:
        return False
    first = min(new)
    return any(all(one - (first - day) in old for one in new) for day in old if day != first)
