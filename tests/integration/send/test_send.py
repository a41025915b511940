"""The sender against real peers: whatever goes wrong, every object arrives, and none is given up silently."""

from __future__ import annotations

import errno
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from pynetdicom import evt

from fidac_node.dicom.uids import CT_CLASSES, EXPLICIT_VR_LE, IMPLICIT_VR_LE
from fidac_node.send.sender import Sender
from tests.integration.peers import (
    CT,
    SEALS,
    CuttingLine,
    RecordingHub,
    Site,
    data_set_of,
    entry_of,
    instance_uid,
    make_certificates,
    put_study,
    running,
    write_object,
)
from tests.support import free_port, wait_until

QUICK = {"first": 0.1, "maximum": 0.4, "linger": 0.3}


@pytest.fixture
def hubs() -> Iterator[Callable[..., RecordingHub]]:
    started: list[RecordingHub] = []

    def start(*arguments: Any, **named: Any) -> RecordingHub:
        started.append(RecordingHub(*arguments, **named))
        return started[-1]

    yield start
    for hub in started:
        hub.stop()


def sender_of(site: Site, **changes: Any) -> Sender:
    return Sender(site.outbox, site.ledger, site.destination, SEALS.check, **{**QUICK, **changes})


def assert_arrived_once(hub: RecordingHub, site: Site, state: str = "sent") -> None:
    """Every object of the outbox is at the hub, once, byte for byte."""
    entries = site.outbox.entries(state)
    sent = sorted(data_set_of(site.outbox.path(entry)) for entry in entries)
    assert sorted(data for copies in hub.stored.values() for data in copies) == sent


def test_a_study_goes_over_one_association_and_arrives_byte_for_byte(
    tmp_path: Path, hubs: Callable[..., RecordingHub]
) -> None:
    hub = hubs()
    site = Site(tmp_path, hub.port)
    put_study(site.outbox, 1, 20, size=300_000)
    with running(sender_of(site).run):
        wait_until(lambda: site.count("sent") == 20)
    assert_arrived_once(hub, site)
    assert hub.associations == 1
    site.ledger.flush()
    assert site.ledger.counts()["sent"] == 20
    assert site.ledger.fact("hub_reachable") == "1"


def test_an_association_is_released_when_there_is_nothing_more_to_send(
    tmp_path: Path, hubs: Callable[..., RecordingHub]
) -> None:
    hub = hubs()
    site = Site(tmp_path, hub.port)
    with running(sender_of(site, linger=0.3).run):
        put_study(site.outbox, 1, 2)
        wait_until(lambda: site.count("sent") == 2)
        wait_until(lambda: not hub.ae.active_associations)
        put_study(site.outbox, 2, 2)
        wait_until(lambda: site.count("sent") == 4)
    assert hub.associations == 2


def test_two_studies_go_over_two_associations_at_once(tmp_path: Path, hubs: Callable[..., RecordingHub]) -> None:
    both = threading.Barrier(2)

    def meet(number: int, uid: str) -> int:
        if number <= 2:
            both.wait(20)
        return 0x0000

    hub = hubs(meet)
    site = Site(tmp_path, hub.port)
    put_study(site.outbox, 1, 40)
    put_study(site.outbox, 2, 40)
    with running(sender_of(site).run):
        wait_until(lambda: site.count("sent") == 80)
    assert_arrived_once(hub, site)
    assert hub.associations == 2


def test_a_large_study_goes_over_two_associations_at_once(tmp_path: Path, hubs: Callable[..., RecordingHub]) -> None:
    both = threading.Barrier(2)

    def meet(number: int, uid: str) -> int:
        if number <= 2:
            both.wait(20)
        return 0x0000

    hub = hubs(meet)
    site = Site(tmp_path, hub.port)
    put_study(site.outbox, 1, 300)
    with running(sender_of(site).run):
        wait_until(lambda: site.count("sent") == 300)
    assert_arrived_once(hub, site)
    assert hub.associations == 2


def test_a_hub_that_takes_one_association_only_gets_a_large_study_over_that_one(
    tmp_path: Path, hubs: Callable[..., RecordingHub]
) -> None:
    denied = threading.Event()

    def wait_for_the_other(number: int, uid: str) -> int:
        denied.wait(20)
        return 0x0000

    hub = hubs(wait_for_the_other, handlers=[(evt.EVT_REJECTED, lambda event: denied.set())])
    hub.ae.maximum_associations = 1
    site = Site(tmp_path, hub.port)
    put_study(site.outbox, 1, 300)
    with running(sender_of(site, first=60, maximum=60).run):
        wait_until(lambda: site.count("sent") == 300)
    assert_arrived_once(hub, site)
    assert hub.associations == 1 and denied.is_set()
    assert site.ledger.fact("hub_reachable") == "1" and site.ledger.fact("hub_error") is None


def test_a_study_of_many_kinds_goes_over_one_association(tmp_path: Path, hubs: Callable[..., RecordingHub]) -> None:
    syntaxes = [EXPLICIT_VR_LE, IMPLICIT_VR_LE, "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.201"]
    hub = hubs(contexts=[(sop_class, syntaxes) for sop_class in CT_CLASSES])
    site = Site(tmp_path, hub.port)
    kinds = [(sop_class, syntax) for sop_class in CT_CLASSES for syntax in syntaxes]
    for number, (sop_class, syntax) in enumerate(kinds, start=1):
        draft = site.outbox.create()
        write_object(draft.path, 1, number, sop_class=sop_class, syntax=syntax)
        SEALS.seal(draft.file, entry_of(1, number))
        site.outbox.put(draft, entry_of(1, number))
    with running(sender_of(site).run):
        wait_until(lambda: site.count("sent") == len(kinds))
    assert_arrived_once(hub, site)
    assert hub.associations == 1


def test_an_object_dropped_while_the_one_before_is_answered_does_not_stop_the_others(
    tmp_path: Path, hubs: Callable[..., RecordingHub]
) -> None:
    site = Site(tmp_path, free_port())
    entries = put_study(site.outbox, 1, 4)

    def drop_the_next(number: int, uid: str) -> int:
        if uid == instance_uid(1, 1):
            site.outbox.remove(entries[1])
        return 0x0000

    hub = hubs(drop_the_next, port=site.destination.port)
    with running(sender_of(site).run):
        wait_until(lambda: site.count("sent") == 3)
    assert {instance_uid(1, number) for number in (1, 3, 4)} <= set(hub.stored)
    assert site.count("new") == 0


def test_an_idle_sender_hears_of_an_object_and_of_its_stop_at_once(
    tmp_path: Path, hubs: Callable[..., RecordingHub], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fidac_node.send.sender._IDLE", 600)
    hub = hubs()
    site = Site(tmp_path, hub.port)
    with running(sender_of(site, associations=3, linger=600).run):
        for study in range(1, 4):
            put_study(site.outbox, study, 1)
            wait_until(lambda study=study: site.count("sent") == study)


def test_what_waits_while_the_hub_is_down_arrives_when_it_comes_up(
    tmp_path: Path, hubs: Callable[..., RecordingHub]
) -> None:
    port = free_port()
    site = Site(tmp_path, port)
    entries = put_study(site.outbox, 1, 5)
    with running(sender_of(site).run):
        wait_until(lambda: site.ledger.attempts(entries[0]) >= 3)
        assert site.ledger.fact("hub_reachable") == "0"
        assert "is the hub running" in str(site.ledger.fact("hub_error"))
        hub = hubs(port=port)
        wait_until(lambda: site.count("sent") == 5)
    assert_arrived_once(hub, site)


def test_a_hub_that_never_answers_is_left_and_tried_again(tmp_path: Path, hubs: Callable[..., RecordingHub]) -> None:
    awake = threading.Event()

    def sleepy(number: int, uid: str) -> int:
        if number == 1:
            awake.wait(20)
            return 0xA700
        return 0x0000

    hub = hubs(sleepy)
    site = Site(tmp_path, hub.port, dimse_timeout=0.5)
    put_study(site.outbox, 1, 4)
    with running(sender_of(site, associations=1).run):
        wait_until(lambda: "did not answer within 0.5 s" in str(site.ledger.fact("hub_error")))
        wait_until(lambda: site.count("sent") == 4)
    awake.set()
    assert_arrived_once(hub, site)


def test_a_peer_that_takes_the_connection_and_says_nothing_is_left(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        site = Site(tmp_path, silent.getsockname()[1], acse_timeout=0.3)
        put_study(site.outbox, 1, 1)
        with running(sender_of(site).run):
            wait_until(lambda: "is it a DICOM port" in str(site.ledger.fact("hub_error")))
    assert site.count("new") == 1


def test_every_third_object_put_off_with_a700_is_sent_again_alone(
    tmp_path: Path, hubs: Callable[..., RecordingHub]
) -> None:
    hub = hubs(lambda number, uid: 0xA700 if number % 3 == 0 else 0x0000)
    site = Site(tmp_path, hub.port)
    put_study(site.outbox, 1, 30)
    with running(sender_of(site).run):
        wait_until(lambda: site.count("sent") == 30)
    assert_arrived_once(hub, site)
    assert site.ledger.fact("hub_reachable") == "1", "one object put off does not make the hub unreachable"


def test_an_object_put_off_shows_why_and_when_it_is_tried_again(
    tmp_path: Path, hubs: Callable[..., RecordingHub]
) -> None:
    hub = hubs(lambda number, uid: 0xA700)
    site = Site(tmp_path, hub.port)
    (entry,) = put_study(site.outbox, 1, 1)
    with running(sender_of(site).run):
        wait_until(lambda: site.row(entry)["attempts"] >= 3 and site.row(entry)["next_attempt"])
    row = site.row(entry)
    assert row["state"] == "outgoing" and row["status"] == 0xA700
    assert "out of resources" in row["message"] and row["next_attempt"] >= row["last_attempt"]
    assert site.count("new") == 1, "after the stop it waits for the next start"


def test_a_hub_that_puts_everything_off_is_not_sent_everything(
    tmp_path: Path, hubs: Callable[..., RecordingHub]
) -> None:
    hub = hubs(lambda number, uid: 0xA700)
    site = Site(tmp_path, hub.port)
    put_study(site.outbox, 1, 60)
    with running(sender_of(site, first=30, maximum=30).run):
        wait_until(lambda: site.ledger.fact("hub_reachable") == "0")
    assert "objects in a row" in str(site.ledger.fact("hub_error"))
    assert hub.asked < 20


@pytest.mark.parametrize("cuts", [[100, 4_000, 150_000, 350_003]])
def test_a_line_cut_in_the_middle_of_a_pdu_loses_nothing(
    tmp_path: Path, hubs: Callable[..., RecordingHub], cuts: list[int]
) -> None:
    hub = hubs()
    line = CuttingLine(hub.port, cuts)
    site = Site(tmp_path, line.port)
    put_study(site.outbox, 1, 12, size=100_000)
    with running(sender_of(site, associations=1).run):
        wait_until(lambda: site.count("sent") == 12)
    line.close()
    assert not line.cuts, "not every cut was made"
    assert set(hub.stored) == {instance_uid(1, number) for number in range(1, 13)}
    assert all(len(set(copies)) == 1 for copies in hub.stored.values()), "an object sent again has other bytes"


def test_a_calling_ae_that_the_hub_does_not_know_is_told_what_to_do_and_sends_once_it_is_known(
    tmp_path: Path, hubs: Callable[..., RecordingHub]
) -> None:
    hub = hubs(callers=["OTHER"])
    site = Site(tmp_path, hub.port)
    put_study(site.outbox, 1, 3)
    with running(sender_of(site).run):
        wait_until(lambda: "does not know the calling AE title SITE" in str(site.ledger.fact("hub_error")))
        hub.ae.require_calling_aet = ["OTHER", "SITE"]
        wait_until(lambda: site.count("sent") == 3)
    assert_arrived_once(hub, site)


def test_a_node_that_may_not_store_waits_loudly_and_sends_once_it_may(
    tmp_path: Path, hubs: Callable[..., RecordingHub]
) -> None:
    known = threading.Event()
    hub = hubs(lambda number, uid: 0x0000 if known.is_set() else 0x0124)
    site = Site(tmp_path, hub.port)
    put_study(site.outbox, 1, 10)
    with running(sender_of(site).run):
        wait_until(lambda: "register this site at the hub" in str(site.ledger.fact("hub_error")))
        assert site.ledger.fact("hub_reachable") == "0"
        known.set()
        wait_until(lambda: site.count("sent") == 10)
    assert_arrived_once(hub, site)


def test_an_object_that_the_hub_has_no_presentation_context_for_is_held_and_the_others_go(
    tmp_path: Path, hubs: Callable[..., RecordingHub]
) -> None:
    hub = hubs(contexts=[(CT, [EXPLICIT_VR_LE])])
    site = Site(tmp_path, hub.port)
    put_study(site.outbox, 1, 3)
    (foreign,) = put_study(site.outbox, 2, 1, syntax="1.2.840.10008.1.2.4.80")
    with running(sender_of(site).run):
        wait_until(lambda: site.count("sent") == 3 and site.count("held") == 1)
    reason = site.outbox.reason(foreign)
    assert reason is not None and reason["code"] == "not-accepted"
    assert "does not accept CT Image Storage in JPEG-LS Lossless" in str(reason["message"])
    assert site.row(foreign)["state"] == "refused" and site.row(foreign)["reason"] == "not-accepted"


def test_an_object_that_the_hub_refuses_is_held_with_the_status_and_the_others_go(
    tmp_path: Path, hubs: Callable[..., RecordingHub]
) -> None:
    refused = instance_uid(1, 2)
    hub = hubs(lambda number, uid: 0xC001 if uid == refused else 0x0000)
    site = Site(tmp_path, hub.port)
    entries = put_study(site.outbox, 1, 4)
    with running(sender_of(site).run):
        wait_until(lambda: site.count("sent") == 3 and site.count("held") == 1)
    reason = site.outbox.reason(entries[1])
    assert reason is not None and (reason["code"], reason["status"]) == ("refused", 0xC001)
    assert "C001" in str(reason["message"])


def test_an_object_that_upsets_the_hub_does_not_stop_the_others(
    tmp_path: Path, hubs: Callable[..., RecordingHub]
) -> None:
    poison = instance_uid(1, 1)
    hub = hubs()

    def choke(number: int, uid: str) -> int:
        if uid == poison:
            for assoc in hub.ae.active_associations:
                assoc.abort()
        return 0x0000

    hub._answer = choke
    site = Site(tmp_path, hub.port)
    put_study(site.outbox, 1, 12)
    with running(sender_of(site, associations=1).run):
        wait_until(lambda: site.count("sent") == 11)
        wait_until(lambda: site.count("work") == 1)
    assert site.count("new") == 1 and site.count("held") == 0


def test_warnings_count_as_stored(tmp_path: Path, hubs: Callable[..., RecordingHub]) -> None:
    hub = hubs(lambda number, uid: 0xB000 if number % 2 else 0xB006)
    site = Site(tmp_path, hub.port)
    put_study(site.outbox, 1, 4)
    with running(sender_of(site).run):
        wait_until(lambda: site.count("sent") == 4)
    assert_arrived_once(hub, site)


def test_an_association_that_the_hub_left_for_idleness_is_replaced_without_a_pause(
    tmp_path: Path, hubs: Callable[..., RecordingHub]
) -> None:
    hub = hubs()
    site = Site(tmp_path, hub.port)
    with running(sender_of(site, linger=60, first=60, maximum=60).run):
        put_study(site.outbox, 1, 1)
        wait_until(lambda: site.count("sent") == 1)
        for assoc in hub.ae.active_associations:
            assoc.abort()
        put_study(site.outbox, 2, 1)
        wait_until(lambda: site.count("sent") == 2)
    assert_arrived_once(hub, site)
    assert site.ledger.fact("hub_reachable") == "1"


def test_a_stop_finishes_the_object_in_hand_and_the_next_start_sends_the_rest(
    tmp_path: Path, hubs: Callable[..., RecordingHub]
) -> None:
    stopping = threading.Event()
    go_on = threading.Event()

    def pause_at_three(number: int, uid: str) -> int:
        if number == 3:
            stopping.set()
            go_on.wait(20)
        return 0x0000

    hub = hubs(pause_at_three)
    site = Site(tmp_path, hub.port)
    put_study(site.outbox, 1, 10)
    with running(sender_of(site).run) as stop:
        assert stopping.wait(20)
        stop.set()
        go_on.set()
    assert (site.count("sent"), site.count("new"), site.count("work")) == (3, 7, 0)
    with running(sender_of(site).run):
        wait_until(lambda: site.count("sent") == 10)
    assert_arrived_once(hub, site)


KILLED = """
import sys, threading
from pathlib import Path
from tests.integration.peers import SEALS, Site
from fidac_node.send.sender import Sender
site = Site(Path(sys.argv[1]), int(sys.argv[2]))
Sender(site.outbox, site.ledger, site.destination, SEALS.check).run(threading.Event())
"""


def test_a_sender_that_is_killed_sends_the_rest_when_it_starts_again(
    tmp_path: Path, hubs: Callable[..., RecordingHub]
) -> None:
    enough = threading.Event()
    hub = hubs(lambda number, uid: enough.set() or 0x0000 if number == 25 else 0x0000)
    site = Site(tmp_path, hub.port)
    entries = put_study(site.outbox, 1, 200)
    project = Path(__file__).parents[3]
    with subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path), str(hub.port)], cwd=project) as process:
        assert enough.wait(30)
        process.send_signal(signal.SIGKILL)
    assert site.count("sent") < 200
    site.outbox.recover()
    with running(sender_of(site).run):
        wait_until(lambda: site.count("sent") == 200)
    assert len(hub.stored) == 200
    assert all(len(set(copies)) == 1 for copies in hub.stored.values())
    assert sum(map(len, hub.stored.values())) <= 200 + 2, "at most the object in hand of each association is sent twice"
    assert site.ledger.attempts(entries[0]) >= 1


def test_attempts_are_counted_before_the_network_is_touched_and_survive_a_restart(tmp_path: Path) -> None:
    site = Site(tmp_path, free_port())
    entries = put_study(site.outbox, 1, 2)
    for _ in range(2):
        before = site.ledger.attempts(entries[0])
        with running(sender_of(site, first=60, maximum=60).run):
            wait_until(lambda: site.ledger.fact("hub_error"))
            wait_until(lambda before=before: site.ledger.attempts(entries[0]) == before + 1)
    assert site.ledger.attempts(entries[1]) == 2
    assert site.count("new") == 2


def test_an_object_that_a_person_drops_while_it_waits_is_forgotten(
    tmp_path: Path, hubs: Callable[..., RecordingHub]
) -> None:
    port = free_port()
    site = Site(tmp_path, port)
    entries = put_study(site.outbox, 1, 3)
    with running(sender_of(site).run):
        wait_until(lambda: site.count("work") == 3)
        site.outbox.remove(entries[1])
        hub = hubs(port=port)
        wait_until(lambda: site.count("sent") == 2)
    assert instance_uid(1, 2) not in hub.stored
    assert site.count("new") == 0


def test_a_file_that_is_not_dicom_is_held_and_the_others_go(tmp_path: Path, hubs: Callable[..., RecordingHub]) -> None:
    hub = hubs()
    site = Site(tmp_path, hub.port)
    entries = put_study(site.outbox, 1, 3)
    site.outbox.path(entries[1]).write_bytes(b"nothing of the kind")
    with running(sender_of(site).run):
        wait_until(lambda: site.count("sent") == 2 and site.count("held") == 1)
    reason = site.outbox.reason(entries[1])
    assert reason is not None and reason["code"] == "corrupt"


def linked(path: Path) -> None:
    original = path.with_name("original")
    path.rename(original)
    path.symlink_to(original)


def of_another_name(path: Path) -> None:
    other = next(one for one in path.parent.glob("*.dcm") if one != path)
    path.write_bytes(other.read_bytes())


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "change",
    [
        linked,
        of_another_name,
        flipped,
        lambda path: os.truncate(path, 1000),
        lambda path: path.write_bytes(bytes(128) + path.read_bytes()[128:]),
        lambda path: path.chmod(0o666),
        lambda path: (path.unlink(), os.mkfifo(path, 0o600)),
    ],
    ids=["link", "copy of another", "flipped bit", "cut", "an original", "anybody may write", "no file"],
)
def test_what_this_node_did_not_write_as_it_is_is_not_sent_and_waits_for_a_person(
    tmp_path: Path, hubs: Callable[..., RecordingHub], change: Callable[[Path], object]
) -> None:
    hub = hubs()
    site = Site(tmp_path, hub.port)
    entries = put_study(site.outbox, 1, 3)
    change(site.outbox.path(entries[1]))
    with running(sender_of(site).run):
        wait_until(lambda: site.count("sent") == 2 and site.count("held") == 1)
    assert (site.outbox.reason(entries[1]) or {})["code"] == "corrupt"
    assert sorted(hub.stored) == [instance_uid(1, 1), instance_uid(1, 3)]
    assert site.row(entries[1])["reason"] == "corrupt"


def test_a_file_that_cannot_be_read_is_tried_again_and_the_others_go(
    tmp_path: Path, hubs: Callable[..., RecordingHub]
) -> None:
    hub = hubs()
    site = Site(tmp_path, hub.port)
    entries = put_study(site.outbox, 1, 3)
    path = site.outbox.path(entries[0])
    good = path.rename(tmp_path / "good")
    path.mkdir()
    with running(sender_of(site).run):
        wait_until(lambda: site.count("sent") == 2 and "cannot be read" in str(site.row(entries[0]).get("message")))
        path = wait_until(lambda: site.outbox.path(entries[0]))
        path.rmdir()
        good.rename(path)
        wait_until(lambda: site.count("sent") == 3)
    assert_arrived_once(hub, site)


def test_a_refused_object_that_cannot_be_set_aside_is_not_lost_from_sight(
    tmp_path: Path, hubs: Callable[..., RecordingHub], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = hubs(lambda number, uid: 0xC001)
    site = Site(tmp_path, hub.port)
    put_study(site.outbox, 1, 1)
    hold, failures = site.outbox.hold, [OSError(errno.ENOSPC, "No space left on device")]

    def full_disk(*arguments: Any, **facts: Any) -> None:
        if failures:
            raise failures.pop()
        hold(*arguments, **facts)

    monkeypatch.setattr(site.outbox, "hold", full_disk)
    with running(sender_of(site).run):
        wait_until(lambda: site.count("held") == 1)
    assert hub.asked == 2


@pytest.mark.parametrize("max_pdu", [4096, 131072])
def test_objects_go_through_tls_with_a_client_certificate(
    tmp_path: Path, hubs: Callable[..., RecordingHub], max_pdu: int
) -> None:
    make_certificates(tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "hub.pem", tmp_path / "hub.key")
    server.load_verify_locations(tmp_path / "ca.pem")
    server.verify_mode = ssl.CERT_REQUIRED
    client = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    client.load_cert_chain(tmp_path / "site.pem", tmp_path / "site.key")
    hub = hubs(tls=server)
    site = Site(tmp_path, hub.port, tls=client, hostname="localhost", max_pdu=max_pdu)
    put_study(site.outbox, 1, 8, size=300_000)
    with running(sender_of(site).run):
        wait_until(lambda: site.count("sent") == 8)
    assert_arrived_once(hub, site)


def test_a_certificate_of_nobody_we_trust_sends_nothing(tmp_path: Path, hubs: Callable[..., RecordingHub]) -> None:
    make_certificates(tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "hub.pem", tmp_path / "hub.key")
    hub = hubs(tls=server)
    site = Site(tmp_path, hub.port, tls=ssl.create_default_context(), hostname="localhost")
    put_study(site.outbox, 1, 1)
    with running(sender_of(site).run):
        wait_until(
            lambda: "nobody known here has signed it: [send] tls_ca must name" in str(site.ledger.fact("hub_error"))
        )
    assert not hub.stored and site.count("new") == 1


@pytest.mark.interop("storescp")
@pytest.mark.parametrize("max_pdu", [4096, 16384, 131072])
def test_dcmtk_storescp_gets_every_object_byte_for_byte(tmp_path: Path, max_pdu: int) -> None:
    port = free_port()
    site = Site(tmp_path / "site", port)
    entries = put_study(site.outbox, 1, 30, size=200_000)
    (tmp_path / "out").mkdir()
    with subprocess.Popen(
        ["storescp", "--max-pdu", str(max_pdu), "-od", str(tmp_path / "out"), "+B", str(port)],
        stderr=subprocess.DEVNULL,
    ) as storescp:
        with running(sender_of(site).run):
            wait_until(lambda: site.count("sent") == 30)
        storescp.terminate()
    received = sorted(data_set_of(path) for path in (tmp_path / "out").iterdir())
    assert received == sorted(data_set_of(site.outbox.path(entry)) for entry in entries)


@pytest.mark.interop("storescp")
def test_a_large_object_is_never_whole_in_memory(tmp_path: Path) -> None:
    port = free_port()
    site = Site(tmp_path / "site", port, dimse_timeout=120)
    put_study(site.outbox, 1, 1, size=400_000_000)
    before = psutil.Process().memory_info().rss
    most = before
    with subprocess.Popen(["storescp", "--ignore", str(port)], stderr=subprocess.DEVNULL) as storescp:
        with running(sender_of(site).run):

            def sent() -> bool:
                nonlocal most
                most = max(most, psutil.Process().memory_info().rss)
                return site.count("sent") == 1

            wait_until(sent, 120)
        storescp.terminate()
    assert most - before < 40_000_000


@pytest.mark.parametrize("status", [0x0110, 0xA700, 0x0211, 0x0115, 0x0999])
def test_a_hub_that_refuses_everything_for_reasons_of_its_own_makes_no_object_final(
    tmp_path: Path, status: int
) -> None:
    hub = RecordingHub(lambda number, uid: status if number <= 40 else 0x0000)
    site = Site(tmp_path, hub.port)
    put_study(site.outbox, 1, 6)
    with running(Sender(site.outbox, site.ledger, site.destination, SEALS.check, first=0.01, maximum=0.03).run):
        wait_until(lambda: site.count("sent") == 6)
    hub.stop()
    assert hub.asked == 46 and site.count("held") == 0
