"""A patient whom the PACS merged: a file that the site signs tells the hub which pseudonyms are one person."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from fidac_node.cli import cli
from fidac_node.deidentify import open_source
from fidac_node.site.node import open_site
from tests.unit.deidentify import build


def call(*arguments: object, code: int = 0, typed: str = "") -> str:
    done = CliRunner().invoke(cli, [*map(str, arguments)], input=typed, catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.output


@pytest.fixture
def both(tmp_path: Path) -> tuple[Path, Path]:
    """A site whose vault knows the patient 4711, and a hub that knows the site's key."""
    call("hub", "init", tmp_path / "hub")
    call("site", "init", tmp_path / "site", "--site-id", "CHU-TEST", "--hub", "FIDACHUB@127.0.0.1:11113")
    site, hub = tmp_path / "site/site.toml", tmp_path / "hub/hub.toml"
    call("hub", "site", "add", "CHU-TEST", "--ae-title", "FIDACNODE", "-c", hub)
    node = open_site(site)
    node.check_key()
    source = build.write(tmp_path / "one.dcm", build.ct(PatientID="4711"))
    with open_source(source, build.LIMIT) as opened:
        node.keys.enter("a" * 12, opened, node.plan.digest)
    node.keys.close()
    node.ledger.close()
    (tmp_path / "key").write_text(call("site", "key", "show", "-c", site).splitlines()[0])
    call("hub", "site", "key", "CHU-TEST", tmp_path / "key", "-c", hub)
    return site, hub


def test_two_ids_of_one_person_are_told_to_the_hub_by_pseudonyms_alone(tmp_path: Path, both: tuple[Path, Path]) -> None:
    site, hub = both
    file = tmp_path / "alias.json"
    said = call(
        "site",
        "patient",
        "alias",
        "-",
        "-",
        "--reason",
        "merged in the PACS",
        "--to",
        file,
        "-c",
        site,
        typed="4711\n9999\n",
    )
    assert said.startswith("one person: CHU-TEST-") and "hub patient alias --from alias.json" in said
    assert "4711" not in file.read_text() + said and "9999" not in file.read_text() + said
    assert "one person with CHU-TEST-" in call("hub", "patient", "alias", "--from", file, "-c", hub)
    (row,) = json.loads(call("hub", "patient", "list", "--json", "-c", hub))
    assert row["site"] == "CHU-TEST" and row["person"] != row["pseudonym"]
    call("hub", "patient", "alias", "--from", file, "-c", hub)  # a second time changes nothing
    assert len(json.loads(call("hub", "patient", "list", "--json", "-c", hub))) == 1
    acts = [act["act"] for act in json.loads(call("hub", "audit", "--json", "-c", hub))]
    assert "hub patient alias" in acts
    file.write_text(file.read_text().replace("merged in", "found in"))
    assert "the file was altered" in call("hub", "patient", "alias", "--from", file, "-c", hub, code=2)


def test_an_id_that_nobody_has_or_that_is_the_same_is_refused(tmp_path: Path, both: tuple[Path, Path]) -> None:
    site, _ = both
    more = ("--reason", "merged in the PACS", "--to", tmp_path / "file", "-c", site)
    assert "the old ID is not in the vault" in call("site", "patient", "alias", "1234", "4711", *more, code=1)
    assert "the two ids are one id" in call("site", "patient", "alias", "4711", "4711 ", *more, code=2)
    assert not (tmp_path / "file").exists()
