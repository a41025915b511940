"""``fidac-node hub client``: who may ask, as the command line says it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fidac_node.cli import cli

Hub = Callable[..., Result]


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    def run(*arguments: object, code: int = 0) -> Result:
        where = ["-c", str(tmp_path / "hub.toml")]
        result = CliRunner().invoke(cli, ["hub", *map(str, arguments), *where], catch_exceptions=False)
        assert result.exit_code == code, result.output
        return result

    CliRunner().invoke(cli, ["hub", "init", str(tmp_path)], catch_exceptions=False)
    run("site", "add", "LILLE", "--ae-title", "LILLE_NODE")
    return run


def listed(hub: Hub) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = json.loads(hub("client", "list", "--json").stdout)
    return [{name: value for name, value in row.items() if name != "added_at"} for row in rows]


def test_a_client_is_added_changed_listed_and_removed_and_each_change_is_recorded(hub: Hub) -> None:
    assert "VIEWER may find and retrieve" in hub("client", "add", "VIEWER").stdout
    assert listed(hub) == [{"ae_title": "VIEWER", "networks": [], "rights": ["find", "retrieve"], "programme": ""}]
    networks = ("--network", "10.20.0.0/16", "--network", "::1")
    again = hub("client", "add", "VIEWER", *networks, "--may", "find", "--programme", "LUNG")
    assert "registered already" in again.stdout
    assert listed(hub) == [
        {"ae_title": "VIEWER", "networks": ["10.20.0.0/16", "::1"], "rights": ["find"], "programme": "LUNG"}
    ]
    assert "VIEWER may ask no more" in hub("client", "remove", "VIEWER").stdout
    assert listed(hub) == []
    uses = json.loads(hub("audit", "--json").stdout)
    assert [use["act"] for use in uses] == [
        "hub site add",
        "hub client add",
        "hub client add",
        "hub client remove",
    ]
    assert {use["what"] for use in uses[1:]} == {"VIEWER"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("LILLE_NODE",), "belongs to site LILLE, and a site may not ask"),
        (("A TITLE TOO LONG FOR THIS",), "at most 16"),
        (("VIEWER", "--network", "10.20.0.1/16"), "has bits set behind its prefix"),
        (("VIEWER", "--may", "find,store"), "'store' is not a right"),
        (("VIEWER", "--may", ""), "is not a right"),
        (("VIEWER", "--programme", "A\\B"), "without backslash"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(hub: Hub, arguments: tuple[str, ...], said: str) -> None:
    assert said in hub("client", "add", *arguments, code=2).output
    assert listed(hub) == []


def test_a_client_cannot_become_a_site_nor_be_removed_twice(hub: Hub) -> None:
    hub("client", "add", "VIEWER")
    assert "a site may not ask" in hub("site", "add", "PARIS", "--ae-title", "VIEWER", code=2).output
    hub("client", "remove", "VIEWER")
    assert "no client has the AE title VIEWER" in hub("client", "remove", "VIEWER", code=1).output
