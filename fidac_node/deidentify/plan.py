"""A profile made ready to apply: plain data, the same for everybody who has the same recipe.

A :class:`Plan` is compiled once from a recipe (:mod:`fidac_node.deidentify.recipe`) and cached on disk,
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
from fidac_node.deidentify import actions
from fidac_node.errors import ConfigError

FORMAT: Final = 1
SUFFIX: Final = ".deid"


@dataclass(frozen=True)
class Plan:
    """What becomes of each attribute. ``tags`` goes before ``groups``, ``groups`` before ``vrs``.

    Actions are the words of :mod:`fidac_node.deidentify.actions`. Private attributes and what PS3.6
    does not know are removed by whoever applies the plan, whatever it says. ``vocabulary`` holds the
    words that a text may be kept for, ``common`` further words that identify nobody.
    """

    profile: str
    tags: dict[int, str]
    groups: dict[int, str]
    vrs: dict[str, str]
    vocabulary: frozenset[str]
    common: frozenset[str]
    digest: str

    def action(self, tag: int, vr: str) -> str:
        """The action for an attribute of PS3.6; what no line covers is removed."""
        return self.tags.get(tag) or self.groups.get(tag >> 16) or self.vrs.get(vr, actions.REMOVE)

    @property
    def dates(self) -> str:
        """LongitudinalTemporalInformationModified (0028,0303): ``MODIFIED`` or ``REMOVED``."""
        return "MODIFIED" if self.vrs.get("DA") == "shift" else "REMOVED"

    @property
    def keeps_patient_characteristics(self) -> bool:
        """Whether age or sex is retained (PS3.15 E.3.7)."""
        return self.tags.get(0x00101010) == "age89" or self.tags.get(0x00100040) == actions.KEEP


def make(
    profile: str,
    tags: dict[int, str],
    groups: dict[int, str],
    vrs: dict[str, str],
    vocabulary: frozenset[str],
    common: frozenset[str],
) -> Plan:
    """A plan with its digest."""
    unsigned = Plan(profile, tags, groups, vrs, vocabulary, common, "")
    return replace(unsigned, digest=hashlib.sha256(_canonical(unsigned)).hexdigest())


def profiles_directory() -> Path:
    """Where the profiles of this package are: beside the code when installed, else in the source tree."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "profiles"
    return installed if installed.is_dir() else package.parent / "profiles"


def recipe_path(profile: str, directory: Path | None = None) -> Path:
    """The file of a profile, given by name or as a path to a ``.deid`` file. Raises :class:`ConfigError`."""
    if profile.endswith(SUFFIX):
        path = Path(profile)
        if not path.is_file():
            raise ConfigError(f"{path}: no such recipe file")
        return path
    places = [directory] if directory else []
    for place in [*places, profiles_directory()]:
        path = place / f"{profile}{SUFFIX}"
        if path.is_file():
            return path
    known = ", ".join(sorted({file.stem for place in [*places, profiles_directory()] for file in place.glob(f"*{SUFFIX}")}))
    raise ConfigError(f"there is no profile {profile!r}; there are: {known or 'none'}")


def vocabulary_files(directory: Path) -> list[Path]:
    """The word lists that go with the profiles of ``directory``: the package's own and the site's."""
    ours = profiles_directory()
    places = [ours] if directory.resolve() == ours.resolve() else [ours, directory]
    return [file for place in places for file in sorted((place / "vocabulary").glob("*.txt"))]


def load_plan(profile: str, directory: Path | None = None, *, cache: Path | None = None) -> Plan:
    """Load a profile by name (or ``.deid`` path), looked for in ``directory``, then among the package's own.

    ``cache`` is a directory for compiled plans; a plan there is used only if recipe, word lists and
    code are the ones it was made from, and its digest is right. Raises :class:`ConfigError` for
    whatever is not understood in the recipe.
    """
    path = recipe_path(profile, directory)
    files = vocabulary_files(path.parent)
    key = _cache_key(path, files)
    cached = cache / f"{path.stem}-{key[:32]}.json" if cache else None
    if cached is not None:
        plan = _read_cached(cached)
        if plan is not None:
            return plan
    from fidac_node.deidentify import recipe  # loads deid and pydicom: only to compile

    plan = recipe.compile_plan(path, files)
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
        "common": sorted(plan.common),
    }
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def _cache_key(path: Path, files: list[Path]) -> str:
    """Everything that a plan is made from: recipe, word lists, table, our code, deid and the dictionary."""
    from importlib import metadata  # takes longer to import than all else here

    here = Path(__file__).parent
    sources = [here / name for name in ("actions.py", "dictionary.py", "plan.py", "recipe.py", "text.py")]
    digest = hashlib.sha256(f"{FORMAT} {__version__}".encode())
    for package in ("deid", "pydicom"):
        digest.update(f" {package} {metadata.version(package)}".encode())
    try:
        for file in [path, profiles_directory() / "ps315-e1-1.json", *files, *sources]:
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
