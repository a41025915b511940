"""Several receiver processes on one port are one receiver to whoever sends, and to whoever looks after the node."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from fidac_node.config.sections import HubReceive, SiteReceive
from fidac_node.dicom import part10
from fidac_node.dicom.uids import CT_CLASSES, EXPLICIT_VR_LE
from fidac_node.phantom import write_series
from fidac_node.receive import reception
from tests.scenario.network import FIDAC, Daemon, Hub, Site, fidac
from tests.support import RawScu, Rejected, wait_until

CONTEXTS = [(next(iter(CT_CLASSES)), [EXPLICIT_VR_LE])]


@pytest.fixture
def sockets() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def associate(daemon: Daemon, sockets: ExitStack, calling: str = "PACS", called: str = "FIDACNODE") -> RawScu:
    sock = sockets.enter_context(socket.create_connection(("127.0.0.1", daemon.port), timeout=30))
    return RawScu(sock, CONTEXTS, calling=calling, called=called)


def receivers_of(daemon: Daemon) -> list[psutil.Process]:
    """The receiver processes.

    An association has threads of its own; whose sockets are whose only root sees where there are keys.
    """
    assert daemon.process is not None
    return [
        child for child in psutil.Process(daemon.process.pid).children() if child.cmdline()[-1].startswith("receive-")
    ]


@pytest.mark.parametrize("settings", [SiteReceive, HubReceive])
def test_there_are_as_many_receivers_as_cores_but_four_at_most_unless_the_settings_say_how_many(
    settings: type[SiteReceive | HubReceive], monkeypatch: pytest.MonkeyPatch
) -> None:
    for cores, receivers in ((1, 1), (2, 2), (64, 4), (None, 1)):
        monkeypatch.setattr(os, "cpu_count", lambda cores=cores: cores)
        assert reception.names(settings().processes) == [f"receive-{number}" for number in range(receivers)]
    assert reception.names(7)[-1] == "receive-6"


@pytest.mark.parametrize("end", ["site", "hub"])
def test_associations_spread_over_the_receivers(site: Site, hub: Hub, sockets: ExitStack, end: str) -> None:
    daemon: Daemon = site if end == "site" else hub
    calling, called = ("PACS", "FIDACNODE") if end == "site" else ("FIDACNODE", "FIDACHUB")
    daemon.set("receive", processes=2)
    daemon.start()
    receivers = receivers_of(daemon)
    idle = [receiver.num_threads() for receiver in receivers]
    peers = [associate(daemon, sockets, calling, called) for _ in range(4)]
    served = [receiver.num_threads() - before for receiver, before in zip(receivers, idle, strict=True)]
    assert len(served) == 2 and min(served) >= 1, "two each, where no process had to wait for a core"
    for peer in peers:
        peer.release()


@pytest.mark.parametrize("end", ["site", "hub"])
def test_connections_that_come_to_nothing_are_counted_over_all_receivers_and_restarts(
    site: Site, hub: Hub, end: str
) -> None:
    daemon: Daemon = site if end == "site" else hub
    daemon.set("receive", processes=2)
    assert daemon.status()["failed_connections"] == 0
    daemon.start()

    def come(times: int) -> None:
        for _ in range(times):
            with socket.create_connection(("127.0.0.1", daemon.port), timeout=30) as sock:
                sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
                while sock.recv(100):
                    pass

    come(3)
    wait_until(lambda: daemon.status()["failed_connections"] == 3)
    daemon.kill()
    daemon.start()
    come(2)
    wait_until(lambda: daemon.status()["failed_connections"] == 5)
    said = fidac(end, "status", "--config", daemon.config).stdout
    assert "connections that came to nothing: 5" in said
    assert daemon.stop() == 0


def test_who_makes_copies_yields_the_processor_to_who_serves_the_pacs(site: Site) -> None:
    site.start()
    assert site.process is not None
    nice = {child.cmdline()[-1]: child.nice() for child in psutil.Process(site.process.pid).children()}
    workers = {niceness for name, niceness in nice.items() if name.startswith("deidentify-")}
    others = {niceness for name, niceness in nice.items() if not name.startswith("deidentify-")}
    assert workers == {psutil.Process().nice() + 5} and others == {psutil.Process().nice()}


def test_the_limits_hold_for_all_receivers_together_and_a_killed_one_gives_its_seats_back(
    site: Site, sockets: ExitStack
) -> None:
    site.set("receive", processes=2, max_associations=4, max_associations_per_caller=2)
    site.start()
    for _ in range(2):
        associate(site, sockets)
    with pytest.raises(Rejected, match=r"2, 3, 2"):
        associate(site, sockets)
    for _ in range(2):
        associate(site, sockets, "ROUTER")
    with pytest.raises(Rejected, match=r"2, 3, 2"):
        associate(site, sockets, "OTHER")
    assert "it has 2 associations already" in site.log_text() and "there are 4 associations already" in site.log_text()
    # The one with most of the four, which may be all of them on a busy machine.
    victim = max(receivers_of(site), key=lambda receiver: receiver.num_threads())
    name = victim.cmdline()[-1]
    victim.kill()
    wait_until(lambda: f"{name} died" in site.log_text(), 10)
    for _ in range(2):
        associate(site, sockets, "OTHER")


def test_a_second_node_on_the_same_spool_stops_before_it_touches_what_the_first_one_works_on(site: Site) -> None:
    site.start()
    claimed = site.directory / "spool" / "inbox" / "work" / "deidentify-9"
    claimed.mkdir()
    file = claimed / f"{'a' * 12}-{'b' * 16}-{'c' * 16}.dcm"
    file.touch()
    second = subprocess.run(
        [*FIDAC, "site", "run", "--config", str(site.config)], capture_output=True, text=True, timeout=60, check=False
    )
    assert second.returncode == 2
    assert "spool (stage receive)" in second.stderr and "stop it first" in second.stderr
    assert file.exists()
    assert site.stop() == 0


def test_reception_alone_has_its_receivers_and_nothing_else(site: Site, sockets: ExitStack) -> None:
    with site.log.open("ab") as log:
        command = [*FIDAC, "site", "run", "--config", str(site.config), "--only", "receive"]
        site.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    wait_until(site.serves, 30)
    associate(site, sockets).release()
    assert len(psutil.Process(site.process.pid).children()) == len(reception.names(SiteReceive().processes))
    assert site.stop() == 0


def test_an_object_whose_name_was_lost_in_a_power_cut_is_worked_on_after_the_next_start(
    hub: Hub, site: Site, sockets: ExitStack, tmp_path: Path
) -> None:
    (file,) = write_series(tmp_path / "pacs", seed=1, slices=1, rows=64, columns=64)
    with file.open("rb") as fp:
        meta, offset = part10.read_meta(fp)
    with site.log.open("ab") as log:
        command = [*FIDAC, "site", "run", "--config", str(site.config), "--only", "receive"]
        site.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    wait_until(site.serves, 30)
    peer = associate(site, sockets)
    assert peer.store(file.read_bytes()[offset:], meta.sop_class_uid, meta.sop_instance_uid) == (0x0000, "")
    site.kill()
    inbox = site.directory / "spool" / "inbox"
    (name,) = (inbox / "new").glob("*.dcm")
    assert name.stat().st_nlink == 2
    name.unlink()  # as if it had not reached the disk
    hub.start()
    site.start()
    site.wait_for(committed=1)
    assert (
        len(hub.find()) == 1
        and "names given back to 1 objects" in site.log_text()
        and list((inbox / "tmp").iterdir()) == []
    )


def test_a_node_without_reception_listens_nowhere(site: Site) -> None:
    with site.log.open("ab") as log:
        command = [*FIDAC, "site", "run", "--config", str(site.config), "--only", "deidentify", "--only", "send"]
        site.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    wait_until(site.serves, 30)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", site.port), timeout=5)
    assert site.stop() == 0


def test_tls_files_that_cannot_be_used_are_said_once_and_not_by_every_receiver(site: Site) -> None:
    wrong = site.directory / "wrong.pem"
    wrong.write_text("no certificate")
    site.set("receive", tls_certificate=str(wrong), tls_key=str(wrong))
    started = subprocess.run(
        [*FIDAC, "site", "run", "--config", str(site.config)], capture_output=True, text=True, timeout=60, check=False
    )
    assert started.returncode == 2
    assert started.stderr.count("are not a PEM certificate and its key") == 1
