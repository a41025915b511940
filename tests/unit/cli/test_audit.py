"""``fidac-node hub audit``: the record of acts as the command line shows it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.test_hub_client import Hub, hub

__all__ = ["hub"]


@pytest.fixture
def record(hub: Hub, tmp_path: Path) -> Path:
    hub("client", "add", "VIEWER")
    hub("client", "add", "READER", "--may", "find")
    hub("client", "remove", "VIEWER")
    return tmp_path / "spool/uses.jsonl"


def test_acts_are_listed_in_words_and_in_json_by_the_bare_command_too(hub: Hub, record: Path) -> None:
    lines = hub("audit").stdout.splitlines()
    assert [line.split("  ")[2:4] for line in lines] == [
        ["hub site add", "LILLE"],
        ["hub client add", "VIEWER"],
        ["hub client add", "READER"],
        ["hub client remove", "VIEWER"],
    ]
    acts = json.loads(hub("audit", "list", "--json").stdout)
    assert acts == json.loads(hub("audit", "--json").stdout)
    assert list(acts[0]) == ["at", "who", "from", "act", "what", "number", "reason", "outcome", "studies"]


def test_acts_are_chosen_by_act_by_who_and_by_day(hub: Hub, record: Path) -> None:
    assert len(hub("audit", "--act", "hub client rem*").stdout.splitlines()) == 1
    assert hub("audit", "list", "--who", "nobody").stdout == ""
    assert len(hub("audit", "list", "--since", "2020-01-01").stdout.splitlines()) == 4
    assert hub("audit", "list", "--since", "9999-01-01", "--json").stdout == "[]\n"
    assert "is not a date" in hub("audit", "--since", "yesterday", code=2).output


def test_a_record_that_is_whole_is_said_to_be_so_and_one_that_is_not_names_the_line(hub: Hub, record: Path) -> None:
    assert "4 lines, each as it was written; the last has the hash " in hub("audit", "verify").stdout
    record.write_bytes(record.read_bytes().replace(b"READER", b"WRITER"))
    said = hub("audit", "verify", code=3).stdout
    assert f"{record}: line 4: what is before it was changed or taken out" in said
    found = json.loads(hub("audit", "verify", "--json", code=3).stdout)
    assert (found["lines"], found["broken"]) == (4, [4])
    assert "before line 4 a line was changed or taken out" in hub("audit", code=1).output


@pytest.mark.parametrize("url", ["tcp://collector:514", "udp://", "unix://log", "udp://host:99999", "udp://host/x"])
def test_an_address_that_is_none_stops_with_what_to_write(hub: Hub, tmp_path: Path, url: str) -> None:
    settings = tmp_path / "hub.toml"
    settings.write_text(settings.read_text().replace('#syslog = ""', f'syslog = "{url}"'))
    assert "write udp://HOST:514 or unix:///dev/log" in hub("audit", code=2).output
