"""The recipes that this hub knows: what an object says that it went through must be one of them.

A file for each, named by the digest of its plan, in the hub's own folder. Those of this version's programmes are
written there when they are first met, so that the hub still knows them after an upgrade, while a site has the older
version; others come from a site by ``hub recipe add``.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import Final

from fidac_node.deidentify.plan import Plan, dump, parse
from fidac_node.deidentify.profile.programmes import programmes
from fidac_node.deidentify.proof import Prover
from fidac_node.deidentify.source import Sources
from fidac_node.deidentify.tools.same import difference
from fidac_node.errors import ConfigError

log = logging.getLogger(__name__)

USUAL: Final = "fidac-chest-ct"
FOLDER: Final = "recipes"
_SUFFIX: Final = ".json"
_COMPILE_SECONDS: Final = 120
_compiling: Final = threading.Lock()


class Recipes:
    """Plans by digest, in ``directory``.

    ``packaged`` gives the one of a profile that comes with this version, by name; it is asked once for each.
    """

    def __init__(self, directory: Path, packaged: Callable[[str], Plan | None] = lambda _name: None) -> None:
        self._directory = directory
        self._packaged = packaged
        self._asked: set[str] = set()
        self._lock = threading.Lock()
        self._known: dict[str, Plan] = {}

    def plan(self, digest: str, profile: str = "") -> Plan | None:
        """The plan with a digest (64 hexadecimal digits), of the ``profile`` that an object names beside it.

        ``None`` if this hub does not know it.
        """
        with self._lock:  # who asks while a profile is compiled waits for it
            known = self._known.get(digest) or self._read(self._path(digest))
            if known is None and profile not in self._asked and profile in programmes():
                self._asked.add(profile)
                plan = self._packaged(profile)
                if plan is not None:
                    self.add(plan)
                known = self._known.get(digest)
            return known

    def add(self, plan: Plan) -> bool:
        """Know a recipe from now on; ``False`` if it was known. Raises ``OSError``."""
        path = self._path(plan.digest)
        self._known[plan.digest] = plan
        if path.is_file():
            return False
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "w", encoding="ascii") as fp:
            fp.write(dump(plan))
            fp.flush()
            os.fsync(fp.fileno())
        temporary.rename(path)
        return True

    def __iter__(self) -> Iterator[Plan]:
        """All that were met or added, by name and digest."""
        found = [self._read(path) for path in self._directory.glob(f"*{_SUFFIX}")]
        return iter(sorted(filter(None, found), key=lambda plan: (plan.profile, plan.digest)))

    def _path(self, digest: str) -> Path:
        return self._directory / f"{digest}{_SUFFIX}"

    def _read(self, path: Path) -> Plan | None:
        try:
            plan = parse(path.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None  # not there, or not whole: then it is not known
        if path.name != f"{plan.digest}{_SUFFIX}":
            return None
        self._known[plan.digest] = plan
        return plan


def proof(directory: Path, limit: int) -> Callable[[Path, str, str], None]:
    """What raises :class:`Permanent` for a file that is not what the profile leaves that it names, by site and code.

    Recipes are below ``directory``; ``limit`` (bytes) bounds inflating.
    """
    recipes = Recipes(directory / FOLDER, _packaged)
    # What most sites use is compiled before the first object asks for it.
    threading.Thread(target=recipes.plan, args=("", USUAL), name="recipe", daemon=True).start()
    prover, sources = Prover(recipes.plan), Sources()

    def prove(path: Path, site: str, code: str) -> None:
        with sources.open(path, limit, agreed=True) as source:
            prover.prove(source, site, code)

    return prove


def in_force() -> Plan | None:
    """The plan by which people's objects are de-identified before they are brought; ``None`` if it cannot be made."""
    return _packaged(USUAL)


def difference_by(limit: int) -> Callable[[Path, Path], str]:
    """What says in what two versions of an instance differ, but for recipe and label; nothing: they are one object.

    ``limit`` (bytes) bounds inflating.
    """
    return partial(difference, limit=limit, marks=False)


def _packaged(profile: str) -> Plan | None:
    """The plan of a profile of this version; compiled once, in seconds, while who asks waits."""
    with _compiling:
        return _compiled(profile)


@lru_cache(maxsize=16)
def _compiled(profile: str) -> Plan | None:
    """Compile a profile in a process of its own: who files would keep its 100 MB."""
    command = [sys.executable, "-m", "fidac_node", "profile", "export", profile]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_COMPILE_SECONDS, check=False)
    try:
        return parse(done.stdout)
    except ValueError:
        log.error("profile %s cannot be compiled here: %s", profile, done.stderr.strip()[-200:])
        return None


def read_recipe(path: Path) -> Plan:
    """A plan that ``profile export`` wrote. Raises :class:`ConfigError` if it is not whole."""
    try:
        return parse(path.read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path}: no recipe ({error}): at the site, 'fidac-node profile export NAME > FILE' writes one"
        ) from error
