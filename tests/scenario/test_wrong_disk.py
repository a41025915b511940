"""A disk that is not mounted, another's, a ledger or an index that is gone: noticed before anything is lost by it."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from fidac_node.cli import cli
from fidac_node.phantom import write_series
from tests.scenario.network import Daemon, Hub, Site, fidac

SLICES = 3


def refused(daemon: Daemon) -> tuple[str, str]:
    """What the start says, which is refused, and what the doctor says beforehand, on one line each."""
    started = fidac(daemon.kind, "run", "--config", daemon.config, check=False)
    assert started.returncode == 2
    return " ".join(started.stderr.split()), examined(daemon)


def examined(daemon: Daemon) -> str:
    return " ".join(here("doctor", "--config", daemon.config, code=1).split())


def here(*arguments: object, code: int = 0) -> str:
    """A command in this process, which saves the start of another."""
    done = CliRunner().invoke(cli, [*map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.stdout


def shown(site: Site) -> dict[str, tuple[object, ...]]:
    """Each object's state and what else a ledger knows of it."""
    (study, *others) = json.loads(here("site", "studies", "--json", "-c", site.config))
    found = {}
    for one in (study, *others):
        for row in json.loads(here("site", "show", one["study"], "--json", "-c", site.config))["objects"]:
            found[row["entry"]] = tuple(row[name] for name in ("state", "label", "label_source", "bytes", "reason"))
    return found


def test_an_unmounted_disk_stops_the_start_and_a_lost_ledger_or_index_is_made_anew(
    tmp_path: Path, hub: Hub, site: Site
) -> None:
    hub.start()
    with site.config.open("a") as settings:
        for name, when, decision in (
            ("brain", 'BodyPartExamined = "BRAIN"', "discard"),
            ("all", 'Modality = "CT"', "accept"),
        ):
            settings.write(f'[[route.rules]]\nname = "{name}"\nwhen = {{ {when} }}\ndecision = "{decision}"\n')
    site.start()
    files = write_series(tmp_path / "pacs", slices=SLICES, rows=64, columns=64)
    brain = write_series(tmp_path / "brain", seed=2, slices=1, rows=64, columns=64, body_part="BRAIN")
    fidac("site", "import", *files, *brain, "--label", "negative", "--config", site.config)
    before = site.wait_for(committed=SLICES, received=SLICES + 1)
    here("site", "purge", "--all", "--config", site.config)  # no file tells of them any more
    site.stop()
    hub.stop()
    spool, moved = site.directory / "spool", tmp_path / "moved"

    # The spool's disk is not mounted; then another is.
    spool.rename(moved)
    spool.mkdir()
    for said in refused(site):
        assert "is empty, and this node has worked with one that was not: its disk is not mounted" in said
        assert "mount it, then start again" in said
    assert list(spool.iterdir()) == []  # nothing was made on the wrong disk
    (spool / "inbox").mkdir()
    for said in refused(site):
        assert "is not the one that this node has worked with" in said
    (spool / "inbox").rmdir()
    spool.rmdir()
    moved.rename(spool)

    # The ledger is gone: labels, journal and what was discarded are back.
    rows = shown(site)
    for file in spool.glob("ledger.db*"):
        file.unlink()
    said = examined(site)
    assert "ledger.db: it is gone" in said and "start the node: no object is lost, and it makes another" in said
    site.start()
    assert "with labels, journal and what was discarded" in site.log_text()
    after = site.status()
    counted = ("received", "committed", "discarded", "held", "dropped")
    assert [after[name] for name in counted] == [before[name] for name in counted]
    assert shown(site) == rows
    study = next(entry for entry, (state, *_) in rows.items() if state == "committed")[:12]
    journal = here("site", "show", study, "--objects", "--config", site.config)
    assert "committed" in journal and "outgoing" in journal

    # The archive's disk is not mounted; the index is gone.
    archive = hub.directory / "archive"
    archive.rename(moved)
    archive.mkdir()
    for said in refused(hub):
        assert "is empty, and the index has objects" in said and "mount its disk, then start again" in said
    archive.rmdir()
    moved.rename(archive)
    for file in hub.directory.glob("index.db*"):
        file.unlink()
    for said in refused(hub):
        assert "fidac-node hub reindex" in said
    made = here("hub", "reindex", "--config", hub.config)
    assert f"{SLICES} instances indexed" in made and "registered as before, with their AE titles: CHU-TEST" in made
    hub.start()
    more = write_series(tmp_path / "more", seed=3, slices=1, rows=64, columns=64)
    fidac("site", "import", *more, "--config", site.config)
    site.wait_for(committed=SLICES + 1)
