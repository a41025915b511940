"""Memory: no process grows with the size of an object or their number."""

from __future__ import annotations

import threading
from pathlib import Path

import psutil
import pytest

from fidac_node.phantom import write_enhanced, write_series
from tests.scenario.network import Hub, Site

MOST = 200 << 20


@pytest.mark.timeout(300)
@pytest.mark.interop("storescu")
def test_no_process_exceeds_200_mb_while_a_gigabyte_object_and_a_thousand_slices_go_through(
    tmp_path: Path, hub: Hub, site: Site
) -> None:
    hub.start()
    site.start()
    with Watch([site, hub]) as watch:
        large = write_enhanced(tmp_path / "large.dcm", frames=2048)
        assert large.stat().st_size > 1 << 30
        assert site.storescu([large]).returncode == 0
        large.unlink()
        site.wait_for(committed=1, timeout=120)
        slices = write_series(tmp_path / "pacs", seed=3, slices=1000, rows=64, columns=64)
        assert site.storescu(slices).returncode == 0
        site.wait_for(committed=1001, timeout=120)
    print({name: peak >> 20 for name, peak in watch.peaks.items()})
    assert watch.peaks and all(peak < MOST for peak in watch.peaks.values()), watch.peaks


class Watch:
    """Samples the resident set of every process of the daemons, bytes."""

    def __init__(self, daemons: list[Site | Hub]) -> None:
        self.peaks: dict[str, int] = {}
        self._daemons = daemons
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._done.wait(0.05):
            for daemon in self._daemons:
                assert daemon.process is not None
                parent = psutil.Process(daemon.process.pid)
                for process in [parent, *parent.children(recursive=True)]:
                    try:
                        name = f"{daemon.kind} {' '.join(process.cmdline()[-1:])}"
                        self.peaks[name] = max(self.peaks.get(name, 0), process.memory_info().rss)
                    except psutil.NoSuchProcess:
                        continue
