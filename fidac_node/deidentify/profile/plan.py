"""A profile made ready to apply: plain data, the same for everybody who has the same recipe.

A :class:`Plan` is compiled once from a recipe (:mod:`fidac_node.deidentify.profile.recipe`) and cached on disk,
so that a daemon that starts again loads neither ``deid`` nor the data dictionary. The SHA-256 of its
canonical JSON is the *profile digest* that goes into every object and into the index.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from fidac_node import __version__
from fidac_node.deidentify.profile import actions
from fidac_node.deidentify.profile.programmes import SUFFIX, Programme, find, places, profiles_directory
from fidac_node.deidentify.profile.ps315 import MODIFIED_DATES, table_path
from fidac_node.errors import ConfigError

FORMAT: Final = 3


@dataclass(frozen=True)
class Plan:
    """What becomes of each attribute. ``tags`` goes before ``groups``, ``groups`` before ``vrs``.

    Actions are the words of :mod:`fidac_node.deidentify.profile.actions`. Private attributes and what PS3.6
    does not know are removed by whoever applies the plan, whatever it says; of the private ones those of
    ``private`` may stay: group, creator and last byte of the element, with the VR they must have.
    ``vocabulary`` holds the words that a text may be kept for, ``devices`` those that makers of scanners use for
    what a machine is and does, ``common`` further words that identify nobody. ``options`` are the codes of CID 7050
    that hold besides the Basic Profile, ascending; ``kept`` the attributes that identify a device and are kept as they
    are under Retain Device Identity (E.3.8).
    """

    profile: str
    tags: dict[int, str]
    groups: dict[int, str]
    vrs: dict[str, str]
    vocabulary: frozenset[str]
    devices: frozenset[str]
    common: frozenset[str]
    private: dict[tuple[int, str, int], str]
    options: tuple[str, ...]
    kept: frozenset[int]
    digest: str

    def action(self, tag: int, vr: str) -> str:
        """The action for an attribute of PS3.6; what no line covers is removed."""
        return self.tags.get(tag) or self.groups.get(tag >> 16) or self.vrs.get(vr, actions.REMOVE)

    @property
    def dates(self) -> str:
        """LongitudinalTemporalInformationModified (0028,0303): ``MODIFIED`` or ``REMOVED``."""
        return "MODIFIED" if MODIFIED_DATES in self.options or self.vrs.get("DA") == "shift" else "REMOVED"


def make(  # noqa: PLR0913  # what a plan is made of
    profile: str,
    tags: dict[int, str],
    groups: dict[int, str],
    vrs: dict[str, str],
    vocabulary: frozenset[str],
    common: frozenset[str],
    *,
    devices: frozenset[str] = frozenset(),
    private: dict[tuple[int, str, int], str] | None = None,
    options: tuple[str, ...] = (),
    kept: frozenset[int] = frozenset(),
) -> Plan:
    """A plan with its digest."""
    unsigned = Plan(profile, tags, groups, vrs, vocabulary, devices, common, private or {}, tuple(sorted(options)), kept, "")
    return replace(unsigned, digest=hashlib.sha256(_canonical(unsigned)).hexdigest())


def vocabulary_files(directory: Path | None) -> list[Path]:
    """The word lists that count: the package's own and those in the site's folder of profiles."""
    return [file for place in reversed(places(directory)) for file in sorted((place / "vocabulary").glob("*.txt"))]


def load_plan(profile: str, directory: Path | None = None, *, layers: tuple[str, ...] = (), cache: Path | None = None) -> Plan:
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


def dump(plan: Plan) -> str:
    """A plan as canonical JSON, with its digest."""
    body = json.loads(_canonical(plan))
    return json.dumps({**body, "digest": plan.digest}, sort_keys=True, separators=(",", ":"))


def parse(text: str) -> Plan:
    """The plan that :func:`dump` wrote. Raises :class:`ValueError` if it is not whole."""
    try:
        body = json.loads(text)
        plan = make(
            body["profile"],
            {int(tag, 16): action for tag, action in body["tags"].items()},
            {int(group, 16): action for group, action in body["groups"].items()},
            dict(body["vrs"]),
            frozenset(body["vocabulary"]),
            frozenset(body["common"]),
            devices=frozenset(body["devices"]),
            private={(int(group, 16), creator, int(element, 16)): vr for group, creator, element, vr in body["private"]},
            options=tuple(body["options"]),
            kept=frozenset(int(tag, 16) for tag in body["kept"]),
        )
        whole = body["digest"] == plan.digest
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a plan: {error!r}") from error
    if not whole:
        raise ValueError("the digest of the plan is not that of its content")
    return plan


def _canonical(plan: Plan) -> bytes:
    body = {
        "format": FORMAT,
        "profile": plan.profile,
        "tags": {f"{tag:08X}": action for tag, action in plan.tags.items()},
        "groups": {f"{group:04X}": action for group, action in plan.groups.items()},
        "vrs": plan.vrs,
        "vocabulary": sorted(plan.vocabulary),
        "devices": sorted(plan.devices),
        "common": sorted(plan.common),
        "private": [[f"{group:04X}", creator, f"{element:02X}", vr] for (group, creator, element), vr in sorted(plan.private.items())],
        "options": plan.options,
        "kept": [f"{tag:08X}" for tag in sorted(plan.kept)],
    }
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def _cache_key(programme: Programme, files: list[Path]) -> str:
    """Everything that a plan is made from: layers and their order, word lists, table, our code, deid and the dictionaries."""
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
