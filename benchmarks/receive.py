"""Reception: DCMTK's ``storescu`` to our receive stage, to ``storescp``, and to Orthanc."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Final

from benchmarks import peers
from benchmarks.node import SITE_AE, Site
from benchmarks.setting import Feed, Setting, count, empty, settled
from benchmarks.table import Row, against, in_turns

_OURS: Final = "ours"
_SYNCED: Final = "storescp that syncs"
_NOTE: Final = (
    "slices a second from the start of storescu to its end; ours answers when the object and its name are synced, "
    "storescp and storescp --fork do not sync, Orthanc syncs (its default); storescp that syncs is DCMTK's own program "
    "with a library preloaded (syncing.c) by which it promises the same as ours"
)
# Port, AE title, how many objects are there, and how they are deleted.
Target = tuple[int, str, Callable[[], int], Callable[[], None]]


def measure(setting: Setting) -> list[Row]:
    """One association and four; each series is new to everybody."""
    if not peers.have("storescu", "storescp", "echoscu"):
        raise LookupError("DCMTK is not installed, nobody can send; on Debian: apt-get install dcmtk")
    work = setting.work / "receive"
    with ExitStack() as stack:
        site = Site(work / "site", "NOBODY@127.0.0.1:1")
        stack.enter_context(site.running("receive"))
        inbox = site.directory / "spool" / "inbox" / "new"
        ours: Target = (site.port, SITE_AE, partial(count, inbox), partial(empty, inbox))
        plain = stack.enter_context(peers.Storescp(work / "storescp"))
        fork = stack.enter_context(peers.Storescp(work / "fork", "--fork"))
        one: dict[str, Target] = {
            _OURS: ours,
            "DCMTK storescp": (plain.port, plain.ae_title, plain.stored, plain.clear),
        }
        four: dict[str, Target] = {
            _OURS: ours,
            "DCMTK storescp --fork": (fork.port, fork.ae_title, fork.stored, fork.clear),
        }
        if library := peers.syncing(work):
            for targets, flags in ((one, ()), (four, ("--fork",))):
                synced = stack.enter_context(peers.Storescp(work / f"synced{len(flags)}", *flags, preload=library))
                targets[_SYNCED] = (synced.port, synced.ae_title, synced.stored, synced.clear)
        if peers.have("Orthanc"):
            orthanc = stack.enter_context(peers.Orthanc(work / "orthanc"))
            one["Orthanc"] = (orthanc.port, orthanc.ae_title, orthanc.instances, orthanc.clear)
        single, used_single = _turns(setting, site, one, folders=1)
        several, used_several = _turns(setting, site, four, folders=4)
    return [
        against("receive, 1 association", "slices/s", single, _OURS, "DCMTK storescp", least=0.8, note=_NOTE),
        against("receive, 1 association", "slices/s", single, _OURS, "Orthanc", least=2.5),
        against("receive, 1 association", "slices/s", single, _OURS, _SYNCED),
        against("receive, 4 associations", "slices/s", several, _OURS, "DCMTK storescp --fork", least=1.0),
        against("receive, 4 associations", "slices/s", several, _OURS, _SYNCED),
        Row(
            "CPU of reception, 1 association",
            "ms",
            used_single,
            higher=False,
            note="per object, all processes of the receive stage",
        ),
        Row("CPU of reception, 4 associations", "ms", used_several, higher=False),
    ]


def _turns(
    setting: Setting, site: Site, targets: dict[str, Target], folders: int
) -> tuple[dict[str, list[float]], float]:
    """Slices a second to each target, and our CPU milliseconds an object."""
    feed = setting.feed(f"receive-{folders}", folders)
    before: list[float] = []

    def send(target: Target, run: int) -> float:
        if run == 1 and not before:  # what is loaded with the first object is not what an object costs
            before.append(sum(site.processor_seconds().values()))
        return _send(feed, target, run)

    figures = in_turns(setting.runs, {name: partial(send, target) for name, target in targets.items()})
    used = sum(site.processor_seconds().values()) - before[0]
    return figures, used / (setting.runs * feed.objects) * 1000


def _send(feed: Feed, target: Target, run: int) -> float:
    port, called, stored, clear = target
    seconds = settled(partial(peers.storescu, feed(run), port, called))
    if stored() != feed.objects:
        raise RuntimeError(f"{called} has {stored()} of the {feed.objects} objects that were sent to it")
    clear()
    return feed.objects / seconds
