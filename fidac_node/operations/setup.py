"""A site or a hub set up in an empty directory: settings, folders, keys, an empty index."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from fidac_node.config.config import HubConfig, SiteConfig, load_hub, load_site, render
from fidac_node.errors import ConfigError
from fidac_node.system import installation
from fidac_node.system.safeio import make_directories, write_synced

C = TypeVar("C")


def init_site(directory: Path, values: dict[str, dict[str, object]]) -> tuple[SiteConfig, list[Path]]:
    """Write a commented site.toml with ``values``, the spool's folders and fresh keys; return settings and key files.

    A programme that is anonymised gets a random code, if it has none: there a pseudonym must not tell the hospital.
    Raises :class:`ConfigError` for values that cannot stand, and when there are settings already.
    """
    from fidac_node.identity.keys import create_keys
    from fidac_node.identity.programme import ANONYMISED
    from fidac_node.site.ledger import FILE, Ledger
    from fidac_node.system.base32 import random_code

    if values["deidentify"].get("mode") == ANONYMISED:
        values["site"].setdefault("code", random_code())
    config = _written(directory / "site.toml", render(SiteConfig, values), load_site)
    make_directories(config.spool.directory)
    installation.write(config.spool.directory, installation.new())
    made = create_keys(config.programme)
    Ledger(config.spool.directory / FILE).close()
    return config, made


def init_hub(directory: Path, values: dict[str, dict[str, object]]) -> HubConfig:
    """Write a commented hub.toml with ``values``, the data folders and an empty index. Raises as :func:`init_site`."""
    from fidac_node.hub.index import prepare
    from fidac_node.hub.keeping.belonging import Belonging
    from fidac_node.operations.index import connected
    from fidac_node.spool.queue import Spool

    config = _written(directory / "hub.toml", render(HubConfig, values), load_hub)
    Spool(config.spool.directory / "inbox")
    make_directories(config.archive.directory)
    with connected(config) as db:
        prepare(db)
        Belonging(config.spool.directory, config.archive.directory, db).settle()
    return config


def _written(path: Path, text: str, load: Callable[[Path], C]) -> C:
    """Write settings and load them; what cannot be loaded does not stay."""
    if path.exists():
        raise ConfigError(f"{path} exists already; edit it, or choose an empty directory")
    make_directories(path.parent)
    write_synced(path, text.encode())
    try:
        return load(path)
    except ConfigError:
        path.unlink()
        raise
