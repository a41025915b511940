"""Connections that have not asked for an association yet: many of them cost one thread together, and are limited.

Who connects and says nothing, half a TLS handshake or half a request costs a socket and what it has sent. Only a whole
request gets an association, with its threads. Of too many, in all or from one address, the oldest is closed: who means
it asks at once, so that nobody who waits in silence is in the way of one who does.
"""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from fidac_node.dicom.pdu import PDU
from fidac_node.receive.parser import LONGEST_REQUEST
from fidac_node.receive.strangers import UNFINISHED_HANDSHAKE, cause_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fidac_node.receive.association import Storage

_PORTION: Final = 64 << 10


class Newcomer:
    """One connection until it has asked; ``read`` is what came of its request."""

    def __init__(self, sock: socket.socket, address: Any) -> None:
        sock.setblocking(False)
        self.socket = sock
        self.peer = address
        self.read = bytearray()
        self.wants = select.POLLIN
        self.since = time.monotonic()
        self._heard = False
        self._greeted = not isinstance(sock, ssl.SSLSocket)

    @property
    def address(self) -> str:
        """The IP address of who connected."""
        return str(self.peer[0])

    def advance(self) -> bool:
        """Go on with the handshake and the request; ``True``: it has asked, or sent what nobody can wait for.

        Raises ``EOFError`` or ``OSError`` when the connection is over.
        """
        self._heard = True
        try:
            if not self._greeted:
                self.socket.do_handshake()  # type: ignore[attr-defined]  # an SSLSocket
                self._greeted = True
            while not self._has_asked():
                portion = self.socket.recv(_PORTION)
                if not portion:
                    raise EOFError
                self.read += portion
        except ssl.SSLWantWriteError:
            self.wants = select.POLLOUT
            return False
        except (ssl.SSLWantReadError, BlockingIOError):
            self.wants = select.POLLIN
            return False
        return True

    def cause(self, trouble: BaseException | None) -> tuple[str, str]:
        """What it was when nothing comes of it, and the remedy."""
        if self._heard and not self._greeted and not isinstance(trouble, ssl.SSLError):
            return UNFINISHED_HANDSHAKE
        return cause_of(bytes(self.read), trouble)

    def _has_asked(self) -> bool:
        """Whether its first PDU is whole, or is none that anybody waits for (PS3.8 9.3.1)."""
        if len(self.read) < PDU.size:
            return False
        _, length = PDU.unpack_from(self.read)
        return bool(length > LONGEST_REQUEST or len(self.read) >= PDU.size + length)


class Newcomers:
    """Those of one receiver process, for its accepting thread alone: ``most`` in all, ``most_per_address`` of one.

    Each has ``patience`` seconds to ask (``None``: for ever), handshake included; ``poll`` tells when one has sent
    something. The strangers of ``storage`` hear of those that came to nothing.
    """

    def __init__(
        self, most: int, most_per_address: int, patience: float | None, poll: select.poll, storage: Storage
    ) -> None:
        self._most = most
        self._most_per_address = most_per_address
        self._patience = patience
        self._poll = poll
        self._storage = storage
        self._waiting: dict[int, Newcomer] = {}  # by descriptor, the oldest first
        self._of_address: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, newcomer: Newcomer) -> None:
        """One more has come; of too many the oldest goes."""
        fd = newcomer.socket.fileno()
        self._waiting[fd] = newcomer
        self._of_address[newcomer.address] += 1
        self._poll.register(fd, newcomer.wants)
        if self._of_address[newcomer.address] > self._most_per_address:
            self._send_away(newcomer.address, "[receive] max_unassociated_per_address")
        elif len(self._waiting) > self._most:
            self.make_way("[receive] max_unassociated")

    def make_way(self, limit: str = "the limit of open files") -> bool:
        """Close the oldest of the address that has most, as ``limit`` has it; ``False``: there is none."""
        if self._of_address:
            self._send_away(self._of_address.most_common(1)[0][0], limit)
            return True
        return False

    def leave_free(self, descriptors: int) -> None:
        """Make way when descriptors from this number on are used: the kernel gives the lowest that is free."""
        if max(self._waiting, default=0) >= descriptors:
            self.make_way()

    def advance(self, fd: int) -> Newcomer | None:
        """Let the one with the descriptor ``fd`` go on; return it when it has asked: it is the caller's then."""
        newcomer = self._waiting.get(fd)
        if newcomer is None:
            return None  # closed since it was heard
        wanted = newcomer.wants
        try:
            has_asked = newcomer.advance()
        except (EOFError, OSError) as trouble:
            self._end(newcomer, trouble)
            return None
        except BaseException:
            self._close(newcomer)
            raise
        if has_asked:
            self._forget(newcomer)
            return newcomer
        if newcomer.wants != wanted:
            self._poll.modify(fd, newcomer.wants)
        return None

    def left(self) -> float | None:
        """Seconds until the patience with one of them ends; ``None``: never."""
        if self._patience is None or not self._waiting:
            return None
        return max(0.0, next(iter(self._waiting.values())).since + self._patience - time.monotonic())

    def expire(self) -> None:
        """Close those that did not ask in time (the ARTIM timer of PS3.8 9.1.4; AA-2 of its Table 9-9)."""
        for newcomer in list(self._late()):
            self._end(newcomer, None)

    def close(self) -> None:
        """Close all; that is our doing, and nobody is told of."""
        for newcomer in list(self._waiting.values()):
            self._close(newcomer)

    def _late(self) -> Iterator[Newcomer]:
        for newcomer in self._waiting.values():
            if self._patience is None or time.monotonic() < newcomer.since + self._patience:
                return
            yield newcomer

    def _send_away(self, address: str, limit: str) -> None:
        oldest = next(newcomer for newcomer in self._waiting.values() if newcomer.address == address)
        self._close(oldest)
        self._storage.strangers.sent_away(address, limit)

    def _end(self, newcomer: Newcomer, trouble: BaseException | None) -> None:
        self._close(newcomer)
        self._storage.strangers.left(newcomer.address, *newcomer.cause(trouble))

    def _close(self, newcomer: Newcomer) -> None:
        self._forget(newcomer)
        with suppress(OSError):
            newcomer.socket.close()

    def _forget(self, newcomer: Newcomer) -> None:
        fd = newcomer.socket.fileno()
        self._poll.unregister(fd)
        del self._waiting[fd]
        self._of_address[newcomer.address] -= 1
        if not self._of_address[newcomer.address]:
            del self._of_address[newcomer.address]
