"""A site or a hub where the units in systemd/ expect it: settings in /etc, data in /var/lib, a user of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fidac_node.config.config import SYSTEM_DIRECTORY, HubConfig, SiteConfig
from fidac_node.errors import ConfigError
from fidac_node.operations.setup import init_hub, init_site

USER: Final = "fidac"
# StateDirectory= of both units.
STATE: Final = Path("/var/lib/fidac-node")
_MADE_BY: Final = ("adduser", "--system", "--group", "--no-create-home", "--home", str(STATE))


@dataclass(frozen=True)
class Owner:
    """The account that a service runs as."""

    name: str
    uid: int
    gid: int


def system_site(values: dict[str, dict[str, object]], user: str) -> tuple[SiteConfig, list[Path], Owner]:
    """Set a site up for its unit, as the account ``user``; return settings, key files and that account.

    Raises :class:`ConfigError`: also for who is not root.
    """
    owner = _owner(user)
    values.setdefault("spool", {})["directory"] = str(STATE / "site/spool")
    values["deidentify"]["vault_directory"] = str(STATE / "site/vault")
    config, made = init_site(SYSTEM_DIRECTORY, values)
    _give(owner)
    return config, made, owner


def system_hub(values: dict[str, dict[str, object]], user: str) -> tuple[HubConfig, Owner]:
    """Set a hub up for its unit, as :func:`system_site`."""
    owner = _owner(user)
    values["spool"] = {"directory": str(STATE / "hub/spool")}
    values["archive"] = {"directory": str(STATE / "hub/archive")}
    values["index"] = {"database": f"sqlite:///{STATE / 'hub/index.db'}"}
    config = init_hub(SYSTEM_DIRECTORY, values)
    _give(owner)
    return config, owner


def _owner(name: str) -> Owner:
    """The account of that name, made if there is none. Raises :class:`ConfigError`."""
    if os.geteuid():
        raise ConfigError("--system writes into /etc and /var/lib and makes an account: run it as root (sudo)")
    try:
        known = pwd.getpwnam(name)
    except KeyError:
        if shutil.which(_MADE_BY[0]) is None:
            raise ConfigError(f"there is no account {name}: make a system account of that name first") from None
        done = subprocess.run([*_MADE_BY, name], capture_output=True, text=True, check=False)
        if done.returncode:
            raise ConfigError(f"the account {name} cannot be made: {done.stderr.strip()}") from None
        known = pwd.getpwnam(name)
    return Owner(known.pw_name, known.pw_uid, known.pw_gid)


def _give(owner: Owner) -> None:
    """Give all to the account, and let nobody else look: folders 0700, files 0600."""
    for path in (*_below(SYSTEM_DIRECTORY), *_below(STATE)):
        if path.is_symlink():
            continue
        os.chown(path, owner.uid, owner.gid)
        path.chmod(0o700 if path.is_dir() else 0o600)


def _below(directory: Path) -> Iterator[Path]:
    yield directory
    yield from directory.rglob("*")
