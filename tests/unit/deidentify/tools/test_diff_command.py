"""``site show STUDY --diff``: before and after on the site's screen, asked for with a reason, written down."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fidac_node.cli import cli
from fidac_node.deidentify import Deidentifier
from fidac_node.dicom import part10
from fidac_node.identity.originals import DIRECTORY, open_headers, purge_headers
from fidac_node.operations.uses import UseLog
from fidac_node.receive.check import entry_for, identify
from fidac_node.receive.digest import digest_of
from fidac_node.site.node import Site, open_site
from fidac_node.site.route import Rules
from fidac_node.site.worker import Worker
from fidac_node.spool.entry import Entry
from tests.unit.deidentify import build
from tests.unit.deidentify.build import ct, traces, write


def call(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


class Node:
    """A site node whose worker has done its work on a few objects."""

    def __init__(self, directory: Path, mode: str = "pseudonymised") -> None:
        assert (
            call("site", "init", directory, "--site-id", "S1", "--hub", "HUB@127.0.0.1:11113", "--mode", mode).exit_code
            == 0
        )
        self.config = directory / "site.toml"
        self.site: Site = open_site(self.config)
        self.study = ""

    def take(self, **values: object) -> Entry:
        """Receive and process one object."""
        site = self.site
        draft = site.inbox.create()
        write(draft.path, ct(**values))
        identity = identify(draft.path, limit=build.LIMIT)
        entry = entry_for(
            identity, digest_of(draft.path, part10.meta_in(draft.path.read_bytes())[1]), site.keys.handles
        )
        self.study = entry.study
        site.inbox.put(draft, entry)
        site.ledger.note(entry, "ready", received_at=time.time())
        site.ledger.flush()
        engine = Deidentifier(
            site.plan, site.keys.patients, "S1", site.config.deidentify.programme, rules=site.pixel_rules
        )
        rules = Rules.from_config(site.config.route)
        worker = Worker("w", site.inbox, site.outbox, site.ledger, rules, engine, site.keys, limit=build.LIMIT)
        site.inbox.claim("w", 9)
        worker.process(entry)
        site.ledger.flush()
        return entry

    def keep(self, entry: Entry, **values: object) -> None:
        """Keep the header of an object, as the worker does."""
        from fidac_node.deidentify.source import open_source

        path = write(self.config.parent / "original.dcm", ct(**values))
        settings = self.site.config
        with open_source(path, build.LIMIT) as source:
            open_headers(settings.spool.directory, settings.deidentify.vault_key_file).keep(entry, source)

    def diff(self, *more: object, reason: str = "the radiologist asks for the protocol") -> Result:
        return call("site", "show", self.study, "--diff", "--reason", reason, "-c", self.config, *more)


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path / "site")


def test_a_study_is_shown_before_and_after(node: Node) -> None:
    node.keep(node.take(BodyPartExamined="CHEST"))
    result = node.diff()
    assert result.exit_code == 0, result.output
    assert "before, and as de-identified (new); the first of its series; kept until" in result.output
    assert "replaced  (0010,0010) PatientName: QUENOUILLE^Zéphyrine -> S1-" in result.output
    assert "removed   (0010,1040) PatientAddress: 12 impasse des Châtaigniers" in result.output
    assert "added     (0012,0062) PatientIdentityRemoved: -> YES" in result.output
    assert "KVP" not in result.output and "kept as they were: " in result.output


def test_the_answer_is_written_down_before_it_is_given(node: Node) -> None:
    node.keep(node.take())
    assert node.diff().exit_code == 0
    uses = list(UseLog(node.site.config.deidentify.vault_directory).acts())
    assert (uses[-1].act, uses[-1].what) == ("show --diff", node.study)
    assert uses[-1].reason == "the radiologist asks for the protocol"


def test_without_a_reason_or_with_one_that_names_the_patient_nothing_is_shown(node: Node) -> None:
    node.keep(node.take())
    for reason, why in (("", "--diff needs --reason"), ("because of Mme Quenouille", "names the patient")):
        result = node.diff(reason=reason)
        assert result.exit_code == 2 and why in result.output
        assert traces(result.output.encode()) == []


def test_all_rows_are_there_as_json(node: Node) -> None:
    node.keep(node.take())
    (one,) = json.loads(node.diff("--json").stdout)["diff"]
    rows = {row["keyword"]: row for row in one["rows"]}
    assert rows["KVP"] == {"path": "(0018,0060)", "keyword": "KVP", "before": "120", "after": "120", "action": "kept"}
    assert rows["StudyDate"]["action"] == "shifted"


def test_without_diff_nothing_names_the_patient(node: Node) -> None:
    node.keep(node.take())
    result = call("site", "show", node.study, "-c", node.config)
    assert result.exit_code == 0 and traces(result.output.encode()) == []


def test_when_the_copy_is_gone_that_is_said(node: Node) -> None:
    entry = node.take()
    node.keep(entry)
    node.site.outbox.remove(entry)
    result = node.diff()
    assert "its anonymous copy is not here any more" in result.output
    assert "the header is kept until" in result.output


def test_when_no_header_is_kept_the_reason_is_said(node: Node) -> None:
    node.take()
    purge_headers(node.site.config.spool.directory / DIRECTORY, time.time() + 1)
    assert "headers are kept for 168 hours ([spool] retention_hours)" in node.diff().output


def test_what_is_held_is_shown_as_it_would_become(node: Node) -> None:
    node.take(BodyPartExamined="HEAD", StudyDescription="TDM crane", ProtocolName="Crane", SeriesDescription="Crane")
    result = node.diff()
    assert result.exit_code == 0, result.output
    assert "released, it would become" in result.output
    assert "PatientName: QUENOUILLE^Zéphyrine -> S1-" in result.output
    assert list((node.site.outbox.directory / "tmp").iterdir()) == []


def test_what_would_be_held_again_names_rule_and_tag(node: Node) -> None:
    node.take(PatientID="")
    result = node.diff()
    assert "released, it would be held again (no-patient-id): PatientID (0010,0020) is empty" in result.output


def test_one_object_stands_for_all_that_are_held_for_one_reason(node: Node) -> None:
    for number in range(3):
        node.take(SOPInstanceUID=f"{build.ROOT}.7.{number}", PatientID="")
    assert node.diff().output.count("would be held again") == 1


def test_an_anonymised_programme_keeps_no_header(tmp_path: Path) -> None:
    node = Node(tmp_path / "site", mode="anonymised")
    node.take()
    assert "of a programme that is anonymised no header is ever kept" in node.diff().output
    assert not (node.site.config.spool.directory / DIRECTORY).exists()
