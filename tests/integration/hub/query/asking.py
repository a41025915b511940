"""A hub's SCP over an index of a few studies, and somebody who asks it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from peewee import Database
from pydicom.dataset import Dataset
from pynetdicom import AE
from pynetdicom.association import Association

from fidac_node.audit.trail import FILE, Trail
from fidac_node.dicom.uids import EXPLICIT_VR_LE, PATIENT_ROOT_FIND, STUDY_ROOT_FIND
from fidac_node.hub.index import Registry
from fidac_node.hub.index.clients import Clients
from fidac_node.hub.index.record import Description, describe, record
from fidac_node.hub.query.find import FindScp, find_contexts
from fidac_node.receive.scp import storage_contexts
from tests.hub_objects import CT, encoded
from tests.integration.receiving import Node

CALLED = "FIDACNODE"


class AskedHub(Node):
    """The hub's SCP as its daemon makes it, over the index ``db``."""

    def __init__(self, directory: Path, db: Database) -> None:
        super().__init__(directory)
        clients = Clients(db)
        self.trail = Trail(directory / FILE)
        self.callers = Registry(db).knows
        self.start(
            contexts=[*storage_contexts([CT], [EXPLICIT_VR_LE]), *find_contexts()],
            services=FindScp(db, clients, self.trail).services(),
            guests=clients.networks_of,
        )

    @contextmanager
    def associated(self, calling: str = "VIEWER", **settings: Any) -> Iterator[Association]:
        """An association of a client that may ask with both models."""
        assoc = self.associate(calling, **settings)
        try:
            assert assoc.is_established
            yield assoc
        finally:
            if assoc.is_established:
                assoc.release()

    def associate(self, calling: str = "VIEWER", **settings: Any) -> Association:
        ae = AE(calling)
        ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 20
        for model in (STUDY_ROOT_FIND, PATIENT_ROOT_FIND):
            ae.add_requested_context(model, [EXPLICIT_VR_LE])
        return ae.associate("127.0.0.1", self.scp.port, ae_title=CALLED, **settings)

    def find(
        self, level: str = "STUDY", model: str = STUDY_ROOT_FIND, calling: str = "VIEWER", **keys: Any
    ) -> tuple[list[Dataset], Dataset]:
        """Ask; the matches, and the final response."""
        with self.associated(calling) as assoc:
            return ask(assoc, identifier(level, **keys), model)


def identifier(level: str, **keys: Any) -> Dataset:
    ds = Dataset()
    ds.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(ds, keyword, value)
    return ds


def ask(assoc: Association, asked: Dataset, model: str = STUDY_ROOT_FIND) -> tuple[list[Dataset], Dataset]:
    responses = list(assoc.send_c_find(asked, model))
    matches = [ds for status, ds in responses if status.Status in (0xFF00, 0xFF01)]
    assert all(ds is not None for ds in matches)
    return [ds for ds in matches if ds is not None], responses[-1][0]


def file(db: Database, directory: Path, objects: Iterable[tuple[Dataset, str]]) -> None:
    """Record objects of sites as the filer does."""
    record(db, [_described(directory, ds, site) for ds, site in objects])


def fill(db: Database, directory: Path, ds: Dataset, studies: int) -> None:
    """Record a study, and so many more in the same state as that one, of one series each."""
    file(db, directory, [(ds, "LILLE")])
    for table, uid, others in (
        ("study", "study_instance_uid", _OF_A_STUDY),
        ("series", "series_instance_uid", _OF_A_SERIES),
    ):
        last = db.execute_sql(f"SELECT MAX(id) FROM {table}").fetchone()[0]
        number = f"{last} + i, " + ("study_id + i, " if table == "series" else "")
        columns = "id, " + ("study_id, " if table == "series" else "")
        db.execute_sql(
            f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {studies - 1}) "
            f"INSERT INTO {table} ({columns}{uid}, {others}) "
            f"SELECT {number}{uid} || '.' || i, {others} FROM n, {table} WHERE {table}.id = {last}"
        )


_OF_A_STUDY = (
    "site_id, patient_id, date, time, patient_age, age_years, programme, profile_id, label, label_source, read_from, "
    "series, instances, bytes, received_at"
)
_OF_A_SERIES = (
    "modality, body_part, manufacturer, model, kernel, kvp, slice_thickness, thinnest, labels, lost, row_spacing, "
    "column_spacing, rows, columns, contrast, contrast_agent, profile_id, label, label_source, read_from, instances, "
    "bytes, received_at, number"
)


def _described(directory: Path, ds: Dataset, site: str) -> Description:
    path = directory / f"{ds.SOPInstanceUID}.dcm"
    path.write_bytes(encoded(ds))
    return describe(path, site)
