"""Asking a hub that nobody talks with: what is known of it follows what it does, whatever it does."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pynetdicom import evt

from fidac_node.dicom.uids import EXPLICIT_VR_LE, IMPLICIT_VR_LE, VERIFICATION
from fidac_node.send.sender import Sender
from fidac_node.send.verification import Verifier
from tests.integration.peers import CT, SEALS, RecordingHub, Site, make_certificates, put_study, running
from tests.support import free_port, wait_until

OFTEN = 0.1
CONTEXTS = ((CT, [EXPLICIT_VR_LE, IMPLICIT_VR_LE]), (VERIFICATION, [IMPLICIT_VR_LE]))


@pytest.fixture
def hubs() -> Iterator[Callable[..., RecordingHub]]:
    started: list[RecordingHub] = []

    def start(**named: Any) -> RecordingHub:
        started.append(RecordingHub(**{"contexts": CONTEXTS, **named}))
        return started[-1]

    yield start
    for hub in started:
        hub.stop()


class Heard:
    """The handler of a hub's C-ECHO: from whom, and what to answer."""

    def __init__(self, status: int = 0x0000) -> None:
        self.callers: list[str] = []
        self.status = status
        self.handlers = [(evt.EVT_C_ECHO, self)]

    def __call__(self, event: evt.Event) -> int:
        self.callers.append(event.assoc.requestor.ae_title)
        return self.status


def verifier(site: Site, interval: float = OFTEN, **named: Any) -> Verifier:
    return Verifier(site.ledger, site.destination, interval, **named)


def state(site: Site) -> str | None:
    return site.ledger.fact("hub_reachable")


def test_a_hub_is_asked_at_once_by_our_ae_title_and_not_again_before_the_interval_is_over(
    tmp_path: Path, hubs: Callable[..., RecordingHub]
) -> None:
    heard = Heard()
    hub = hubs(handlers=heard.handlers)
    site = Site(tmp_path, hub.port)
    with running(verifier(site, 3600).run):
        wait_until(lambda: state(site) == "1")
    assert heard.callers == ["SITE"] and hub.associations == 1
    assert site.ledger.fact("hub_contact") == site.ledger.fact("hub_asked")


def test_a_hub_that_dies_while_nobody_sends_is_known_to_be_gone_and_said_once_and_so_is_its_return(
    tmp_path: Path, hubs: Callable[..., RecordingHub], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "fidac_node.send.verification")
    heard = Heard()
    hub = hubs(handlers=heard.handlers)
    site = Site(tmp_path, hub.port)
    with running(verifier(site).run):
        wait_until(lambda: state(site) == "1")
        hub.stop()
        wait_until(lambda: state(site) == "0")
        gone = site.ledger.fact("hub_asked")
        wait_until(lambda: "is the hub running" in str(site.ledger.fact("hub_error")))
        wait_until(lambda: site.ledger.fact("hub_asked") != gone)  # it is asked again, in silence
        hubs(port=hub.port, handlers=heard.handlers)
        wait_until(lambda: state(site) == "1")
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "asked again every" in caplog.messages[0] and caplog.messages[1].endswith("answers again")


def test_a_hub_that_somebody_talks_with_is_not_asked(tmp_path: Path, hubs: Callable[..., RecordingHub]) -> None:
    heard = Heard()
    hub = hubs(handlers=heard.handlers)
    site = Site(tmp_path, hub.port)
    site.ledger.contact(ok=True)
    with running(verifier(site, 3600).run, sender_of(site).run):
        put_study(site.outbox, 1, 3)
        wait_until(lambda: site.count("sent") == 3)
    assert heard.callers == []


def test_a_hub_that_takes_one_association_is_not_thought_gone_while_the_sender_has_it(
    tmp_path: Path, hubs: Callable[..., RecordingHub]
) -> None:
    rejected, go_on = threading.Event(), threading.Event()

    def wait(number: int, uid: str) -> int:
        go_on.wait(20)
        return 0x0000

    hub = hubs(answer=wait, handlers=[(evt.EVT_REJECTED, lambda event: rejected.set())])
    hub.ae.maximum_associations = 1
    site = Site(tmp_path, hub.port)
    sender = sender_of(site, associations=1)
    put_study(site.outbox, 1, 1)
    with running(sender.run):
        wait_until(lambda: hub.asked)
        with running(verifier(site, busy=lambda: sender.associated).run):
            assert rejected.wait(20)
        assert state(site) is None, "nothing is known yet, least of all that it is gone"
        go_on.set()
        wait_until(lambda: state(site) == "1")


def test_a_pause_of_the_sender_goes_on_while_the_hub_is_asked_and_answers(
    tmp_path: Path, hubs: Callable[..., RecordingHub]
) -> None:
    port = free_port()
    site = Site(tmp_path, port)
    put_study(site.outbox, 1, 1)
    with running(sender_of(site, first=3600, maximum=3600).run):
        wait_until(lambda: state(site) == "0")
        hub = hubs(port=port, handlers=Heard().handlers)
        with running(verifier(site).run):
            wait_until(lambda: state(site) == "1")
    assert hub.asked == 0 and site.count("new") == 1


def test_a_hub_that_offers_no_verification_answers_all_the_same(
    tmp_path: Path, hubs: Callable[..., RecordingHub]
) -> None:
    site = Site(tmp_path, hubs(contexts=CONTEXTS[:1]).port)
    with running(verifier(site).run):
        wait_until(lambda: state(site) == "1")


def test_what_a_hub_rejects_or_answers_amiss_is_told_in_words(
    tmp_path: Path, hubs: Callable[..., RecordingHub]
) -> None:
    heard = Heard(0x0122)
    hub = hubs(handlers=heard.handlers)
    site = Site(tmp_path, hub.port)
    with running(verifier(site).run):
        wait_until(lambda: "C-ECHO with status 0122H" in str(site.ledger.fact("hub_error")))
        hub.ae.require_calling_aet = ["OTHER"]
        wait_until(lambda: "does not know the calling AE title SITE" in str(site.ledger.fact("hub_error")))
        assert state(site) == "0"
        hub.ae.require_calling_aet, heard.status = [], 0
        wait_until(lambda: state(site) == "1")


def test_a_hub_that_takes_the_connection_and_says_nothing_is_not_there(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        site = Site(tmp_path, server.getsockname()[1], acse_timeout=0.2)
        with running(verifier(site).run):
            wait_until(lambda: state(site) == "0")
    assert "did not answer within 0.2 s" in str(site.ledger.fact("hub_error"))


def test_a_hub_is_asked_through_tls(tmp_path: Path, hubs: Callable[..., RecordingHub]) -> None:
    make_certificates(tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "hub.pem", tmp_path / "hub.key")
    heard = Heard()
    hub = hubs(tls=server, handlers=heard.handlers)
    client = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    site = Site(tmp_path, hub.port, tls=client, hostname="localhost")
    with running(verifier(site).run):
        wait_until(lambda: state(site) == "1")
    assert set(heard.callers) == {"SITE"}


def sender_of(site: Site, **changes: Any) -> Sender:
    return Sender(
        site.outbox,
        site.ledger,
        site.destination,
        SEALS.check,
        **{"first": 0.1, "maximum": 0.4, "linger": 0.3, **changes},
    )
