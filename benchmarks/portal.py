"""Uploading by browser: Chromium on the upload page, from the click to the receipt, and the memory that it takes."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psutil

from benchmarks.node import SITE, Hub, free_port
from benchmarks.setting import Setting
from benchmarks.table import Row
from fidac_node.phantom import write_series
from fidac_node.portal.build import build

if TYPE_CHECKING:
    from playwright.sync_api import Page

_CHROMIUM: Final = Path("/usr/bin/chromium")
_ARGUMENTS: Final = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking")
_PASSWORD: Final = "correct horse battery"
_SLICES, _MANY = 300, 2000
# 80 slices a second; what memory may grow by.
_MOST_MS, _GROWTH_MIB = 12.5, 150.0
_PATIENCE_MS: Final = 300_000
_LOOKS_MS: Final = 200


def measure(setting: Setting) -> list[Row]:
    """Upload of 300 slices, growth of memory with 2,000."""
    if not _CHROMIUM.is_file() or find_spec("playwright") is None:
        raise LookupError("Chromium or playwright is not installed; on Debian: apt-get install chromium")
    build()
    slices, many = (50, 200) if setting.quick else (_SLICES, _MANY)
    work = setting.work / "portal"
    port = free_port()
    hub = Hub(work / "hub", {"web.port": port})
    _account(hub)
    with hub, _chromium(work / "profile", f"http://127.0.0.1:{port}") as (page, processes):
        _key(page)
        rates = []
        for run in range(setting.runs + 1):  # the first warms up the page, and is not counted
            folder = work / f"run-{run}"
            write_series(folder, seed=run + 1, slices=slices)
            seconds, _ = _upload(page, folder, processes)
            rates += [seconds / slices * 1000] if run else []
        before = _memory(processes)
        write_series(work / "many", seed=99, slices=many)
        _, peak = _upload(page, work / "many", processes)
    bounds: Any = (None,) * 2 if setting.quick else (_MOST_MS, _GROWTH_MIB)
    return [
        _row(
            f"upload of {slices} slices by Chromium, a slice",
            "ms",
            rates,
            bounds[0],
            f"{1000 / statistics.median(rates):.0f} slices a second, from the click to the hub's signed receipt",
        ),
        _row(
            f"upload of {many:,} slices, memory above the warmed page",
            "MiB",
            [(peak - before) / 2**20],
            bounds[1],
            f"proportional set size of all of Chromium, {before / 2**20:.0f} MiB before",
        ),
    ]


def _row(name: str, unit: str, figures: list[float], most: float | None, note: str) -> Row:
    return Row(name, unit, statistics.median(figures), most=most, higher=False, note=note, runs={"ours": figures})


def _account(hub: Hub) -> None:
    command = ["hub", "user", "add", "bench", "--role", "contributor", "--site", SITE, "--password-stdin"]
    subprocess.run(
        [sys.executable, "-m", "fidac_node", *command, "--config", str(hub.config)],
        input=_PASSWORD,
        text=True,
        check=True,
    )


@contextmanager
def _chromium(profile: Path, url: str) -> Iterator[tuple[Page, psutil.Process]]:
    """A page that is signed in, and the process that all others of this Chromium come from."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=_CHROMIUM, args=_ARGUMENTS, base_url=url
        )
        context.set_default_timeout(_PATIENCE_MS)
        page = context.pages[0]
        page.goto("/login?next=/upload")
        page.fill("[name=name]", "bench")
        page.fill("[name=password]", _PASSWORD)
        page.click("main button")
        page.wait_for_url("**/upload")
        ours = f"--user-data-dir={profile}"
        yield (
            page,
            next(one for one in psutil.process_iter() if ours in _words(one) and "--type=" not in str(_words(one))),
        )
        context.close()


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _key(page: Page) -> None:
    page.wait_for_selector("#key-choose:not([hidden])")
    page.click("#make-key")
    page.check("#key-saved")
    page.click("#begin")
    page.wait_for_selector("#key-ready:not([hidden])")


def _upload(page: Page, folder: Path, processes: psutil.Process) -> tuple[float, int]:
    """Seconds from the click to the receipt, and the most memory (bytes) on the way, checking included."""
    page.set_input_files("#files", folder)
    most = _until(page, "ready", processes)
    page.select_option('[data-choice="label"]', "certain")
    began = time.perf_counter()
    page.click("#send")
    most = max(most, _until(page, "done", processes))
    seconds = time.perf_counter() - began
    page.click('[data-in="done"] .again')
    return seconds, most


def _until(page: Page, state: str, processes: psutil.Process) -> int:
    most = 0
    while (found := page.get_attribute("main", "data-state")) != state:
        if found == "failed":
            raise RuntimeError(page.inner_text("#failure"))
        page.wait_for_timeout(_LOOKS_MS)
        most = max(most, _memory(processes))
    return most


def _memory(chromium: psutil.Process) -> int:
    """What all processes of a browser take, shared pages counted once (PSS, proc(5))."""
    total = 0
    for process in (chromium, *chromium.children(recursive=True)):
        try:
            total += process.memory_full_info().pss
        except psutil.Error:  # one that has just ended
            continue
    return total
