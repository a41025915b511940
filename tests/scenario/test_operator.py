"""What the operator reads: what became of a study, what a command did, and tables that fit the terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
from pathlib import Path

import pytest
from pydicom import dcmwrite

from fidac_node.phantom.study import secondary_capture, series
from tests.scenario.network import FIDAC, Hub, Site, fidac
from tests.support import wait_until

SIZE = {"slices": 3, "rows": 64, "columns": 64}


def a_study(directory: Path) -> dict[str, str]:
    """Write a CT with a localizer and a dose sheet of one study; return by what the PACS knows it."""
    directory.mkdir()
    slices = list(series(seed=7, **SIZE))
    localizer = next(series(seed=7, **SIZE))
    localizer.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    localizer.SOPInstanceUID = localizer.file_meta.MediaStorageSOPInstanceUID = f"{localizer.SOPInstanceUID}.9"
    localizer.SeriesInstanceUID, localizer.SeriesDescription = f"{localizer.SeriesInstanceUID}.9", "Scout"
    for number, ds in enumerate([*slices, localizer, secondary_capture(seed=7, **SIZE)]):
        dcmwrite(directory / f"{number}.dcm", ds, enforce_file_format=True)
    first = slices[0]
    return {
        "--accession": first.AccessionNumber,
        "--patient": first.PatientID,
        "--study-uid": first.StudyInstanceUID,
        "name": str(first.PatientName),
    }


def on_a_terminal(width: int, *arguments: object) -> list[str]:
    """The lines of a command as a terminal of so many columns gets them."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(width), "TERM": "xterm"}
    with subprocess.Popen([*FIDAC, *map(str, arguments)], stdout=theirs, stderr=subprocess.DEVNULL, env=environment):
        os.close(theirs)
        said = b""
        while True:
            try:
                part = os.read(ours, 1 << 16)
            except OSError:  # EIO: the other end is closed
                break
            said += part
            if not part:
                break
    os.close(ours)
    return said.decode().splitlines()


def plain(line: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", line)


def test_what_became_of_a_study_is_told_by_what_the_pacs_knows_it_and_each_command_tells_what_it_did(
    tmp_path: Path, hub: Hub, site: Site
) -> None:
    known = a_study(tmp_path / "in")
    name = known.pop("name")
    hub.start()
    site.start()
    site.storescu(sorted((tmp_path / "in").iterdir()))
    site.wait_for(held=2, committed=3)
    run = lambda *words, code=0: _run(site, words, code)  # noqa: E731

    (study,) = json.loads(run("studies", "--json").stdout)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", study["changed"])
    handle = study["study"]
    for option, value in known.items():
        found = run("find", option, value).stdout
        lines = [" ".join(line.split()) for line in found.splitlines()]
        assert lines[0] == f"study {handle}: waiting"
        assert lines[1] == "came from PACS to FIDACNODE: 5 objects"
        assert re.fullmatch(r"received \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d.*", lines[2])
        assert lines[3] == "objects 5, 0.9 MiB: held 2, committed 3"
        assert "label unknown, by default: 3" in lines
        assert any(re.fullmatch(r"series 2 CT .+: 3 objects, 0\.\d MiB", line) for line in lines)
        assert any(line.startswith("held 1 x localizer: ImageType (0008,0008) says localizer") for line in lines)
        assert any(line.startswith("held 1 x pixel-risk: a Secondary Capture") for line in lines)
        assert any(line.startswith("hub has committed to 3 of 5 objects, the last at 20") for line in lines)
        assert not [word for word in (*known.values(), name) if word in found], "what was typed is printed nowhere"
    assert f"study {handle}" in run("show", handle).stdout and len(run("show", handle).stdout.splitlines()) < 20
    assert len(run("show", handle, "--objects").stdout.splitlines()) > 20
    acts = run("pseudonym", "audit").stdout
    assert f"find by accession number  {handle}  (1)" in acts and known["--accession"] not in acts
    nobody = run("find", "--accession", "NOBODYS", code=1).stderr
    assert "no study with this accession number is known here" in nobody and "NOBODYS" not in nobody

    held = {row["reason"]: row["entry"] for row in json.loads(run("queue", "list", "--held", "--json").stdout)}
    shown = run("queue", "show", held["pixel-risk"]).stdout.splitlines()[0]
    assert Path(shown.removeprefix("file: ")).is_file()
    assert run("queue", "view", held["pixel-risk"], "--to", tmp_path / "look.png").stdout.startswith("wrote ")
    image = (tmp_path / "look.png").read_bytes()
    assert image.startswith(b"\x89PNG\r\n\x1a\n") and image[16:24] == bytes([0, 0, 2, 128, 0, 0, 1, 224])
    assert (tmp_path / "look.png").stat().st_mode & 0o777 == 0o600

    again = run("queue", "release", "--reason", "pixel-risk", code=3)
    assert again.stdout == "1 object released\n"
    assert "held again: 1 object, pixel-risk: a Secondary Capture" in again.stderr
    wait_until(lambda: "pixel-risk" in run("queue", "list", "--held").stdout)  # its row lags behind the file
    like = run("queue", "drop", "--reason", "pixelrisk", "--yes", code=1).stderr
    assert like == "Error: nothing that is held or refused has the reason pixelrisk; did you mean pixel-risk?\n"
    committed = next(
        one["entry"]
        for one in json.loads(run("show", handle, "--json").stdout)["objects"]
        if one["state"] == "committed"
    )
    assert (
        f"object {committed} is committed, not held or refused: nothing was done"
        in run("queue", "release", committed, code=1).stderr
    )
    assert f"did you mean {handle}?" in run("show", handle[:-1], code=1).stderr
    assert f"'fidac-node site studies -c {site.config}' lists the handles" in run("show", "x", code=1).stderr
    assert "1 object dropped" in run("queue", "drop", "--reason", "localizer", "--yes").stdout

    _tables_fit(hub)


def _tables_fit(hub: Hub) -> None:
    """A table is as wide as the terminal, with colours there, and whole and plain in a pipe."""
    command = "hub", "find", "studies", "--config", hub.config
    whole = fidac(*command).stdout.splitlines()
    assert "\x1b" not in whole[0] and len(whole[1]) > 120
    for width in (80, 120, 200):
        lines = on_a_terminal(width, *command)
        assert lines[0].startswith("\x1b[1m"), "the headings stand out"
        assert max(len(plain(line)) for line in lines) <= width
        assert ("…" in lines[1]) == (width < 200)


def _run(site: Site, words: tuple[object, ...], code: int) -> subprocess.CompletedProcess[str]:
    done = fidac("site", *words, "--config", site.config, check=False)
    assert done.returncode == code, (words, done.stdout, done.stderr)
    return done


@pytest.mark.parametrize("group", [(), ("site",), ("hub",), ("site", "queue"), ("hub", "site")])
def test_what_help_says_of_a_command_is_whole(group: tuple[str, ...]) -> None:
    assert "..." not in fidac(*group, "--help").stdout.partition("Commands:")[2]
