"""Which hospital stands behind a calling AE title: the hub's register of sites."""

from __future__ import annotations

import logging
import threading
import time
from typing import Final

from peewee import Database, PeeweeException

from fidac_node.errors import ConfigError, NotFound, Temporary
from fidac_node.hub.index.models import Client, Site
from fidac_node.system.base32 import random_code
from fidac_node.system.database import borrowed, exclusive, utc_now

log = logging.getLogger(__name__)

_FRESH_SECONDS: Final = 1.0


def add_site(db: Database, site_id: str, ae_title: str) -> bool:
    """Register a site; it may store from now on. ``False``: it was registered just so already.

    A new one gets a neutral code. Raises :class:`ConfigError` when the site has another AE title, or the AE title
    another site.
    """
    with exclusive(db):
        titles = dict(Site.select(Site.id, Site.ae_title).tuples().execute(db))
        owner = next((other for other, title in titles.items() if title == ae_title), None)
        if owner == site_id:
            return False
        if owner is not None:
            raise ConfigError(f"AE title {ae_title} belongs to site {owner}: give site {site_id} another one")
        if Client.select().where(Client.ae_title == ae_title).exists(db):
            raise ConfigError(
                f"AE title {ae_title} is a client, and a site may not ask: give site {site_id} another one, or "
                f"'fidac-node hub client remove {ae_title}'"
            )
        if titles.get(site_id):
            raise ConfigError(f"site {site_id} is registered already, with AE title {titles[site_id]}")
        if site_id in titles:
            Site.update(ae_title=ae_title).where(Site.id == site_id).execute(db)
        else:
            Site.insert(id=site_id, ae_title=ae_title, added_at=utc_now(), code=_new_code(db)).execute(db)
    return True


def site_code(db: Database, site_id: str) -> str:
    """The neutral code of a site, which starts its pseudonyms.

    Nothing for one that was registered before there were codes.
    """
    return str(Site.select(Site.code).where(Site.id == site_id).scalar(db) or "")


def site_key(db: Database, site_id: str) -> str:
    """The public key (base64) by which a site signs; nothing for one that none is known of."""
    return str(Site.select(Site.key).where(Site.id == site_id).scalar(db) or "")


def set_site_key(db: Database, site_id: str, key: str) -> None:
    """Know what a site signs by this public key (base64). Raises :class:`NotFound`."""
    with exclusive(db):
        if not Site.update(key=key).where(Site.id == site_id).execute(db):
            raise NotFound(f"no site {site_id} is registered; 'fidac-node hub site list' shows them")


def site_titles(db: Database) -> dict[str, str]:
    """Return the site of each registered AE title."""
    return {
        ae_title: site_id for site_id, ae_title in Site.select(Site.id, Site.ae_title).tuples().execute(db) if ae_title
    }


def _new_code(db: Database) -> str:
    """A code that no site has."""
    taken = {code for (code,) in Site.select(Site.code).tuples().execute(db)}
    return next(code for code in iter(random_code, "") if code not in taken)


def site_codes(db: Database) -> dict[str, str]:
    """Return the neutral code of each site that has one."""
    return {site_id: code for site_id, code in Site.select(Site.id, Site.code).tuples().execute(db) if code}


class Registry:
    """The register as the daemon asks it, for every association and every object; a second behind at most.

    While the database is away the last answer stands: a registered site is not turned away for that.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._lock = threading.Lock()
        self._titles: dict[str, str] | None = None
        self._codes: dict[str, str] = {}
        self._asked = 0.0

    def knows(self, ae_title: str) -> bool:
        """Say whether this calling AE title may store."""
        return self.site_of(ae_title) is not None

    def site_of(self, ae_title: str) -> str | None:
        """Return the site behind a calling AE title. Raises :class:`Temporary` when that was never known."""
        with self._lock:
            if self._titles is None or time.monotonic() - self._asked > _FRESH_SECONDS:
                self._refresh()
            return (self._titles or {}).get(ae_title)

    def title_of(self, site_id: str) -> str | None:
        """Return the AE title with which a site may store, if it may. Raises as :meth:`site_of`."""
        self.site_of("")
        with self._lock:
            return next((title for title, site in (self._titles or {}).items() if site == site_id), None)

    def code_of(self, site_id: str) -> str:
        """Return the neutral code of a site, as of when it was last asked for; nothing for one without."""
        with self._lock:
            return self._codes.get(site_id, "")

    def _refresh(self) -> None:
        try:
            with borrowed(self._db):
                self._titles, self._codes = site_titles(self._db), site_codes(self._db)
        except PeeweeException as error:
            if self._titles is None:
                raise Temporary(f"the index cannot be read: {error}") from error
            log.warning("the index cannot be read, the known sites go on: %s", error)
        self._asked = time.monotonic()
