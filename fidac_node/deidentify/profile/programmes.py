"""Programmes: which layers a profile is put together from, lowest first.

A programme is a table of ``programmes.toml``, in the site's own folder of profiles or in the package's::

    [fidac-chest-ct]
    title = "what it is, in a line"
    layers = ["basic", "modified-dates"]

A layer is a file ``NAME.deid`` in one of the two folders; the site's own goes first. Standard library alone.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fidac_node.errors import ConfigError

FILE: Final = "programmes.toml"
SUFFIX: Final = ".deid"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")


@dataclass(frozen=True)
class Programme:
    """A profile's name, what it is, its layers from lowest to highest, and the file that composes it (if one does)."""

    name: str
    title: str
    layers: tuple[Path, ...]
    origin: Path | None


def profiles_directory() -> Path:
    """Where the profiles of this package are: beside the code when installed, else in the source tree."""
    package = Path(__file__).resolve().parents[2]
    installed = package / "profiles"
    return installed if installed.is_dir() else package.parent / "profiles"


def places(directory: Path | None) -> list[Path]:
    """The folders to look in: the site's own, then the package's."""
    ours = profiles_directory()
    return [ours] if directory is None or directory.resolve() == ours.resolve() else [directory, ours]


def programmes(directory: Path | None = None) -> dict[str, Programme]:
    """All programmes by name. Raises :class:`ConfigError` for a composition that is not understood."""
    found: dict[str, Programme] = {}
    for place in places(directory):
        for name, body in _compositions(place / FILE).items():
            found.setdefault(name, _programme(place / FILE, name, body, directory))
    return dict(sorted(found.items()))


def layers(directory: Path | None = None) -> dict[str, Path]:
    """The files of all layers by name."""
    found: dict[str, Path] = {}
    for place in places(directory):
        for file in place.glob(f"*{SUFFIX}"):
            found.setdefault(file.stem, file)
    return dict(sorted(found.items()))


def find(profile: str, directory: Path | None = None, own: tuple[str, ...] = ()) -> Programme:
    """The programme ``profile``: a name, a layer that stands alone, or a path to one ``.deid`` file.

    ``own`` names the layers of a composition that no file holds; ``profile`` is then its new name.
    Raises :class:`ConfigError` if something is missing.
    """
    if profile.endswith(SUFFIX):
        path = Path(profile)
        if not path.is_file():
            raise ConfigError(f"{path}: no such recipe file")
        return Programme(_checked_name(path.stem, path), "", (path,), None)
    known = programmes(directory)
    if own:
        made = Programme(
            _checked_name(profile, "profile"), "", tuple(_layer(name, directory, "layers") for name in own), None
        )
        if profile in known and known[profile].layers != made.layers:
            raise ConfigError(
                f"layers: {profile!r} is the name of another composition; give yours a name of its own (profile = ...)"
            )
        return made
    files = layers(directory)
    if profile in known and profile in files:
        raise ConfigError(
            f"{files[profile]}: {profile!r} is the name of a profile and of a layer; give the layer another name"
        )
    if profile in known:
        return known[profile]
    if profile in files:
        return Programme(_checked_name(profile, files[profile]), "", (files[profile],), None)
    raise ConfigError(f"there is no profile {profile!r}; there are: {', '.join(known) or 'none'}")


def _compositions(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error


def _programme(path: Path, name: str, body: Any, directory: Path | None) -> Programme:
    where = f"{path}: [{name}]"
    if not isinstance(body, dict):
        raise ConfigError(f"{path}: {name!r} stands in no table; a programme is [name] with title and layers")
    unknown = set(body) - {"title", "layers"}
    if unknown:
        raise ConfigError(f"{where}: {min(unknown)!r} is not known; a programme has title and layers")
    title, names = body.get("title", ""), body.get("layers")
    if (
        not isinstance(title, str)
        or not isinstance(names, list)
        or not names
        or not all(isinstance(one, str) for one in names)
    ):
        raise ConfigError(f'{where}: needs layers = ["basic", ...], lowest first, and may have a title in quotes')
    if len(set(names)) < len(names):
        raise ConfigError(f"{where}: a layer is named twice; the later one would say nothing new")
    return Programme(_checked_name(name, where), title, tuple(_layer(one, directory, where) for one in names), path)


def _layer(name: str, directory: Path | None, where: str) -> Path:
    files = layers(directory)
    if name not in files:
        raise ConfigError(f"{where}: there is no layer {name!r}; there are: {', '.join(files) or 'none'}")
    return files[name]


def _checked_name(name: str, where: object) -> str:
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{where}: {name!r}: a profile is named by lower-case letters, digits, dots and hyphens, 40 at most"
        )
    return name
