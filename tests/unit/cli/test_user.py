"""``fidac-node hub user``: people, made and changed by command."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from fidac_node.cli import cli
from tests.unit.cli.test_hub_cli import Hub, hub

__all__ = ["hub"]


def given(tmp_path: Path, password: str, *arguments: str) -> Result:
    config = ["-c", str(tmp_path / "hub/hub.toml")]
    return CliRunner().invoke(cli, ["hub", "user", *arguments, "--password-stdin", *config], input=password)


def test_a_person_with_a_password_is_active_and_one_without_gets_a_link_alone_on_standard_output(
    tmp_path: Path, hub: Hub
) -> None:
    assert given(tmp_path, "correct horse\n", "add", "root", "--role", "administrator").exit_code == 0
    link = hub("user", "add", "marie", "--role", "contributor", "--site", "LILLE")
    assert link.stdout.startswith("http://127.0.0.1:0/invitation/") and link.stdout.count("\n") == 1
    assert "marie alone" in link.stderr and "the portal is off" in link.stderr
    rows = {row["name"]: row for row in json.loads(hub("user", "list", "--json").stdout)}
    assert {name: (row["role"], row["site"], row["state"]) for name, row in rows.items()} == {
        "root": ("administrator", "", "active"),
        "marie": ("contributor", "LILLE", "invited"),
    }
    assert "correct horse" not in (tmp_path / "hub/spool/uses.jsonl").read_text()
    assert link.stdout.rpartition("/")[2].strip() not in (tmp_path / "hub/spool/uses.jsonl").read_text()


def test_what_is_done_to_a_person_is_said_and_written_down(tmp_path: Path, hub: Hub) -> None:
    given(tmp_path, "correct horse\n", "add", "root", "--role", "administrator")
    hub("user", "add", "marie", "--role", "auditor")
    assert "sign in again" in hub("user", "role", "marie", "--role", "researcher", "--programme", "FIDAC").stdout
    assert "/invitation/" in hub("user", "reset", "marie").stdout
    assert given(tmp_path, "another horse", "reset", "marie").stdout.startswith("marie is signed out everywhere")
    assert hub("user", "remove", "marie").stdout == "marie is removed\n"
    acts = [(act["act"], act["what"], act["reason"]) for act in json.loads(hub("audit", "list", "--json").stdout)]
    assert acts[-5:] == [
        ("hub user add", "marie", "role auditor"),
        ("hub user role", "marie", "role researcher, programme FIDAC"),
        ("hub user reset", "marie", ""),
        ("hub user reset", "marie", ""),
        ("hub user remove", "marie", ""),
    ]


def test_what_cannot_be_is_refused_with_the_remedy_and_leaves_nothing(tmp_path: Path, hub: Hub) -> None:
    for password in ("", "short\n", "aaaaaaaaaaaaaaa\n", "root-root1\n"):
        assert given(tmp_path, password, "add", "root", "--role", "administrator").exit_code == 2
    assert "name it (--site ID)" in hub("user", "add", "marie", "--role", "contributor", code=2).stderr
    assert "hub site list" in hub("user", "add", "marie", "--role", "contributor", "--site", "X", code=2).stderr
    assert "no account 'marie'" in hub("user", "reset", "marie", code=1).stderr
    assert "[oidc] issuer is empty" in _refused_link(hub)
    assert [row["name"] for row in json.loads(hub("user", "list", "--json").stdout)] == ["bob"]


def _refused_link(hub: Hub) -> str:
    hub("user", "add", "bob", "--role", "auditor")
    return str(hub("user", "link", "bob", "1234", code=2).stderr)
