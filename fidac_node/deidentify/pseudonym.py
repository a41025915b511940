"""Pseudonyms: what replaces a UID, a patient and a date, under the site's secret key.

Pure functions of key and value (HMAC-SHA-256): no table, no order of arrival. The same input gives
the same pseudonym for ever and in every process; without the key nothing can be computed or undone.
Every use has a key of its own, derived from the site's secret and the programme (HKDF, RFC 5869), so
that two programmes of one site cannot be joined.
"""

from __future__ import annotations

import base64
import hmac
import os
import re
import secrets
import unicodedata
from pathlib import Path
from typing import Final

from fidac_node.errors import ConfigError

KEY_BYTES: Final = 32
LONGEST_SHIFT: Final = 3650

_SALT: Final = b"fidac-node pseudonyms v1"


class Pseudonymiser:
    """Makes the pseudonyms of one site in one programme.

    ``secret`` is the site's key (:func:`read_key`), ``programme`` the research programme, ``site`` the
    site's code, which starts every patient pseudonym.
    """

    def __init__(self, secret: bytes, programme: str, site: str) -> None:
        if len(secret) < KEY_BYTES:
            raise ConfigError(f"the secret key has {len(secret)} bytes; at least {KEY_BYTES} are needed")
        self._uid = derive(secret, f"uid|{programme}")
        self._date = derive(secret, f"date|{programme}")
        self._pid = derive(secret, f"pid|{programme}")
        self._handle = derive(secret, f"handle|{programme}")
        self._check = derive(secret, "check")
        self._prefix = re.sub(r"[^A-Z0-9]+", "-", site.upper()).strip("-")[:32] or "SITE"

    def uid(self, old: str) -> str:
        """The UID that stands for ``old``: ``2.25.`` and 128 keyed bits (PS3.5 B.2)."""
        digest = _mac(self._uid, old.strip(" \x00"))
        return f"2.25.{int.from_bytes(digest[:16], 'big')}"

    def shift_days(self, issuer: str, patient_id: str) -> int:
        """By how many days all dates of a patient move: -1 to -3650, the same for all his studies."""
        digest = _mac(self._date, identity(issuer, patient_id))
        return -(1 + int.from_bytes(digest[:8], "big") % LONGEST_SHIFT)

    def patient(self, issuer: str, patient_id: str) -> str:
        """The pseudonym of a patient: site code, hyphen, 16 letters and digits (80 bits)."""
        digest = _mac(self._pid, identity(issuer, patient_id))
        return f"{self._prefix}-{base64.b32encode(digest[:10]).decode('ascii')}"

    def study_handle(self, uid: str) -> str:
        """12 base32 characters that name a study on this site's screens and disks."""
        return self._handle_of("study", uid, 12)

    def instance_handle(self, uid: str) -> str:
        """16 base32 characters that name an instance on this site's screens and disks."""
        return self._handle_of("instance", uid, 16)

    def check_value(self) -> str:
        """16 hexadecimal digits that tell one key from another and reveal nothing of it."""
        return _mac(self._check, "key check value").hex()[:16]

    def _handle_of(self, kind: str, uid: str, length: int) -> str:
        digest = _mac(self._handle, f"{kind}:{uid.strip(chr(0) + ' ')}")
        return base64.b32encode(digest).decode("ascii").lower()[:length]


def identity(issuer: str, patient_id: str) -> str:
    """One text for one patient: spaces around and the issuer's case do not count (PS3.5 6.2, LO).

    The length of the issuer goes first, so that no two pairs give the same text.
    """
    issuer = _normal(issuer).casefold()
    return f"{len(issuer)}:{issuer}|{_normal(patient_id)}"


def derive(secret: bytes, info: str) -> bytes:
    """One 32-byte key for one use: HKDF with SHA-256 (RFC 5869), extract then expand to one block."""
    extracted = hmac.digest(_SALT, secret, "sha256")
    return hmac.digest(extracted, info.encode("utf-8") + b"\x01", "sha256")


def create_key(path: Path) -> None:
    """Write a fresh key of 32 random bytes, in hexadecimal, that only its owner can read.

    Raises :class:`ConfigError` if the file is there: a key that was used is never written over.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigError(f"{path}: a key is there already; it is never replaced, its pseudonyms would be lost") from None
    except OSError as error:
        raise ConfigError(f"{path}: the key cannot be written: {error.strerror}") from error
    with os.fdopen(descriptor, "w", encoding="ascii") as fp:
        fp.write(secrets.token_hex(KEY_BYTES) + "\n")
        fp.flush()
        os.fsync(fp.fileno())


def read_key(path: Path) -> bytes:
    """Read a key file: hexadecimal text or raw bytes, at least 32 bytes, readable by its owner alone.

    Raises :class:`ConfigError` with the remedy.
    """
    try:
        with path.open("rb") as fp:
            mode = os.fstat(fp.fileno()).st_mode
            content = fp.read(4096)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no key file; restore it from the backup (a new key makes every patient a new one)") from None
    except OSError as error:
        raise ConfigError(f"{path}: the key cannot be read: {error.strerror}") from error
    if mode & 0o077:
        raise ConfigError(f"{path}: others may read the key (mode {mode & 0o777:04o}); run: chmod 600 {path}")
    text = content.strip()
    key = bytes.fromhex(text.decode("ascii")) if re.fullmatch(rb"(?:[0-9A-Fa-f]{2})+", text) else content
    if len(key) < KEY_BYTES:
        raise ConfigError(
            f"{path}: the key has {len(key)} bytes, at least {KEY_BYTES} are needed; restore it, or make one with `site init`"
        )
    return key


def _mac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode("utf-8", "surrogatepass"), "sha256")


def _normal(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip(" \x00\t\r\n")
