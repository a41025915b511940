"""The courier: one open association to the destination, which stores objects one after another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from fidac_node import part10
from fidac_node.errors import Permanent, Temporary
from fidac_node.send.classify import Fate, classify
from fidac_node.send.upper_layer import MAX_CONTEXTS, Association, Destination, Message, Unavailable, encode_command
from fidac_node.uids import CT_CLASSES, HELD_CLASSES, TRANSFER_SYNTAXES

__all__ = ["Courier", "Destination", "Parcel", "Unavailable"]

# What an object needs to be sent as it is: its SOP class and its transfer syntax.
Pair: TypeAlias = "tuple[str, str]"

_C_STORE_RQ, _C_STORE_RSP = 0x0001, 0x8001
_MEDIUM = 0x0000
_DATA_SET_FOLLOWS = 0x0001


@dataclass(frozen=True)
class Parcel:
    """A Part 10 file ready to send: what it holds, and where its data set begins (bytes)."""

    path: Path
    meta: part10.FileMeta
    offset: int

    @classmethod
    def read(cls, path: Path) -> Parcel:
        """Look at a file's meta. Raises :class:`part10.Malformed` and ``FileNotFoundError``."""
        with path.open("rb") as fp:
            return cls(path, *part10.read_meta(fp))

    @property
    def pair(self) -> Pair:
        """The SOP class and transfer syntax that a presentation context must offer."""
        return self.meta.sop_class_uid, self.meta.transfer_syntax_uid


class Courier:
    """One association for a set of (SOP class, transfer syntax) pairs, each in a context of its own.

    One transfer syntax per context: the peer cannot choose one that would need a conversion. Raises
    :class:`Unavailable` when there is no association to be had, with words that say what to do.
    """

    def __init__(self, destination: Destination, pairs: Iterable[Pair]) -> None:
        self.pairs = frozenset(pairs)
        self.destination = destination
        self._message_id = 0
        self._association = Association(destination, [(sop_class, [syntax]) for sop_class, syntax in sorted(self.pairs)])

    def alive(self) -> bool:
        """Say whether the association is still there; one that the peer has left is closed."""
        try:
            stray = self._association.receive(0)
        except Unavailable:
            return False
        if stray is not None:
            self._association.abort()  # nothing was asked, so nothing can be answered
        return stray is None

    def store(self, parcel: Parcel) -> int:
        """Send one object by C-STORE (PS3.4 B.2) and return the status of its success or warning.

        Raises :class:`Temporary` or :class:`Permanent` as the answer says, :class:`Unavailable` when there is none.
        """
        context = self._association.context(*parcel.pair)
        if context is None:
            raise Permanent("not-accepted", self._not_accepted(parcel.pair))
        self._message_id = self._message_id % 0xFFFF + 1
        command = encode_command(
            (
                (0x0002, parcel.meta.sop_class_uid),
                (0x0100, _C_STORE_RQ),
                (0x0110, self._message_id),
                (0x0700, _MEDIUM),
                (0x0800, _DATA_SET_FOLLOWS),
                (0x1000, parcel.meta.sop_instance_uid),
            )
        )
        with parcel.path.open("rb") as fp:
            size = fp.seek(0, 2) - parcel.offset
            fp.seek(parcel.offset)
            self._association.send(context, command, fp, size)
        return self._judge(self._association.receive(self.destination.dimse_timeout))

    def release(self) -> None:
        """End the association in good order."""
        self._association.release()

    def abort(self) -> None:
        """End the association at once."""
        self._association.abort()

    def _judge(self, answer: Message | None) -> int:
        if answer is None:
            self._association.abort()
            raise Unavailable(
                f"{self.destination} took an object but did not answer within {self.destination.dimse_timeout:g} s: look at the hub"
            )
        status = answer.number(0x0900)
        if answer.number(0x0100) != _C_STORE_RSP or answer.number(0x0120) != self._message_id or status is None:
            self._association.abort()
            raise Unavailable(f"{self.destination} answered something else than was asked: association aborted")
        verdict = classify(status)
        if verdict.fate is Fate.DONE:
            return status
        comment = answer.text(0x0902)
        message = f"status {status:04X}H, {verdict}" + (f" (the hub says: {comment[:64]})" if comment else "")
        if verdict.for_all:
            raise Unavailable(message, status)
        if verdict.fate is Fate.TEMPORARY:
            raise Temporary(message, status)
        raise Permanent("refused", message, status)

    def _not_accepted(self, pair: Pair) -> str:
        sop_class = CT_CLASSES.get(pair[0]) or HELD_CLASSES.get(pair[0], pair[0])
        syntax = TRANSFER_SYNTAXES.get(pair[1], pair[1])
        return f"{self.destination} does not accept {sop_class} in {syntax}: allow both at the hub, then retry"


def merge(known: frozenset[Pair], pair: Pair) -> frozenset[Pair]:
    """Add ``pair`` to what is proposed; start afresh when an association would hold no more contexts."""
    merged = known | {pair}
    return merged if len(merged) <= MAX_CONTEXTS else frozenset({pair})
