"""The hub's index, archive and records copied elsewhere, and put back: what was promised outlives a machine."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fidac_node import __version__
from fidac_node.audit.trail import FILE as TRAIL
from fidac_node.errors import ConfigError
from fidac_node.hub.archive import Archive
from fidac_node.hub.index import generation, prepare
from fidac_node.hub.index.filed import archived_bytes, wrong
from fidac_node.hub.index.generation import begin
from fidac_node.hub.keeping import backup as copies
from fidac_node.hub.keeping.belonging import Belonging
from fidac_node.hub.keeping.register import restore as restore_register
from fidac_node.hub.keeping.tombstones import FOLDER as BESIDE
from fidac_node.hub.keeping.tombstones import IN_SPOOL, Tombstones
from fidac_node.hub.recipes import FOLDER as RECIPES
from fidac_node.operations.index import connected, opened
from fidac_node.operations.uses import hub_uses
from fidac_node.operations.withdrawal import settle
from fidac_node.system import locks, safeio
from fidac_node.system.database import ask, exclusive, sqlite_path

if TYPE_CHECKING:
    from peewee import Database

    from fidac_node.config.config import HubConfig
    from fidac_node.hub.keeping.backup import Copied

__all__ = ["Backup", "Restored", "back_up", "restore"]

_NOTE: Final = "BACKUP.json"
_SQLITE: Final = "index.db"
_POSTGRESQL: Final = "index.dump"
_SPOOL: Final = "spool"
_ARCHIVE: Final = "archive"
_REMEDY: Final = (
    "; sudo apt-get install postgresql-client, or copy the database with its own tools and the rest with --archive-only"
)

Progress = Callable[[int, int], None]


@dataclass
class Backup:
    """What a copy brought: objects copied and there before, and by path those not as filed, and those in it alone."""

    copied: int = 0
    there: int = 0
    wrong: list[Path] = field(default_factory=list)
    alone: list[Path] = field(default_factory=list)
    bytes: int = 0


@dataclass
class Restored(Backup):
    """What was put back; ``index`` says whether the index was, too."""

    index: bool = False


def back_up(config: HubConfig, directory: Path, progress: Progress, *, archive_only: bool = False) -> Backup:
    """Copy index, records and archive to ``directory``; a second time copies what is new. The hub may run.

    The index goes first: what is filed meanwhile is in the archive's copy without a row, and never the other way round.
    Raises :class:`ConfigError`, ``Temporary``, ``OSError``; called again, it goes on.
    """
    _check_place(config, directory)
    safeio.make_directories(directory)
    with _alone(directory), opened(config) as db:
        hub_uses(config).write("hub backup", str(directory))
        _write_note(directory, complete=False)
        note = {"generation": generation(db), "instances": _instances(db), "archive_only": archive_only}
        total = archived_bytes(db)
        if not archive_only:
            _dump(config, db, directory)
        source, target = Archive(config.archive.directory), Archive(directory / _ARCHIVE)
        _copy_spool(config.spool.directory, directory / _SPOOL, over=True)
        result = Backup()
        for copied in copies.copy_archive(source, target, mirror=True):
            _count(result, copied, target if copied.outcome == "alone" else source)
            progress(result.bytes, total)
        withdrawals = Tombstones(source.directory, config.spool.directory).all().values()
        copies.mirror_withdrawals(source, target, withdrawals)
        copies.copy_records(source.directory / BESIDE, target.directory / BESIDE, over=True)
        result.alone = [path for path in result.alone if path.exists()]  # and was not withdrawn
        _write_note(directory, complete=True, **note)
    return result


def restore(config: HubConfig, directory: Path, progress: Progress, *, archive_only: bool = False) -> Restored:
    """Put back what a backup has and is not here; every site is then told to ask again. No hub may run.

    Nothing that is here is overwritten, but an index without objects, and files that are known to be wrong or have
    not the size that was filed. Raises as :func:`back_up`.
    """
    _check_user(config)
    note = _read_note(directory)
    if not note.get("complete"):
        raise ConfigError(f"{directory}: this backup did not come to its end; take another one, or run it again")
    with _no_hub(config), connected(config) as db:
        result = Restored()
        if not (archive_only or note.get("archive_only")):
            result.index = _load(config, db, directory)
        prepare(db)
        _copy_spool(directory / _SPOOL, config.spool.directory, over=False)
        hub_uses(config).write("hub restore", str(directory))
        source, target = Archive(directory / _ARCHIVE), Archive(config.archive.directory)
        copies.copy_records(source.directory / BESIDE, target.directory / BESIDE, over=False)
        copies.put_back_withdrawn(source, target)
        suspect, total = set(wrong(db)), archived_bytes(db)
        for copied in copies.copy_archive(source, target, mirror=False, suspect=suspect):
            _count(result, copied, target if copied.outcome == "alone" else source)
            progress(result.bytes, total)
        settle(config, db)
        with exclusive(db):
            begin(db)
        Belonging(config.spool.directory, config.archive.directory, db).adopt()
        restore_register(config.archive.directory, db)
    return result


def _count(result: Backup, copied: Copied, archive: Archive) -> None:
    result.bytes += copied.size
    result.copied += copied.outcome == "copied"
    result.there += copied.outcome == "there"
    if copied.outcome in ("wrong", "alone"):
        getattr(result, copied.outcome).append(archive.path(copied.place))


def _check_place(config: HubConfig, directory: Path) -> None:
    """Refuse a place that is part of what is copied, or somebody else's."""
    for what, own in (("archive", config.archive.directory), ("spool", config.spool.directory)):
        if directory.resolve().is_relative_to(own.resolve()) or own.resolve().is_relative_to(directory.resolve()):
            raise ConfigError(f"{directory} and the {what} {own} lie in each other: name another folder for the backup")
    if directory.exists() and any(directory.iterdir()) and not (directory / _NOTE).exists():
        raise ConfigError(f"{directory} has other files in it, and no backup: name an empty folder, or a new one")


def _check_user(config: HubConfig) -> None:
    """What root puts back the hub's own user could not read."""
    for own in (config.archive.directory, config.spool.directory):
        owner = own.stat().st_uid if own.exists() else os.geteuid()
        if os.geteuid() == 0 != owner:
            raise ConfigError(f"{own} is not root's: run this as the user that runs the hub, sudo -u '#{owner}' ...")


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    lock = locks.take(directory / "lock", f"{directory}: another backup is being written there")
    try:
        yield
    finally:
        locks.release(lock)


@contextmanager
def _no_hub(config: HubConfig) -> Iterator[None]:
    held = []
    try:
        for what, directory in (("spool", config.spool.directory), ("archive", config.archive.directory)):
            safeio.make_directories(directory)
            held.append(locks.claim(directory / "hub.lock", f"the {what} {directory}", "stop the hub first"))
        yield
    finally:
        for lock in held:
            locks.release(lock)


def _write_note(directory: Path, **facts: Any) -> None:
    note = {"version": __version__, "at": time.time(), **facts}
    safeio.write_synced(directory / _NOTE, json.dumps(note, indent=2).encode())


def _read_note(directory: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((directory / _NOTE).read_bytes()))
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError):
        raise ConfigError(f"{directory} is no backup of a hub: it has no {_NOTE} that can be read") from None


def _copy_spool(source: Path, target: Path, *, over: bool) -> None:
    """The records that stand in a hub's spool: of acts, of withdrawals, of recipes. What waits there is its sites'."""
    safeio.make_directories(target)
    copies.copy_records(source / IN_SPOOL, target / IN_SPOOL, over=over)
    for path in sorted((source / RECIPES).glob("*.json")):
        safeio.make_directories(target / RECIPES)
        if not (target / RECIPES / path.name).exists():
            safeio.write_synced(target / RECIPES / path.name, path.read_bytes())
    if (source / TRAIL).exists() and (over or not (target / TRAIL).exists()):
        safeio.write_synced(target / TRAIL, (source / TRAIL).read_bytes())


def _instances(db: Database) -> int:
    return int(ask(db, "SELECT COUNT(*) FROM instance")[0][0])


def _dump(config: HubConfig, db: Database, directory: Path) -> None:
    """Copy the index while it is in use. Raises :class:`ConfigError`, ``OSError``."""
    path = sqlite_path(db)
    target = directory / (_SQLITE if path else _POSTGRESQL)
    new = target.with_name(f".{target.name}.new")
    new.unlink(missing_ok=True)
    if path:
        safeio.touch_private(new)
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(new)) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
    else:
        _call("pg_dump", "--format=custom", "--no-owner", f"--file={new}", f"--dbname={config.index.database}")
    safeio.sync_file(new)
    safeio.move_synced(new, target)


def _load(config: HubConfig, db: Database, directory: Path) -> bool:
    """Put the index back where there is none, or one without objects. Raises :class:`ConfigError`."""
    path = sqlite_path(db)
    source = directory / (_SQLITE if path else _POSTGRESQL)
    if not source.exists():
        other = "PostgreSQL" if path else "SQLite"
        raise ConfigError(
            f"{directory}: its index is of {other}, [index] database is not: restore with --archive-only, then "
            "'fidac-node hub reindex'"
        )
    number = _instances(db) if (path is None or path.exists()) and db.table_exists("instance") else 0
    if number:
        raise ConfigError(
            f"the index has {number} objects already: move it away to put back that of the backup, or say "
            "--archive-only"
        )
    db.close()
    if path is None:
        _call("pg_restore", "--clean", "--if-exists", "--no-owner", f"--dbname={config.index.database}", str(source))
        return True
    new = path.with_name(f".{path.name}.new")
    safeio.write_synced(new, b"")
    shutil.copyfile(source, new)
    safeio.sync_file(new)
    for beside in (f"{path}-wal", f"{path}-shm"):
        Path(beside).unlink(missing_ok=True)
    safeio.move_synced(new, path)
    return True


def _call(program: str, *arguments: str) -> None:
    """Run a program of PostgreSQL; its own words say what is wrong. Raises :class:`ConfigError`."""
    found = shutil.which(program)
    if found is None:
        raise ConfigError(f"{program} is not installed{_REMEDY}")
    done = subprocess.run([found, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise ConfigError(f"{program} failed: {said}{_REMEDY}")
