"""Original headers, one per series, for a while: what ``site show STUDY --diff`` holds the anonymous copy against.

The identifiable object is deleted as soon as its anonymous copy is safe, so a person who wants to see what
de-identification did needs the header from before. It is kept without pixels, encrypted (AES-256-GCM) under
a key derived from the vault's, and for a limited time. A site that wants none of this says
``[spool] keep_headers = false``; where nothing may link afterwards (mode *anonymised*) none is ever kept.
"""

from __future__ import annotations

import base64
import hmac
import logging
import os
import secrets
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fidac_node.deidentify.rewrite.pseudonym import derive
from fidac_node.dicom import part10
from fidac_node.dicom.uids import DEFLATED_EXPLICIT_VR_LE, EXPLICIT_VR_LE
from fidac_node.errors import ConfigError
from fidac_node.identity.keyfile import read_key
from fidac_node.spool.entry import Entry

if TYPE_CHECKING:
    from fidac_node.deidentify.source import Source

log = logging.getLogger(__name__)

DIRECTORY: Final = "headers"  # below the spool's
_FORMAT: Final = b"fidac-header-1\n"
_NONCE: Final = 12  # bytes
_SUFFIX: Final = ".sealed"
_KNOWN: Final = 4096  # series that a process remembers to have kept
# Bulk data says nothing to a reader: longer elements are left out, and so is what comes when the header is full.
_LONGEST_ELEMENT: Final = 1 << 20
_LARGEST_HEADER: Final = 4 << 20


@dataclass(frozen=True)
class Kept:
    """One kept header: of which object, and when it was kept (seconds of the epoch)."""

    entry: Entry
    path: Path
    at: float


class Headers:
    """The kept headers in ``directory``, under the vault's key; for any number of processes."""

    def __init__(self, directory: Path, vault_key: bytes) -> None:
        self._directory = directory
        self._key = derive(vault_key, "kept headers")
        self._series_key = derive(vault_key, "kept headers|series")
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    def keep(self, entry: Entry, source: Source) -> bool:
        """Keep the header of the first object of each series of a study; say whether this was one.

        A header that cannot be written is a loss for the curious, not for the object: it is logged.
        """
        series = source.get("SeriesInstanceUID")
        known = (entry.study, series)
        if known in self._known:
            return False
        self._known[known] = None
        if len(self._known) > _KNOWN:
            self._known.popitem(last=False)
        folder = self._directory / entry.study
        handle = base64.b32encode(hmac.digest(self._series_key, series.encode(), "sha256")[:10]).decode().lower()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if any(path.name.startswith(handle) for path in folder.iterdir()):
                return False  # by an earlier process, or another worker
            _write(
                folder / f"{handle}-{entry.instance}-{entry.digest}{_SUFFIX}", self._sealed(entry, header_of(source))
            )
        except OSError as error:
            log.warning("the header of %s is not kept for 'site show --diff': %s", entry, error.strerror)
            return False
        return True

    def of_study(self, study: str) -> list[Kept]:
        """What is kept of a study, by its handle, in the order of keeping."""
        found = []
        for path in (self._directory / study).glob(f"*{_SUFFIX}"):
            with suppress(ValueError, FileNotFoundError):  # a stranger's file; purged just now
                entry = Entry.parse("-".join((study, *path.name.removesuffix(_SUFFIX).split("-")[1:])))
                found.append(Kept(entry, path, path.stat().st_mtime))
        return sorted(found, key=lambda kept: (kept.at, kept.entry))

    def read(self, kept: Kept) -> bytes:
        """The header as a Part 10 file without pixels.

        Raises :class:`ConfigError` when the key is not the one it was kept under.
        """
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        content = kept.path.read_bytes()
        nonce, sealed = content[len(_FORMAT) : len(_FORMAT) + _NONCE], content[len(_FORMAT) + _NONCE :]
        try:
            return AESGCM(self._key).decrypt(nonce, sealed, _FORMAT + str(kept.entry).encode())
        except (InvalidTag, ValueError):
            raise ConfigError(f"{kept.path}: not kept under today's vault key, or damaged; it can be deleted") from None

    def _sealed(self, entry: Entry, header: bytes) -> bytes:
        # Here and not above: commands that only look at the ledger do without it.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = secrets.token_bytes(_NONCE)
        return _FORMAT + nonce + AESGCM(self._key).encrypt(nonce, header, _FORMAT + str(entry).encode())


def open_headers(spool: Path, vault_key_file: Path) -> Headers:
    """The kept headers of the site whose spool this is. Raises :class:`ConfigError` when the key cannot be used."""
    return Headers(spool / DIRECTORY, read_key(vault_key_file))


def purge_headers(directory: Path, before: float) -> int:
    """Delete what was kept before the time ``before`` (seconds of the epoch); return how many. Raises ``OSError``."""
    purged = 0
    if not directory.is_dir():
        return purged
    for folder in list(directory.iterdir()):
        for path in list(folder.glob(f"*{_SUFFIX}*")):
            with suppress(FileNotFoundError):  # by another process
                if path.stat().st_mtime <= before:
                    path.unlink()
                    purged += 1
        with suppress(OSError):  # not empty, which is as usual, or gone
            folder.rmdir()
    return purged


def header_of(source: Source) -> bytes:
    """The header of ``source`` as a Part 10 file without pixels; what is too long to be read is left out."""
    meta = source.meta
    if meta.transfer_syntax_uid == DEFLATED_EXPLICIT_VR_LE:
        meta = meta._replace(transfer_syntax_uid=EXPLICIT_VR_LE)  # it was inflated
    parts, size = [part10.encode_meta(meta)], 0
    for encoded in (*source.elements.values(), *source.tail):
        if len(encoded) <= _LONGEST_ELEMENT and size + len(encoded) <= _LARGEST_HEADER:
            parts.append(encoded)
            size += len(encoded)
    return b"".join(parts)


def _write(path: Path, content: bytes) -> None:
    """Put a file in place, whole or not at all; not synced, as nothing depends on it."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(fd, "wb") as fp:
            fp.write(content)
        temporary.rename(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
