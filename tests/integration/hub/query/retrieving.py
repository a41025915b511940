"""A hub's SCP over an archive of a few objects, and clients that retrieve from it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from pydicom.dataset import Dataset
from pynetdicom import AE, build_role, evt
from pynetdicom.association import Association

from fidac_node.audit.trail import FILE, Trail
from fidac_node.dicom.uids import (
    CT_CLASSES,
    EXPLICIT_VR_LE,
    IMPLICIT_VR_LE,
    PATIENT_ROOT_GET,
    PATIENT_ROOT_MOVE,
    STUDY_ROOT_GET,
    STUDY_ROOT_MOVE,
    TRANSFER_SYNTAXES,
)
from fidac_node.hub.index.clients import Clients
from fidac_node.hub.query.retrieve import RetrieveScp, retrieve_contexts
from fidac_node.receive.scp import storage_contexts
from fidac_node.send.wire import Destination
from tests.hub_objects import CT
from tests.integration.hub.test_filing import HubRooms
from tests.integration.receiving import Node

CALLED = "FIDACNODE"
NOBODY = Destination(
    "NOBODY", "127.0.0.1", 9, CALLED, connect_timeout=2, what="destination", setting="[query] destinations"
)


class GivingHub(Node):
    """The hub's SCP as its daemon makes it, over ``rooms``; sends to ``destinations`` by C-MOVE."""

    def __init__(self, rooms: HubRooms, *destinations: Destination, timeout: float = 20) -> None:
        super().__init__(rooms.directory / "receiver")
        clients = Clients(rooms.db)
        self.trail = Trail(rooms.directory / FILE)
        scp = RetrieveScp(
            rooms.db,
            rooms.archive,
            clients,
            self.trail,
            {one.ae_title: one for one in (NOBODY, *destinations)},
            rooms.spool.directory,
            timeout,
        )
        self.callers = lambda title: title == "LILLE_NODE"
        self.start(
            contexts=[
                *storage_contexts(list(CT_CLASSES), list(TRANSFER_SYNTAXES), both_ways=True),
                *retrieve_contexts(),
            ],
            services=scp.services(),
            guests=clients.networks_of,
            dimse_timeout=timeout,
        )


class Answer(NamedTuple):
    """The final response of a retrieval and its identifier; the pending ones before it; what came."""

    final: Dataset
    failed: list[str]
    pending: list[Dataset]
    got: list[tuple[Dataset, str]]

    @property
    def counts(self) -> tuple[int, int, int]:
        """Completed, failed, with warning."""
        ds = self.final
        return (
            ds.NumberOfCompletedSuboperations,
            ds.NumberOfFailedSuboperations,
            ds.NumberOfWarningSuboperations,
        )


class Client:
    """A client that gets over its own association. ``take`` says with which status it answers for an object."""

    def __init__(self, port: int, calling: str = "VIEWER") -> None:
        self.port = port
        self.calling = calling
        self.take: Callable[[evt.Event], int] = lambda _event: 0
        self.got: list[tuple[Dataset, str]] = []

    @contextmanager
    def associated(self, *syntaxes: str, roles: bool = True, classes: tuple[str, ...] = (CT,)) -> Iterator[Association]:
        ae = AE(self.calling)
        ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 20
        for model in (STUDY_ROOT_GET, PATIENT_ROOT_GET, STUDY_ROOT_MOVE, PATIENT_ROOT_MOVE):
            ae.add_requested_context(model, [EXPLICIT_VR_LE])
        for sop_class in classes:
            for syntax in syntaxes or (EXPLICIT_VR_LE, IMPLICIT_VR_LE):
                ae.add_requested_context(sop_class, [syntax])
        negotiation = [build_role(sop_class, scp_role=True) for sop_class in classes] if roles else []
        assoc = ae.associate(
            "127.0.0.1",
            self.port,
            ae_title=CALLED,
            ext_neg=negotiation,
            evt_handlers=[(evt.EVT_C_STORE, self._store)],
        )
        assert assoc.is_established
        try:
            yield assoc
        finally:
            if assoc.is_established:
                assoc.release()

    def _store(self, event: evt.Event) -> int:
        status = self.take(event)
        if status in (0, 0xB000):
            self.got.append((event.dataset, str(event.context.transfer_syntax)))
        return status

    def get(self, level: str = "STUDY", model: str = STUDY_ROOT_GET, *syntaxes: str, **keys: Any) -> Answer:
        with self.associated(*syntaxes) as assoc:
            return self.answered(assoc.send_c_get(identifier(level, **keys), model))

    def move(self, to: str, level: str = "STUDY", model: str = STUDY_ROOT_MOVE, **keys: Any) -> Answer:
        with self.associated() as assoc:
            return self.answered(assoc.send_c_move(identifier(level, **keys), to, model))

    def answered(self, responses: Iterator[tuple[Dataset, Dataset | None]]) -> Answer:
        said = list(responses)
        final, named = said[-1]
        uids = named.get("FailedSOPInstanceUIDList") if named else None
        failed = [] if uids is None else [uids] if isinstance(uids, str) else list(uids)
        return Answer(final, [str(uid) for uid in failed], [ds for ds, _ in said[:-1]], self.got)


def identifier(level: str, **keys: Any) -> Dataset:
    ds = Dataset()
    ds.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(ds, keyword, value)
    return ds


class Destinee(Node):
    """Somebody to whom objects are sent by C-MOVE."""

    def __init__(self, directory: Any, **settings: Any) -> None:
        super().__init__(directory)
        self.start(called=frozenset({"WORKSTATION"}), **settings)

    @property
    def destination(self) -> Destination:
        return Destination("WORKSTATION", "127.0.0.1", self.scp.port, CALLED, dimse_timeout=10)


def in_thread(work: Callable[[], Any]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread
