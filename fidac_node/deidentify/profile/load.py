"""Profiles loaded: a plan is compiled once from a recipe (:mod:`.recipe`) and cached on disk.

So a daemon that starts again loads neither ``deid`` nor the data dictionary.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from fidac_node import __version__
from fidac_node.deidentify.plan import FORMAT, Plan, dump, parse
from fidac_node.deidentify.profile.programmes import SUFFIX, Programme, find, places, profiles_directory
from fidac_node.deidentify.profile.ps315 import table_path
from fidac_node.errors import ConfigError


def vocabulary_files(directory: Path | None) -> list[Path]:
    """The word lists that count: the package's own and those in the site's folder of profiles."""
    return [file for place in reversed(places(directory)) for file in sorted((place / "vocabulary").glob("*.txt"))]


def load_plan(
    profile: str, directory: Path | None = None, *, layers: tuple[str, ...] = (), cache: Path | None = None
) -> Plan:
    """Load a profile: a programme by name (in ``directory``, then the package's own), or a path to one ``.deid`` file.

    ``layers`` composes a profile that stands in no ``programmes.toml``; ``profile`` is then its name.
    ``cache`` is a directory for compiled plans; a plan there is used only if layers, word lists and
    code are the ones it was made from, and its digest is right. Raises :class:`ConfigError` for
    whatever is not understood in a layer or that the table does not permit.
    """
    programme = find(profile, directory, layers)
    files = vocabulary_files(directory or (Path(profile).parent if profile.endswith(SUFFIX) else None))
    key = _cache_key(programme, files)
    cached = cache / f"{programme.name}-{key[:32]}.json" if cache else None
    if cached is not None:
        plan = _read_cached(cached)
        if plan is not None:
            return plan
    from fidac_node.deidentify.profile import compiler  # loads deid: only to compile

    plan = compiler.compile_plan(programme.name, programme.layers, files)
    if cached is not None:
        _write_cached(cached, plan)
    return plan


def _cache_key(programme: Programme, files: list[Path]) -> str:
    """All that a plan is made from: layers and their order, word lists, table, our code, deid and the dictionaries."""
    from importlib import metadata  # takes longer to import than all else here

    rooms = Path(__file__).parents[1], Path(__file__).parents[2] / "dicom"
    sources = sorted(file for room in rooms for file in room.rglob("*.py"))
    origin = [programme.origin] if programme.origin else []
    digest = hashlib.sha256(f"{FORMAT} {__version__} {programme.name}".encode())
    for package in ("deid", "pydicom"):
        digest.update(f" {package} {metadata.version(package)}".encode())
    try:
        for file in [*origin, *programme.layers, table_path(profiles_directory()), *files, *sources]:
            content = file.read_bytes()
            digest.update(f"\n{file.name} {len(content)}\n".encode())
            digest.update(content)
    except OSError as error:
        raise ConfigError(f"{error.filename}: cannot be read: {error.strerror}") from error
    return digest.hexdigest()


def _read_cached(path: Path) -> Plan | None:
    try:
        return parse(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None  # not there, or damaged: it is compiled again


def _write_cached(path: Path, plan: Plan) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
        with os.fdopen(descriptor, "w", encoding="ascii") as fp:
            fp.write(dump(plan))
        Path(name).replace(path)
    except OSError:
        return  # a cache that cannot be written costs a second at the next start, nothing else
