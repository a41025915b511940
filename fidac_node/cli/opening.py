"""The site's ledger and the hub's index, opened for a command that asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peewee import Database

    from fidac_node.config.config import HubConfig, SiteConfig
    from fidac_node.operations.ledger import Ledger


@contextmanager
def opened_ledger(config: Path) -> Iterator[tuple[SiteConfig, Ledger]]:
    """The settings and the ledger, for reading. Raises :class:`ConfigError`, also when the node never ran."""
    from fidac_node.config.config import load_site
    from fidac_node.operations.ledger import opened

    settings = load_site(config)
    with opened(settings) as ledger:
        yield settings, ledger


@contextmanager
def opened_index(config: Path) -> Iterator[tuple[HubConfig, Database]]:
    """The settings and the index, for asking. Raises :class:`ConfigError` and ``Temporary``."""
    from fidac_node.config.config import load_hub
    from fidac_node.operations.index import opened

    settings = load_hub(config)
    with opened(settings) as db:
        yield settings, db
