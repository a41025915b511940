"""Orthanc's DICOMweb plugin as a client of the hub: it searches, fetches and stores."""

from __future__ import annotations

import io
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydicom import dcmread

from tests.hub_objects import data_set, encoded, uid
from tests.integration.hub.web.conftest import WebHub
from tests.support import free_port, wait_until

PLUGIN = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"
pytestmark = pytest.mark.interop("Orthanc", PLUGIN)


@contextmanager
def orthanc(directory: Path, hub: WebHub) -> Iterator[httpx.Client]:
    """Orthanc, which knows the hub, and its REST interface."""
    directory.mkdir()
    port, token = free_port(), hub.token("read:index", "read:images", "store:LILLE")
    settings = {
        "StorageDirectory": str(directory),
        "IndexDirectory": str(directory),
        "HttpPort": port,
        "DicomPort": free_port(),
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "Plugins": [PLUGIN],
        "DicomWeb": {"Servers": {"hub": {"Url": hub.url, "HttpHeaders": {"Authorization": f"Bearer {token}"}}}},
    }
    (directory / "orthanc.json").write_text(json.dumps(settings))
    with (
        (directory / "log").open("wb") as log,
        subprocess.Popen(["Orthanc", str(directory / "orthanc.json")], stdout=log, stderr=log) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client,
    ):
        try:
            wait_until(lambda: _answers(client), 30, f"Orthanc does not answer, see {directory / 'log'}")
            yield client
        finally:
            process.terminate()


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/system").status_code == 200
    except httpx.TransportError:
        return False


def asked(client: httpx.Client, verb: str, body: dict[str, Any]) -> Any:
    answer = client.post(f"/dicom-web/servers/hub/{verb}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_orthanc_searches_fetches_and_stores(filing: WebHub, tmp_path: Path) -> None:
    with orthanc(tmp_path / "orthanc", filing) as client:
        found = asked(client, "qido", {"Uri": "/studies", "Arguments": {"PatientID": "*1"}})
        assert sorted(study["0020000D"]["Value"] for study in found) == [uid(1, 1), uid(1, 2)], found
        asked(client, "retrieve", {"Resources": [{"Study": uid(1, 1)}], "Synchronous": True})
        fetched = [dcmread(io.BytesIO(client.get(f"/instances/{name}/file").content)) for name in _instances(client)]
        archived = [dcmread(path) for path in (filing.archive.directory / "LILLE" / uid(1, 1)).rglob("*.dcm")]
        assert len(archived) == 7
        assert {ds.SOPInstanceUID: ds for ds in fetched} == {ds.SOPInstanceUID: ds for ds in archived}
        new = [data_set(40, instance=number) for number in (1, 2, 3)]
        for ds in new:
            assert client.post("/instances", content=encoded(ds)).status_code == 200
        (study,) = client.post("/tools/lookup", content=uid(40, 1)).json()
        asked(client, "stow", {"Resources": [study["ID"]], "Synchronous": True})
        for ds in new:
            place = filing.archive.directory / "LILLE" / ds.StudyInstanceUID / ds.SeriesInstanceUID
            assert dcmread(place / f"{ds.SOPInstanceUID}.dcm") == ds
        # What is not de-identified is held, and Orthanc hears that it was not stored.
        assert client.post("/instances", content=encoded(data_set(41, PatientIdentityRemoved="NO"))).status_code == 200
        (study,) = client.post("/tools/lookup", content=uid(41, 1)).json()
        refused = client.post("/dicom-web/servers/hub/stow", json={"Resources": [study["ID"]], "Synchronous": True})
        assert refused.status_code >= 400
        assert len(filing.rooms.intake.spool.entries("held")) == 1


def _instances(client: httpx.Client) -> list[str]:
    return list(client.get("/instances").json())
