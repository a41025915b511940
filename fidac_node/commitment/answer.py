"""Storage commitment on the receiving side (PS3.4 Annex J): the hub's SCP, and the site's ear for late reports.

The hub answers the N-ACTION, looks the objects up, and reports on the association that asked, because
hospitals let no connection in. A requestor that has left by then asks again.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from pydicom import Dataset
from pydicom.uid import UID
from pynetdicom import evt
from pynetdicom.dimse_primitives import N_ACTION, N_EVENT_REPORT
from pynetdicom.presentation import build_context

from fidac_node.commitment import data_sets
from fidac_node.commitment.reasons import NO_SUCH_INSTANCE, PROCESSING_FAILURE
from fidac_node.commitment.transactions import Reference, Report, Transactions
from fidac_node.dicom.uids import (
    EXPLICIT_VR_LE,
    IMPLICIT_VR_LE,
    STORAGE_COMMITMENT,
    STORAGE_COMMITMENT_INSTANCE,
    is_valid_uid,
)

if TYPE_CHECKING:
    from pynetdicom.association import Association
    from pynetdicom.dimse_primitives import DimseServiceType
    from pynetdicom.events import Event
    from pynetdicom.presentation import PresentationContext

log = logging.getLogger(__name__)

# (calling AE, references) -> (committed, failed with Failure Reason (0008,1197))
Check: TypeAlias = Callable[
    [str, Sequence[tuple[str, str]]], "tuple[Sequence[tuple[str, str]], Sequence[tuple[str, str, int]]]"
]

_SYNTAXES: Final = [EXPLICIT_VR_LE, IMPLICIT_VR_LE]
_INVALID_ARGUMENT: Final = 0x0115
_UNRECOGNISED_OPERATION: Final = 0x0211
_NO_SUCH_ACTION: Final = 0x0123
_REQUEST_COMMITMENT: Final = 1  # action type (PS3.4 Table J.3-1)
_ALL_COMMITTED, _FAILURES_EXIST = 1, 2  # event types (PS3.4 Table J.3-2)
# Each looks up one transaction; more would only wait for the same index.
_THREADS: Final = 4
# Seconds for our own N-ACTION response to go out before the report is given up.
_ANSWER_TIMEOUT: Final = 30


def request_contexts() -> list[PresentationContext]:
    """What the hub's SCP accepts to be asked for commitment: the peer is SCU, as by default."""
    return [build_context(STORAGE_COMMITMENT, _SYNTAXES)]


def report_contexts() -> list[PresentationContext]:
    """What the site's SCP accepts from a peer that opens an association back to report.

    That peer is the SCP (PS3.4 J.3.3, PS3.7 D.3.3.4).
    """
    context = build_context(STORAGE_COMMITMENT, _SYNTAXES)
    context.scu_role, context.scp_role = False, True
    return [context]


def report_handlers(reports: Path) -> list[tuple[Any, ...]]:
    """Return the site SCP's handler for reports: it answers Success when the report is kept in ``reports``."""
    transactions = Transactions(reports)

    def handle(event: Event) -> tuple[int, Dataset | None]:
        information = cast(N_EVENT_REPORT, event.request).EventInformation
        try:
            encoded = information.getvalue() if information else b""
            known = transactions.report(data_sets.decode(encoded, event.context.transfer_syntax))
        except Exception:  # whatever decoding or the disk leads to: the peer may report again
            log.exception("a storage commitment report cannot be kept")
            return PROCESSING_FAILURE, None
        if not known:
            log.warning(
                "a storage commitment report of %s was refused: this node did not ask for it",
                event.assoc.requestor.ae_title,
                extra={"peer": event.assoc.requestor.address},
            )
        return (0x0000 if known else PROCESSING_FAILURE), None

    def refuse(event: Event) -> tuple[int, Dataset | None]:
        """A peer asks *us* to commit: the site holds objects on their way, the hub keeps them for good."""
        log.warning(
            "%s asked this site for storage commitment and was told that it does not offer it: switch that off there; "
            "Success of a C-STORE is this node's word, the hub's commitment is its own affair",
            event.assoc.requestor.ae_title,
            extra={"peer": event.assoc.requestor.address},
        )
        return _UNRECOGNISED_OPERATION, None

    return [(evt.EVT_N_EVENT_REPORT, handle), (evt.EVT_N_ACTION, refuse)]


class CommitmentScp:
    """The hub's Storage Commitment SCP; its AE needs :func:`request_contexts` and :meth:`handlers`.

    ``check`` says which objects the hub answers for. It runs in a thread of its own and may wait a little.
    ``generation`` names the index that it asks, for a calling AE title.
    """

    def __init__(self, check: Check, generation: Callable[[str], str] = lambda _: "") -> None:
        self._check, self._generation = check, generation
        self._executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="commitment")
        # The answers to our reports reach pynetdicom's reactor, which finds them unexpected; they need no action.
        logging.getLogger("pynetdicom.association").addFilter(_expected)

    def handlers(self) -> list[tuple[Any, ...]]:
        """Return what to bind to the hub's AE."""
        return [(evt.EVT_N_ACTION, self._handle)]

    def close(self) -> None:
        """Report on nothing more; who asked will ask again."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _handle(self, event: Event) -> tuple[int, Dataset | None]:
        """Take an N-ACTION: answer at once, look up and report later."""
        request = cast(N_ACTION, event.request)
        status, transaction_uid, asked = _requested(event, request)
        if status != 0x0000:
            log.warning(
                "a storage commitment request of %s was refused with status %04XH",
                event.assoc.requestor.ae_title,
                status,
                extra={"peer": event.assoc.requestor.address},
            )
            return status, None
        door = _Door.of(event.assoc)
        answered = door.expect(cast(int, request.MessageID))
        self._executor.submit(
            self._report, event.assoc, door, answered, event.context.context_id, transaction_uid, asked
        )
        return 0x0000, None

    def _report(
        self,
        assoc: Association,
        door: _Door,
        answered: threading.Event,
        context_id: int,
        transaction_uid: str,
        references: list[Reference],
    ) -> None:
        calling_ae = assoc.requestor.ae_title
        try:
            report = self._look_up(calling_ae, transaction_uid, references)
            if not answered.wait(_ANSWER_TIMEOUT) or not assoc.is_established:
                log.info("%s left before the report on %d objects: it will ask again", calling_ae, len(references))
                return
            door.report(report, context_id)
        except Exception:
            log.exception("storage commitment for %s could not be reported: it will ask again", calling_ae)
            return
        log.info(
            "storage commitment for %s: %d committed, %d not", calling_ae, len(report.committed), len(report.failed)
        )

    def _look_up(self, calling_ae: str, transaction_uid: str, references: list[Reference]) -> Report:
        try:
            generation = self._generation(
                calling_ae
            )  # first: of an index that was exchanged meanwhile the older name is told
            ok, failed = self._check(calling_ae, references)
        except Exception:
            log.exception("storage commitment: the objects of %s cannot be looked up", calling_ae)
            return Report(transaction_uid, (), tuple((reference, PROCESSING_FAILURE) for reference in references))
        committed = tuple(Reference(*reference) for reference in ok)
        reasons = {Reference(sop_class, instance): reason for sop_class, instance, reason in failed}
        for reference in set(references).difference(committed, reasons):
            reasons[reference] = NO_SUCH_INSTANCE  # not answered for is not committed
        return Report(transaction_uid, committed, tuple(reasons.items()), generation)


class _Door:
    """The way out of one association, for one whole message at a time.

    pynetdicom lets its reactor answer requests and gives no lock: a report from another thread could go
    out before the N-ACTION's own response, or between the fragments of another message. Its
    ``send_n_event_report`` would also take the next request for the answer it waits for.
    """

    def __init__(self, assoc: Association) -> None:
        self._assoc = assoc
        self._send = assoc.dimse.send_msg
        self._lock = threading.Lock()
        self._expected: dict[int, threading.Event] = {}
        self._message_ids = itertools.cycle(range(1, 0x10000))
        setattr(assoc.dimse, "send_msg", self._pass)  # noqa: B010 - mypy does not let a method be assigned

    @classmethod
    def of(cls, assoc: Association) -> _Door:
        """Return the association's door; to be called from its own reactor only."""
        standing = getattr(assoc.dimse.send_msg, "__self__", None)
        return standing if isinstance(standing, _Door) else cls(assoc)

    def expect(self, message_id: int) -> threading.Event:
        """Return an event that is set when the response to the N-ACTION ``message_id`` is on its way."""
        answered = threading.Event()
        with self._lock:
            self._expected[message_id] = answered
        return answered

    def report(self, report: Report, context_id: int) -> None:
        """Send the N-EVENT-REPORT (PS3.4 J.3.3)."""
        (syntax,) = (cx.transfer_syntax[0] for cx in self._assoc.accepted_contexts if cx.context_id == context_id)
        request = N_EVENT_REPORT()
        request.MessageID = next(self._message_ids)
        request.AffectedSOPClassUID = UID(STORAGE_COMMITMENT)
        request.AffectedSOPInstanceUID = UID(STORAGE_COMMITMENT_INSTANCE)
        request.EventTypeID = _FAILURES_EXIST if report.failed else _ALL_COMMITTED
        request.EventInformation = BytesIO(data_sets.encode(report, syntax))
        self._pass(request, context_id)

    def _pass(self, primitive: DimseServiceType, context_id: int) -> None:
        with self._lock:
            self._send(primitive, context_id)
            if isinstance(primitive, N_ACTION) and primitive.MessageIDBeingRespondedTo is not None:
                answered = self._expected.pop(primitive.MessageIDBeingRespondedTo, None)
                if answered is not None:
                    answered.set()


def _requested(event: Event, request: N_ACTION) -> tuple[int, str, list[Reference]]:
    """Read an N-ACTION: the status to answer with, the TransactionUID and the references."""
    if request.RequestedSOPInstanceUID != STORAGE_COMMITMENT_INSTANCE:
        return NO_SUCH_INSTANCE, "", []
    if event.action_type != _REQUEST_COMMITMENT:
        return _NO_SUCH_ACTION, "", []
    try:
        # The same Transaction UID and references as in a report (PS3.4 Table J.3-1).
        asked = data_sets.decode(
            request.ActionInformation.getvalue() if request.ActionInformation else b"", event.context.transfer_syntax
        )
    except ValueError as error:
        log.warning("a storage commitment request cannot be read: %s", error, extra={"peer": ""})
        return _INVALID_ARGUMENT, "", []
    valid = bool(asked.committed) and all(is_valid_uid(uid) for reference in asked.committed for uid in reference)
    return (0x0000 if valid else _INVALID_ARGUMENT), asked.transaction_uid, list(asked.committed)


def _expected(record: logging.LogRecord) -> bool:
    return "unexpected N-EVENT-REPORT" not in record.getMessage()
