"""The sender: every object of the outbox to the destination, for as long as it takes.

An attempt is written down before the network is touched. An answer about one object decides about that
object; trouble with the destination pauses everything. Nothing is given up: after many attempts an
object is tried every ``maximum`` seconds, and the journal says so.
"""

from __future__ import annotations

import logging
import math
import random
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from io import FileIO
from typing import Final, TypeAlias

from fidac_node.dicom.part10 import FileMeta
from fidac_node.errors import Permanent, Temporary
from fidac_node.send.associate import USUAL_PAIRS, Courier, Destination, Pair, Parcel, Unavailable, merge
from fidac_node.send.journal import Journal
from fidac_node.send.retry import Backoff, next_delay
from fidac_node.send.schedule import Schedule
from fidac_node.spool.entry import Entry
from fidac_node.spool.queue import Spool

log = logging.getLogger(__name__)

# Raises ``Permanent`` for an open file that is not to be sent as this object.
Check: TypeAlias = "Callable[[FileIO, Entry], None]"

# Objects of one association whose attempt is written down at once: a crash counts so many attempts too much at most,
# and the more one association takes, the less is left for the others.
_BATCH: Final = 16
# Seconds after a batch of fewer objects, in which the next one gathers: an object alone costs more.
_BREATH: Final = 0.02
# Objects claimed at a time: the most that can wait for their own next attempt in memory.
_ROOM: Final = 4096
_MOST_RECENT: Final = 4096
# So many objects in a row refused for a while: then it is not the objects.
_STRIKES: Final = 8
# Seconds between two looks at the outbox when nobody says that something came; a crash may leave it unsaid.
_IDLE: Final = 5.0
# Seconds between two looks at whether the destination may be tried again, and at whether a stop was heard.
_TICK: Final = 0.5


class Sender:
    """Sends what comes into ``outbox``; see :meth:`run`.

    ``associations`` is how many are open at the same time, over one study or several; ``first`` and ``maximum`` are the
    seconds of :func:`next_delay`; ``linger`` is how long (seconds) an association stays open without work.
    ``check(file, entry)`` raises :class:`Permanent` for an open file that is not to be sent under that name. In
    ``recent`` it leaves what it knows of objects that it has sent, for whoever asks for their commitment.
    ``heart(name)`` is what the loop of that name calls whenever it comes round, and with each part of an object.
    """

    def __init__(  # noqa: PLR0913 - plain values, each by its name
        self,
        outbox: Spool,
        journal: Journal,
        destination: Destination,
        check: Check,
        *,
        associations: int = 2,
        first: float = 5.0,
        maximum: float = 600.0,
        linger: float = 5.0,
        owner: str = "send-0",
        recent: dict[Entry, FileMeta] | None = None,
        rand: Callable[[], float] = random.random,
        heart: Callable[[str], Callable[[float], object]] = lambda _name: lambda _longer: None,
    ) -> None:
        self._outbox, self._journal, self._destination = outbox, journal, destination
        self._check = check
        self._first, self._maximum = first, maximum
        self._recent = {} if recent is None else recent
        self._rand = rand
        self._backoff = Backoff(first, maximum, rand=rand)
        self._schedule = Schedule(outbox, owner, _ROOM)
        self._lines = [
            _Line(replace(destination, beat=heart(_name(number))), linger, Backoff(first, maximum, rand=rand))
            for number in range(associations)
        ]

    def run(self, stop: threading.Event) -> None:
        """Send until ``stop`` is set: then the objects in hand are finished and the rest is unclaimed."""
        threads = [
            threading.Thread(target=self._serve, args=(_name(number), line, stop), name=_name(number))
            for number, line in enumerate(self._lines)
        ]
        for thread in threads:
            thread.start()
        stop.wait()
        for thread in threads:
            while thread.is_alive():
                self._outbox.notify()  # who waits for work hears the stop
                thread.join(_TICK / 10)
        self._schedule.give_back()
        self._journal.flush()

    @property
    def associated(self) -> bool:
        """Whether an association is open, or being opened."""
        return any(line.open or line.opening for line in self._lines)

    def _serve(self, worker: str, line: _Line, stop: threading.Event) -> None:
        while not stop.is_set():
            line.beat(0.0)
            try:
                self._turn(worker, line, stop)
            except Exception:
                log.exception("unexpected trouble while sending; it goes on in %.0f s", self._first)
                line.beat(self._first)
                stop.wait(self._first)
        line.release()

    def _turn(self, worker: str, line: _Line, stop: threading.Event) -> None:
        if pause := self._remaining(line):
            line.rest()
            stop.wait(min(pause, _TICK))
        elif batch := self._schedule.take(worker, _BATCH, share=any(other.open for other in self._lines)):
            if self._backoff.remaining():  # since we looked, another worker has failed and put these back
                self._schedule.put_back(worker, batch)
                return
            self._send(worker, line, batch, stop)
            if len(batch) < _BATCH and not self._remaining(line):  # who gathers must go on
                self._outbox.wait_for_more(_BATCH, _BREATH, stop)
        else:
            line.rest()
            due = self._schedule.next_due()
            line.beat(_IDLE)
            self._outbox.wait(min(_IDLE, line.rest_in(), _IDLE if due is None else due))

    def _remaining(self, line: _Line) -> float:
        """How long (seconds) the destination, or this association, is still to be left alone."""
        return max(self._backoff.remaining(), line.backoff.remaining())

    def _send(self, worker: str, line: _Line, batch: list[Entry], stop: threading.Event) -> None:
        settled = 0
        ahead = _Ahead(self._outbox, self._check)
        try:
            self._journal.attempting(batch)
            for number, entry in enumerate(batch):
                line.beat(0.0)
                if stop.is_set():
                    break
                parcel = self._unpack(worker, ahead, entry)
                if parcel is not None:
                    with closing(parcel):
                        if line.open_for(parcel.pair):
                            self._outbox.notify()  # the destination is there: another worker may help
                        settled = number + 1  # from here on its own fate is written down, whatever happens
                        self._deliver(worker, line, entry, parcel, partial(ahead.look_at, batch[settled : settled + 1]))
                settled = number + 1
        except Temporary as error:
            self._pause(error, line)
        finally:
            ahead.close()
            self._schedule.put_back(worker, batch[settled:])

    def _unpack(self, worker: str, ahead: _Ahead, entry: Entry) -> Parcel | None:
        """Open the object's file; ``None`` when there is nothing to send, and that is settled."""
        try:
            if self._outbox.holds(entry, "held"):  # its file would be found there
                raise FileNotFoundError
            return ahead.open(entry)
        except FileNotFoundError:
            log.warning("object %s left the outbox before it was sent: dropped or held by a person", entry)
            self._schedule.done(worker, entry)
        except Permanent as error:
            self._refuse(worker, entry, error)
        except OSError as error:
            log.exception("object %s: its file cannot be read", entry)
            self._postpone(worker, entry, Temporary(f"its file cannot be read: {error.strerror}"))
        return None

    def _deliver(self, worker: str, line: _Line, entry: Entry, parcel: Parcel, meanwhile: Callable[[], None]) -> None:
        """Send one object and write its fate down. Raises :class:`Unavailable` when nothing is worth trying now."""
        try:
            status = line.store(parcel, meanwhile)
            self._journal.note(entry, "sent", status=status)
            if len(self._recent) < _MOST_RECENT:
                self._recent[entry] = parcel.meta
            self._outbox.mark_sent(entry)  # last: from here on storage commitment writes about it
        except Permanent as error:
            self._refuse(worker, entry, error)
        except Unavailable as error:
            # If it is this object that upsets the destination, the others go first from now on.
            self._postpone(worker, entry, error)
            raise
        except Temporary as error:
            self._postpone(worker, entry, error)
            line.strike(error)
            return
        except FileNotFoundError:
            log.warning("object %s left the outbox while it was sent: dropped or held by a person", entry)
            self._schedule.done(worker, entry)
            return
        except Exception as error:
            log.exception("object %s: unexpected trouble while sending", entry)
            line.abort()
            self._postpone(worker, entry, Temporary(f"unexpected {type(error).__name__} while sending: see the log"))
            return
        else:
            self._schedule.done(worker, entry)
        line.strikes = 0
        self._backoff.succeeded()
        self._journal.contact(ok=True)

    def _refuse(self, worker: str, entry: Entry, error: Permanent) -> None:
        try:
            self._outbox.hold(entry, error.code, str(error), status=error.status)
        except OSError as trouble:
            self._postpone(
                worker, entry, Temporary(f"{error}; it cannot be set aside: {trouble.strerror}", error.status)
            )
            return
        log.warning("object %s refused, it waits for a person: %s", entry, error)
        self._schedule.done(worker, entry)
        self._journal.note(entry, "refused", reason=error.code, message=str(error), status=error.status)

    def _postpone(self, worker: str, entry: Entry, error: Temporary) -> None:
        attempts = self._attempts(entry)
        delay = next_delay(attempts, self._first, self._maximum, self._rand())
        log.info("object %s, attempt %d: %s; again in %.0f s", entry, attempts, error, delay)
        self._journal.note(entry, "outgoing", message=str(error), status=error.status, next_attempt=time.time() + delay)
        self._schedule.later(worker, entry, delay)

    def _attempts(self, entry: Entry) -> int:
        try:
            return self._journal.attempts(entry)
        except Temporary as error:
            log.warning("the attempts of object %s cannot be read, it counts as the first: %s", entry, error)
            return 1

    def _pause(self, error: Temporary, line: _Line) -> None:
        """Leave the destination alone for a while; of several threads with one trouble, one speaks.

        A destination that takes one more association not now, but goes on with another, is not left alone.
        """
        if line.denied and any(other.open or other.opening for other in self._lines if other is not line):
            log.info(
                "%s; another association goes on, this one is tried again in %.0f s", error, line.backoff.failed() or 0
            )
            return
        delay = self._backoff.failed()
        if delay is not None:
            log.warning("%s; everything waits %.0f s", error, delay)
            self._journal.contact(ok=False, message=str(error))


def _name(number: int) -> str:
    return f"send-{number}"


class _Ahead:
    """Opens and checks the next object's file while the answer about the one before is awaited."""

    def __init__(self, outbox: Spool, check: Check) -> None:
        self._outbox, self._check = outbox, check
        self._entry: Entry | None = None
        self._parcel: Parcel | None = None

    def look_at(self, entries: Iterable[Entry]) -> None:
        """Open what comes next, if anything does."""
        for entry in entries:
            with suppress(OSError, Permanent):  # said when its turn comes
                self._entry, self._parcel = entry, self._opened(entry)

    def open(self, entry: Entry) -> Parcel:
        """Return the object's parcel, its file open. Raises as :meth:`Parcel.kept`."""
        parcel, self._parcel = self._parcel, None
        if parcel is not None and self._entry == entry:
            return parcel
        return self._opened(entry)

    def close(self) -> None:
        """Close what was looked at and never sent."""
        if self._parcel is not None:
            self._parcel.close()

    def _opened(self, entry: Entry) -> Parcel:
        return Parcel.kept(self._outbox.place(entry), lambda file: self._check(file, entry))


class _Line:
    """One thread's association: opened when needed, kept for ``linger`` seconds without work.

    ``backoff`` is for a destination that takes the associations of the other threads and not this one;
    ``opening`` says that one is being tried to open, ``denied`` that the last try failed.
    """

    def __init__(self, destination: Destination, linger: float, backoff: Backoff) -> None:
        self._destination, self._linger, self.backoff = destination, linger, backoff
        self.beat = destination.beat
        self.denied = False
        self.opening = False
        self._courier: Courier | None = None
        self._pairs: frozenset[Pair] = USUAL_PAIRS
        self._used = 0.0
        self.strikes = 0

    def open_for(self, pair: Pair) -> bool:
        """See that there is an association that proposed ``pair``; say whether it is a new one.

        Raises :class:`Unavailable`.
        """
        if self._courier is not None and not self._courier.alive():
            self._courier = None  # the peer's idle time is shorter than ours: no fault
        if self._courier is not None and pair in self._courier.pairs:
            return False
        self.release()
        self._pairs = merge(self._pairs, pair)
        self.denied = self.opening = True
        try:
            self._courier = Courier.to(self._destination, self._pairs)
        finally:
            self.opening = False
        self.denied = False
        self.backoff.succeeded()
        self._used = time.monotonic()
        return True

    def store(self, parcel: Parcel, meanwhile: Callable[[], None]) -> int:
        """Send one object over the association that :meth:`open_for` opened for it."""
        assert self._courier is not None
        self._used = time.monotonic()
        return self._courier.store(parcel, meanwhile)

    def strike(self, error: Temporary) -> None:
        """Count an object that was put off. Raises :class:`Unavailable` when it is plainly not the objects."""
        self.strikes += 1
        if self.strikes >= _STRIKES:
            self.strikes = 0
            raise Unavailable(f"{_STRIKES} objects in a row were put off, the last with {error}", error.status)

    @property
    def open(self) -> bool:
        """Whether there is an association, as far as is known."""
        return self._courier is not None

    def rest(self) -> None:
        """Release an association that nobody needed for a while."""
        if self.rest_in() <= 0:
            self.release()

    def rest_in(self) -> float:
        """Return the seconds until :meth:`rest` has something to do."""
        return math.inf if self._courier is None else self._used + self._linger - time.monotonic()

    def release(self) -> None:
        """End the association in good order."""
        if self._courier is not None:
            self._courier.release()
            self._courier = None

    def abort(self) -> None:
        """End the association at once."""
        if self._courier is not None:
            self._courier.abort()
            self._courier = None
