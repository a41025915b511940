"""Whether the destination answers while nobody sends to it: the Verification Service (PS3.4 Annex A)."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from fidac_node.dicom.uids import EXPLICIT_VR_LE, IMPLICIT_VR_LE, VERIFICATION
from fidac_node.send.journal import Journal
from fidac_node.send.upper_layer import Association, Context, Destination, Unavailable, encode_command

log = logging.getLogger(__name__)

_C_ECHO_RQ, _C_ECHO_RSP = 0x0030, 0x8030
_NO_DATA_SET: Final = 0x0101
_MESSAGE_ID: Final = 1
_SUCCESS: Final = 0x0000
# Seconds for each step at most: who needs longer for nothing but an answer does not answer.
_PATIENCE: Final = 10.0
# Seconds between two looks at whether somebody else has talked with the destination, at least.
_TICK: Final = 1.0
# Seconds after which a destination that did not answer is asked again, at most: it may be back.
_AGAIN: Final = 5.0


class Verifier:
    """Asks the destination by C-ECHO when nobody has talked with it for ``interval`` seconds; see :meth:`run`.

    Sending goes its own way: a pause is neither cut short nor made longer by what is heard here. While ``busy``, an
    association of the sender's is open: then a destination that takes no further one may be well all the same. ``beat``
    is called whenever the loop comes round.
    """

    def __init__(
        self,
        journal: Journal,
        destination: Destination,
        interval: float,
        *,
        busy: Callable[[], bool] = lambda: False,
        beat: Callable[[float], object] = lambda _longer: None,
    ) -> None:
        self._beat = beat
        self._journal, self._interval, self._busy = journal, interval, busy
        self._destination = replace(
            destination,
            connect_timeout=min(destination.connect_timeout, _PATIENCE),
            acse_timeout=min(destination.acse_timeout, _PATIENCE),
            beat=beat,
            dimse_timeout=min(destination.dimse_timeout, _PATIENCE),
        )
        self._asked = -math.inf

    def run(self, stop: threading.Event) -> None:
        """Ask whenever it is time, first at once, until ``stop`` is set."""
        while not stop.is_set():
            self._beat(0.0)
            if self._due() <= 0:
                self._asked = time.monotonic()
                try:
                    self._ask()
                except Exception:
                    log.exception("unexpected trouble while asking %s whether it answers", self._destination)
            pause = max(self._due(), min(self._interval, _TICK))
            self._beat(pause)
            stop.wait(pause)

    def _due(self) -> float:
        """The seconds until it is time to ask."""
        last = self._journal.last_talk()
        interval = min(self._interval, _AGAIN) if last.ok is False else self._interval
        return max(last.at, self._asked) + interval - time.monotonic()

    def _ask(self) -> None:
        before = self._journal.last_talk()
        try:
            verify(self._destination)
        except Unavailable as error:
            if self._busy() or self._journal.last_talk() is not before:
                return  # who talks with it meanwhile knows better
            self._journal.contact(ok=False, message=str(error))
            if before.ok is not False:
                log.warning("%s; it is asked again every %g s", error, min(self._interval, _AGAIN))
            return
        self._journal.contact(ok=True)
        if before.ok is False:
            log.info("%s answers again", self._destination)


def verify(destination: Destination) -> None:
    """Associate, send one C-ECHO (PS3.7 9.1.5), release; an association without Verification is an answer, too.

    Raises :class:`Unavailable`.
    """
    association = Association.request(destination, [(VERIFICATION, [EXPLICIT_VR_LE, IMPLICIT_VR_LE])])
    context = association.context(VERIFICATION)
    if context is not None:
        _echo(association, context)
    association.release()


def _echo(association: Association, context: Context) -> None:
    destination = association.destination
    request = ((0x0002, VERIFICATION), (0x0100, _C_ECHO_RQ), (0x0110, _MESSAGE_ID), (0x0800, _NO_DATA_SET))
    association.send(context, encode_command(request))
    answer = association.receive(destination.dimse_timeout)
    if answer is None:
        association.abort()
        raise Unavailable(
            f"{destination} took the association but did not answer the C-ECHO within "
            f"{destination.dimse_timeout:g} s: look at the hub"
        )
    status = answer.number(0x0900)
    if answer.number(0x0100) != _C_ECHO_RSP or status is None:
        association.abort()
        raise Unavailable(f"{destination} answered something else than the C-ECHO: association aborted")
    if status != _SUCCESS:
        association.abort()
        raise Unavailable(f"{destination} answered the C-ECHO with status {status:04X}H: look at the hub")
