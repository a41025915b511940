"""A worker between real spools: what it enters into the vault before anything leaves, and when it looks at pixels."""

from __future__ import annotations

import errno
import itertools
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image, ImageDraw, ImageFont

from fidac_node.cli import cli
from fidac_node.config.config import SiteConfig, load_site, render
from fidac_node.config.sections import Route
from fidac_node.deidentify import Deidentifier, load_plan
from fidac_node.deidentify.triage.triage import Rules as PixelRules
from fidac_node.dicom import part10
from fidac_node.dicom.series import cutters
from fidac_node.dicom.uids import EXPLICIT_VR_LE, IMPLICIT_VR_LE
from fidac_node.identity.keys import begin, create_keys, open_keys
from fidac_node.identity.vault import Vault
from fidac_node.operations.status import site_status
from fidac_node.receive.check import entry_for, identify_draft
from fidac_node.receive.digest import Digest, digest_of
from fidac_node.site import daemon, worker
from fidac_node.site.ledger import Ledger
from fidac_node.site.node import Site
from fidac_node.site.route import Rules
from fidac_node.site.worker import Worker
from fidac_node.spool.entry import Entry
from fidac_node.spool.queue import STATES, Spool
from fidac_node.spool.seal import Seals
from fidac_node.system import safeio
from fidac_node.system.base32 import base32
from tests.support import SystemCalls, wait_until
from tests.unit.deidentify import build
from tests.unit.deidentify.build import raw_element

ROOT = Path(__file__).parents[3]
SIZE = 256


class Bench:
    """One worker and all it works with."""

    def __init__(
        self, directory: Path, mode: str = "pseudonymised", rules: tuple[Any, ...] = (), **pixels: Any
    ) -> None:
        self.directory = directory
        path = directory / "site.toml"
        path.write_text(render(SiteConfig, {"site": {"id": "S1"}, "deidentify": {"mode": mode}}), "utf-8")
        (directory / "spool").mkdir()
        self.config = load_site(path)
        create_keys(self.config.programme)
        self.keys = open_keys(self.config.programme)
        begin(self.config.programme, self.keys)
        self.inbox, self.outbox = Spool(directory / "spool/inbox", spares=1), Spool(directory / "spool/outbox")
        self.engine = Deidentifier(
            load_plan("fidac-chest-ct"), self.keys.patients, "S1", "FIDAC", rules=PixelRules(**pixels)
        )
        self.rules = Rules.from_config(Route(rules=rules))
        self.reopen()

    def reopen(self) -> None:
        """A worker as a new process has it."""
        self.ledger = Ledger(self.directory / "spool" / "ledger.db")
        self.worker = Worker(
            "w", self.inbox, self.outbox, self.ledger, self.rules, self.engine, self.keys, limit=build.LIMIT
        )

    def take(self, **values: Any) -> Entry:
        """Put a CT image into the inbox."""
        path = build.write(self.directory / "in.dcm", build.ct(**values))
        ds = build.ct(**values)
        entry = Entry(
            self.keys.handles.study_handle(ds.StudyInstanceUID),
            self.keys.handles.instance_handle(ds.SOPInstanceUID),
            base32(digest_of(path, part10.meta_in(path.read_bytes())[1]), 16),
        )
        with self.inbox.create() as draft:
            draft.file.write(path.read_bytes())
            self.inbox.put(draft, entry)
        return entry

    def store(self, data: bytes, transfer_syntax_uid: str = EXPLICIT_VR_LE, number: int = 1) -> Entry:
        """Take a data set as reception does, whatever it is."""
        meta = part10.FileMeta(build.CT, f"{build.ROOT}.3.{number}", transfer_syntax_uid, "PACS", "FIDACNODE")
        with self.inbox.create() as draft:
            head = part10.encode_meta(meta)
            draft.file.write(head + data)
            identity = identify_draft(
                draft, meta, len(head), len(data), beginning=data[: 1 << 16], limit=build.LIMIT, learned=cutters()
            )
            entry = entry_for(identity, Digest(data).digest(), self.keys.handles)
            self.inbox.put(draft, entry)
        return entry

    def work(self) -> None:
        """Process what waits."""
        for entry in self.inbox.claim("w", 10):
            self.worker.process(entry)

    def state(self, entry: Entry) -> str:
        """Where the object is: ``new`` or the reason for which it is held, or ``outbox``."""
        if entry in self.outbox.entries("new"):
            return "outbox"
        return (
            str((self.inbox.reason(entry) or {}).get("code"))
            if entry in self.inbox.entries("held")
            else self.inbox.state(entry)
        )

    def studies(self) -> list[str]:
        """The patients in the vault."""
        assert self.keys.vault is not None
        return [study.patient_id for study in self.keys.vault.studies()]


@pytest.fixture
def bench(tmp_path: Path) -> Callable[..., Bench]:
    return lambda mode="pseudonymised", **options: Bench(tmp_path, mode, **options)


def burned_in(text: str) -> dict[str, Any]:
    """Pixels of a CT image that shows ``text``, as a scanner's annotation: the brightest value, on a grey body."""
    picture = Image.new("L", (SIZE, SIZE))
    font = ImageFont.load_default(size=24)
    if text:
        ImageDraw.Draw(picture).text((12, 20), text, fill=255, font=font)
    body = np.full((SIZE, SIZE), 1000, "<u2")
    body[np.asarray(picture) > 127] = 4000
    return {"Rows": SIZE, "Columns": SIZE, "PixelData": body.tobytes()}


def test_a_study_is_in_the_vault_once_when_its_objects_leave(bench: Callable[..., Bench]) -> None:
    one = bench()
    entries = [one.take(SOPInstanceUID=f"{build.ROOT}.3.{number}") for number in range(3)]
    one.work()
    assert [one.state(entry) for entry in entries] == ["outbox"] * 3
    assert one.studies() == [build.IDENTITY["PatientID"]]


def test_what_was_written_right_is_in_the_row_of_the_object(bench: Callable[..., Bench]) -> None:
    one = bench()
    entries = [one.take(SOPInstanceUID=f"{build.ROOT}.3.1"), one.take(SOPInstanceUID=f"{build.ROOT}.3.2", HighBit=15)]
    one.work()
    one.ledger.flush()
    told = {row["entry"]: (row["normalised"], row["lost"]) for row in one.ledger.rows()}
    assert [told[str(entry)] for entry in entries] == [(None, None), (1, None)]
    assert site_status(one.config, one.ledger).normalised == 1


def test_nothing_leaves_as_long_as_the_vault_cannot_be_written(
    bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = bench()
    entry = one.take()
    with monkeypatch.context() as patch:
        patch.setattr(Vault, "_append", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(OSError, match="No space left"):
            one.work()
    assert one.outbox.entries("new") == [] and list((one.outbox.directory / "tmp").iterdir()) == []
    one.inbox.unclaim(entry)
    one.work()
    assert (one.state(entry), one.studies()) == ("outbox", [build.IDENTITY["PatientID"]])


def test_in_an_anonymised_programme_nothing_at_the_site_names_the_patient_of_what_left(
    bench: Callable[..., Bench],
) -> None:
    one = bench("anonymised")
    assert one.state(one.take()) == "new"
    (one.directory / "in.dcm").unlink()
    one.work()
    one.ledger.close()
    for file in one.directory.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert not any(value in content for value in (b"IPP8003412765", b"QUENOUILLE", build.ROOT.encode())), file


def test_what_reception_kept_for_a_person_is_held_with_what_is_wrong(bench: Callable[..., Bench]) -> None:
    one = bench()

    def data(number: int, syntax: str = EXPLICIT_VR_LE, **values: Any) -> bytes:
        ds = build.ct(SOPInstanceUID=f"{build.ROOT}.3.{number}", **values)
        file = build.write(one.directory / "in.dcm", ds, syntax).read_bytes()
        return file[part10.meta_in(file)[1] :]

    pixels = raw_element(0x7FE00010, "OW", build.PIXELS)
    slope = raw_element(0x00281053, "DS", b"2 ")
    slope_kept = one.store(data(1).replace(pixels, pixels + slope), number=1)
    held = [
        ("malformed", "not in the transfer syntax that was agreed", one.store(data(2, IMPLICIT_VR_LE), number=2)),
        ("malformed", "cut short", one.store(data(3)[:-10], number=3)),
        ("incomplete", "StudyInstanceUID is missing", one.store(data(4, StudyInstanceUID=None), number=4)),
        (
            "incomplete",
            "StudyInstanceUID is missing",
            one.store(data(5, StudyInstanceUID=None, PatientID="OTHER"), number=5),
        ),
        ("incomplete", "SeriesInstanceUID is missing", one.store(data(6, SeriesInstanceUID=""), number=6)),
    ]
    one.work()
    for code, message, entry in held:
        assert one.state(entry) == code and message in str((one.inbox.reason(entry) or {}).get("message"))
    assert one.state(slope_kept) == "outbox"
    assert raw_element(0x00281053, "DS", b"2 ") in one.outbox.path(slope_kept).read_bytes()


def test_a_patient_without_an_id_is_held(bench: Callable[..., Bench]) -> None:
    one = bench()
    entries = [
        one.take(PatientID=patient_id, SOPInstanceUID=f"{build.ROOT}.3.{n}") for n, patient_id in enumerate(["", "  "])
    ]
    one.work()
    assert [one.state(entry) for entry in entries] == ["no-patient-id"] * 2 and one.studies() == []


# --- several objects in hand


def start(one: Bench) -> tuple[threading.Thread, threading.Event]:
    """Let the worker run in a thread; set the event and wake it to stop."""
    stop = threading.Event()
    thread = threading.Thread(target=one.worker.run, args=(stop,))
    thread.start()
    return thread, stop


def test_copies_of_what_was_claimed_together_go_to_the_disk_together(bench: Callable[..., Bench]) -> None:
    one = bench()
    one.worker.recover(after_crash=False)
    entries = [one.take(SOPInstanceUID=f"{build.ROOT}.3.{number}") for number in range(5)]
    with SystemCalls() as calls:
        thread, stop = start(one)
        wait_until(lambda: not one.inbox.entries("work") + one.inbox.entries("new"))
        stop.set()
        one.inbox.notify()
        thread.join()
    assert sorted(one.outbox.entries("new")) == sorted(entries)
    synced = [call for call in calls.calls if call in ("fdatasync", "rename")][5:]  # after five claims
    assert synced == ["fdatasync"] * 5 + ["rename"] * 5 + ["rename"] * 2  # in the end an original becomes a spare
    one.ledger.flush()
    assert [row["state"] for row in one.ledger.rows()] == ["outgoing"] * 5


def test_of_two_versions_claimed_together_the_one_that_came_first_leaves(bench: Callable[..., Bench]) -> None:
    one = bench()
    first, second, other = one.take(), one.take(KVP="100"), one.take(SOPInstanceUID=f"{build.ROOT}.3.9")
    for at, entry in enumerate((first, second, other)):
        os.utime(one.inbox.path(entry), (1000 + at, 1000 + at))
    one.worker._work(one.inbox.claim("w", 10), threading.Event())
    assert [one.state(entry) for entry in (first, second, other)] == ["outbox", "conflict", "outbox"]


def test_at_a_stop_what_is_written_leaves_and_what_was_not_begun_goes_back(bench: Callable[..., Bench]) -> None:
    one, stop = bench(), threading.Event()
    entries = [one.take(SOPInstanceUID=f"{build.ROOT}.3.{number}") for number in range(4)]
    batch = one.inbox.claim("w", 10)
    process = one.worker._process
    one.worker._process = lambda entry, first: (entry == batch[1] and stop.set(), process(entry, first))[1]  # type: ignore[method-assign]
    one.worker._work(batch, stop)
    assert [one.state(entry) for entry in batch] == ["outbox", "outbox", "new", "new"] and sorted(batch) == sorted(
        entries
    )


def test_whichever_system_call_fails_the_originals_wait_and_leave_later_once(
    bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = bench()
    monkeypatch.setattr(worker, "_PAUSE_SECONDS", 0.0)
    failing = []
    for at in itertools.count(1):
        entries = [one.take(SOPInstanceUID=f"{build.ROOT}.3.{number}") for number in range(2)]
        batch = one.inbox.claim("w", 10)
        with SystemCalls(at, error=errno.ENOSPC) as calls, suppress(OSError):
            one.worker._work(batch, threading.Event())
        assert list((one.outbox.directory / "tmp").iterdir()) == []
        one.worker.recover(after_crash=False)
        one.worker._work(one.inbox.claim("w", 10), threading.Event())
        assert [one.state(entry) for entry in entries] == ["outbox"] * 2, calls.calls
        assert one.inbox.entries("new") + one.inbox.entries("work") == []
        for entry in entries:
            one.outbox.remove(entry)
        if not calls.failed:
            break
        failing.append(calls.calls[at - 1])
    assert {"open", "write", "fdatasync", "rename", "fsync", "unlink", "pwritev"} <= set(failing)


def die_at_each_call(directory: str) -> None:
    """In a process of its own: the worker dies before its 1st, 2nd, ... system call.

    Another one takes up what it left.
    """
    one = Bench(Path(directory))
    one.ledger.close()
    content: dict[Entry, bytes] = {}
    for at in itertools.count(1):
        entries = [one.take(SOPInstanceUID=f"{build.ROOT}.3.{number}") for number in range(3)]
        codes = []
        for crashed in (False, True):
            child = os.fork()
            if not child:
                one.reopen()
                one.worker.recover(after_crash=crashed)
                with SystemCalls(0 if crashed else at, kill=True):
                    while batch := one.inbox.claim("w", 10):
                        one.worker._work(batch, threading.Event())
                one.ledger.close()
                os._exit(0)
            codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        one.outbox.sweep()
        assert codes in ([0, 0], [9, 0]), (at, codes)
        assert sorted(one.outbox.entries("new")) == sorted(entries), at
        assert [one.inbox.entries(state) for state in STATES] == [[]] * len(STATES), at
        for entry in entries:
            with one.outbox.path(entry).open("rb", buffering=0) as file:
                Seals(one.keys.sealing_key).check(file, entry)
                file.seek(128)  # a seal is never the same twice
                assert file.read() == content.setdefault(entry, one.outbox.path(entry).read_bytes()[128:]) != b""
            one.outbox.remove(entry)
        left = [path for path in one.directory.rglob("*.dcm") if "spool" in path.parts]
        assert {path.parent.name for path in left} <= {"spare"} and not any(
            b"DICM" in path.read_bytes() for path in left
        )
        if codes == [0, 0]:
            print("calls", at)
            break


def test_a_worker_killed_within_any_step_loses_nothing_and_its_successor_finishes(tmp_path: Path) -> None:
    code = f"from tests.integration.site.test_worker import die_at_each_call; die_at_each_call({str(tmp_path)!r})"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert int(result.stdout.split()[-1]) > 20


# --- what the disk has changed


def flip(path: Path, at: int) -> None:
    """One bit of a file, counted from its end if ``at`` is negative."""
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


CHANGES: list[Callable[[Path], object]] = [
    lambda path: flip(path, -9),
    lambda path: flip(path, path.read_bytes().index(b"CT_IMAGE") if b"CT_IMAGE" in path.read_bytes() else 600),
    lambda path: flip(path, 132),
    lambda path: os.truncate(path, 700),
    lambda path: os.truncate(path, 0),
]


@pytest.mark.parametrize("change", CHANGES, ids=["pixel", "header", "file meta", "cut", "emptied"])
def test_what_the_disk_has_changed_in_the_inbox_is_corrupt_and_goes_when_it_comes_again(
    bench: Callable[..., Bench], change: Callable[[Path], object]
) -> None:
    one = bench()
    entry, other = one.take(), one.take(SOPInstanceUID=f"{build.ROOT}.3.9")
    change(one.inbox.path(entry))
    one.work()
    assert (one.state(entry), one.state(other)) == ("corrupt", "outbox")
    one.inbox.release(entry)
    one.work()
    assert one.state(entry) == "corrupt", "tried again, it is the same file"
    assert one.take() == entry and one.state(entry) == "new"
    one.work()
    assert one.state(entry) == "outbox"
    assert [one.inbox.entries(state) for state in STATES] == [[]] * len(STATES)


def test_of_an_instance_whose_first_version_is_corrupt_another_version_is_no_conflict(
    bench: Callable[..., Bench],
) -> None:
    one = bench()
    first = one.take()
    flip(one.inbox.path(first), -9)
    one.work()
    one.ledger.flush()
    second = one.take(PatientComments="again")
    one.work()
    assert (one.state(first), one.state(second)) == ("corrupt", "outbox")
    assert one.take() == first
    one.work()
    assert one.state(first) == "conflict", "the other one is the first now"


def test_of_what_came_again_a_file_that_the_disk_has_changed_is_corrupt_and_no_conflict(
    bench: Callable[..., Bench],
) -> None:
    one = bench()
    first = one.take()
    one.work()
    second = one.take(PatientComments="again")
    flip(one.inbox.path(second), -9)
    one.work()
    assert (one.state(first), one.state(second)) == ("outbox", "corrupt")
    assert one.take(PatientComments="again") == second
    one.work()
    assert one.state(second) == "conflict", "whole, it is another version"


def test_a_large_object_is_read_whole_too(bench: Callable[..., Bench]) -> None:
    one = bench()
    large = {"Rows": 1600, "Columns": 1600, "PixelData": bytes(2 * 1600 * 1600)}
    entry = one.take(**large)
    flip(one.inbox.path(entry), -9)
    one.work()
    assert one.state(entry) == "corrupt"
    one.take(**large)
    one.work()
    assert one.state(entry) == "outbox"
    with one.outbox.path(entry).open("rb", buffering=0) as file:
        Seals(one.keys.sealing_key).check(file, entry)


def test_a_copy_that_is_held_as_corrupt_is_replaced_when_the_pacs_sends_the_instance_again(
    bench: Callable[..., Bench],
) -> None:
    one = bench()
    entry = one.take()
    one.work()
    flip(one.outbox.path(entry), -9)
    one.outbox.hold(entry, "corrupt", "as the sender says")
    assert one.take() == entry
    daemon._finish(Site(one.config, one.config.path))  # a restart does not take it for done
    assert one.state(entry) == "new"
    one.work()
    assert one.state(entry) == "outbox"
    with one.outbox.path(entry).open("rb", buffering=0) as file:
        Seals(one.keys.sealing_key).check(file, entry)
    assert [one.inbox.entries(state) for state in STATES] == [[]] * len(STATES)


def test_a_committed_object_that_the_pacs_sends_again_is_asked_for_again_before_it_is_known(
    bench: Callable[..., Bench],
) -> None:
    one = bench()
    entry, restarted = one.take(), one.take(SOPInstanceUID=f"{build.ROOT}.3.9")
    one.work()
    for known in (entry, restarted):
        one.outbox.mark_sent(known)
        one.outbox.mark_committed(known)
    assert one.take() == entry
    one.work()
    assert (one.outbox.state(entry), one.outbox.state(restarted)) == ("sent", "committed")
    assert one.take(SOPInstanceUID=f"{build.ROOT}.3.9") == restarted
    daemon._finish(Site(one.config, one.config.path))  # a stop before the worker came to it
    assert one.outbox.state(restarted) == "sent"
    assert [one.inbox.entries(state) for state in STATES] == [[]] * len(STATES)


needs_tesseract = pytest.mark.interop("tesseract")


@needs_tesseract
def test_a_sampled_image_with_text_is_held_and_passes_when_a_person_has_looked(bench: Callable[..., Bench]) -> None:
    one = bench(ocr_sample=1)
    text, plain = one.take(**burned_in("LEFEVRE HELENE")), one.take(SOPInstanceUID=f"{build.ROOT}.3.9", **burned_in(""))
    one.work()
    assert (one.state(text), one.state(plain)) == ("pixel-risk", "outbox")
    assert "text was found" in str((one.inbox.reason(text) or {})["message"])
    one.inbox.release(text)
    one.work()
    assert one.state(text) == "pixel-risk", "tried again, nobody has looked"
    one.inbox.release(text, released=True)
    one.work()
    assert one.state(text) == "outbox"


@needs_tesseract
def test_of_a_series_the_first_slice_is_looked_at_and_again_when_it_is_tried_again(bench: Callable[..., Bench]) -> None:
    one = bench(ocr_sample="series")
    first, second = (
        one.take(SOPInstanceUID=f"{build.ROOT}.3.{n}", InstanceNumber=n, **burned_in("LEFEVRE HELENE")) for n in (1, 2)
    )
    one.work()
    assert (one.state(first), one.state(second)) == ("pixel-risk", "outbox")
    one.inbox.release(first)
    one.work()
    assert one.state(first) == "pixel-risk"


@needs_tesseract
def test_who_releases_what_was_out_of_scope_has_not_looked_at_the_pixels(bench: Callable[..., Bench]) -> None:
    rule = {"name": "ask", "when": {"Modality": "^CT$"}, "unless": {}, "decision": "hold", "label": ""}
    one = bench(rules=(rule,), ocr_sample=1)
    entry = one.take(**burned_in("LEFEVRE HELENE"))
    one.work()
    assert one.state(entry) == "out-of-scope"
    one.inbox.release(entry, released=True)
    one.work()
    assert one.state(entry) == "pixel-risk"


def reformatted(number: int, text: str = "", **values: Any) -> dict[str, Any]:
    """A slice made of others, with air around its body."""
    defaults = {
        "ImageType": ["DERIVED", "SECONDARY", "MPR"],
        "RescaleIntercept": "-1024",
        "RescaleSlope": "1",
        "SOPInstanceUID": f"{build.ROOT}.3.{number}",
        "InstanceNumber": str(number),
        **burned_in(text),
    }
    pixels = np.frombuffer(defaults["PixelData"], "<u2").copy()
    pixels[-SIZE * 40 :] = 20
    return defaults | {"PixelData": pixels.tobytes()} | values


def test_derived_slices_are_held_and_counted_with_what_would_let_them_pass(
    bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = bench()
    slices = [one.take(**reformatted(number)) for number in (1, 2)]
    head = one.take(**reformatted(3, BodyPartExamined="HEAD", StudyDescription="Crane", ProtocolName="Crane"))
    screen = one.take(**reformatted(4, ImageType=["DERIVED", "SECONDARY", "SCREEN SAVE"]))
    one.work()
    states = [one.state(entry) for entry in (*slices, head, screen)]
    assert states == ["derived", "derived", "out-of-scope", "pixel-risk"]
    one.ledger.flush()
    status = site_status(one.config, one.ledger)
    assert status.as_dict()["reasons"] == status.reasons == {"derived": 2, "out-of-scope": 1, "pixel-risk": 1}
    assert status.as_dict()["advice"] == status.advice and list(status.advice) == ["derived"]
    assert '[deidentify] derived = "check" would look for text' in status.advice["derived"]
    result = CliRunner().invoke(cli, ["site", "status", "-c", str(one.directory / "site.toml")])
    assert "waiting for you: 2 x derived" in result.stdout and status.advice["derived"] in result.stdout
    monkeypatch.setenv("FIDAC_NODE_DEIDENTIFY_DERIVED", "check")
    advice = site_status(load_site(one.directory / "site.toml"), one.ledger).advice["derived"]
    assert "'fidac-node site queue retry --reason derived' has them looked at" in advice


@needs_tesseract
def test_each_derived_slice_is_looked_at_and_passes_without_text(bench: Callable[..., Bench]) -> None:
    one = bench(derived="check", ocr_sample="series")
    plain = [one.take(**reformatted(number)) for number in (1, 2)]
    text, grey = one.take(**reformatted(3, "LEFEVRE HELENE")), one.take(**reformatted(4, RescaleIntercept="0"))
    one.work()
    assert [one.state(entry) for entry in (*plain, text, grey)] == ["outbox", "outbox", "pixel-risk", "pixel-risk"]
    reasons = [str((one.inbox.reason(entry) or {})["message"]) for entry in (text, grey)]
    assert "text was found" in reasons[0] and "not those of a CT" in reasons[1]
    one.inbox.release(text, released=True)
    one.work()
    assert one.state(text) == "outbox", "a person has looked"


@needs_tesseract
def test_derived_slices_that_were_held_are_looked_at_once_the_site_wants_it(bench: Callable[..., Bench]) -> None:
    one = bench()
    plain, text = one.take(**reformatted(1)), one.take(**reformatted(2, "LEFEVRE HELENE"))
    one.work()
    assert (one.state(plain), one.state(text)) == ("derived", "derived")
    one.engine._rules = PixelRules(derived="check")
    for entry in (plain, text):
        one.inbox.release(entry, released=True)
    one.work()
    assert (one.state(plain), one.state(text)) == ("outbox", "pixel-risk"), "released or not, nobody has looked"


def test_the_name_of_a_copy_is_synced_before_a_start_removes_its_original(bench: Callable[..., Bench]) -> None:
    one = bench()
    entry = one.take()
    content = one.inbox.path(entry).read_bytes()
    one.work()
    with one.inbox.create() as draft:  # as a worker leaves it that is killed before the outbox's directory is synced
        draft.file.write(content)
        one.inbox.put(draft, entry)
    with SystemCalls() as calls:
        daemon._finish(Site(one.config, one.directory / "site.toml"))
    assert one.inbox.entries("new") == [] and one.outbox.entries("new") == [entry]
    removal = min(calls.calls.index(call) for call in ("unlink", "rename") if call in calls.calls)
    assert "fsync" in calls.calls[:removal]


def test_a_start_that_cannot_sync_the_name_of_a_copy_keeps_the_original(bench: Callable[..., Bench]) -> None:
    one = bench()
    entry = one.take()
    content = one.inbox.path(entry).read_bytes()
    one.work()
    with one.inbox.create() as draft:
        draft.file.write(content)
        one.inbox.put(draft, entry)
    opened = Site(one.config, one.directory / "site.toml")
    _ = opened.inbox, opened.outbox
    with SystemCalls() as calls:
        safeio.sync_directory(one.outbox.directory / "new")
    with SystemCalls(calls.calls.index("fsync") + 1), pytest.raises(OSError, match="Input/output error"):
        daemon._finish(opened)
    assert one.inbox.path(entry).read_bytes() == content
