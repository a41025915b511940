"""Faults of the machine, applied for real: damaged pages, a file system that turns read-only, a lock that stays."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psutil
import pytest


def _may_mount() -> bool:
    """Whether this process may mount: root may not, in some containers."""
    unshare = shutil.which("unshare")
    return (
        os.geteuid() == 0
        and unshare is not None
        and subprocess.run([unshare, "-m", "true"], check=False).returncode == 0
    )


mounts = pytest.mark.skipif(not _may_mount(), reason="mounting needs root")


def damage(path: Path, *names: str) -> None:
    """Overwrite the first page of each of these tables and indexes of an SQLite file that nobody has open."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (size,) = db.execute("PRAGMA page_size").fetchone()
        roots = dict(db.execute("SELECT name, rootpage FROM sqlite_master").fetchall())
    with path.open("r+b") as fp:
        for name in names:
            fp.seek((roots[name] - 1) * size)
            fp.write(b"\xff" * size)


@contextmanager
def read_only(directory: Path) -> Iterator[None]:
    """While the block runs, nothing can be written below ``directory``."""
    subprocess.run(["mount", "--bind", directory, directory], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", directory], check=True)
        yield
    finally:
        subprocess.run(["umount", "-l", directory], check=True)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """While the block runs, another connection has an SQLite file for itself."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN EXCLUSIVE")
        yield
        db.execute("ROLLBACK")


@contextmanager
def frozen(url: str) -> Iterator[None]:
    """While the block runs, the PostgreSQL server whose socket ``url`` names, and all its processes, are stopped."""
    directory = Path(parse_qs(urlsplit(url).query)["host"][0])
    postmaster = psutil.Process(int((directory / "cluster" / "postmaster.pid").read_text().splitlines()[0]))
    family = [postmaster, *postmaster.children(recursive=True)]
    _signal(family, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal(family, signal.SIGCONT)


def _signal(processes: Iterable[psutil.Process], number: int) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):  # a connection that was ending
            process.send_signal(number)
