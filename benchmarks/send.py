"""Sending: our send stage from a full outbox to ``storescp``, and DCMTK's ``dcmsend`` with the same files."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks import peers
from benchmarks.node import SITE_AE, Site, wait_until
from benchmarks.setting import Setting, count, settled
from benchmarks.table import Row, against, in_turns

_OURS: Final = "ours"
_PEER: Final = "DCMTK dcmsend"
_NOTE: Final = (
    "objects a second between the first and the last that storescp wrote, so that no program's start counts; "
    "ours writes every attempt and every answer down"
)


def measure(setting: Setting) -> list[Row]:
    """One association, from the outbox that our own workers filled."""
    if not peers.have("storescu", "storescp", "echoscu"):
        raise LookupError("DCMTK is not installed, nobody can receive; on Debian: apt-get install dcmtk")
    work = setting.work / "send"
    with peers.Storescp(work / "storescp") as storescp:
        address = f"{storescp.ae_title}@127.0.0.1:{storescp.port}"
        site = Site(work / "site", address, send_associations=1, send_commitment="false")
        studies = staged(site, setting, setting.runs + 1)
        works = {_OURS: partial(_ours, site, storescp, studies)}
        if peers.have("dcmsend"):
            works[_PEER] = partial(_dcmsend, storescp, studies)
        figures = in_turns(setting.runs, works)
    return [against("send, 1 association, to storescp", "slices/s", figures, _OURS, _PEER, least=0.9, note=_NOTE)]


def staged(site: Site, setting: Setting, runs: int) -> Sequence[Path]:
    """De-identify a series for each run with the real stages; take each out of the outbox into a folder of its own."""
    feed, outbox, folders = setting.feed("staged"), _outbox(site), []
    with site.running("receive", "deidentify"):
        for run in range(runs):
            peers.storescu(feed(run), site.port, SITE_AE)
            wait_until(partial(_holds, outbox, feed.objects), "all objects are de-identified")
            folders.append(site.directory / "staged" / str(run))
            _move(outbox, folders[-1])
    return folders


def _ours(site: Site, storescp: peers.Storescp, studies: Sequence[Path], run: int) -> float:
    """Let our sender find a study at its start; give the files back afterwards, for the peer's turn."""
    outbox, sent = _outbox(site), _outbox(site).parent / "sent"
    _move(studies[run], outbox)
    objects = count(outbox)

    def work() -> float:
        with site.running("send"):
            wait_until(partial(_holds, sent, objects), "all objects are sent")
        _check(storescp, objects)
        return storescp.rate()

    rate = settled(work)
    _move(sent, studies[run])
    storescp.clear()
    return rate


def _check(storescp: peers.Storescp, objects: int) -> None:
    if storescp.stored() != objects:
        raise RuntimeError(f"storescp has {storescp.stored()} of the {objects} objects that were sent to it")


def _holds(directory: Path, objects: int) -> bool:
    return count(directory) >= objects


def _move(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for path in source.iterdir():
        path.rename(target / path.name)


def _dcmsend(storescp: peers.Storescp, studies: Sequence[Path], run: int) -> float:
    def work() -> float:
        peers.dcmsend(studies[run], storescp.port, storescp.ae_title)
        _check(storescp, count(studies[run]))
        return storescp.rate()

    rate = settled(work)
    storescp.clear()
    return rate


def _outbox(site: Site) -> Path:
    return site.directory / "spool" / "outbox" / "new"
