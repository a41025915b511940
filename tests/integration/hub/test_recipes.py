"""The hub files what is proven to have gone through a profile that it knows, and gets to know others by a person."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from click.testing import CliRunner

from fidac_node.cli import cli
from fidac_node.config.config import load_hub
from fidac_node.deidentify import Deidentifier, Pseudonymiser, load_plan
from fidac_node.deidentify.plan import Plan, dump, make
from fidac_node.dicom import part10
from fidac_node.hub.archive import Archive
from fidac_node.hub.filing import Filer
from fidac_node.hub.index import Registry, StudyFilter, add_site, find, prepare
from fidac_node.hub.recipes import FOLDER, Recipes, proof
from fidac_node.spool.queue import Spool
from fidac_node.system.database import connect
from tests.hub_objects import data_set, encoded, put_bytes
from tests.unit.deidentify import build

PLAN = load_plan("fidac-chest-ct")
OTHERS = make(
    "ours",
    PLAN.tags,
    PLAN.groups,
    PLAN.vrs,
    PLAN.vocabulary | {"zorglub"},
    PLAN.common,
    devices=PLAN.devices,
    private=PLAN.private,
    options=PLAN.options,
)


class Hub:
    """A hub's settings, and its filing with a proof, as one process has them."""

    def __init__(self, directory: Path) -> None:
        self.config = directory / "hub.toml"
        assert CliRunner().invoke(cli, ["hub", "init", str(directory)]).exit_code == 0
        settings = load_hub(self.config)
        self.folder = settings.spool.directory
        self.spool, self.archive = Spool(self.folder / "inbox"), Archive(settings.archive.directory)
        self.db = connect(settings.index.database, directory)
        prepare(self.db)
        add_site(self.db, "LILLE", "LILLE_NODE")

    def file(self) -> dict[str, str]:
        """File what is there; the codes of what is held, by instance handle."""
        filer = Filer(self.spool, self.archive, self.db, Registry(self.db), prove=proof(self.folder, build.LIMIT))
        filer.recover()
        while batch := self.spool.claim("file", 100):
            filer.file(batch)
        filer.close()
        return {str(entry): str((self.spool.reason(entry) or {})["code"]) for entry in self.spool.entries("held")}

    def filed(self) -> list[str]:
        return [row.PatientID for row in find(self.db, "instances", StudyFilter())]

    def run(self, *words: str) -> str:
        result = CliRunner().invoke(cli, ["hub", *words, "--config", str(self.config)])
        assert result.exit_code in (0, 3), result.output  # 3: it does not run
        return result.output


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    return Hub(tmp_path / "hub")


def delivered(directory: Path, plan: Plan, number: int = 1) -> bytes:
    """What a site's node sends, with the AE title that reception writes into its File Meta Information."""
    directory.mkdir(exist_ok=True)
    path = build.write(directory / "a.dcm", build.ct(SOPInstanceUID=f"{build.ROOT}.3.{number}"))
    target = io.BytesIO()
    engine = Deidentifier(plan, Pseudonymiser(build.KEY, "FIDAC", "LILLE"), "LILLE", "FIDAC")
    engine.deidentify(path, target, label="certain", label_source="called-ae", limit=build.LIMIT)
    meta, offset = part10.meta_in(target.getvalue())
    return (
        part10.encode_meta(meta._replace(source_ae="LILLE_NODE", receiving_ae="FIDACHUB")) + target.getvalue()[offset:]
    )


def test_what_only_has_the_marks_is_held_and_what_a_node_sends_is_filed(hub: Hub, tmp_path: Path) -> None:
    put_bytes(hub.spool, encoded(data_set(PatientName="DUPONT^JEAN", PatientID="261079912345643")))
    put_bytes(hub.spool, delivered(tmp_path / "site", PLAN))
    held = hub.file()
    assert list(held.values()) == ["unknown-recipe"], "a digest that nobody made"
    assert [name.startswith("LILLE-") for name in hub.filed()] == [True]
    assert "261079912345643" not in hub.run("held", "list") + hub.run("find", "studies")


def test_a_lie_under_a_known_recipe_is_held_and_names_the_attribute_alone(hub: Hub) -> None:
    lie = data_set(PatientName="DUPONT^JEAN", DeidentificationMethod=[f"FIDAC {PLAN.profile} {PLAN.digest[:8]}"])
    block = lie.private_block(0x0F1D, "FIDAC NODE 1")
    block[0x04].value = PLAN.digest
    put_bytes(hub.spool, encoded(lie))
    assert list(hub.file().values()) == ["not-deidentified"]
    said = hub.run("held", "list")
    assert "(0010,0020) PatientID is no pseudonym of this site" in said and "DUPONT" not in said


def test_a_recipe_becomes_known_by_a_person_and_what_waited_for_it_is_filed(hub: Hub, tmp_path: Path) -> None:
    put_bytes(hub.spool, delivered(tmp_path / "site", OTHERS))
    assert list(hub.file().values()) == ["unknown-recipe"] and hub.filed() == []
    recipe = tmp_path / "ours.json"
    recipe.write_text(dump(OTHERS))
    assert "is known" in hub.run("recipe", "add", str(recipe))
    assert "was before" in hub.run("recipe", "add", str(recipe))
    assert "ours" in hub.run("recipe", "list")
    assert "recipe add" in hub.run("audit")
    hub.run("held", "release", "--code", "unknown-recipe")
    assert hub.file() == {} and len(hub.filed()) == 1


def test_recipes_of_this_version_stay_known_to_a_later_one(hub: Hub) -> None:
    first = Recipes(hub.folder / FOLDER, {PLAN.profile: PLAN}.get)
    assert first.plan(PLAN.digest, "no-such-profile") is None
    assert first.plan(PLAN.digest, PLAN.profile) == PLAN
    later = Recipes(hub.folder / FOLDER)
    assert later.plan(PLAN.digest) == PLAN and later.plan(OTHERS.digest) is None
    file = hub.folder / FOLDER / f"{PLAN.digest}.json"
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text(dump(OTHERS))
    assert Recipes(hub.folder / FOLDER).plan(PLAN.digest) is None, "the digest is that of the content"


def test_a_file_that_is_no_recipe_is_told_where_one_comes_from(hub: Hub, tmp_path: Path) -> None:
    wrong = tmp_path / "a.json"
    wrong.write_text("{}")
    result = CliRunner().invoke(cli, ["hub", "recipe", "add", str(wrong), "--config", str(hub.config)])
    assert result.exit_code == 2 or result.exception
    assert "profile export" in (result.output or str(result.exception))


def test_a_site_exports_the_recipe_that_its_objects_name(tmp_path: Path) -> None:
    exported = CliRunner().invoke(cli, ["profile", "export", "fidac-chest-ct"])
    assert exported.exit_code == 0 and exported.output.strip() == dump(PLAN)


def test_what_is_under_two_sites_is_marked_in_the_status(hub: Hub) -> None:
    add_site(hub.db, "TOURS", "TOURS_NODE")
    filer = Filer(hub.spool, hub.archive, hub.db, Registry(hub.db))
    filer.recover()
    assert "more than one site" not in hub.run("status")
    for site in ("LILLE", "TOURS"):
        put_bytes(hub.spool, encoded(data_set(site=site, series=len(site)), source_ae=f"{site}_NODE"))
    while batch := hub.spool.claim("file", 100):
        filer.file(batch)
    filer.close()
    assert "under more than one site, which no key makes: 1 studies, 1 patients" in hub.run("status")
