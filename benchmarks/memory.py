"""Memory: the most that is resident in any process while an object of 1 GB and ten thousand slices go the whole way."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks import peers
from benchmarks.node import SITE_AE, Hub, Site, wait_until
from benchmarks.series import generated
from benchmarks.setting import Setting
from benchmarks.table import Row
from fidac_node.phantom import write_enhanced

_MOST: Final = 150.0
_FRAMES: Final = 2048
_SLICES: Final = 10_000
_PIXELS: Final = 64
_TOGETHER: Final = 4  # associations at a time: a caller may have ten


def measure(setting: Setting) -> list[Row]:
    """One row for each: the largest process, and all of them in the note."""
    if not peers.have("storescu"):
        raise LookupError("DCMTK is not installed, nobody can send; on Debian: apt-get install dcmtk")
    frames, slices = (256, 1000) if setting.quick else (_FRAMES, _SLICES)
    large = setting.work / "memory" / "large"
    large.mkdir(parents=True)
    size = write_enhanced(large / "large.dcm", frames=frames).stat().st_size
    many = generated(min(slices, 500), _PIXELS)
    folders = [many.write(setting.work / "memory" / "many") for _ in range(slices // len(many))]
    return [
        _row(setting, f"an object of {size / 2**30:.2g} GiB", [[large]], 1, bounded=frames == _FRAMES),
        _row(
            setting,
            f"{slices:,} slices",
            [folders[at : at + _TOGETHER] for at in range(0, len(folders), _TOGETHER)],
            slices,
            bounded=slices == _SLICES,
        ),
    ]


def _row(setting: Setting, title: str, sent: Sequence[Sequence[Path]], objects: int, *, bounded: bool) -> Row:
    """Send what is ``sent``, some folders at a time, each over an association of its own."""
    hub = Hub(setting.work / "memory" / f"hub-{objects}")
    site = Site(setting.work / "memory" / f"site-{objects}", hub.address)
    with hub, site:
        for folders in sent:
            peers.storescu(folders, site.port, SITE_AE)
        wait_until(lambda: hub.indexed() >= objects, "all is indexed", 300, 0.1)
        site.wait_for("committed", objects)
        peaks = {**site.peaks(), **hub.peaks()}
    note = ", ".join(f"{name} {peak / 2**20:.0f}" for name, peak in sorted(peaks.items()))
    return Row(
        f"peak memory, {title}",
        "MiB",
        max(peaks.values()) / 2**20,
        most=_MOST if bounded else None,
        higher=False,
        note=note,
    )
