"""An instance that comes again: the same object in other bytes is kept once, another version is held."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from fidac_node.dicom import part10
from fidac_node.dicom.uids import (
    DEFLATED_EXPLICIT_VR_LE,
    EXPLICIT_VR_BE,
    EXPLICIT_VR_LE,
    IMPLICIT_VR_LE,
    JPEG_LS_LOSSLESS,
    RLE_LOSSLESS,
)
from fidac_node.errors import Temporary
from fidac_node.operations.status import site_status
from fidac_node.receive.check import entry_for, identify
from fidac_node.receive.digest import digest_of
from fidac_node.site import again, worker
from fidac_node.site.compress import Compressor
from fidac_node.site.ledger import REPEAT
from fidac_node.site.worker import Worker
from fidac_node.spool.entry import Entry
from fidac_node.spool.queue import STATES
from tests.integration.site.test_worker import ROOT, Bench
from tests.support import SystemCalls
from tests.unit.deidentify import build
from tests.unit.deidentify.tools.test_same import JPEG_2000, slice_of, written

REMEDY = "'site queue supersede' puts this one in its place, here and at the hub, 'site queue drop' lets go of it"
SYNTAXES = (IMPLICIT_VR_LE, EXPLICIT_VR_BE, DEFLATED_EXPLICIT_VR_LE, JPEG_LS_LOSSLESS, RLE_LOSSLESS, JPEG_2000)
GROUP_LENGTH = build.raw_element(0x00180000, "UL", b"\x10\0\0\0")


@pytest.fixture
def one(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def arrive(one: Bench, encoded: bytes) -> Entry:
    """An object in the inbox, named as reception names it, with the row that it writes."""
    with one.inbox.create() as draft:
        draft.file.write(encoded)
        draft.end()
        offset = part10.meta_in(encoded)[1]
        entry = entry_for(identify(draft.path, limit=build.LIMIT), digest_of(draft.path, offset), one.keys.handles)
        one.inbox.put(draft, entry)
    one.ledger.note(entry, "ready", bytes=len(encoded))
    return entry


def encoded(one: Bench, ds: Dataset, syntax: str = EXPLICIT_VR_LE) -> bytes:
    return written(one.directory / "in.dcm", ds, syntax).read_bytes()


def rows(one: Bench) -> dict[str, dict[str, object]]:
    one.ledger.flush()
    return {row["entry"]: row for row in one.ledger.rows()}


def kept_once(one: Bench, first: Entry, other: Entry) -> None:
    """The first is where it was, its row is untouched, and of the other nothing is left but a row."""
    assert not one.inbox.knows(other) and not one.outbox.knows(other)
    assert [entry for state in STATES for entry in one.outbox.entries(state)] == [first]
    assert list((one.outbox.directory / "tmp").iterdir()) == []
    row = rows(one)[str(other)]
    assert (row["state"], row["reason"]) == ("discarded", "repeat")
    assert row["message"] == f"the same object as {first}, which came first"
    status = site_status(one.config, one.ledger)
    assert (status.repeats, status.counts["discarded"], status.counts["held"]) == (1, 1, 0)


@pytest.mark.parametrize("way", ["there", "back"])
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_an_object_that_comes_again_in_another_transfer_syntax_is_kept_once(
    one: Bench, caplog: pytest.LogCaptureFixture, syntax: str, way: str
) -> None:
    caplog.set_level(logging.INFO)
    versions = [encoded(one, slice_of()), encoded(one, slice_of(), syntax)]
    first, other = (arrive(one, version) for version in (versions if way == "there" else versions[::-1]))
    one.worker._work([first], threading.Event())
    before, row = one.outbox.path(first).read_bytes(), rows(one)[str(first)]
    one.worker._work([other], threading.Event())
    kept_once(one, first, other)
    assert one.outbox.path(first).read_bytes() == before and rows(one)[str(first)] == row
    assert f"object {other} is {first} come again in other bytes, and is kept once" in caplog.messages


@pytest.mark.parametrize(
    "change",
    [lambda data: data + bytes(512), lambda data: data + bytes(1), lambda data: build.insert(data, GROUP_LENGTH)],
    ids=["a block of zeros", "one zero", "a group length"],
)
def test_padding_and_group_lengths_make_no_other_version(one: Bench, change: Callable[[bytes], bytes]) -> None:
    data = encoded(one, slice_of())
    first, other = arrive(one, data), arrive(one, change(data))
    one.worker._work([first, other], threading.Event())
    kept_once(one, first, other)


@pytest.mark.parametrize("state", ["new", "work", "sent", "committed"])
def test_wherever_the_first_copy_is_on_its_way_it_is_compared(one: Bench, state: str) -> None:
    first, other = arrive(one, encoded(one, slice_of())), arrive(one, encoded(one, slice_of(), IMPLICIT_VR_LE))
    one.worker.process(first)
    if state != "new":
        one.outbox.claim("sender", 1)
    if state in ("sent", "committed"):
        one.outbox.mark_sent(first)
    if state == "committed":
        one.outbox.mark_committed(first)
    one.worker.process(other)
    kept_once(one, first, other)
    assert one.outbox.state(first) == state


def test_a_copy_that_was_compressed_for_the_line_is_compared_by_its_pixels(one: Bench) -> None:
    arguments = (one.inbox, one.outbox, one.ledger, one.rules, one.engine, one.keys)
    one.worker = Worker("w", *arguments, limit=build.LIMIT, compressor=Compressor("jpeg-ls"))
    versions = []
    for pixels in (bytes(8192), bytes(8192), bytes(8190) + b"\1\0"):
        ds = build.ct(Rows=64, Columns=64, PixelData=pixels)
        syntax = IMPLICIT_VR_LE if versions else EXPLICIT_VR_LE
        versions.append(arrive(one, build.write(one.directory / "in.dcm", ds, syntax).read_bytes()))
    first, other, third = versions
    one.worker._work([first, other, third], threading.Event())
    assert build.read(one.outbox.path(first).read_bytes()).file_meta.TransferSyntaxUID == JPEG_LS_LOSSLESS
    assert rows(one)[str(other)]["reason"] == "repeat" and one.state(third) == "conflict"


@pytest.mark.parametrize(
    ("changed", "differ"),
    [
        ({"KVP": "100"}, "they differ in KVP"),
        ({"KVP": "100", "SliceThickness": "2", "PatientSex": "M"}, "they differ in PatientSex, SliceThickness, KVP"),
        ({"add": 1}, "their pixels differ"),
        ({"ImageType": ["DERIVED", "SECONDARY", "SCREEN"]}, "this one would be held by itself (pixel-risk)"),
    ],
    ids=str,
)
@pytest.mark.parametrize("syntax", [EXPLICIT_VR_LE, IMPLICIT_VR_LE, RLE_LOSSLESS])
def test_another_version_is_held_with_the_attributes_that_differ_and_no_value(
    one: Bench, changed: dict[str, Any], differ: str, syntax: str
) -> None:
    first, second = arrive(one, encoded(one, slice_of())), arrive(one, encoded(one, slice_of(**changed), syntax))
    one.worker._work([first, second], threading.Event())
    message = f"another version of this instance came first, as {first}: {differ}; {REMEDY}"
    assert one.inbox.reason(second) == {"code": "conflict", "message": message}
    assert one.outbox.entries("new") == [first] and one.studies() == [build.IDENTITY["PatientID"]]


def test_the_same_instance_of_another_patient_is_another_version_and_names_nobody(one: Bench) -> None:
    first, second = arrive(one, encoded(one, slice_of())), arrive(one, encoded(one, slice_of(PatientID="IPP1")))
    one.worker._work([first, second], threading.Event())
    reason = one.inbox.reason(second) or {}
    assert reason["code"] == "conflict" and "PatientID" in str(reason["message"]) and "IPP1" not in str(reason)
    assert one.studies() == [build.IDENTITY["PatientID"]]


@pytest.mark.parametrize("state", ["purged", "refused", "held in the inbox"])
def test_without_the_first_copy_it_is_another_version_as_nobody_can_tell(one: Bench, state: str) -> None:
    ds = slice_of(ImageType=["DERIVED", "SECONDARY", "SCREEN"]) if state == "held in the inbox" else slice_of()
    first, other = arrive(one, encoded(one, ds)), arrive(one, encoded(one, ds, IMPLICIT_VR_LE))
    one.worker.process(first)
    if state == "purged":
        one.outbox.remove(first)
    elif state == "refused":
        one.outbox.hold(first, "refused", "the hub does not want it")
    one.worker.process(other)
    unknown = "its copy was deleted or is held itself, so that nobody can compare them"
    message = f"another version of this instance came first, as {first}: {unknown}; {REMEDY}"
    assert one.inbox.reason(other) == {"code": "conflict", "message": message}


def test_while_the_first_is_in_the_hands_of_another_worker_the_second_waits_and_is_settled_then(
    one: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_PAUSE_SECONDS", 0.0)
    first = arrive(one, encoded(one, slice_of()))
    assert one.inbox.claim("another", 1) == [first] and one.ledger.firsts([first]) == {first: first}
    others = [arrive(one, encoded(one, slice_of(), syntax)) for syntax in SYNTAXES[:3]]
    for _ in range(2):
        one.worker._work(one.inbox.claim("w", 10), threading.Event())
        assert sorted(one.inbox.entries("new")) == sorted(others) and one.inbox.entries("held") == []
    one.inbox.recover("another")
    one.worker._work(one.inbox.claim("w", 10), threading.Event())
    assert one.outbox.entries("new") == [first] and one.ledger.with_reason("discarded", REPEAT) == 3


def test_what_is_released_by_a_person_is_still_compared_and_never_leaves_beside_the_first(one: Bench) -> None:
    first, other = arrive(one, encoded(one, slice_of())), arrive(one, encoded(one, slice_of(KVP="100")))
    one.worker._work([first, other], threading.Event())
    one.inbox.release(other, released=True)
    one.worker._work(one.inbox.claim("w", 10), threading.Event())
    assert one.state(other) == "conflict" and one.outbox.entries("new") == [first]


def test_a_version_of_an_object_that_came_first_itself_again_changes_nothing(one: Bench) -> None:
    data = encoded(one, slice_of())
    first, other = arrive(one, data), arrive(one, data + bytes(8))
    one.worker._work([first, other], threading.Event())
    assert (arrive(one, data), arrive(one, data + bytes(8))) == (first, other)
    one.worker._work(one.inbox.claim("w", 10), threading.Event())
    kept_once(one, first, other)


def test_trouble_of_the_disk_holds_nothing_and_is_tried_again(one: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_PAUSE_SECONDS", 0.0)
    first, other = arrive(one, encoded(one, slice_of())), arrive(one, encoded(one, slice_of(), IMPLICIT_VR_LE))
    one.worker.process(first)
    for error in (OSError(28, "No space left on device"), Temporary("the ledger cannot be read")):
        with monkeypatch.context() as patch:
            patch.setattr(again, "difference", lambda *_, error=error, **__: (_ for _ in ()).throw(error))
            one.worker._work(one.inbox.claim("w", 10), threading.Event())
        assert one.inbox.entries("new") == [other] and list((one.outbox.directory / "tmp").iterdir()) == []
    one.worker._work(one.inbox.claim("w", 10), threading.Event())
    kept_once(one, first, other)


def die_at_each_call(directory: str) -> None:
    """In a process of its own: the worker dies before its 1st, 2nd, ... system call; another takes up what it left."""
    one = Bench(Path(directory))
    versions = [encoded(one, slice_of()), encoded(one, slice_of(), IMPLICIT_VR_LE), encoded(one, slice_of(add=1))]
    one.ledger.close()
    for at in range(1, 10_000):
        one.reopen()
        first, repeat, other = (arrive(one, version) for version in versions)
        one.ledger.close()
        codes = []
        for crashed in (False, True):
            child = os.fork()
            if not child:
                one.reopen()
                one.worker.recover(after_crash=crashed)
                with SystemCalls(0 if crashed else at, kill=True):
                    order = (first, repeat, other).index  # that of their arrival
                    one.worker._work(sorted(one.inbox.claim("w", 10), key=order), threading.Event())
                one.ledger.close()
                os._exit(0)
            codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        one.outbox.sweep()
        assert codes in ([0, 0], [9, 0]), (at, codes)
        assert one.outbox.entries("new") == [first] and one.inbox.entries("held") == [other], at
        assert one.inbox.entries("new") + one.inbox.entries("work") == [], at
        one.reopen()
        assert (rows(one)[str(repeat)]["state"], rows(one)[str(repeat)]["reason"]) == ("discarded", "repeat"), at
        one.ledger.close()
        for spool, entry in ((one.outbox, first), (one.inbox, other)):
            spool.remove(entry)
        if codes == [0, 0]:
            print("calls", at)
            return


def test_a_worker_killed_within_any_step_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    code = f"from tests.integration.site.test_again import die_at_each_call; die_at_each_call({str(tmp_path)!r})"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert int(result.stdout.split()[-1]) > 20
