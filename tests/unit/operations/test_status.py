"""What is told of a site's hub: how it stands now, and that nobody knows when nobody has asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fidac_node.config.config import SiteConfig, load_site
from fidac_node.operations.status import site_status
from fidac_node.site.ledger import Ledger
from fidac_node.spool.entry import Entry

NOON = 1_700_000_000.0


@pytest.fixture
def config(tmp_path: Path) -> SiteConfig:
    (tmp_path / "spool").mkdir()
    path = tmp_path / "site.toml"
    path.write_text('[site]\nid = "CHU"\n[send]\nhub = "HUB@hub.example.org:11113"\n')
    return load_site(path)


@pytest.fixture
def ledger(config: SiteConfig) -> Iterator[Ledger]:
    ledger = Ledger(config.spool.directory / "ledger.db")
    yield ledger
    ledger.close()


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Set the clock (seconds after noon)."""
    return lambda seconds: monkeypatch.setattr("time.time", lambda: NOON + seconds)


def test_a_hub_that_nobody_has_asked_is_neither_reachable_nor_not(config: SiteConfig, ledger: Ledger) -> None:
    hub = site_status(config, ledger).hub
    assert (hub.reachable, hub.last_contact, hub.last_asked, hub.error) == (None, None, None, None)


def test_a_hub_that_does_not_answer_is_told_with_when_it_was_asked_and_when_it_last_answered(
    config: SiteConfig, ledger: Ledger, at: Callable[[float], None]
) -> None:
    at(0)
    ledger.contact(ok=True)
    assert site_status(config, ledger).hub.reachable is True
    at(60)
    ledger.contact(ok=False, message="nothing listens there")
    told = site_status(config, ledger).as_dict()["hub"]
    assert told == {
        "address": "HUB@hub.example.org:11113",
        "reachable": False,
        "last_contact": "2023-11-14T22:13:20Z",
        "last_asked": "2023-11-14T22:14:20Z",
        "error": "nothing listens there",
    }


def test_objects_with_values_written_right_and_with_values_lost_are_counted(config: SiteConfig, ledger: Ledger) -> None:
    assert (site_status(config, ledger).normalised, site_status(config, ledger).lost) == (0, 0)
    for number, told in enumerate(({}, {"normalised": 3}, {"normalised": 1, "lost": 2})):
        ledger.note(Entry("a" * 12, f"{number + 2}" * 16, "b" * 16), "outgoing", **told)
    ledger.flush()
    status = site_status(config, ledger).as_dict()
    assert (status["normalised"], status["lost"]) == (2, 1)


def test_an_answer_of_long_ago_is_no_answer_about_now(
    config: SiteConfig, ledger: Ledger, at: Callable[[float], None]
) -> None:
    at(0)
    ledger.contact(ok=True)
    at(150)
    assert site_status(config, ledger).hub.reachable is True, "it may be asked this very moment"
    at(3600)
    hub = site_status(config, ledger).hub
    assert (hub.reachable, hub.last_asked) == (None, NOON)
    never_asked = replace(config, send=replace(config.send, echo_interval=0))
    assert site_status(never_asked, ledger).hub.reachable is True, "then the last talk is all there is"


def test_a_ledger_of_before_knows_the_last_contact_alone(
    config: SiteConfig, ledger: Ledger, at: Callable[[float], None]
) -> None:
    at(10)
    ledger.remember("hub_reachable", "1")
    ledger.remember("hub_contact", str(NOON))
    hub = site_status(config, ledger).hub
    assert (hub.reachable, hub.last_contact, hub.last_asked) == (True, NOON, NOON)
