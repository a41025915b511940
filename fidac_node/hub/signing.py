"""The key by which the hub signs what it says: 32 random bytes in a file of its own, made when it is first needed."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

from fidac_node.errors import ConfigError
from fidac_node.system import coredump, safeio

FILE: Final = "signing.key"
_BYTES: Final = 32


def seed(directory: Path) -> bytes:
    """The secret in ``directory``. Raises :class:`ConfigError` for a file that is none, ``OSError``."""
    coredump.forbid()
    path = directory / FILE
    try:
        found = path.read_bytes()
    except FileNotFoundError:
        return _made(path)
    try:
        key = bytes.fromhex(found.decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != _BYTES:
        raise ConfigError(f"{path}: this is no key of the hub: put it back from your backup, or delete it for another")
    return key


def _made(path: Path) -> bytes:
    """A new one; of two processes that make one at the same time, the one that was first."""
    safeio.make_directories(path.parent)
    temporary = path.with_name(f".{FILE}.{os.getpid()}")
    safeio.write_synced(temporary, secrets.token_bytes(_BYTES).hex().encode("ascii") + b"\n")
    try:
        os.link(temporary, path)
    except FileExistsError:
        return seed(path.parent)
    finally:
        temporary.unlink()
    safeio.sync_directory(path.parent)
    return seed(path.parent)
