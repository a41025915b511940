"""What a site takes back: nothing of it is forwarded, whatever state it is in and whenever it comes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fidac_node.audit.trail import FILE as FILE_OF_USES
from fidac_node.audit.trail import Trail
from fidac_node.errors import Temporary
from fidac_node.site.withdrawn import FILE, STUDY, Withdrawn
from fidac_node.site.worker import Worker
from fidac_node.spool.entry import Entry
from fidac_node.system import signed
from tests.integration.site.test_people import FIRST, OTHER, Node, uid
from tests.unit.deidentify import build

WHY = ("--reason", "consent was withdrawn")


class Leaving(Node):
    """A site whose worker knows what was withdrawn."""

    def reopen(self) -> None:
        super().reopen()
        self.worker = Worker(
            *("w", self.inbox, self.outbox, self.ledger, self.rules, self.engine, self.keys),
            limit=build.LIMIT,
            withdrawn=Withdrawn(self.config.deidentify.vault_directory),
        )

    def row(self, entry: Entry) -> tuple[str, str | None]:
        self.ledger.flush()
        (row,) = (row for row in self.ledger.rows() if row["entry"] == str(entry))
        return row["state"], row["reason"]

    def withdraw(self, *arguments: object) -> dict[str, Any]:
        """By the command; return what the hub is told."""
        file = self.directory / f"for-the-hub-{len(list(self.directory.glob('for-*')))}.json"
        self.call("withdraw", *arguments, *WHY, "--confirm", "--to", file)
        line = self.call("key", "show").stdout
        signed.check(file.read_bytes(), signed.WITHDRAWAL, signed.read_key_line(line.splitlines()[0], "S1"))
        return signed.stated(file.read_bytes(), signed.WITHDRAWAL)


@pytest.fixture
def node(tmp_path: Path) -> Callable[..., Leaving]:
    return lambda mode="pseudonymised": Leaving(tmp_path, mode)


@pytest.mark.parametrize("mode", ["pseudonymised", "anonymised"])
def test_all_of_a_patient_is_dropped_wherever_it_is_and_what_comes_later_is_discarded(
    node: Callable[..., Leaving], mode: str
) -> None:
    one = node(mode)
    sent, committed, outgoing = (one.take(SOPInstanceUID=uid(number)) for number in (1, 2, 3))
    another = one.take(SOPInstanceUID=uid(4), StudyInstanceUID=uid(60), **OTHER)
    one.work()
    for entry in (sent, committed):
        one.leave(entry)
    one.outbox.mark_committed(committed)
    waiting = one.take(SOPInstanceUID=uid(5))
    told = one.call("withdraw", "--patient-id", FIRST, *WHY).stdout
    assert "nothing was changed" in told and "1 sent" in told and "1 committed" in told and FIRST not in told
    assert one.outbox.knows(sent)
    uses = Trail(one.config.deidentify.vault_directory / FILE_OF_USES)
    assert [use.act for use in uses.acts()] == ["withdraw --patient-id"]
    statement = one.withdraw("--patient-id", FIRST)
    assert statement["patients"] == [one.keys.patients.of("", FIRST).patient("", FIRST)]
    assert len(statement["studies"]) == (mode == "pseudonymised")
    assert FIRST not in json.dumps(statement)
    assert one.states(sent, committed, outgoing, waiting, another) == [*["gone"] * 4, "new"]
    assert one.row(sent) == one.row(committed) == one.row(outgoing) == ("dropped", "withdrawn")
    later = [one.take(SOPInstanceUID=uid(6)), one.take(SOPInstanceUID=uid(7), StudyInstanceUID=uid(70))]
    again, others = one.take(SOPInstanceUID=uid(1)), one.take(SOPInstanceUID=uid(8), StudyInstanceUID=uid(60), **OTHER)
    one.work()
    assert one.states(*later, again, others) == ["gone", "gone", "gone", "new"]
    assert [one.row(entry) for entry in later] == [("discarded", "withdrawn")] * 2


def test_one_study_of_a_patient_is_taken_back_and_his_others_stay(node: Callable[..., Leaving]) -> None:
    one = node()
    wrong, right = one.take(SOPInstanceUID=uid(1)), one.take(SOPInstanceUID=uid(2), StudyInstanceUID=uid(60))
    one.work()
    statement = one.withdraw("--study", wrong.study)
    assert (statement["patients"], statement["studies"]) == ([], one.keys.new_study_uids(wrong.study, ""))
    later, another = one.take(SOPInstanceUID=uid(3)), one.take(SOPInstanceUID=uid(4), StudyInstanceUID=uid(60))
    one.work()
    assert one.states(wrong, right, later, another) == ["gone", "new", "gone", "new"]


def test_a_copy_that_was_in_the_making_does_not_leave(node: Callable[..., Leaving]) -> None:
    one = node()
    first = one.take(SOPInstanceUID=uid(1))
    one.work()
    (entry,) = one.inbox.claim("w", 1) or [one.take(SOPInstanceUID=uid(2))]
    one.inbox.claim("w", 1)
    one.worker._people.look([entry])
    copy = one.worker._process(entry, entry)
    assert copy is not None
    one.withdraw("--patient-id", FIRST)
    one.worker._put([copy])
    assert one.states(first, entry) == ["gone", "gone"] and one.row(entry) == ("discarded", "withdrawn")


def test_what_a_crash_cut_in_the_file_hides_nothing_that_is_added_later(tmp_path: Path) -> None:
    here = Withdrawn(tmp_path)
    here.add([("study", "a" * 12)])
    with (tmp_path / FILE).open("ab") as file:
        file.write(b"patient bbbb")
    here.add([("patient", "c" * 12)])
    there = Withdrawn(tmp_path)
    there.look()
    assert there.names("a" * 12) and there.names("x", "c" * 12) and not there.names("x", "b" * 12)
    assert not there.names("x") and not there.names("c" * 12)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--patient-id", FIRST, "--study", "aaaaaaaaaaaa"),
        ("--patient-id", FIRST, "--confirm"),
        ("--patient-id", FIRST, "--confirm", "--to", "site.toml"),
    ],
)
def test_what_is_not_said_whole_is_a_usage_error_and_changes_nothing(
    node: Callable[..., Leaving], monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    one = node()
    monkeypatch.chdir(one.directory)
    entry = one.take(SOPInstanceUID=uid(1))
    one.work()
    one.call("withdraw", *arguments, *WHY, code=2)
    assert one.states(entry) == ["new"] and not (one.config.deidentify.vault_directory / FILE).exists()


@pytest.mark.parametrize("arguments", [("--patient-id", "NOBODY-9"), ("--study", "aaaaaaaaaaaa")])
def test_whom_the_vault_does_not_know_cannot_be_withdrawn(
    node: Callable[..., Leaving], arguments: tuple[str, ...]
) -> None:
    one = node()
    one.take(SOPInstanceUID=uid(1))
    one.work()
    assert "NOBODY" not in one.call("withdraw", *arguments, *WHY, code=1).output


def test_the_list_of_what_was_committed_names_also_what_was_purged_and_counts_what_it_cannot_name(
    node: Callable[..., Leaving],
) -> None:
    one = node()
    entries = [one.take(SOPInstanceUID=uid(number)) for number in (1, 2, 3, 4)]
    one.work()
    kept, purged, older, waiting = entries
    for entry in (kept, purged, older):
        one.leave(entry)
        one.outbox.mark_committed(entry)
        new_uid = one.keys.handles.uid(uid(entries.index(entry) + 1))
        one.ledger.note(entry, "committed", **({"sop_instance_uid": new_uid} if entry is purged else {}))
    for entry in (purged, older):
        one.outbox.remove(entry)
    said = one.call("committed")
    head, *lines, last = said.stdout.splitlines()
    assert head.startswith("fidac-committed-1 S1 ") and last == "end 2"
    assert set(lines) == {
        f"{one.keys.handles.uid(uid(1))} {kept.study} kept",
        f"{one.keys.handles.uid(uid(2))} {purged.study} purged",
    }
    assert "2 objects, 1 of them still kept" in said.stderr and "1 older ones are not listed" in said.stderr
    assert one.states(waiting) == ["new"]


def test_a_list_of_what_was_withdrawn_that_is_gone_lets_nothing_leave(tmp_path: Path) -> None:
    withdrawn = Withdrawn(tmp_path)
    withdrawn.look()  # nothing was withdrawn yet
    withdrawn.add([(STUDY, "a" * 12)])
    withdrawn.look()
    (tmp_path / FILE).unlink()
    with pytest.raises(Temporary, match=r"put .* back"):
        withdrawn.look()
    assert withdrawn.names("a" * 12)
