"""Which installation a folder belongs to: a name in it, so that a disk that is not mounted is noticed."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path
from typing import Final

from fidac_node.errors import ConfigError
from fidac_node.system import safeio

FILE: Final = ".installation"
_NAME: Final = re.compile(r"[0-9a-f]{32}")


def new() -> str:
    """The name of a new installation: 32 hexadecimal digits that say nothing."""
    return secrets.token_hex(16)


def read(directory: Path) -> str:
    """The name in a folder; empty where there is none, or no such folder. Raises :class:`ConfigError`, ``OSError``."""
    path = directory / FILE
    try:
        name = path.read_text("ascii", "replace").strip()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{path} is damaged: look at the disk; where it is sound, delete that file and start again")
    return name


def write(directory: Path, name: str) -> None:
    """Write the name into a folder, durably, as its owner's. Raises ``OSError``."""
    safeio.make_directories(directory)
    path, owner = directory / FILE, directory.stat()
    safeio.write_synced(path, f"{name}\n".encode("ascii"))
    if os.geteuid() == 0:
        os.chown(path, owner.st_uid, owner.st_gid)


def is_empty(directory: Path) -> bool:
    """Say whether nothing is in a folder, as in one on which no disk is mounted. Raises ``OSError``."""
    try:
        with os.scandir(directory) as listing:
            return all(item.name == "lost+found" for item in listing)
    except FileNotFoundError:
        return True
