"""``make portal``: puts into :data:`.assets.BUILT` what a browser is given and the source tree does not have.

Libraries of others come from npm by ``lock.json``; ``engine.zip`` is made of this package's own modules, those that
:mod:`.inside` needs and no others, the same bytes for the same sources. What is there and right is not made again.
"""

from __future__ import annotations

import ast
import gzip
import hashlib
import io
import json
import shutil
import sys
import zipfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Final

from fidac_node.errors import ConfigError
from fidac_node.portal import npm
from fidac_node.portal.assets import BUILT, ENGINE, GZIPPED, MANIFEST, STATIC, given

PACKAGE: Final = Path(__file__).resolve().parents[1]
LOCK: Final = Path(__file__).with_name("lock.json")
CACHE: Final = PACKAGE.parent / "build" / "npm"
BEGIN: Final = "portal.inside"
# What a plan is compiled with, and what is for files: never asked for where a plan is applied to bytes.
LEFT_OUT: Final = frozenset({"deidentify.profile.compiler"})
_WORTH_IT: Final = 0.8
_TIME: Final = (1980, 1, 1, 0, 0, 0)  # the first that a zip can say


def modules() -> list[str]:
    """The modules that de-identify in a browser, without ``fidac_node.``: what :mod:`.inside` imports, and so on."""
    found: set[str] = set()
    waiting = [BEGIN]
    while waiting:
        name = waiting.pop()
        if name in found or name in LEFT_OUT:
            continue
        found.add(name)
        waiting += [name.rpartition(".")[0]] if name else []
        waiting += _imported(name)
    return sorted(found)


def engine() -> bytes:
    """``engine.zip``: every module of :func:`modules`, in order, without times."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(map(_file, modules())):
            entry = zipfile.ZipInfo(path.relative_to(PACKAGE.parent).as_posix(), _TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes())
    return content.getvalue()


def build(target: Path = BUILT, cache: Path = CACHE) -> bool:
    """Make ``target`` what it has to be; say whether anything was to be done. Raises :class:`ConfigError`."""
    packages = npm.locked(LOCK)
    lock = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    made = _manifest(target)
    changed = made.get("lock") != lock or not all(
        (target / name).is_file() for package in packages for name in package.files.values()
    )
    if changed:
        fetched = [_fetched(package, cache) for package in packages]
        shutil.rmtree(target, ignore_errors=True)  # what an older lock file named
        for name, content in chain.from_iterable(fetched):
            _write(target / name, content)
            _compress(target / name, content)
    if _write(target / ENGINE, engine()) or changed or made.get("files") != dict(_digests(target)):
        versions = {package.name: package.version for package in packages}
        manifest = {"files": dict(_digests(target)), "lock": lock, "versions": versions}
        _write(target / MANIFEST, json.dumps(manifest, indent=1, sort_keys=True).encode("ascii") + b"\n")
        return True
    return False


def _fetched(package: npm.Package, cache: Path) -> list[tuple[str, bytes]]:
    sys.stderr.write(f"make portal: {package.name} {package.version}\n")
    return list(npm.files(package, npm.fetch(package, cache)))


def _digests(target: Path) -> Iterator[tuple[str, str]]:
    """SHA-256 of everything that is served, by the name it is served under."""
    for root in (STATIC, target):
        for name, path in given(root):
            if name != MANIFEST:
                yield name, hashlib.sha256(path.read_bytes()).hexdigest()


def _imported(name: str) -> Iterator[str]:
    """The modules of this package that one imports, in functions, too."""
    for node in ast.walk(ast.parse(_file(name).read_text("utf-8"))):
        if not isinstance(node, ast.ImportFrom) or (node.module or "").split(".")[0] != PACKAGE.name:
            continue
        base = (node.module or "").removeprefix(PACKAGE.name).lstrip(".")
        for alias in node.names:
            below = f"{base}.{alias.name}".lstrip(".")
            yield below if _exists(below) else base


def _exists(name: str) -> bool:
    place = PACKAGE.joinpath(*name.split("."))
    return place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()


def _file(name: str) -> Path:
    place = PACKAGE.joinpath(*name.split(".")) if name else PACKAGE
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


def _manifest(target: Path) -> dict[str, object]:
    try:
        found = json.loads((target / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(path: Path, content: bytes) -> bool:
    """Write a file whole or not at all, if it is not that already; say whether it was written."""
    if path.is_file() and path.read_bytes() == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_bytes(content)
    fresh.replace(path)
    return True


def _compress(path: Path, content: bytes) -> None:
    """Put beside a file the same in gzip, where that is much shorter."""
    compressed = gzip.compress(content, mtime=0)
    if len(compressed) < len(content) * _WORTH_IT:
        _write(path.with_name(path.name + GZIPPED), compressed)


def main() -> int:
    """Build, and say what went wrong in words."""
    try:
        build()
    except (ConfigError, OSError) as error:
        sys.stderr.write(f"make portal: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
