"""Key files: made, read, replaced, destroyed. What makes a key unusable stops the start."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from fidac_node.deidentify.rewrite.pseudonym import KEY_BYTES
from fidac_node.errors import ConfigError
from fidac_node.identity.secret import parse, problem, written
from fidac_node.system import coredump, safeio


def new_secret() -> bytes:
    """32 random bytes, that :func:`read_key` will take. The process leaves no core dump from now on."""
    coredump.forbid()
    while problem(secret := secrets.token_bytes(KEY_BYTES)):
        continue
    return secret


def create_key(path: Path) -> None:
    """Write a fresh key of 32 random bytes, in hexadecimal, that only its owner can read.

    Raises :class:`ConfigError` if the file is there: a key that was used is never written over.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigError(
            f"{path}: a key is there already; it is never replaced, its pseudonyms would be lost"
        ) from None
    except OSError as error:
        raise ConfigError(f"{path}: the key cannot be written: {error.strerror}") from error
    with os.fdopen(descriptor, "wb") as fp:
        fp.write(written(new_secret()))
        fp.flush()
        os.fsync(fp.fileno())
    safeio.sync_directory(path.parent)


def replace_key(path: Path, secret: bytes) -> None:
    """Put ``secret`` in the place of the key in ``path``, whole or not at all; its owner stays. Raises ``OSError``."""
    facts = path.stat()
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as fp:
        if os.geteuid() == 0:
            os.fchown(fp.fileno(), facts.st_uid, facts.st_gid)
        fp.write(written(secret))
        fp.flush()
        os.fsync(fp.fileno())
    safeio.move_synced(fresh, path)


def destroy_key(path: Path) -> None:
    """Write over the key in ``path``, delete it, and make both durable. Raises ``OSError``.

    Flash disks, snapshots and backups may keep the old blocks: no program can reach those.
    """
    with path.open("r+b") as fp:
        fp.write(secrets.token_bytes(os.fstat(fp.fileno()).st_size))
        fp.flush()
        os.fsync(fp.fileno())
    path.unlink()
    safeio.sync_directory(path.parent)


def read_key(path: Path) -> bytes:
    """Read a key file: hexadecimal text or raw bytes, at least 32 random ones, readable by its owner alone.

    Whoever reads one, daemon or command, leaves no core dump from now on. Raises :class:`ConfigError` with the remedy.
    """
    coredump.forbid()
    try:
        with path.open("rb") as fp:
            mode = os.fstat(fp.fileno()).st_mode
            content = fp.read(4096)
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: no key file; restore it from the backup (a new key makes every patient a new one)"
        ) from None
    except OSError as error:
        raise ConfigError(f"{path}: the key cannot be read: {error.strerror}") from error
    if mode & 0o077:
        raise ConfigError(f"{path}: others may read the key (mode {mode & 0o777:04o}); run: chmod 600 {path}")
    try:
        return parse(content)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}; restore it, or make one with `site init`") from None
