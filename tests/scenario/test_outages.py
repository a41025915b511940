"""The hub goes away, hangs, refuses, or the line is cut: every object ends at the hub exactly once."""

from __future__ import annotations

import select
import socket
import threading
from collections import Counter
from pathlib import Path

import pytest
from pynetdicom import AE, evt

from fidac_node.dicom.uids import CT_CLASSES, TRANSFER_SYNTAXES
from fidac_node.phantom import write_series
from tests.scenario.network import Daemon, Hub, Site, fidac
from tests.support import wait_until

SMALL = {"rows": 64, "columns": 64}

pytestmark = pytest.mark.interop("storescu")


def test_what_was_taken_while_the_hub_was_down_arrives_when_it_comes_up(tmp_path: Path, hub: Hub, site: Site) -> None:
    site.start()
    assert site.storescu(write_series(tmp_path / "pacs", slices=20, **SMALL)).returncode == 0
    status = site.wait_for(outgoing=20)
    wait_until(lambda: site.status()["hub"]["error"], 20)
    assert not site.status()["hub"]["reachable"] and status["sent"] == 0
    hub.start()
    site.wait_for(committed=20)
    (patient,) = {row["PatientID"] for row in hub.find()}
    assert len(hub.find("instances", "--patient", f"{patient[:3].lower()}*", "--site", "CHU-????")) == 20
    assert site.status()["hub"]["reachable"]


def test_a_hub_that_dies_and_returns_while_nothing_is_to_be_sent_is_told_by_the_status_of_the_site(
    tmp_path: Path, hub: Hub, site: Site
) -> None:
    site.set("send", echo_interval=0.5)
    hub.start()
    site.start()
    wait_until(lambda: site.status()["hub"]["reachable"], 20)
    assert site.storescu(write_series(tmp_path / "pacs", slices=2, **SMALL)).returncode == 0
    site.wait_for(committed=2)
    contact = site.status()["hub"]["last_contact"]
    hub.kill()
    wait_until(lambda: site.status()["hub"]["reachable"] is False, 20)
    told = site.status()["hub"]
    assert told["last_asked"] >= told["last_contact"] >= contact and "nothing listens" in told["error"]
    said = fidac("site", "status", "--config", site.config).stdout
    assert "not reached, last contact 2" in said and ", last asked 2" in said
    hub.start()
    wait_until(lambda: site.status()["hub"]["reachable"], 20)
    site.stop()
    assert site.log_text().count("answers again") == 1


def test_a_hub_that_accepts_associations_and_never_answers_is_tried_again(tmp_path: Path, hub: Hub, site: Site) -> None:
    site.set("send", dimse_timeout=1, acse_timeout=2)
    silence = threading.Event()
    asked = threading.Event()

    def never(event: evt.Event) -> int:
        asked.set()
        silence.wait(120)
        return 0xA700

    ae = AE("FIDACHUB")
    for uid in CT_CLASSES:
        ae.add_supported_context(uid, list(TRANSFER_SYNTAXES))
    server = ae.start_server(("127.0.0.1", hub.port), block=False, evt_handlers=[(evt.EVT_C_STORE, never)])
    site.start()
    assert site.storescu(write_series(tmp_path / "pacs", slices=10, **SMALL)).returncode == 0
    assert asked.wait(30)
    wait_until(lambda: site.status()["hub"]["error"], 30)
    silence.set()
    assert server is not None
    server.shutdown()
    ae.shutdown()
    hub.start()
    site.wait_for(committed=10)
    assert len(hub.find()) == 10


def test_a_hub_that_answers_a700_for_every_third_object_gets_each_of_them(tmp_path: Path, hub: Hub, site: Site) -> None:
    site.set("send", commitment=False)
    seen: Counter[str] = Counter()
    stored: Counter[str] = Counter()
    lock = threading.Lock()

    def every_third(event: evt.Event) -> int:
        with lock:
            uid = str(event.request.AffectedSOPInstanceUID)
            seen[uid] += 1
            if sum(seen.values()) % 3 == 0:
                return 0xA700
            stored[uid] += 1
            return 0x0000

    ae = AE("FIDACHUB")
    for uid in CT_CLASSES:
        ae.add_supported_context(uid, list(TRANSFER_SYNTAXES))
    server = ae.start_server(("127.0.0.1", hub.port), block=False, evt_handlers=[(evt.EVT_C_STORE, every_third)])
    assert server is not None
    site.start()
    assert site.storescu(write_series(tmp_path / "pacs", slices=20, **SMALL)).returncode == 0
    site.wait_for(sent=20, outgoing=0)
    assert len(stored) == 20 and set(stored.values()) == {1}
    server.shutdown()
    ae.shutdown()


def test_a_line_that_is_cut_in_the_middle_of_a_pdu_loses_nothing_and_doubles_nothing(
    tmp_path: Path, hub: Hub, site: Site, daemons: list[Daemon]
) -> None:
    hub.start()
    line = CuttingLine(hub.port, cuts=[20_000, 50_001, 90_333, 120_007])
    site.set("send", hub=f"FIDACHUB@127.0.0.1:{line.port}")
    site.start()
    assert site.storescu(write_series(tmp_path / "pacs", slices=30, **SMALL)).returncode == 0
    site.wait_for(committed=30)
    assert not line.cuts, "the line was never cut"
    assert len(hub.find()) == 30 and len(hub.files()) == 30
    assert hub.status()["conflicts"] == 0
    site.stop()
    line.close()


class CuttingLine:
    """A TCP relay that cuts a connection after so many bytes from the site, once for each of ``cuts``."""

    def __init__(self, target: int, cuts: list[int]) -> None:
        self.cuts = cuts
        self._target = target
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._threads = [threading.Thread(target=self._serve)]
        self._threads[0].start()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(30)
        self._server.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return  # closed: the test is over
            limit = self.cuts[0] if self.cuts else None
            self._threads.append(threading.Thread(target=self._relay, args=(client, limit)))
            self._threads[-1].start()

    def _relay(self, client: socket.socket, limit: int | None) -> None:
        passed = 0
        with client, socket.create_connection(("127.0.0.1", self._target)) as hub:
            while True:
                for source in select.select([client, hub], [], [])[0]:
                    try:
                        data = source.recv(4096)
                        if not data:
                            return
                        if source is hub:
                            client.sendall(data)
                            continue
                        if limit is not None and passed + len(data) > limit:
                            hub.sendall(data[: limit - passed])
                            self.cuts.remove(limit)
                            return
                        hub.sendall(data)
                        passed += len(data)
                    except (OSError, ValueError):
                        return  # one end is gone, or another connection was cut at this length
