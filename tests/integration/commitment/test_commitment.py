"""Storage commitment between real sockets: the hub's word, its refusals, and peers with other habits."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset
from pynetdicom import AE, build_role, evt
from pynetdicom.dsutils import decode, encode

from fidac_node.commitment.answer import CommitmentScp, report_contexts, report_handlers, request_contexts
from fidac_node.commitment.ask import Committer
from fidac_node.commitment.transactions import Transactions
from fidac_node.dicom.uids import EXPLICIT_VR_LE, STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE
from fidac_node.send.sender import Sender
from fidac_node.send.upper_layer import Association, encode_command
from fidac_node.site.verify import verify
from fidac_node.spool.entry import Entry
from tests.integration.peers import (
    CT,
    SEALS,
    RecordingHub,
    Site,
    data_set_of,
    instance_uid,
    put_study,
    running,
    write_object,
)
from tests.support import free_port, wait_until

Failed = tuple[str, str, int]
QUICK = {"timeout": 10.0, "interval": 0.1, "first": 0.1, "maximum": 0.4}


class Archive:
    """What the hub answers for: everything that is not in ``failures``, which maps UIDs to Failure Reasons."""

    def __init__(self, failures: dict[str, int] | None = None) -> None:
        self.failures = failures or {}
        self.generation = ""
        self.asked: list[tuple[str, list[tuple[str, str]]]] = []

    def check(
        self, calling_ae: str, references: Sequence[tuple[str, str]]
    ) -> tuple[list[tuple[str, str]], list[Failed]]:
        self.asked.append((calling_ae, list(references)))
        failed = [(sop_class, uid, self.failures[uid]) for sop_class, uid in references if uid in self.failures]
        return [reference for reference in references if reference[1] not in self.failures], failed


@contextmanager
def committing_hub(archive: Archive, *, port: int = 0, **how: Any) -> Iterator[RecordingHub]:
    scp = CommitmentScp(archive.check, lambda _: archive.generation)
    hub = RecordingHub(port=port, handlers=scp.handlers(), more_contexts=request_contexts(), **how)
    try:
        yield hub
    finally:
        scp.close()
        hub.stop()


def committer_of(site: Site, **changes: Any) -> Committer:
    return Committer(site.outbox, site.ledger, site.destination, site.reports, **{**QUICK, **changes})


def put_sent(site: Site, study: int, count: int) -> list[Entry]:
    entries = put_study(site.outbox, study, count)
    for entry in entries:
        site.outbox.mark_sent(entry)
    return entries


def test_what_is_sent_becomes_committed_over_one_association(tmp_path: Path) -> None:
    archive = Archive()
    with committing_hub(archive) as hub:
        site = Site(tmp_path, hub.port)
        for study in range(1, 6):
            put_sent(site, study, 20)
        with running(committer_of(site).run):
            wait_until(lambda: site.count("committed") == 100)
            # Later work goes over the association that is still open.
            assert hub.associations == 1
    assert len(archive.asked) == 5, "one transaction per study"
    assert {calling_ae for calling_ae, _ in archive.asked} == {"SITE"}
    assert {uid for _, asked in archive.asked for _, uid in asked} == {
        instance_uid(s, n) for s in range(1, 6) for n in range(1, 21)
    }
    site.ledger.flush()
    assert site.ledger.counts()["committed"] == 100
    assert not list(site.reports.iterdir()), "a finished transaction leaves no file"


def test_more_than_500_objects_of_a_study_are_asked_in_several_transactions(tmp_path: Path) -> None:
    archive = Archive()
    with committing_hub(archive) as hub:
        site = Site(tmp_path, hub.port)
        put_sent(site, 1, 620)
        with running(committer_of(site).run):
            wait_until(lambda: site.count("committed") == 620)
    assert sorted(len(asked) for _, asked in archive.asked) == [120, 500]


def test_sender_and_committer_work_side_by_side(tmp_path: Path) -> None:
    with committing_hub(Archive()) as hub:
        site = Site(tmp_path, hub.port)
        sender = Sender(site.outbox, site.ledger, site.destination, SEALS.check, first=0.1, maximum=0.4)
        with running(sender.run, committer_of(site).run):
            for study in range(1, 4):
                put_study(site.outbox, study, 15)
            wait_until(lambda: site.count("committed") == 45)
    assert hub.received() == 45


def test_an_object_that_the_hub_lost_is_sent_again_and_committed(tmp_path: Path) -> None:
    lost = instance_uid(1, 2)
    archive = Archive({lost: 0x0112})
    with committing_hub(archive) as hub:
        site = Site(tmp_path, hub.port)
        put_sent(site, 1, 3)

        def store(number: int, uid: str) -> int:
            archive.failures.clear()
            return 0x0000

        hub._answer = store
        sender = Sender(site.outbox, site.ledger, site.destination, SEALS.check, first=0.1, maximum=0.4)
        with running(sender.run, committer_of(site).run):
            wait_until(lambda: site.count("committed") == 3)
    assert list(hub.stored) == [lost]


def kept(site: Site, study: int, count: int) -> list[Entry]:
    """Objects that the hub has committed to."""
    entries = put_sent(site, study, count)
    for entry in entries:
        site.outbox.mark_committed(entry)
    return entries


def test_a_site_that_meets_another_index_asks_again_for_all_that_it_keeps_and_sends_what_is_missing(
    tmp_path: Path,
) -> None:
    archive = Archive()
    archive.generation = "first"
    with committing_hub(archive) as hub:
        site = Site(tmp_path, hub.port)
        sender = Sender(site.outbox, site.ledger, site.destination, SEALS.check, first=0.1, maximum=0.4)
        with running(sender.run, committer_of(site).run):
            put_study(site.outbox, 1, 5)
            wait_until(lambda: site.count("committed") == 5)
            put_study(site.outbox, 2, 1)
            wait_until(lambda: site.count("committed") == 6)
            asked = sum(len(references) for _, references in archive.asked)
            assert asked == 6, "of an index that is the one of before nothing is asked twice"
            archive.generation = "second"
            lost = instance_uid(1, 3)
            archive.failures[lost] = 0x0112

            def store(number: int, uid: str) -> int:
                archive.failures.pop(uid, None)
                return 0x0000

            hub._answer = store
            put_study(site.outbox, 3, 1)
            wait_until(lambda: site.count("committed") == 7 and len(hub.stored[lost]) == 2)
    assert {uid for _, references in archive.asked[2:] for _, uid in references} == {
        *(instance_uid(1, number) for number in range(1, 6)),
        instance_uid(2, 1),
        instance_uid(3, 1),
    }
    assert site.ledger.fact("hub_generation") == "second"


@pytest.mark.parametrize("state", ["committed", "sent"])
def test_what_took_the_place_of_another_version_is_sent_again_to_another_index_and_not_only_asked_for(
    tmp_path: Path, state: str
) -> None:
    """A hub of yesterday has the older version, and commits to the UID that both have."""
    archive = Archive()
    archive.generation = "second"
    with committing_hub(archive) as hub:
        site = Site(tmp_path, hub.port)
        site.ledger.remember("hub_generation", "first")
        first, newer = kept(site, 1, 2) if state == "committed" else put_sent(site, 1, 2)
        site.ledger.supersede(Entry(newer.study, newer.instance, first.instance), newer, 2)
        sender = Sender(site.outbox, site.ledger, site.destination, SEALS.check, first=0.1, maximum=0.4)
        with running(sender.run, committer_of(site, watched=0.2, newer=site.ledger.newer_versions).run):
            wait_until(lambda: site.count("committed") == 2 and hub.received() == 1)
        assert [*hub.stored] == [instance_uid(1, 2)]


def test_a_site_that_was_killed_while_it_began_to_ask_again_begins_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Archive()
    archive.generation = "second"
    with committing_hub(archive) as hub:
        site = Site(tmp_path, hub.port)
        site.ledger.remember("hub_generation", "first")
        kept(site, 1, 4)
        put_sent(site, 2, 1)
        committer = committer_of(site)
        doubted = []

        def doubt(entry: Entry) -> None:
            doubted.append(entry)
            if len(doubted) == 2:
                raise KeyboardInterrupt
            site.outbox.doubt(entry)

        monkeypatch.setattr(committer, "_doubt", doubt)
        with pytest.raises(KeyboardInterrupt):
            committer._round(threading.Event())
        committer._leave(abort=True)
        assert site.ledger.fact("hub_generation") == "first"
        with running(committer_of(site).run):
            wait_until(lambda: site.count("committed") == 5)
    asked = [uid for _, references in archive.asked for _, uid in references]
    assert {instance_uid(1, number) for number in range(1, 5)} <= set(asked)
    assert site.ledger.fact("hub_generation") == "second"


def test_a_site_where_nothing_happens_asks_for_one_object_now_and_then_and_so_meets_another_index(
    tmp_path: Path,
) -> None:
    archive = Archive()
    archive.generation = "second"
    with committing_hub(archive) as hub:
        site = Site(tmp_path, hub.port)
        site.ledger.remember("hub_generation", "first")
        kept(site, 1, 3)
        with running(committer_of(site, watched=0.2).run):
            wait_until(lambda: site.ledger.fact("hub_generation") == "second" and site.count("committed") == 3)
    assert {uid for _, references in archive.asked for _, uid in references} == {
        instance_uid(1, number) for number in range(1, 4)
    }


def test_a_hub_that_names_no_index_is_asked_once(tmp_path: Path) -> None:
    archive = Archive()
    with committing_hub(archive) as hub:
        site = Site(tmp_path, hub.port)
        kept(site, 1, 3)
        put_sent(site, 2, 1)
        with running(committer_of(site).run):
            wait_until(lambda: site.count("committed") == 4)
    assert [uid for _, references in archive.asked for _, uid in references] == [instance_uid(2, 1)]


def test_the_hub_is_asked_for_everything_that_is_kept_and_nothing_is_moved(tmp_path: Path) -> None:
    archive = Archive({instance_uid(1, 2): 0x0112})
    with committing_hub(archive) as hub:
        site = Site(tmp_path, hub.port)
        entries = kept(site, 1, 3)
        put_sent(site, 2, 2)
        found = verify(site.outbox, site.destination, 10.0)
    assert (found.committed, found.missing, found.unanswered) == (4, ((entries[1], "the hub does not have it"),), ())
    assert (site.count("committed"), site.count("sent")) == (3, 2)


def test_an_object_that_the_hub_loses_again_and_again_waits_for_a_person(tmp_path: Path) -> None:
    archive = Archive({instance_uid(1, 1): 0x0112})
    with committing_hub(archive) as hub:
        site = Site(tmp_path, hub.port)
        (entry,) = put_sent(site, 1, 1)
        sender = Sender(site.outbox, site.ledger, site.destination, SEALS.check, first=0.1, maximum=0.4)
        with running(sender.run, committer_of(site).run):
            wait_until(lambda: site.count("held") == 1)
    reason = site.outbox.reason(entry)
    assert reason is not None and reason["code"] == "not-committed" and reason["status"] == 0x0112
    assert hub.asked == 3, "sent again three times"


def test_an_object_that_the_hub_has_under_another_class_waits_for_a_person(tmp_path: Path) -> None:
    with committing_hub(Archive({instance_uid(1, 2): 0x0119})) as hub:
        site = Site(tmp_path, hub.port)
        entries = put_sent(site, 1, 3)
        with running(committer_of(site).run):
            wait_until(lambda: site.count("committed") == 2 and site.count("held") == 1)
    reason = site.outbox.reason(entries[1])
    assert reason is not None and reason["code"] == "not-committed"
    assert "another SOP class (failure reason 0119H)" in str(reason["message"])
    assert site.row(entries[1])["state"] == "refused"


def test_an_object_that_the_hub_is_not_sure_of_is_asked_again(tmp_path: Path) -> None:
    archive = Archive({instance_uid(1, 2): 0x0110})
    with committing_hub(archive) as hub:
        site = Site(tmp_path, hub.port)
        entries = put_sent(site, 1, 3)
        with running(committer_of(site).run):
            wait_until(lambda: len(archive.asked) >= 3)
            assert site.row(entries[1])["state"] == "sent" and "asked again" in site.row(entries[1])["message"]
            archive.failures.clear()
            wait_until(lambda: site.count("committed") == 3)
    assert [uid for _, uid in archive.asked[1][1]] == [instance_uid(1, 2)], "only what is open is asked again"


def test_a_lookup_that_fails_at_the_hub_commits_nothing_and_is_asked_again(tmp_path: Path) -> None:
    archive = Archive()
    attempts: list[int] = []

    def fail_once(calling_ae: str, references: Sequence[tuple[str, str]]) -> Any:
        attempts.append(len(references))
        if len(attempts) == 1:
            raise RuntimeError("database is locked")
        return Archive.check(archive, calling_ae, references)

    archive.check = fail_once  # type: ignore[method-assign]
    with committing_hub(archive) as hub:
        site = Site(tmp_path, hub.port)
        put_sent(site, 1, 4)
        with running(committer_of(site).run):
            wait_until(lambda: site.count("committed") == 4)
    assert attempts == [4, 4]


def test_an_object_that_the_hub_does_not_mention_is_not_committed(tmp_path: Path) -> None:
    class Forgetful(Archive):
        def check(self, calling_ae: str, references: Sequence[tuple[str, str]]) -> Any:
            super().check(calling_ae, references)
            return references[:-1], []

    with committing_hub(Forgetful()) as hub:
        site = Site(tmp_path, hub.port)
        put_sent(site, 1, 3)
        with running(committer_of(site).run):
            wait_until(lambda: site.count("committed") == 2)
            wait_until(lambda: site.count("new") == 1)
    assert site.count("committed") == 2


def test_a_hub_without_storage_commitment_is_named_and_objects_stay_sent(tmp_path: Path) -> None:
    hub = RecordingHub()
    site = Site(tmp_path, hub.port)
    put_sent(site, 1, 2)
    with running(committer_of(site).run):
        wait_until(lambda: "does not offer Storage Commitment" in str(site.ledger.fact("hub_error")))
    hub.stop()
    assert "commitment = false" in str(site.ledger.fact("hub_error"))
    assert site.count("sent") == 2


def test_a_hub_that_goes_down_before_it_reports_is_asked_again_when_it_is_back(tmp_path: Path) -> None:
    port = free_port()
    asked = threading.Event()
    never = threading.Event()

    class Slow(Archive):
        def check(self, calling_ae: str, references: Sequence[tuple[str, str]]) -> Any:
            asked.set()
            never.wait(30)
            return super().check(calling_ae, references)

    site = Site(tmp_path, port)
    put_sent(site, 1, 3)
    with running(committer_of(site, timeout=0.5).run):
        with committing_hub(Slow(), port=port):
            assert asked.wait(20)
        never.set()
        with committing_hub(Archive(), port=port):
            wait_until(lambda: site.count("committed") == 3)


def test_a_peer_that_never_reports_is_asked_again_and_nothing_is_committed(tmp_path: Path) -> None:
    hub = RecordingHub(handlers=[(evt.EVT_N_ACTION, lambda event: (0x0000, None))], more_contexts=request_contexts())
    site = Site(tmp_path, hub.port)
    (entry,) = put_sent(site, 1, 1)
    with running(committer_of(site, timeout=0.2).run):
        wait_until(lambda: len(list(site.reports.glob("*.asked.json"))) >= 2)
    hub.stop()
    row = site.row(entry)
    assert row["state"] == "sent" and "has not reported on it" in row["message"] and row["next_attempt"]


def test_a_refused_request_moves_nothing_and_is_repeated(tmp_path: Path) -> None:
    statuses = [0x0110, 0x0213]
    archive = Archive()
    scp = CommitmentScp(archive.check)
    ((_, ask),) = scp.handlers()

    def reluctant(event: evt.Event) -> tuple[int, None]:
        return (statuses.pop(), None) if statuses else ask(event)

    hub = RecordingHub(handlers=[(evt.EVT_N_ACTION, reluctant)], more_contexts=request_contexts())
    site = Site(tmp_path, hub.port)
    put_sent(site, 1, 2)
    with running(committer_of(site).run):
        wait_until(lambda: site.count("committed") == 2)
    hub.stop()
    assert not statuses and len(archive.asked) == 1


# A peer that opens its own association back (PS3.4 J.3), as some PACS and Orthanc do.


def site_scp(site: Site) -> tuple[AE, int]:
    """The site's own SCP, as far as reports go."""
    ae = AE("SITE")
    port = free_port()
    ae.start_server(
        ("127.0.0.1", port), block=False, contexts=report_contexts(), evt_handlers=report_handlers(site.reports)
    )
    return ae, port


def report_back(port: int, ds: Dataset, event_type: int, *, roles: bool = True) -> int:
    """Open an association to the site as the peer's SCP, report, and return the site's status."""
    ae = AE("HUB")
    ae.add_requested_context(STORAGE_COMMITMENT)
    negotiation = [build_role(STORAGE_COMMITMENT, scp_role=True)] if roles else []
    assoc = ae.associate("127.0.0.1", port, ext_neg=negotiation)
    assert assoc.is_established
    if roles:
        assert assoc.accepted_contexts[0].as_scp
    else:  # a peer that does not negotiate roles reports all the same
        assoc.accepted_contexts[0]._as_scp = True
        assoc._accepted_cx[1]._as_scp = True
    status, _ = assoc.send_n_event_report(ds, event_type, STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE)
    assoc.release()
    return int(status.Status)


@pytest.mark.parametrize("roles", [True, False])
def test_a_report_over_an_association_that_the_peer_opened_back_commits(tmp_path: Path, roles: bool) -> None:
    requests: list[Dataset] = []

    def take(event: evt.Event) -> tuple[int, None]:
        requests.append(event.action_information)
        return 0x0000, None

    hub = RecordingHub(handlers=[(evt.EVT_N_ACTION, take)], more_contexts=request_contexts())
    site = Site(tmp_path, hub.port)
    entries = put_sent(site, 1, 3)
    scp, port = site_scp(site)
    with running(committer_of(site).run):
        wait_until(lambda: requests)
        report = Dataset()
        report.TransactionUID = requests[0].TransactionUID
        report.ReferencedSOPSequence = requests[0].ReferencedSOPSequence[:2]
        failure = requests[0].ReferencedSOPSequence[2]
        failure.FailureReason = 0x0119
        report.FailedSOPSequence = [failure]
        assert report_back(port, report, 2, roles=roles) == 0x0000
        wait_until(lambda: site.count("committed") == 2 and site.count("held") == 1)
    scp.shutdown()
    hub.stop()
    assert site.row(entries[0])["state"] == "committed"


def test_a_report_on_a_transaction_that_nobody_asked_is_refused(tmp_path: Path) -> None:
    site = Site(tmp_path, free_port())
    (entry,) = put_sent(site, 1, 1)
    scp, port = site_scp(site)
    report = Dataset()
    report.TransactionUID = "2.25.1234567890"
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = CT, instance_uid(1, 1)
    report.ReferencedSOPSequence = [item]
    assert report_back(port, report, 1) == 0x0110
    scp.shutdown()
    assert not list(site.reports.iterdir())
    assert site.outbox.path(entry).parent.name == "sent"


def test_a_late_report_does_not_move_an_object_that_is_on_its_way_again(tmp_path: Path) -> None:
    site = Site(tmp_path, free_port())
    (entry,) = put_sent(site, 1, 1)
    uid = Transactions(site.reports).ask({instance_uid(1, 1): str(entry)})
    site.outbox.unclaim(entry)
    scp, port = site_scp(site)
    report = Dataset()
    report.TransactionUID = uid
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = CT, instance_uid(1, 1)
    report.ReferencedSOPSequence = [item]
    assert report_back(port, report, 1) == 0x0000
    with running(committer_of(site).run):
        wait_until(lambda: not list(site.reports.iterdir()))
    scp.shutdown()
    assert site.outbox.path(entry).parent.name == "new"


# The hub's SCP against requestors that are not our sender.


def action_information(uids: Sequence[str], transaction_uid: str = "2.25.42") -> Dataset:
    ds = Dataset()
    ds.TransactionUID = transaction_uid
    ds.ReferencedSOPSequence = []
    for uid in uids:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = CT, uid
        ds.ReferencedSOPSequence.append(item)
    return ds


@contextmanager
def requestor(port: int) -> Iterator[tuple[Any, list[Dataset], list[str]]]:
    """A pynetdicom SCU: the association, the reports it got, and the order of the messages it received."""
    reports: list[Dataset] = []
    order: list[str] = []

    def on_report(event: evt.Event) -> tuple[int, None]:
        reports.append(event.event_information)
        return 0x0000, None

    def on_message(event: evt.Event) -> None:
        order.append(type(event.message).__name__)

    ae = AE("SITE")
    ae.acse_timeout = ae.dimse_timeout = 10
    ae.add_requested_context(STORAGE_COMMITMENT)
    assoc = ae.associate(
        "127.0.0.1",
        port,
        ae_title="HUB",
        evt_handlers=[(evt.EVT_N_EVENT_REPORT, on_report), (evt.EVT_DIMSE_RECV, on_message)],
    )
    assert assoc.is_established
    yield assoc, reports, order
    if assoc.is_established:
        assoc.release()


def ask(assoc: Any, ds: Dataset, action_type: int = 1, instance: str = STORAGE_COMMITMENT_INSTANCE) -> int:
    status, _ = assoc.send_n_action(ds, action_type, STORAGE_COMMITMENT, instance)
    return int(status.Status)


def test_several_transactions_in_a_row_are_each_answered_and_then_reported(tmp_path: Path) -> None:
    with committing_hub(Archive({"2.25.1.13": 0x0112})) as hub, requestor(hub.port) as (assoc, reports, order):
        for number in range(30):
            assert ask(assoc, action_information([f"2.25.1.{number}"], f"2.25.9{number}")) == 0x0000
            wait_until(lambda number=number: len(reports) == number + 1)
    assert [report.TransactionUID for report in reports] == [f"2.25.9{number}" for number in range(30)]
    assert [i for i, report in enumerate(reports) if "FailedSOPSequence" in report] == [13]
    assert order == ["N_ACTION_RSP", "N_EVENT_REPORT_RQ"] * 30, "the answer goes out before the report"


def test_reports_and_answers_do_not_mix_on_one_association(tmp_path: Path) -> None:
    """Requests for commitment and stores follow each other without waiting for anything."""
    path = tmp_path / "object.dcm"
    write_object(path, 1, 1)
    data = data_set_of(path)
    received: list[tuple[int | None, int | None]] = []
    with committing_hub(Archive()) as hub:
        assoc = Association.request(
            Site(tmp_path, hub.port).destination, [(STORAGE_COMMITMENT, [EXPLICIT_VR_LE]), (CT, [EXPLICIT_VR_LE])]
        )
        commitment, storage = assoc.context(STORAGE_COMMITMENT), assoc.context(CT)
        assert commitment is not None and storage is not None
        for number in range(1, 41):
            request = encode(action_information([f"2.25.1.{n}" for n in range(1, 301)], f"2.25.{number}"), False, True)
            command: list[tuple[int, str | int]] = [
                (0x0003, STORAGE_COMMITMENT),
                (0x0100, 0x0130),
                (0x0110, number),
                (0x0800, 1),
            ]
            command += [(0x1001, STORAGE_COMMITMENT_INSTANCE), (0x1008, 1)]
            assoc.send(commitment, encode_command(command), BytesIO(request), len(request))
            command = [
                (0x0002, CT),
                (0x0100, 0x0001),
                (0x0110, 1000 + number),
                (0x0700, 0),
                (0x0800, 1),
                (0x1000, instance_uid(1, 1)),
            ]
            assoc.send(storage, encode_command(command), BytesIO(data), len(data))
        while len(received) < 120:
            message = assoc.receive(20)
            assert message is not None, f"only {len(received)} messages came"
            number = message.number(0x0120)
            if message.number(0x0100) == 0x0100:
                report = decode(BytesIO(message.data), False, True)
                assert len(report.ReferencedSOPSequence) == 300
                number = int(str(report.TransactionUID).removeprefix("2.25."))
            else:
                assert message.number(0x0900) == 0x0000
            received.append((message.number(0x0100), number))
        assoc.release()
    assert len(set(received)) == 120
    for number in range(1, 41):
        assert received.index((0x8130, number)) < received.index((0x0100, number)), "a report came before the answer"


def test_a_requestor_that_leaves_before_the_report_costs_the_hub_nothing(tmp_path: Path) -> None:
    with committing_hub(Archive()) as hub:
        for number in range(20):
            with requestor(hub.port) as (assoc, _, _):
                assert ask(assoc, action_information(["2.25.1"])) == 0x0000
                if number % 2:
                    assoc.abort()
        with requestor(hub.port) as (assoc, reports, _):
            assert ask(assoc, action_information(["2.25.1"])) == 0x0000
            wait_until(lambda: reports)
        wait_until(lambda: not hub.ae.active_associations)


@pytest.mark.parametrize(
    ("ds", "action_type", "instance", "status"),
    [
        (action_information(["2.25.1"]), 2, STORAGE_COMMITMENT_INSTANCE, 0x0123),
        (action_information(["2.25.1"]), 1, "2.25.5", 0x0112),
        (action_information([]), 1, STORAGE_COMMITMENT_INSTANCE, 0x0115),
        (action_information(["2.25.1"], ""), 1, STORAGE_COMMITMENT_INSTANCE, 0x0115),
    ],
    ids=["another action", "another instance", "no objects", "no transaction"],
)
def test_a_request_that_makes_no_sense_is_answered_with_the_status_for_it(
    ds: Dataset, action_type: int, instance: str, status: int
) -> None:
    archive = Archive()
    with committing_hub(archive) as hub, requestor(hub.port) as (assoc, _, _):
        assert ask(assoc, ds, action_type, instance) == status
    assert not archive.asked


# Orthanc as the destination: it reports over an association of its own.


@contextmanager
def orthanc(directory: Path, site_port: int) -> Iterator[int]:
    port = free_port()
    configuration = {
        "Name": "test",
        "StorageDirectory": str(directory / "orthanc"),
        "IndexDirectory": str(directory / "orthanc"),
        "HttpServerEnabled": False,
        "DicomAet": "HUB",
        "DicomPort": port,
        "DicomCheckCalledAet": True,
        "DicomModalities": {"site": ["SITE", "127.0.0.1", site_port]},
        "Plugins": [],
    }
    (directory / "orthanc.json").write_text(json.dumps(configuration))
    with (directory / "orthanc.log").open("wb") as output:
        process = subprocess.Popen(["Orthanc", str(directory / "orthanc.json")], stdout=output, stderr=output)
    try:
        wait_until(lambda: _answers(port), 60, "Orthanc did not start")
        yield port
    finally:
        process.terminate()
        process.wait(30)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 2).close()
    except OSError:
        return False
    return True


@pytest.mark.interop("Orthanc")
def test_orthanc_stores_a_study_and_commits_to_it(tmp_path: Path) -> None:
    site = Site(tmp_path, 0)
    scp, site_port = site_scp(site)
    with orthanc(tmp_path, site_port) as port:
        site = Site(tmp_path, port)
        put_study(site.outbox, 1, 12)
        sender = Sender(site.outbox, site.ledger, site.destination, SEALS.check, first=0.1, maximum=0.4)
        with running(sender.run, committer_of(site).run):
            wait_until(lambda: site.count("committed") == 12)
    scp.shutdown()


@pytest.mark.interop("Orthanc")
def test_what_orthanc_does_not_have_is_sent_to_it_and_committed(tmp_path: Path) -> None:
    site = Site(tmp_path, 0)
    scp, site_port = site_scp(site)
    with orthanc(tmp_path, site_port) as port:
        site = Site(tmp_path, port)
        put_sent(site, 1, 3)
        sender = Sender(site.outbox, site.ledger, site.destination, SEALS.check, first=0.1, maximum=0.4)
        with running(sender.run, committer_of(site).run):
            wait_until(lambda: site.count("committed") == 3)
    scp.shutdown()


# A hub that is unwell, and a hub where a person looks at an object.


def test_a_hub_that_is_unwell_is_asked_for_as_long_as_it_takes_and_no_object_is_refused(tmp_path: Path) -> None:
    archive = Archive({instance_uid(1, 2): 0x0110, instance_uid(1, 3): 0x0213})
    with committing_hub(archive) as hub:
        site = Site(tmp_path, hub.port)
        entries = put_sent(site, 1, 3)
        with running(committer_of(site, first=0.02, maximum=0.05, interval=0.02).run):
            wait_until(lambda: len(archive.asked) >= 25)
            assert site.count("held") == 0
            assert site.row(entries[1])["reason"] is None
            archive.failures.clear()
            wait_until(lambda: site.count("committed") == 3)


def test_an_object_that_the_hub_holds_for_a_person_is_named_so_and_committed_once_it_is_released(
    tmp_path: Path,
) -> None:
    archive = Archive({instance_uid(1, 2): 0xC110})
    with committing_hub(archive) as hub:
        site = Site(tmp_path, hub.port)
        entries = put_sent(site, 1, 3)
        with running(committer_of(site, first=0.02, maximum=0.05, interval=0.02).run):
            wait_until(lambda: len(archive.asked) >= 3 and site.row(entries[1]).get("reason") == "held-at-hub")
            row = site.row(entries[1])
            assert row["state"] == "sent" and "holds it, or another version of it, for a person there" in row["message"]
            assert site.ledger.with_reason("sent", "held-at-hub") == 1
            assert site.count("held") == 0
            archive.failures.clear()
            wait_until(lambda: site.count("committed") == 3)
    site.ledger.flush()
    assert site.ledger.with_reason("sent", "held-at-hub") == 0
    assert site.row(entries[1])["reason"] is None
