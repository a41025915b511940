"""What was withdrawn, as files: for good, beside the archive and in the spool, so that no lost database brings it back.

``<archive>/.withdrawn/ID.json`` and ``<spool>/withdrawn/ID.json`` are one record, and where one of them is an older
copy, the other holds; ``<archive>/.withdrawn/ID.instances`` has the SOP Instance UIDs, one a line. The files themselves
lie in ``<archive>/.withdrawn/ID/``, as they lay in the archive below their site, until they are deleted.
"""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from fidac_node.hub import digests, metadata
from fidac_node.system import locks, safeio

log = logging.getLogger(__name__)

FOLDER: Final = ".withdrawn"  # of an archive
IN_SPOOL: Final = "withdrawn"
_NAME: Final = re.compile(r"\d{8}-\d{6}-[0-9a-f]{6}")
_BUSY: Final = "another withdrawal is under way; try again when it is done"


@dataclass(frozen=True)
class Withdrawal:
    """One act: what of which site, by whom and why; times in seconds of the epoch.

    ``studies`` are UIDs (those of the patients, too, as far as they were here), ``patients`` pseudonyms; ``whole`` is
    all of the site. ``until`` it can be undone, then the files are ``deleted``; ``undone`` is when it was, or 0.
    """

    id: str
    site: str
    at: float
    until: float
    who: str
    reason: str
    studies: tuple[str, ...] = ()
    patients: tuple[str, ...] = ()
    whole: bool = False
    instances: int = 0
    undone: float = 0.0
    deleted: bool = False

    @property
    def holds(self) -> bool:
        """Whether what it is about may not come again."""
        return not self.undone

    @property
    def words(self) -> str:
        """What it is about."""
        if self.whole:
            return f"site {self.site}"
        return f"patient {', '.join(self.patients)}" if self.patients else f"study {', '.join(self.studies)}"


def new_name() -> str:
    """A name for a withdrawal; later ones sort after."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"


class Tombstones:
    """The records and the files of what was withdrawn from the archive in ``archive``; ``spool`` is the hub's."""

    def __init__(self, archive: Path, spool: Path) -> None:
        self._archive = archive
        self._beside = archive / FOLDER
        self._places = (self._beside, spool / IN_SPOOL)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let no other process withdraw or undo anything meanwhile. Raises :class:`ConfigError`, ``OSError``."""
        for place in self._places:
            safeio.make_directories(place)
            self._own(place)
        lock = locks.take(self._beside / "lock", _BUSY)
        self._own(self._beside / "lock")
        try:
            yield
        finally:
            locks.release(lock)

    def all(self) -> dict[str, Withdrawal]:
        """Every record, by name; of two copies the one that knows more. Raises ``OSError``."""
        found: dict[str, Withdrawal] = {}
        for place in self._places:
            for path in sorted(place.glob("*.json")):
                one = _read(path)
                if one is not None:
                    found[one.id] = _latest(found.get(one.id), one)
        return dict(sorted(found.items()))

    def write(self, withdrawal: Withdrawal, instances: Iterable[str] | None = None) -> None:
        """Write a record down, in both places, and its ``instances`` if they are given; durable then."""
        if instances is not None:
            listed = "".join(f"{sop}\n" for sop in instances)
            self._write(self._beside / f"{withdrawal.id}.instances", listed.encode("ascii"))
        content = json.dumps(asdict(withdrawal)).encode()
        for place in self._places:
            self._write(place / f"{withdrawal.id}.json", content)

    def agree(self) -> dict[str, Withdrawal]:
        """As :meth:`all`; what one of the two places has not, or as it was before, is written there."""
        found = self.all()
        for name, one in found.items():
            if any(_read(place / f"{name}.json") != one for place in self._places):
                self.write(one)
        return found

    def instances(self, withdrawal: Withdrawal) -> list[str]:
        """The SOP Instance UIDs of what was withdrawn, as far as they are known."""
        try:
            return (self._beside / f"{withdrawal.id}.instances").read_text("ascii").split()
        except FileNotFoundError:
            return []

    def set_aside(self, withdrawal: Withdrawal, studies: Iterable[str]) -> None:
        """Move the files of these studies out of the archive. Raises ``OSError``: then some are where they were."""
        for study in studies:
            _move(self._archive / withdrawal.site / study, self._beside / withdrawal.id / study)
        if self.has_files(withdrawal):
            self._own(self._beside / withdrawal.id)

    def put_back(self, withdrawal: Withdrawal) -> list[str]:
        """Move the files back into the archive; return their studies. Raises ``OSError``."""
        aside = self._beside / withdrawal.id
        studies = sorted(path.name for path in aside.iterdir()) if aside.is_dir() else []
        for study in studies:
            _move(aside / study, self._archive / withdrawal.site / study)
        shutil.rmtree(aside, ignore_errors=True)
        return studies

    def delete(self, withdrawal: Withdrawal) -> Withdrawal:
        """Delete the files for good; return the record of it. Raises ``OSError``."""
        aside = self._beside / withdrawal.id
        if aside.exists():
            shutil.rmtree(aside)
            safeio.sync_directory(self._beside)
        done = replace(withdrawal, deleted=True)
        if done != withdrawal:
            self.write(done)
        return done

    def _write(self, path: Path, content: bytes) -> None:
        safeio.make_directories(path.parent)
        safeio.write_synced(path, content)
        self._own(path)

    def _own(self, path: Path) -> None:
        """Let the hub's user look after it, whoever withdrew."""
        if os.geteuid() == 0:
            owner = self._archive.stat()
            os.chown(path, owner.st_uid, owner.st_gid)

    def has_files(self, withdrawal: Withdrawal) -> bool:
        """Whether its files are not deleted yet."""
        return (self._beside / withdrawal.id).exists()


def _latest(one: Withdrawal | None, other: Withdrawal) -> Withdrawal:
    """Of two copies of one record the one that was written last."""
    if one is None:
        return other
    return max(one, other, key=lambda each: (bool(each.undone), each.deleted, each.instances))


def _read(path: Path) -> Withdrawal | None:
    """A record; ``None`` for what is none: a stranger's file, or one that is damaged, whose copy holds."""
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
        lists = {name: tuple(map(str, found[name])) for name in ("studies", "patients")}
        one = Withdrawal(**{**found, **lists})
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError):
        log.error("%s is no record of a withdrawal, or it is damaged: its copy in the other place is to hold", path)
        return None
    return one if _NAME.fullmatch(one.id) and path.stem == one.id else None


def _move(source: Path, target: Path) -> None:
    """Move a folder; what stands at the target already is added to. Each file is in one of the two at every moment."""
    if not source.is_dir():
        return
    safeio.make_directories(target.parent)
    if target.exists():
        for path in source.iterdir():
            (_move if path.is_dir() else _move_file)(path, target / path.name)
        source.rmdir()
    else:
        source.rename(target)
    for folder in (target.parent, source.parent):
        safeio.sync_directory(folder)


def _move_file(source: Path, target: Path) -> None:
    if source.name in (digests.FILE, metadata.FILE) and target.exists():  # later lines hold
        with target.open("ab") as file:
            file.write(b"\n" + source.read_bytes())
        source.unlink()
    else:
        source.replace(target)
