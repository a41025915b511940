"""A site with data of before starts with a newer recipe, and says so."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from click.testing import CliRunner

from fidac_node.cli import cli
from fidac_node.site.node import Site, open_site

CHANGED = "the recipe has changed from"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    done = CliRunner().invoke(
        cli,
        ["site", "init", str(tmp_path), "--site-id", "CHU-TEST", "--hub", "FIDACHUB@127.0.0.1:11113"],
        catch_exceptions=False,
    )
    assert done.exit_code == 0
    return open_site(tmp_path / "site.toml")


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if CHANGED in record.getMessage()]


def test_a_recipe_that_changes_is_told_once_with_both_digests(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "fidac_node")
    site.tell_recipe(begun=False)
    assert not told(caplog), "a new site has no recipe of before"
    site.ledger.remember("recipe", f"fidac-chest-ct {'0a1b2c3d' * 8}")
    site.tell_recipe(begun=True)
    site.tell_recipe(begun=True)
    (message,) = told(caplog)
    assert f"fidac-chest-ct 0a1b2c3d to fidac-chest-ct {site.plan.digest[:8]}" in message
    assert "pseudonyms, UIDs and shifts of dates stay those of before" in message


def test_a_site_of_an_earlier_version_is_told_that_its_recipe_changes(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "fidac_node")
    site.tell_recipe(begun=True)
    (message,) = told(caplog)
    assert "from that of an earlier version to fidac-chest-ct" in message
