"""The whole way: from the PACS through a site to the hub's index; beside it a pair of Orthancs that does the like."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Final

from benchmarks import peers
from benchmarks.node import SITE_AE, Daemon, Hub, Site, wait_until
from benchmarks.setting import Feed, Setting, hollow, settled
from benchmarks.table import Row, against, in_turns

_OURS: Final = "ours"
_PEER: Final = "Orthanc pair"
_MOST_CPU: Final = 3.0
_MOST_IDLE: Final = 1.0
_POLL: Final = 0.01
_NOTE: Final = (
    "from the start of storescu until the last slice is in the hub's index; the Orthanc pair syncs (its default): "
    "the first one receives, anonymises the study by REST as soon as it is whole, and sends it to the second by REST, "
    "until that has the last slice"
)
_STAGES: Final = ("receive", "deidentify", "send", "supervisor")


@dataclass
class Pair:
    """Two Orthancs, the second known to the first."""

    first: peers.Orthanc
    second: peers.Orthanc

    def through(self, feed: Feed, run: int) -> float:
        """Slices a second through both."""
        folders = feed(run)

        def work() -> float:
            began = time.monotonic()
            peers.storescu(folders, self.first.port, self.first.ae_title)
            for study in self.first.studies():
                made = self.first.call(f"/studies/{study}/anonymize", {})
                self.first.call("/modalities/second/store", {"Resources": [made["ID"]]})
            ended = wait_until(
                lambda: self.second.instances() >= feed.objects, "all slices are at the second Orthanc", pause=_POLL
            )
            return ended - began

        seconds = settled(work)
        self.first.clear()
        self.second.clear()
        return feed.objects / seconds


def measure(setting: Setting) -> list[Row]:
    """The whole way in turns with the pair, then what our processes took for it, and what they take at rest."""
    if not peers.have("storescu"):
        raise LookupError("DCMTK is not installed, nobody can send; on Debian: apt-get install dcmtk")
    work = setting.work / "way"
    feed = setting.feed("way")
    with ExitStack() as stack:
        hub = Hub(work / "hub")
        site = Site(work / "site", hub.address)
        stack.enter_context(hub)
        stack.enter_context(site)
        before: list[dict[str, float]] = []

        def ours(run: int) -> float:
            if run == 1:  # what is loaded with the first object is not what an object costs
                before[:] = site.processor_seconds(), hub.processor_seconds()
            return _through(site, hub, feed, run)

        works: dict[str, Callable[[int], float]] = {_OURS: ours}
        if peers.have("Orthanc"):
            second = stack.enter_context(peers.Orthanc(work / "second", "SECOND"))
            known = {"second": [second.ae_title, "127.0.0.1", second.port]}
            pair = Pair(stack.enter_context(peers.Orthanc(work / "first", "FIRST", known)), second)
            works[_PEER] = partial(pair.through, feed)
        figures = in_turns(setting.runs, works)
        objects = setting.runs * feed.objects
        used = _more(site.processor_seconds(), before[0]), _more(hub.processor_seconds(), before[1])
        resting = _resting([site, hub], 5 if setting.quick else 15)
    return [
        against("whole way, PACS to the hub's index", "slices/s", figures, _OURS, _PEER, least=5.0, note=_NOTE),
        *_costs(used[0], used[1], objects),
        Row(
            "idle, site and hub together",
            "%",
            resting,
            most=_MOST_IDLE,
            higher=False,
            note="of one core, nothing to do, all processes",
        ),
    ]


def _through(site: Site, hub: Hub, feed: Feed, run: int) -> float:
    """Slices a second from the PACS to the index; returns when the site has nothing left to ask the hub."""
    folders, wanted = feed(run), (run + 1) * feed.objects

    def work() -> float:
        began = time.monotonic()
        peers.storescu(folders, site.port, SITE_AE)
        ended = wait_until(lambda: hub.indexed() >= wanted, "all slices are indexed", pause=_POLL)
        return ended - began

    seconds = settled(work)
    site.wait_for("committed", wanted)
    for stored in (site.directory / "spool" / "outbox" / "committed", hub.directory / "archive"):
        hollow(stored)
    return feed.objects / seconds


def _costs(site: dict[str, float], hub: dict[str, float], objects: int) -> list[Row]:
    """CPU milliseconds for one object, of the whole site and by stage."""
    note = "CPU time of all processes of the site, storage commitment and ledger included, for one object"
    rows = [Row("CPU of a site", "ms", sum(site.values()) / objects * 1000, most=_MOST_CPU, higher=False, note=note)]
    rows += [Row(f"  {stage}", "ms", site[stage] / objects * 1000, higher=False) for stage in _STAGES]
    rows += [Row("CPU of a hub", "ms", sum(hub.values()) / objects * 1000, higher=False)]
    rows += [Row(f"  {stage}", "ms", hub[stage] / objects * 1000, higher=False) for stage in ("receive", "file")]
    return rows


def _more(after: dict[str, float], before: dict[str, float]) -> dict[str, float]:
    return {stage: seconds - before[stage] for stage, seconds in after.items()}


def _resting(daemons: Sequence[Daemon], seconds: float) -> float:
    """Per cent of a core that the processes take with nothing to do."""
    time.sleep(7)  # associations linger for 5 s
    before = sum(daemon.running_seconds() for daemon in daemons)
    time.sleep(seconds)
    return (sum(daemon.running_seconds() for daemon in daemons) - before) / seconds * 100
