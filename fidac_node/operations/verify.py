"""What of all that a site still keeps is not at the hub."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fidac_node.site.node import Site
from fidac_node.site.verify import Verified, verify

if TYPE_CHECKING:
    from fidac_node.config.config import SiteConfig

__all__ = ["Verified", "site_verified"]


def site_verified(config: SiteConfig) -> Verified:
    """Ask the hub for everything that is sent or committed and still kept. Raises ``Temporary``, ``OSError``."""
    site = Site(config, config.path)
    return verify(site.outbox, site.destination, config.send.commitment_timeout)
