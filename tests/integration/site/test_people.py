"""One study, one patient; one number, one person.

Between real spools, ledger and vault, with two workers, and by the commands.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from fidac_node.cli import cli
from fidac_node.config.config import load_site
from fidac_node.identity.keys import open_keys
from fidac_node.site.ledger import Ledger
from fidac_node.site.people import Policy
from fidac_node.site.worker import Worker
from fidac_node.spool.entry import Entry
from fidac_node.spool.queue import Spool
from tests.integration.site.test_worker import Bench
from tests.support import wait_until
from tests.unit.deidentify import build

OTHER = {"PatientID": "IPP7770001114", "PatientName": "PASSEREAU^Odile"}
WHY = ("--reason", "asked by the ethics board")


def uid(number: int) -> str:
    return f"{build.ROOT}.3.{number}"


class Node(Bench):
    """A site with two workers, as of two processes."""

    def reopen(self) -> None:
        super().reopen()
        self.other = self.another()

    def another(self, **policy: Any) -> Worker:
        spools = (Spool(self.directory / "spool" / name) for name in ("inbox", "outbox"))
        ledger = Ledger(self.directory / "spool" / "ledger.db")
        return Worker(
            "v", *spools, ledger, self.rules, self.engine, self.keys, limit=build.LIMIT, policy=Policy(**policy)
        )

    def work_by(self, worker: Worker, owner: str = "v") -> None:
        """Let one worker process what waits, as it does."""
        worker._work(self.inbox.claim(owner, 20), threading.Event())
        worker._ledger.flush()

    def leave(self, *entries: Entry) -> None:
        """The hub has taken these."""
        for entry in entries:
            self.outbox.mark_sent(entry)
            self.ledger.note(entry, "sent")
        self.ledger.flush()

    def states(self, *entries: Entry) -> list[str]:
        return [self.where(entry) for entry in entries]

    def where(self, entry: Entry) -> str:
        """As :meth:`state`; what is held in the outbox is called ``stopped:`` and the reason."""
        if self.outbox.knows(entry):
            reason = self.outbox.reason(entry) or {}
            return f"stopped:{reason['code']}" if self.outbox.holds(entry, "held") else self.outbox.state(entry)
        return self.state(entry) if self.inbox.knows(entry) else "gone"

    def call(self, *arguments: object, code: int = 0) -> Result:
        self.ledger.flush()
        result = CliRunner().invoke(cli, ["site", *map(str, arguments), "-c", str(self.config.path)])
        assert result.exit_code == code, result.output
        return result

    def handle(self, patient_id: str) -> str:
        return self.keys.handles.patient_handle("", patient_id)


@pytest.fixture
def node(tmp_path: Path) -> Callable[..., Node]:
    return lambda mode="pseudonymised": Node(tmp_path, mode)


FIRST = str(build.IDENTITY["PatientID"])


@pytest.mark.parametrize("mode", ["pseudonymised", "anonymised"])
def test_a_study_that_names_two_patients_is_held_whole_wherever_its_objects_are(
    node: Callable[..., Node], mode: str
) -> None:
    one = node(mode)
    gone, waiting, elsewhere = (
        one.take(SOPInstanceUID=uid(1)),
        one.take(SOPInstanceUID=uid(2)),
        one.take(StudyInstanceUID=uid(50)),
    )
    one.work()
    one.leave(gone)
    wrong, behind = one.take(SOPInstanceUID=uid(3), **OTHER), one.take(SOPInstanceUID=uid(4))
    one.work_by(one.other)
    late = one.take(SOPInstanceUID=uid(5))
    one.work()
    assert one.states(gone, elsewhere) == ["sent", "new"]
    assert one.states(wrong, behind, late, waiting) == [*["two-patients"] * 3, "stopped:two-patients"]
    message = str((one.inbox.reason(late) or {})["message"])
    assert f"study {late.study} name 2 patients" in message and "1 of them have left" in message
    assert all(one.handle(who) in message for who in (FIRST, OTHER["PatientID"]))
    assert (
        one.engine._keys.of("", FIRST).uid(build.ct().StudyInstanceUID) in message
    )  # what the hub's operator is to be told
    assert not any(value in message for value in (FIRST, "7770001114", "PASSEREAU", "QUENOUILLE", build.ROOT))


def test_what_another_worker_had_in_hand_when_the_second_patient_came_does_not_leave(node: Callable[..., Node]) -> None:
    one = node()
    mine = one.take(SOPInstanceUID=uid(1))
    one.inbox.claim("w", 1)
    one.worker._people.look([mine])
    copy = one.worker._process(mine, mine)  # made, and not yet put
    assert copy is not None
    wrong = one.take(SOPInstanceUID=uid(2), **OTHER)
    one.work_by(one.other)
    one.worker._put([copy])
    assert one.states(mine, wrong) == ["two-patients"] * 2 and list((one.outbox.directory / "tmp").iterdir()) == []


def test_an_object_that_the_sender_has_claimed_and_not_begun_does_not_leave(node: Callable[..., Node]) -> None:
    one = node()
    mine = one.take(SOPInstanceUID=uid(1))
    one.work()
    assert one.outbox.claim("send-0", 1) == [mine]
    one.take(SOPInstanceUID=uid(2), **OTHER)
    one.work_by(one.other)
    assert one.where(mine) == "stopped:two-patients"


def test_of_two_workers_at_once_neither_lets_anything_of_two_patients_stay_in_the_outbox(
    node: Callable[..., Node],
) -> None:
    one = node()
    entries = [
        one.take(
            StudyInstanceUID=uid(100 + study), SOPInstanceUID=uid(study * 8 + number), **(OTHER if number == 5 else {})
        )
        for study in range(6)
        for number in range(8)
    ]
    stop = threading.Event()
    threads = [threading.Thread(target=worker.run, args=(stop,)) for worker in (one.worker, one.other)]
    for thread in threads:
        thread.start()
    wait_until(lambda: not one.inbox.entries("new") + one.inbox.entries("work"))
    stop.set()
    one.inbox.notify(2)
    for thread in threads:
        thread.join()
    assert one.outbox.entries("new") == []
    assert {state.removeprefix("stopped:") for state in one.states(*entries)} == {"two-patients"}


def two_patients(one: Node) -> tuple[Entry, Entry, Entry]:
    """A study of two objects in the outbox and one of another patient, all held."""
    entries = one.take(SOPInstanceUID=uid(1)), one.take(SOPInstanceUID=uid(2))
    one.work()
    wrong = one.take(SOPInstanceUID=uid(3), **OTHER)
    one.work()
    one.ledger.flush()
    return (*entries, wrong)


def test_nothing_of_it_goes_on_before_a_person_has_dropped_one_patient_and_then_the_rest_does(
    node: Callable[..., Node],
) -> None:
    one = node()
    first, second, wrong = two_patients(one)
    for command in ("retry", "release"):
        refused = one.call("queue", command, "--all", code=3)
        assert "0 objects" in refused.output and f"study {first.study} names 2 patients" in refused.output
    dropped = one.call("queue", "drop", "--study", wrong.study, "--patient", one.handle(OTHER["PatientID"]), "--yes")
    assert "1 object dropped" in dropped.output
    assert "2 objects put back" in one.call("queue", "retry", "--study", first.study).output
    assert one.states(first, second, wrong) == ["new", "new", "gone"]
    late = one.take(SOPInstanceUID=uid(4))
    again = one.take(SOPInstanceUID=uid(5), **OTHER)
    one.work_by(one.worker, "w")
    assert one.states(again) == ["two-patients"] and "two-patients" in one.where(late)  # it begins anew


def test_what_has_left_of_the_wrong_patient_counts_until_a_person_says_that_it_was_withdrawn(
    node: Callable[..., Node],
) -> None:
    one = node()
    gone, waiting = one.take(SOPInstanceUID=uid(1)), one.take(SOPInstanceUID=uid(2))
    one.work()
    one.leave(gone)
    right = one.take(SOPInstanceUID=uid(3), **OTHER)
    one.work()
    one.call("queue", "drop", "--patient", one.handle(FIRST), "--yes")
    assert one.where(waiting) == "gone"
    one.call("queue", "retry", "--all", code=3)
    one.call("queue", "release", "--all")
    one.work()
    assert one.states(gone, right) == ["sent", "new"]
    late = one.take(SOPInstanceUID=uid(4))
    one.work_by(one.other)
    assert one.states(late, right) == ["two-patients", "stopped:two-patients"]


def test_the_vault_and_its_commands_name_both_with_their_objects(node: Callable[..., Node]) -> None:
    one = node()
    first, second, wrong = two_patients(one)
    assert one.studies() == [FIRST, OTHER["PatientID"]]
    shown = one.call("show", first.study, "--identify", *WHY).output
    pseudonym = one.keys.patients.of("", FIRST).patient("", FIRST)
    found = one.call("pseudonym", "reidentify", pseudonym, *WHY).output
    for output in (shown, found):
        assert f"WARNING: the objects of study {first.study} name 2 patients" in output
        assert FIRST in output and OTHER["PatientID"] in output
        assert f"objects: {', '.join(sorted(map(str, (first, second))))}\n" in output
        assert f"objects: {wrong}\n" in output
    for reason in ("incident of passereau", "finding of quenouille", "about 777 000 1114"):
        one.call("show", first.study, "--identify", "--reason", reason, code=2)
    uses = (one.directory / "vault" / "uses.jsonl").read_text()
    assert not any(word in uses for word in ("passereau", "quenouille", "777 000"))


def test_what_was_entered_before_the_ledger_was_lost_is_known_from_the_vault(node: Callable[..., Node]) -> None:
    one = node()
    first = one.take(SOPInstanceUID=uid(1))
    one.work()
    one.outbox.remove(first)
    one.ledger.close()
    for file in (one.directory / "spool").glob("ledger.db*"):
        file.unlink()
    one.reopen()
    wrong = one.take(SOPInstanceUID=uid(2), **OTHER)
    one.work()
    assert one.where(wrong) == "two-patients"


def test_who_settles_whose_a_study_is_lets_nothing_pass_that_a_rule_holds(node: Callable[..., Node]) -> None:
    one = node()
    first = one.take(SOPInstanceUID=uid(1))
    one.work()
    head = one.take(
        SOPInstanceUID=uid(2),
        BodyPartExamined="HEAD",
        StudyDescription="",
        SeriesDescription="",
        ProtocolName="",
        **OTHER,
    )
    one.work()
    assert one.states(first, head) == ["stopped:two-patients", "two-patients"]
    one.call("queue", "drop", first, "--yes")
    one.call("queue", "release", head)
    one.work()
    assert one.where(head) == "out-of-scope"


# --- one number, one person


def test_a_known_number_with_another_birth_date_is_held_until_a_person_decides(node: Callable[..., Node]) -> None:
    one = node()
    one.take(SOPInstanceUID=uid(1))
    one.work()
    other = one.take(SOPInstanceUID=uid(2), StudyInstanceUID=uid(60), PatientBirthDate="19661201")
    one.work_by(one.other)
    message = str((one.inbox.reason(other) or {})["message"])
    assert one.where(other) == "another-person" and "PatientBirthDate of study" in message
    assert not any(value in message for value in ("19661201", str(build.IDENTITY["PatientBirthDate"]), FIRST))
    one.call("patient", "same", other.study, "--reason", "it is quenouille", code=2)
    one.call("patient", "same", "CHU-NOBODY", *WHY, code=1)
    one.call("patient", "different", other.study, *WHY)
    one.call("queue", "retry", "--study", other.study)
    one.work_by(one.other)
    assert "a person has decided" in str((one.inbox.reason(other) or {})["message"])
    one.call("patient", "same", other.study, *WHY)
    one.call("queue", "retry", "--study", other.study)
    one.work()
    assert one.where(other) == "new"
    audit = one.call("pseudonym", "audit").output
    assert [line.split("  ")[2] for line in audit.splitlines()] == [
        "patient different",
        "queue retry",
        "patient same",
        "queue retry",
    ] and other.study in audit


# --- ids that stand for nobody


def test_ids_that_stand_for_nobody_and_test_patients_are_held_and_claim_no_study(node: Callable[..., Node]) -> None:
    one = node()
    one.other = one.another(placeholder_ids=["URG-*"], test_patients=["ZZTEST^*"])
    held = [one.take(SOPInstanceUID=uid(n), PatientID=who) for n, who in enumerate(["0", "unknown", "TEST", "URG-12"])]
    test = one.take(SOPInstanceUID=uid(8), PatientID="8003412799", PatientName="ZZTEST^Eva")
    real = one.take(SOPInstanceUID=uid(9))
    one.work_by(one.other)
    assert one.states(*held, test, real) == [*["placeholder-id"] * 4, "test-patient", "new"]
    assert one.studies() == [FIRST]


# --- the neutral code


@pytest.mark.parametrize(
    ("options", "prefix"),
    [((), r"CHU-LILLE"), (("--site-code", "K7QWXA"), "K7QWXA"), (("--mode", "anonymised"), "[A-Z2-7]{6}")],
)
def test_a_pseudonym_begins_with_the_code_from_the_hub_and_in_an_anonymised_programme_never_with_the_name(
    tmp_path: Path, options: tuple[str, ...], prefix: str
) -> None:
    made = CliRunner().invoke(
        cli, ["site", "init", str(tmp_path / "site"), "--site-id", "CHU-LILLE", "--hub", "HUB@127.0.0.1:1", *options]
    )
    assert made.exit_code == 0, made.output
    keys = open_keys(load_site(tmp_path / "site" / "site.toml").programme)
    assert re.fullmatch(f"{prefix}-[A-Z2-7]{{16}}", keys.patients.of("", FIRST).patient("", FIRST))
