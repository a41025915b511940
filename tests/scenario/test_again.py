"""A PACS sends a series again as its other archives have it: one object each, whatever the encoding."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pydicom
import pytest

from fidac_node.phantom import write_series
from tests.scenario.network import Hub, Modality, Site
from tests.support import wait_until

SLICES = 3
# As DCMTK writes them; what it compresses is decoded and compared.
ENCODINGS = {
    "implicit": ("dcmconv", "+ti"),
    "big endian": ("dcmconv", "+tb"),
    "group lengths and delimited sequences": ("dcmconv", "+te", "+g", "-e"),
    "trailing padding": ("dcmconv", "+te", "+p", "1024", "512"),
    "JPEG-LS": ("dcmcjpls",),
    "JPEG lossless": ("dcmcjpeg",),
    "RLE": ("dcmcrle",),
}

pytestmark = pytest.mark.interop("dcmconv", "dcmcjpls", "dcmcjpeg", "dcmcrle")


def send(site: Site, files: list[Path]) -> None:
    modality = Modality(site.port, files)
    modality.start()
    modality.join(60)
    assert modality.acknowledged == set(files)


def test_a_series_in_every_encoding_is_one_series_and_a_changed_slice_is_held(
    tmp_path: Path, hub: Hub, site: Site
) -> None:
    files = write_series(tmp_path / "pacs", slices=SLICES, rows=64, columns=64)
    hub.start()
    site.start()
    send(site, files)
    site.wait_for(committed=SLICES)
    for name, command in ENCODINGS.items():
        (folder := tmp_path / name).mkdir()
        again = [folder / path.name for path in files]
        for path, other in zip(files, again, strict=True):
            subprocess.run([*command, str(path), str(other)], check=True, capture_output=True)
        send(site, again)
    repeats = SLICES * len(ENCODINGS)
    site.wait_for(discarded=repeats, committed=SLICES)
    changed = pydicom.dcmread(files[0])
    changed.PixelData = changed.PixelData[:-1] + bytes([changed.PixelData[-1] ^ 1])
    changed.save_as(tmp_path / "changed.dcm")
    send(site, [tmp_path / "changed.dcm"])
    status = site.wait_for(held=1)
    assert status["reasons"] == {"conflict": 1} and (status["repeats"], status["committed"]) == (repeats, SLICES)
    assert "their pixels differ; 'site queue supersede' puts this one in its place" in site.log_text()
    wait_until(lambda: not site.waiting_files(), 60)
    assert len(hub.find()) == SLICES and hub.status()["conflicts"] == 0
