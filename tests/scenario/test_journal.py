"""What the hub can tell afterwards: how a study came, what was promised for it, who asked and who got it."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import AE

from fidac_node.dicom.uids import STUDY_ROOT_FIND
from fidac_node.phantom import write_series
from tests.scenario.network import Hub, Modality, Site, fidac
from tests.support import wait_until

SLICES = 4


def asked(hub: Hub) -> list[str]:
    """The studies that a workstation hears of by C-FIND."""
    ae = AE("VIEWER")
    ae.add_requested_context(STUDY_ROOT_FIND)
    assoc = ae.associate("127.0.0.1", hub.port, ae_title="FIDACHUB")
    identifier = Dataset()
    identifier.QueryRetrieveLevel, identifier.StudyInstanceUID, identifier.ModalitiesInStudy = "STUDY", "", "CT"
    answers = [ds for _, ds in assoc.send_c_find(identifier, STUDY_ROOT_FIND) if ds]
    assoc.release()
    return [str(ds.StudyInstanceUID) for ds in answers]


def test_a_study_has_a_journal_and_whoever_asked_is_in_the_record_and_with_the_collector(
    tmp_path: Path, hub: Hub, site: Site
) -> None:
    def told(command: str, *arguments: object) -> str:
        return fidac("hub", command, *arguments, "--config", hub.config).stdout

    collector = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    collector.bind(("127.0.0.1", 0))
    collector.settimeout(20)
    hub.set("audit", syslog=f"udp://127.0.0.1:{collector.getsockname()[1]}")
    told("client", "add", "VIEWER", "--network", "127.0.0.0/8")
    hub.start()
    site.start()
    modality = Modality(site.port, write_series(tmp_path / "pacs", slices=SLICES, rows=64, columns=64))
    modality.start()
    site.wait_for(committed=SLICES)
    (study,) = asked(hub)
    told("export", "--study-uid", study, "--to", tmp_path / "out")
    with collector:
        events = [collector.recv(65536).decode().partition("EventID ")[2] for _ in range(3)]
    assert ["110113" in events[0], "110112" in events[1], "110106" in events[2]] == [True] * 3

    def journal_of(study: str) -> dict[str, Any]:
        return dict(json.loads(told("show", study, "--json")))

    def committed(journal: dict[str, Any]) -> int:
        return sum(one["committed"] for one in journal["commitment"])

    wait_until(lambda: committed(journal_of(study)) >= SLICES, 20)  # it is noted within a second
    journal = journal_of(study)
    assert journal["study"]["StudyInstanceUID"] == study and len(journal["objects"]) == SLICES
    assert {tuple(one["addresses"]) for one in journal["objects"]} == {("127.0.0.1",)}
    assert {one["profile"] for one in journal["objects"]} == {"fidac-chest-ct"}
    assert [(act["act"], act["number"]) for act in journal["retrieved"]] == [("export", SLICES)]

    acts = json.loads(told("audit", "--json"))
    assert [act["act"] for act in acts] == ["hub site add", "hub client add", "query", "export"]
    query = acts[2]
    assert (query["who"], query["from"], query["number"]) == ("VIEWER", "127.0.0.1", 1)
    assert query["what"] == "studies: modalities_in_study CT"
