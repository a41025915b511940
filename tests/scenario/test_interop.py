"""Other people's software at both ends: DCMTK and Orthanc as the PACS, and as the destination."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fidac_node.phantom import IDENTITIES, write_series
from tests.scenario.network import Daemon, Hub, Site, fidac
from tests.support import free_port, wait_until

SMALL = {"rows": 64, "columns": 64}


@pytest.mark.interop("storescu")
def test_a_study_sent_with_storescu_is_committed_and_indexed(tmp_path: Path, hub: Hub, site: Site) -> None:
    files = write_series(tmp_path / "pacs", slices=12, **SMALL)
    hub.start()
    site.start()
    assert site.storescu(files).returncode == 0
    site.wait_for(committed=12)
    assert len(hub.find()) == 12
    study = hub.find("studies")[0]
    assert (study["instances"], study["site"], study["Modality"]) == (12, "CHU-TEST", "CT")


@pytest.mark.interop("dcmsend")
def test_four_associations_of_dcmsend_at_once_all_arrive(tmp_path: Path, hub: Hub, site: Site) -> None:
    for number in range(4):
        write_series(
            tmp_path / f"pacs{number}",
            seed=number + 1,
            slices=15,
            identity=IDENTITIES[number % len(IDENTITIES)],
            **SMALL,
        )
    hub.start()
    site.start()
    senders = [
        subprocess.Popen(
            ["dcmsend", "-aec", "FIDACNODE", "+sd", "127.0.0.1", str(site.port), str(tmp_path / f"pacs{number}")]
        )
        for number in range(4)
    ]
    assert [sender.wait(60) for sender in senders] == [0, 0, 0, 0]
    site.wait_for(committed=60)
    assert len(hub.find("studies")) == 4


@pytest.mark.interop("Orthanc")
def test_orthanc_as_the_pacs_stores_a_study_into_the_node(tmp_path: Path, hub: Hub, site: Site) -> None:
    files = write_series(tmp_path / "pacs", slices=8, **SMALL)
    hub.start()
    site.start()
    with orthanc(tmp_path / "orthanc", {"node": ["FIDACNODE", "127.0.0.1", site.port]}) as pacs:
        for file in files:
            pacs.post("/instances", file.read_bytes())
        studies = json.loads(pacs.get("/studies"))
        answer = json.loads(pacs.post("/modalities/node/store", json.dumps(studies).encode()))
        assert answer["InstancesCount"] == 8 and answer["FailedInstancesCount"] == 0
    site.wait_for(committed=8)
    assert len(hub.find()) == 8


@pytest.mark.interop("storescu")
@pytest.mark.interop("Orthanc")
def test_orthanc_as_the_destination_receives_every_object(tmp_path: Path, site: Site) -> None:
    files = write_series(tmp_path / "pacs", slices=8, **SMALL)
    with orthanc(tmp_path / "orthanc", {}) as archive:
        site.set("send", hub=f"ORTHANC@127.0.0.1:{archive.dicom_port}", commitment=False)
        site.start()
        assert site.storescu(files).returncode == 0
        site.wait_for(sent=8, outgoing=0)
        assert len(json.loads(archive.get("/instances"))) == 8
        patient = json.loads(archive.get("/patients?expand"))[0]["MainDicomTags"]
        assert patient["PatientID"] == patient["PatientName"]


@pytest.mark.interop("storescp")
@pytest.mark.interop("storescu")
def test_storescp_as_the_destination_receives_every_object(tmp_path: Path, site: Site, daemons: list[Daemon]) -> None:
    files = write_series(tmp_path / "pacs", slices=8, **SMALL)
    target, port = tmp_path / "storescp", free_port()
    target.mkdir()
    with subprocess.Popen(["storescp", "-od", str(target), str(port)]) as scp:
        try:
            site.set("send", hub=f"STORESCP@127.0.0.1:{port}", commitment=False)
            site.start()
            assert site.storescu(files).returncode == 0
            site.wait_for(sent=8, outgoing=0)
            assert len(list(target.iterdir())) == 8
        finally:
            scp.terminate()


@pytest.mark.interop("Orthanc")
def test_orthanc_finds_a_study_at_the_hub_and_retrieves_it(tmp_path: Path, hub: Hub, site: Site) -> None:
    """By C-MOVE, whose destination it is itself: what it has then is the archive's."""
    fidac("hub", "client", "add", "ORTHANC", "--config", hub.config)
    modality = {"hub": ["FIDACHUB", "127.0.0.1", hub.port]}
    with orthanc(tmp_path / "orthanc", modality) as workstation:
        hub.set("query", destinations=[f"ORTHANC@127.0.0.1:{workstation.dicom_port}"])
        hub.start()
        site.start()
        fidac("site", "import", *write_series(tmp_path / "pacs", slices=8, **SMALL), "--config", site.config)
        site.wait_for(committed=8)
        question = {"Level": "Study", "Query": {"ModalitiesInStudy": "CT", "StudyDate": "", "PatientName": "*"}}
        query = json.loads(workstation.post("/modalities/hub/query", json.dumps(question).encode()))["Path"]
        assert json.loads(workstation.get(f"{query}/answers")) == ["0"]
        workstation.post(f"{query}/answers/0/retrieve", b'{"TargetAet": "ORTHANC", "Synchronous": true}')
        instances = json.loads(workstation.get("/instances"))
        files = [workstation.get(f"/instances/{instance}/file") for instance in instances]
    assert sorted(data_set(file) for file in files) == sorted(data_set(file) for file in hub.files().values())


def data_set(file: bytes) -> bytes:
    """What follows the File Meta Information; the hub's files come without their preamble."""
    start = file.index(b"DICM") + 4
    return file[start + 12 + int.from_bytes(file[start + 8 : start + 12], "little") :]


class Orthanc:
    """A running Orthanc and its REST interface."""

    def __init__(self, http_port: int, dicom_port: int) -> None:
        self.http_port, self.dicom_port = http_port, dicom_port

    def get(self, path: str) -> bytes:
        return self._call(path, None)

    def post(self, path: str, body: bytes) -> bytes:
        return self._call(path, body)

    def alive(self) -> bool:
        try:
            return bool(self.get("/system"))
        except OSError:
            return False

    def _call(self, path: str, body: bytes | None) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}{path}", data=body, timeout=60) as answer:
            return bytes(answer.read())


@contextmanager
def orthanc(directory: Path, modalities: dict[str, list[object]]) -> Iterator[Orthanc]:
    """Run Orthanc on loopback with ports and storage of its own."""
    directory.mkdir()
    server = Orthanc(free_port(), free_port())
    settings = {
        "StorageDirectory": str(directory),
        "IndexDirectory": str(directory),
        "HttpPort": server.http_port,
        "DicomPort": server.dicom_port,
        "DicomAet": "ORTHANC",
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomAlwaysAllowStore": True,
        "DicomModalities": modalities,
        "Plugins": [],
    }
    (directory / "orthanc.json").write_text(json.dumps(settings))
    with (
        (directory / "log").open("wb") as log,
        subprocess.Popen(["Orthanc", str(directory / "orthanc.json")], stdout=log, stderr=log) as process,
    ):
        try:
            wait_until(server.alive, 30, f"Orthanc does not answer, see {directory / 'log'}")
            yield server
        finally:
            process.terminate()
