"""Files that a site has signed, for what it cannot tell the hub over DICOM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fidac_node.errors import ConfigError
from fidac_node.hub.index.sites import site_key
from fidac_node.system import signed

if TYPE_CHECKING:
    from peewee import Database


def stated_by_site(db: Database, content: bytes, kind: str) -> tuple[str, dict[str, Any]]:
    """Return the site, and what it states in a file of this kind (one of :mod:`fidac_node.system.signed`).

    Raises :class:`ConfigError` for what the key that is registered for the site has not signed.
    """
    statement = signed.stated(content, kind)
    site = str(statement.get("site"))
    key = site_key(db, site)
    if not key:
        raise ConfigError(
            f"no key of site {site!r} is registered: have its node print it ('fidac-node site key show'), compare the "
            "fingerprint by telephone, then 'fidac-node hub site key SITE FILE'"
        )
    signed.check(content, kind, key)
    return site, statement
