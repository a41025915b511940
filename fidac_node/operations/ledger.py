"""A site's ledger, opened for asking."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from fidac_node.errors import ConfigError
from fidac_node.site.ledger import FILE, LIVE_STATES, Ledger

if TYPE_CHECKING:
    from fidac_node.config.config import SiteConfig

__all__ = ["LIVE_STATES", "Ledger", "opened"]


@contextmanager
def opened(config: SiteConfig) -> Iterator[Ledger]:
    """The ledger, for reading. Raises :class:`ConfigError` when the node never ran."""
    path = config.spool.directory / FILE
    if not path.exists():
        raise ConfigError(f"no ledger at {path} yet: start the node once with 'fidac-node site run -c {config.path}'")
    with closing(Ledger(path, read_only=True)) as ledger:
        yield ledger
