"""``fidac-node hub``: what it prints, what it refuses, and how it ends."""

from __future__ import annotations

import csv
import io
import json
import re
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from fidac_node.cli import cli
from fidac_node.cli.hub import command
from fidac_node.cli.rows import write_rows
from fidac_node.config.config import load_hub
from fidac_node.hub.archive import Archive
from fidac_node.hub.filing import Filer
from fidac_node.hub.index import COLUMNS, LEVELS, Registry
from fidac_node.hub.index.models import MODELS
from fidac_node.spool.queue import Spool
from fidac_node.system import standing
from fidac_node.system.database import connect
from fidac_node.system.standing import Standing
from tests.hub_objects import data_set, put, uid

ROOT = Path(__file__).resolve().parents[3]

Hub = Callable[..., Result]


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    """Run a hub command on a hub that is set up, with one site."""

    def run(*arguments: object, code: int = 0, config: bool = True) -> Result:
        where = ["-c", str(tmp_path / "hub/hub.toml")] if config else []
        result = CliRunner().invoke(cli, ["hub", *map(str, arguments), *where], catch_exceptions=False)
        assert result.exit_code == code, result.output
        return result

    run("init", tmp_path / "hub", "--port", 11999, config=False)
    run("site", "add", "LILLE", "--ae-title", "LILLE_NODE")
    return run


@pytest.fixture
def filed(tmp_path: Path, hub: Hub) -> Hub:
    """The same, with two patients filed, one conflict and one stranger's object held."""
    directory = tmp_path / "hub"
    db = connect("sqlite:///index.db", directory)
    spool = Spool(directory / "spool/inbox")
    filer = Filer(spool, Archive(directory / "archive"), db, Registry(db))
    filer.recover()
    for objects in (
        [data_set(instance=1), data_set(instance=2), data_set(2, label="NEGATIVE", Manufacturer="=1+1")],
        [data_set(KVP="80")],
    ):
        for ds in objects:
            put(spool, ds)
        filer.file(spool.claim("file", 10))
    put(spool, data_set(3), source_ae="STRANGER")
    filer.file(spool.claim("file", 10))
    filer.close()
    return hub


def test_init_writes_settings_that_load_folders_and_an_index(tmp_path: Path, hub: Hub) -> None:
    config = load_hub(tmp_path / "hub/hub.toml")
    assert (config.receive.ae_title, config.receive.port) == ("FIDACHUB", 11999)
    assert config.archive.directory.is_dir()
    assert (config.spool.directory / "inbox/new").is_dir()
    assert json.loads(hub("status", "--json", code=3).stdout)["sites"] == 1


def test_init_says_what_comes_next_and_never_overwrites(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["hub", "init", str(tmp_path / "new"), "--ae-title", "ARCHIVE"])
    assert "hub site add ID" in result.stdout
    assert "--hub ARCHIVE@THIS-HOST:11113" in result.stdout
    again = CliRunner().invoke(cli, ["hub", "init", str(tmp_path / "new")])
    assert again.exit_code == 2
    assert "exists already" in again.stderr


def test_init_with_an_impossible_ae_title_leaves_nothing_behind(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["hub", "init", str(tmp_path / "new"), "--ae-title", "MUCH_TOO_LONG_A_TITLE"])
    assert result.exit_code == 2
    assert not (tmp_path / "new/hub.toml").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["site", "add", "../x", "--ae-title", "X"], "'../x'"),
        (["site", "add", "LYON", "--ae-title", "A\\B"], "A\\\\B"),
        (["site", "add", "LYON", "--ae-title", "LILLE_NODE"], "belongs to site LILLE"),
        (["site", "add", "LILLE", "--ae-title", "OTHER"], "registered already, with AE title LILLE_NODE"),
        (["find", "studies", "--since", "31/03/2024"], "'31/03/2024' is not a date; write it as YYYY-MM-DD"),
        (["find", "studies", "--until", "2024-02-30"], "is not a date"),
        (["find", "series", "--received-since", "20240301"], "is not a date"),
        (["find", "studies", "--since", "2024-02-02", "--until", "2024-02-01"], "--since is after --until"),
        (["find", "studies", "--min-age", "60", "--max-age", "50"], "--min-age is above --max-age"),
        (["find", "rooms"], "'rooms' is not one of"),
        (["find", "studies", "--label", "perhaps"], "'perhaps' is not one of"),
        (["find", "series", "--max-slice-thickness", "thin"], "'thin' is not a valid float"),
        (["held", "drop", "--yes"], "say which"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_word_ends_with_usage_and_a_plain_message(hub: Hub, arguments: list[str], message: str) -> None:
    assert message in hub(*arguments, code=2).stderr


def test_two_sites_differ_by_more_than_case(hub: Hub) -> None:
    refused = hub("site", "add", "Lille", "--ae-title", "OTHER", code=2).stderr
    assert "site LILLE is registered, and Lille differs from it by case alone" in refused
    assert "no site lille is registered: LILLE is" in hub("site", "disable", "lille", code=1).stderr


def test_a_site_is_disabled_and_enabled_and_each_is_said_once(hub: Hub) -> None:
    said = hub("site", "disable", "LILLE", "--reason", "key stolen").stdout
    assert "its associations are rejected from now on, and its node keeps what it has" in said
    assert "was disabled already" in hub("site", "disable", "LILLE").stdout
    assert json.loads(hub("site", "list", "--json").stdout)[0]["disabled_at"]
    assert hub("site", "enable", "LILLE").stdout == "site LILLE may store again\n"
    assert hub("site", "enable", "LILLE").stdout == "site LILLE was not disabled\n"
    assert json.loads(hub("site", "list", "--json").stdout)[0]["disabled_at"] is None


def test_a_site_gets_another_ae_title_and_that_of_another_is_refused(hub: Hub) -> None:
    hub("site", "add", "PARIS", "--ae-title", "PARIS_NODE")
    assert "belongs to site PARIS" in hub("site", "set", "LILLE", "--ae-title", "PARIS_NODE", code=2).stderr
    said = hub("site", "set", "LILLE", "--ae-title", "LILLE_2").stdout
    assert "site LILLE may store as LILLE_2, no longer as LILLE_NODE\n" in said
    assert 'at the site:  [send] ae_title = "LILLE_2"' in said


def test_a_site_that_has_sent_something_is_not_removed_and_one_of_a_mistake_is(filed: Hub) -> None:
    refused = filed("site", "remove", "LILLE", code=2).stderr
    assert "1 objects of site LILLE are held here" in refused
    filed("held", "drop", "--site", "LILLE", "--yes")
    refused = filed("site", "remove", "LILLE", code=2).stderr
    assert "site LILLE has studies here" in refused and "hub site disable LILLE" in refused
    filed("site", "add", "LILE", "--ae-title", "LILE_NODE")
    assert "is forgotten" in filed("site", "remove", "LILE").stdout
    assert "no site LILE is registered" in filed("site", "remove", "LILE", code=1).stderr
    acts = filed("audit", "--json").stdout
    assert "hub site remove" in acts and "hub site add" in acts


def test_sites_are_listed_with_what_they_sent(filed: Hub) -> None:
    added = filed("site", "add", "PARIS", "--ae-title", "PARIS_NODE").stdout
    assert added.startswith("site PARIS may store as PARIS_NODE\n")
    assert "registered already" in filed("site", "add", "PARIS", "--ae-title", "PARIS_NODE").stdout
    listed = json.loads(filed("site", "list", "--json").stdout)
    code = listed[1]["code"]
    assert (
        re.fullmatch("[A-Z2-7]{6}", code)
        and f"site init DIR --site-id PARIS --site-code {code} --ae-title PARIS_NODE" in added
    )
    assert [(row["site"], row["ae_title"], row["instances"]) for row in listed] == [
        ("LILLE", "LILLE_NODE", 3),
        ("PARIS", "PARIS_NODE", 0),
    ]
    assert filed("site", "list").stdout.splitlines()[1].split()[:4] == ["LILLE", "LILLE_NODE", "2", "3"]


def test_status_counts_and_ends_with_3_while_something_is_held(filed: Hub) -> None:
    status = json.loads(filed("status", "--json", code=3).stdout)
    expected = {
        "instances": 3,
        "studies": 2,
        "series": 2,
        "patients": 2,
        "sites": 1,
        "conflicts": 1,
        "held": 2,
        "queued": 0,
        "state": "stopped",
        "stages": [{"name": "hub", "state": "stopped", "loop": "", "seconds": 0}],
        "running": False,
    }
    assert {key: status[key] for key in expected} == expected
    assert "2 held, 1 of them conflicts" in filed("status", code=3).stdout


def test_status_says_whether_a_hub_runs_and_what_is_queued(tmp_path: Path, hub: Hub) -> None:
    spool = Spool(tmp_path / "hub/spool/inbox")
    put(spool, data_set())
    with closing(standing.open_door(tmp_path / "hub/spool/hub.socket")) as door:
        answering = threading.Thread(target=_answer, args=(door,))
        answering.start()
        status = json.loads(hub("status", "--json").stdout)
        answering.join()
    assert (status["running"], status["state"], status["queued"]) == (True, "running", 1)
    assert hub("status", code=3).stdout.startswith("hub FIDACHUB: stopped\n")


def _answer(door: socket.socket) -> None:
    """As a supervisor does, whose one process runs."""
    select.select([door], [], [], 10)
    standing.answer(door, [Standing("file", "running")])


@pytest.mark.parametrize("level", LEVELS)
def test_find_prints_json_and_csv_with_the_same_keys(filed: Hub, level: str) -> None:
    rows = json.loads(filed("find", level, "--format", "json").stdout)
    table = list(csv.reader(io.StringIO(filed("find", level, "--format", "csv").stdout)))
    assert tuple(rows[0]) == tuple(table[0]) == COLUMNS[level]
    assert len(rows) == len(table) - 1 == {"patients": 2, "studies": 2, "series": 2, "instances": 3}[level]


@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_find_prints_the_exact_time_only_on_request(filed: Hub, form: str) -> None:
    assert "received_at" not in filed("find", "studies", "--format", form).stdout
    assert "received_at" in filed("find", "studies", "--format", form, "--exact-times").stdout


def test_find_understands_every_filter_of_the_help(filed: Hub) -> None:
    filters = {
        "--site": "LILLE",
        "--patient": "PSEUDO0001",
        "--since": "2003-12-31",
        "--until": "2003-12-31",
        "--received-since": "2020-01-01",
        "--received-until": "2100-01-01",
        "--label": "CERTAIN",
        "--modality": "ct",
        "--body-part": "chest",
        "--manufacturer": "sie*",
        "--model": "sensation*",
        "--kernel": "B70f",
        "--max-slice-thickness": "1.5",
        "--min-instances": "2",
        "--study-uid": uid(1, 1),
        "--sex": "F",
        "--min-age": "54",
        "--max-age": "54",
    }
    arguments = [word for pair in filters.items() for word in pair]
    assert [
        row["PatientID"]
        for row in json.loads(filed("find", "studies", *arguments, "--no-contrast", "--format", "json").stdout)
    ] == ["PSEUDO0001"]
    for option in filters:
        others = [word for pair in filters.items() if pair[0] != option for word in pair]
        assert len(json.loads(filed("find", "series", *others, "--format", "json").stdout)) == 1, option
    assert json.loads(filed("find", "studies", "--contrast", "--format", "json").stdout) == []


def test_a_table_is_short_and_says_when_there_is_more(filed: Hub) -> None:
    result = filed("find", "instances", "--limit", 2)
    assert len(result.stdout.splitlines()) == 3
    assert f"2 instances (there may be more: --limit 0, or --after {uid(1, 1, 1, 2)})" in result.stderr
    assert len(filed("find", "instances", "--limit", 0).stdout.splitlines()) == 4


def test_no_match_is_an_empty_list_and_a_header(filed: Hub) -> None:
    assert json.loads(filed("find", "studies", "--site", "NOWHERE", "--format", "json").stdout) == []
    assert (
        filed("find", "studies", "--site", "NOWHERE", "--format", "csv").stdout == ",".join(COLUMNS["studies"]) + "\n"
    )


def test_a_cell_that_a_spreadsheet_would_compute_is_made_harmless(filed: Hub) -> None:
    lines = csv.DictReader(io.StringIO(filed("find", "studies", "--format", "csv").stdout))
    assert [row["Manufacturer"] for row in lines] == ["SIEMENS", "'=1+1"]


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@x", "'@x"),
        ("\tx", "'\tx"),
        (-1.5, "-1.5"),
        (None, ""),
        (True, "yes"),
        ([0.5, 0.25], "0.5\\0.25"),
        ("a,b", '"a,b"'),
        ('say "x"', '"say ""x"""'),
    ],
    ids=str,
)
def test_each_kind_of_value_has_its_cell(capsys: pytest.CaptureFixture[str], value: Any, cell: str) -> None:
    assert write_rows([SimpleNamespace(a=value, b=1)], ["a", "b"], "csv") == 1
    assert capsys.readouterr().out == f"a,b\n{cell},1\n"


def test_held_objects_are_listed_shown_released_and_dropped(tmp_path: Path, filed: Hub) -> None:
    listed = json.loads(filed("held", "list", "--json").stdout)
    by_code = {row["code"]: row["entry"] for row in listed}
    assert by_code.keys() == {"conflict", "unknown-site"}
    assert "filed with other content" in filed("held", "show", by_code["conflict"]).stdout
    assert filed("held", "drop", by_code["conflict"], "--yes").stdout == "1 object dropped\n"
    assert filed("held", "release", "--code", "unknown-site").stdout == "1 object put back to be filed\n"
    spool = Spool(tmp_path / "hub/spool/inbox")
    assert [str(entry) for entry in spool.entries("new")] == [by_code["unknown-site"]]
    assert spool.entries("held") == []
    assert json.loads(filed("held", "list", "--json").stdout) == []
    assert json.loads(filed("status", "--json", code=3).stdout)["conflicts"] == 0
    uses = json.loads(filed("audit", "--json").stdout)
    assert [(use["act"], use["what"], use["number"]) for use in uses if use["act"] != "hub site add"] == [
        ("held drop", by_code["conflict"], 1),
        ("held release", "reason unknown-site", 1),
    ]
    assert "held drop" in filed("audit").stdout


def test_dropping_asks_first(filed: Hub) -> None:
    filed("held", "drop", "--all", code=1)
    assert len(json.loads(filed("held", "list", "--json").stdout)) == 2


def test_an_object_that_is_not_held_any_more_is_never_dropped(tmp_path: Path, filed: Hub) -> None:
    spool = Spool(tmp_path / "hub/spool/inbox")
    for entry in spool.entries("held"):
        spool.release(entry)
    result = filed("held", "drop", "--all", "--yes")
    assert result.stdout == "0 objects dropped\n"
    assert "moved on meanwhile" in result.stderr
    assert len(spool.entries("new")) == 2


def test_an_object_that_is_not_held_cannot_be_shown(hub: Hub) -> None:
    assert "hub held list" in hub("held", "show", "x", code=1).stderr


def test_reindex_brings_the_rows_back_and_lists_what_it_cannot_read(tmp_path: Path, filed: Hub) -> None:
    for name in ("index.db", "index.db-wal", "index.db-shm"):
        (tmp_path / "hub" / name).unlink(missing_ok=True)
    result = filed("reindex")
    indexed = "3 instances indexed, 0 files not\n"
    assert result.stdout == f"{indexed}registered as before, with their AE titles: LILLE\n"
    assert "registered already" in filed("site", "add", "LILLE", "--ae-title", "LILLE_NODE").stdout
    (tmp_path / "hub/archive/.sites.json").unlink()  # as an earlier version left it
    (tmp_path / "hub/index.db").unlink()
    result = filed("reindex", code=3)
    assert result.stdout == indexed and "site LILLE has no AE title" in result.stderr
    filed("site", "add", "LILLE", "--ae-title", "LILLE_NODE")
    first = next(path for _, path in Archive(tmp_path / "hub/archive").walk())
    first.write_bytes(b"rubbish")
    result = filed("reindex", code=3)
    assert result.stdout == "2 instances indexed, 1 files not\n"
    assert f"{first}: not a DICOM file" in result.stderr


def test_a_missing_index_says_what_to_run(tmp_path: Path, hub: Hub) -> None:
    (tmp_path / "hub/index.db").unlink()
    assert "hub reindex" in hub("status", code=2).stderr
    assert not (tmp_path / "hub/index.db").exists()


def test_a_damaged_index_is_a_plain_failure(tmp_path: Path, hub: Hub) -> None:
    (tmp_path / "hub/index.db").write_bytes(b"this is no database at all, " * 100)
    assert "the index does not answer" in hub("find", "studies", code=1).stderr


def test_missing_settings_say_where_they_were_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, ["hub", "status"])
    assert result.exit_code == 2
    assert "hub init" in result.stderr


_LOADED = """
import sys
from fidac_node.cli import main
try:
    main()
except SystemExit:
    heavy = {"pydicom", "pynetdicom", "deid", "numpy", "rich", "apscheduler"}
    print(sorted(heavy & {name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "arguments", [["find", "studies"], ["status"], ["site", "list"], ["held", "list"]], ids=" ".join
)
def test_asking_loads_nothing_that_reads_dicom(tmp_path: Path, filed: Hub, arguments: list[str]) -> None:
    command = [sys.executable, "-c", _LOADED, "hub", *arguments, "-c", str(tmp_path / "hub/hub.toml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == "[]"


def test_the_documentation_names_every_filter_column_and_table() -> None:
    text = (ROOT / "docs/index.md").read_text()
    options = {
        option for parameter in command.commands["find"].params for option in parameter.opts + parameter.secondary_opts
    }
    assert [option for option in sorted(options - {"-c", "--config", "level"}) if option not in text] == []
    columns = {name for names in COLUMNS.values() for name in names}
    assert [name for name in sorted(columns) if name.islower() and name != "site" and f"`{name}`" not in text] == []
    for model in MODELS:
        assert f"| `{model._meta.table_name}` |" in text


@pytest.mark.parametrize(
    ("kind", "shown"), [("table", r"a\u202eb\x9b"), ("csv", r"a\u202eb\x9b"), ("json", r"a\u202eb\u009b")]
)
def test_what_turns_the_writing_round_is_shown_escaped(
    capsys: pytest.CaptureFixture[str], kind: str, shown: str
) -> None:
    write_rows([{"description": "a\u202eb\x9b"}], ["description"], kind)
    said = capsys.readouterr().out
    assert shown in said and "\u202e" not in said
    if kind == "json":
        assert json.loads(said) == [{"description": "a\u202eb\x9b"}]


def test_a_token_is_printed_alone_once_and_listed_without_itself(hub: Hub, tmp_path: Path) -> None:
    made = hub("token", "create", "viewer", "--scope", "read:index", "--scope", "store:LILLE", "--days", 2)
    token = made.stdout.strip()
    assert made.stdout == f"{token}\n"
    assert len(token) >= 43
    (row,) = json.loads(hub("token", "list", "--json").stdout)
    assert (row["name"], row["scopes"], row["state"]) == ("viewer", "read:index store:LILLE", "valid")
    assert "is revoked" in hub("token", "revoke", "viewer").stdout
    assert token not in hub("token", "list").stdout
    assert "revoked" in hub("token", "list").stdout
    assert "no valid token 'viewer'" in hub("token", "revoke", "viewer", code=1).stderr
    assert [act["act"] for act in json.loads(hub("audit", "list", "--json").stdout)][:3] == [
        "hub site add",
        "hub token create",
        "hub token revoke",
    ]
    for path in (tmp_path / "hub").rglob("*"):
        assert not path.is_file() or token.encode() not in path.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x", "--scope", "read:all"], "is not a scope"),
        (["x"], "Missing option '--scope'"),
        (["x", "--scope", "read:index", "--days", "0"], "0 is not in the range"),
        (["x y", "--scope", "read:index"], "cannot name a token"),
    ],
)
def test_a_token_that_cannot_be_made_ends_with_usage(hub: Hub, arguments: list[str], message: str) -> None:
    assert message in hub("token", "create", *arguments, code=2).stderr
