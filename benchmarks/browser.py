"""The engine in Debian's Chromium: how soon it is ready, how long a slice takes, what an object of 512 MB costs."""

from __future__ import annotations

import hashlib
import statistics
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from benchmarks.setting import Setting
from benchmarks.table import Row
from fidac_node.deidentify import load_plan
from fidac_node.deidentify.plan import dump
from fidac_node.phantom import write_series

CHROMIUM: Final = Path("/usr/bin/chromium")
_KEY: Final = hashlib.sha256(b"a key of the benchmarks").hexdigest()
_FIRST_S, _SECOND_S, _MOST_MIB = 4.0, 1.0, 1024.0
_LARGE: Final = 512 << 20
_BOOT: Final = "([about, key]) => boot({...about, secret: new Blob([`${key}\\n`])})"
_EACH: Final = """async () => {
    const [...files] = document.querySelector("#files").files, found = [];
    for (const file of files) {
        const began = performance.now();
        const done = await ask(0, {kind: "deidentify", file, label: "unknown", label_source: "portal"});
        if (done.kind !== "done") throw new Error(done.text);
        found.push(performance.now() - began);
    }
    return found;
}"""


def measure(setting: Setting) -> list[Row]:
    """Seconds until a worker is ready and a second one, milliseconds a slice, and memory for a large object."""
    if find_spec("playwright") is None or not CHROMIUM.exists():
        return [Row("engine in a browser, ready", "s", None, most=_FIRST_S, higher=False)]
    from playwright.sync_api import sync_playwright

    from tests.browser.serving import serving

    slices = write_series(setting.work / "browser", seed=17, slices=40)
    large = _large(slices[0], setting.work / "large.dcm")
    about = [{"plan": dump(load_plan("fidac-chest-ct")), "site": "BENCH", "programme": "FIDAC"}, _KEY]
    starts: list[list[float]] = []
    each: list[float] = []
    with serving() as served, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        for _ in range(setting.runs):
            page = browser.new_page(base_url=served.origin)
            page.set_default_timeout(600_000)
            page.goto("/upload")
            page.wait_for_selector("main[data-state=choosing]", state="attached")
            starts.append([one["ms"] / 1000 for one in page.evaluate(_BOOT, about)])
            page.set_input_files("#files", slices)
            each.append(statistics.median(page.evaluate(_EACH)))
            if len(starts) < setting.runs:
                page.close()
        memory = _memory(page, large)
        browser.close()
    first, second = zip(*starts, strict=True)
    note = "Pyodide of npm in a worker without network; the second starts from a snapshot of the first"
    return [
        _row("engine in a browser, ready", "s", first, most=_FIRST_S, note=note),
        _row("engine in a browser, a second worker", "s", second, most=_SECOND_S),
        _row("engine in a browser, a slice", "ms", each, note="read, de-identified and hashed, one worker"),
        _row("engine in a browser, 512 MB", "MiB", [memory], most=_MOST_MIB, note="PSS of the page and its workers"),
    ]


def _row(name: str, unit: str, runs: Any, **options: Any) -> Row:
    return Row(name, unit, statistics.median(runs), higher=False, runs={"ours": list(runs)}, **options)


def _large(like: Path, target: Path) -> Path:
    """An image of 512 MB, its pixels a hole in the file."""
    from pydicom import dcmread

    image = dcmread(like)
    image.Rows = image.Columns = 1 << 14
    image.PixelData = b"\0\0"
    image.save_as(target)
    header = target.read_bytes()[:-6]  # before the length of the pixel data
    with target.open("wb") as file:
        file.write(header + _LARGE.to_bytes(4, "little"))
        file.truncate(len(header) + 4 + _LARGE)
    return target


def _memory(page: Any, large: Path) -> float:
    """MiB of the page's process at most while it de-identifies ``large``."""
    page.set_input_files("#files", [large])
    page.evaluate("() => { window.found = null; void deidentify('unknown', 'portal').then(one => { found = one; }); }")
    most = 0.0
    while (found := page.evaluate("window.found")) is None:
        most = max(most, *map(_pss, _renderers()))
        page.wait_for_timeout(100)
    if found[0].startswith(("held", "failed")):
        raise RuntimeError(found[0])
    return most


def _renderers() -> list[Path]:
    return [place for place in Path("/proc").glob("[0-9]*") if "--type=renderer" in _command(place)]


def _command(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def _pss(process: Path) -> float:
    """The proportional set size in MiB (proc(5), smaps_rollup)."""
    try:
        lines = (process / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
