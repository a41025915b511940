"""Packages of the npm registry, of exact versions, each compared with the digest that the lock file has of it.

Standard library alone: neither node nor npm is asked for. ``npm_config_registry`` names another registry, as for npm
itself; ``SSL_CERT_FILE`` its certificates. What was fetched once is kept in a cache and not asked for again.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import tarfile
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from fidac_node.errors import ConfigError

REGISTRY: Final = "https://registry.npmjs.org"
_TIMEOUT: Final = 60  # seconds without a byte
_PREFIX: Final = "package/"


class Package(NamedTuple):
    """A package as the lock file names it.

    ``integrity`` is ``sha512-`` and the digest of its tarball in base64 (Subresource Integrity); ``licence`` is an SPDX
    expression; ``files`` says which of its files are taken, and the name that each gets.
    """

    name: str
    version: str
    integrity: str
    licence: str
    files: Mapping[str, str]


def locked(path: Path) -> list[Package]:
    """The packages of a lock file."""
    found: dict[str, dict[str, Any]] = json.loads(path.read_text("utf-8"))
    return [Package(name, **entry) for name, entry in found.items()]


def fetch(package: Package, cache: Path) -> bytes:
    """The tarball of a package. Raises :class:`ConfigError` if it cannot be had, or is not what the lock file says."""
    kept = cache / f"{package.name.replace('/', '-')}-{package.version}.tgz"
    if kept.exists() and _digest(content := kept.read_bytes()) == package.integrity:
        return content
    address = _address(package)
    try:
        content = _get(address)
    except OSError as error:  # URLError is one
        raise ConfigError(
            f"{address}: cannot be fetched: {getattr(error, 'reason', error)}. Without a network, put the file into "
            f"{cache}/ as {kept.name}; npm_config_registry names another registry"
        ) from None
    if _digest(content) != package.integrity:
        raise ConfigError(
            f"{address}: this is not {package.name} {package.version} as the lock file knows it ({package.integrity}): "
            "nothing of it was used. Ask who keeps the registry"
        )
    cache.mkdir(parents=True, exist_ok=True)
    fresh = kept.with_suffix(".new")
    fresh.write_bytes(content)
    fresh.replace(kept)
    return content


def files(package: Package, tarball: bytes) -> Iterator[tuple[str, bytes]]:
    """The files that are taken of a package, each under its new name. Raises :class:`ConfigError` if one is missing."""
    with tarfile.open(fileobj=io.BytesIO(tarball), mode="r:gz") as archive:
        found = {one.name: one for one in archive.getmembers() if one.isfile()}
        for name, new in package.files.items():
            member = found.get(_PREFIX + name)
            content = archive.extractfile(member) if member else None
            if content is None:
                raise ConfigError(f"{package.name} {package.version} has no file {name}: correct the lock file")
            yield new, content.read()


def _get(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=_TIMEOUT) as answer:  # the registry of this machine
        content: bytes = answer.read()
    return content


def _address(package: Package) -> str:
    registry = os.environ.get("npm_config_registry", REGISTRY).rstrip("/")  # noqa: SIM112  # so npm spells it
    return f"{registry}/{package.name}/-/{package.name.rpartition('/')[2]}-{package.version}.tgz"


def _digest(content: bytes) -> str:
    return f"sha512-{base64.b64encode(hashlib.sha512(content).digest()).decode('ascii')}"
