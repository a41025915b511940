"""Which hospital stands behind a calling AE title: the hub's register of sites."""

from __future__ import annotations

import logging
import threading
import time
from typing import Final, cast

from peewee import Database, PeeweeException

from fidac_node.errors import ConfigError, NotFound, Temporary
from fidac_node.hub.index.models import Client, Patient, Site, Study
from fidac_node.system.base32 import random_code
from fidac_node.system.database import borrowed, exclusive, utc_now

log = logging.getLogger(__name__)

_FRESH_SECONDS: Final = 1.0


def add_site(db: Database, site_id: str, ae_title: str) -> bool:
    """Register a site; it may store from now on. ``False``: it was registered just so already.

    A new one gets a neutral code. Raises :class:`ConfigError` when the site has another AE title, or the AE title
    another site, or when only case tells its id from that of another: people write and say ids.
    """
    with exclusive(db):
        titles = dict(Site.select(Site.id, Site.ae_title).tuples().execute(db))
        if titles.get(site_id) == ae_title:
            return False
        alike = next((other for other in titles if other.casefold() == site_id.casefold()), site_id)
        if alike != site_id and site_id not in titles:
            raise ConfigError(
                f"site {alike} is registered, and {site_id} differs from it by case alone: "
                f"'fidac-node hub site set {alike} --ae-title {ae_title}' if it is the same one, else take another id"
            )
        _demand_free(db, ae_title, site_id)
        if titles.get(site_id):
            raise ConfigError(
                f"site {site_id} is registered already, with AE title {titles[site_id]}; "
                f"'fidac-node hub site set {site_id} --ae-title {ae_title}' changes that"
            )
        if site_id in titles:
            Site.update(ae_title=ae_title).where(Site.id == site_id).execute(db)
        else:
            Site.insert(id=site_id, ae_title=ae_title, added_at=utc_now(), code=_new_code(db)).execute(db)
    return True


def set_title(db: Database, site_id: str, ae_title: str) -> str:
    """Let a site store under another AE title; return the one of before. Raises as :func:`add_site`, ``NotFound``."""
    with exclusive(db):
        site = named(db, site_id)
        if site.ae_title != ae_title:
            _demand_free(db, ae_title, site_id)
            Site.update(ae_title=ae_title).where(Site.id == site_id).execute(db)
    return site.ae_title or ""


def set_disabled(db: Database, site_id: str, *, disabled: bool) -> bool:
    """Let a site store no more until it is enabled, or again; return whether that is new. Raises :class:`NotFound`."""
    with exclusive(db):
        if (named(db, site_id).disabled_at is not None) == disabled:
            return False
        Site.update(disabled_at=utc_now() if disabled else None).where(Site.id == site_id).execute(db)
    return True


def remove_site(db: Database, site_id: str) -> None:
    """Forget a site of which there is nothing in the index.

    Raises :class:`NotFound`, and :class:`ConfigError` for one that has something.
    """
    with exclusive(db):
        named(db, site_id)
        if Study.select().where(Study.site == site_id).exists(db):
            raise ConfigError(
                f"site {site_id} has studies here, and whose they are must stay known: 'fidac-node hub site disable "
                f"{site_id}' lets it store no more; 'fidac-node hub withdraw --site {site_id}' takes its studies out"
            )
        Patient.delete().where(Patient.site == site_id).execute(db)
        Site.delete().where(Site.id == site_id).execute(db)


def named(db: Database, site_id: str) -> Site:
    """The site of this id. Raises :class:`NotFound`, which names the one that is meant if only case differs."""
    sites = {site.id: site for site in Site.select().execute(db)}
    if site_id in sites:
        return cast(Site, sites[site_id])
    meant = next((f": {other} is" for other in sites if other.casefold() == site_id.casefold()), "")
    raise NotFound(f"no site {site_id} is registered{meant}; 'fidac-node hub site list' shows them")


def _demand_free(db: Database, ae_title: str, site_id: str) -> None:
    owner = Site.select(Site.id).where(Site.ae_title == ae_title).scalar(db)
    if owner is not None:
        raise ConfigError(f"AE title {ae_title} belongs to site {owner}: give site {site_id} another one")
    if Client.select().where(Client.ae_title == ae_title).exists(db):
        raise ConfigError(
            f"AE title {ae_title} is a client, and a site may not ask: give site {site_id} another one, or "
            f"'fidac-node hub client remove {ae_title}'"
        )


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
        named(db, site_id)
        Site.update(key=key).where(Site.id == site_id).execute(db)


def site_titles(db: Database) -> dict[str, str]:
    """Return the site of each registered AE title."""
    return {
        ae_title: site_id for site_id, ae_title in Site.select(Site.id, Site.ae_title).tuples().execute(db) if ae_title
    }


def disabled_sites(db: Database) -> frozenset[str]:
    """The sites that may not store for now."""
    query = Site.select(Site.id).where(Site.disabled_at.is_null(False))
    return frozenset(site_id for (site_id,) in query.tuples().execute(db))


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
        self._disabled: frozenset[str] = frozenset()
        self._asked = 0.0

    def knows(self, ae_title: str) -> bool:
        """Say whether this calling AE title may store."""
        site = self.site_of(ae_title)
        return site is not None and site not in self._disabled

    def site_of(self, ae_title: str) -> str | None:
        """Return the site behind a calling AE title, also one that is disabled: what it sent before is its own.

        Raises :class:`Temporary` when that was never known.
        """
        with self._lock:
            if self._titles is None or time.monotonic() - self._asked > _FRESH_SECONDS:
                self._refresh()
            return (self._titles or {}).get(ae_title)

    def title_of(self, site_id: str) -> str | None:
        """Return the AE title with which a site may store, if it may. Raises as :meth:`site_of`."""
        self.site_of("")
        with self._lock:
            known = (self._titles or {}).items()
            return next((title for title, site in known if site == site_id and site not in self._disabled), None)

    def code_of(self, site_id: str) -> str:
        """Return the neutral code of a site, as of when it was last asked for; nothing for one without."""
        with self._lock:
            return self._codes.get(site_id, "")

    def _refresh(self) -> None:
        try:
            with borrowed(self._db):
                self._titles, self._codes = site_titles(self._db), site_codes(self._db)
                self._disabled = disabled_sites(self._db)
        except PeeweeException as error:
            if self._titles is None:
                raise Temporary(f"the index cannot be read: {error}") from error
            log.warning("the index cannot be read, the known sites go on: %s", error)
        self._asked = time.monotonic()
