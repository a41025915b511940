"""Who may ask the hub, from where, and for what: the register of clients, and the one check of their rights."""

from __future__ import annotations

import datetime
import ipaddress
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias

from peewee import Database, PeeweeException

from fidac_node.errors import ConfigError, NotFound, Permanent, Temporary
from fidac_node.hub.index.matching import StudyFilter
from fidac_node.hub.index.models import Client as ClientRow
from fidac_node.hub.index.models import Site
from fidac_node.system.database import borrowed, exclusive, utc_now

log = logging.getLogger(__name__)

Right: TypeAlias = Literal["find", "retrieve"]
Network: TypeAlias = "ipaddress.IPv4Network | ipaddress.IPv6Network"

RIGHTS: Final[tuple[Right, ...]] = ("find", "retrieve")

_FRESH_SECONDS: Final = 1.0


class Asker(Protocol):
    """Whoever asks: ``rights`` are some of :data:`RIGHTS`.

    ``programme`` and ``own_site`` are the only ones that it sees (empty: all).
    """

    @property
    def rights(self) -> tuple[str, ...]:
        """What it may do."""

    @property
    def programme(self) -> str:
        """What it sees."""

    @property
    def own_site(self) -> str:
        """Whose objects it sees."""


class Client(NamedTuple):
    """An application entity that may ask.

    ``networks`` are where it may come from (none: anywhere), ``rights`` some of :data:`RIGHTS`, ``programme`` the
    only one that it sees (empty: all), ``added_at`` is UTC.
    """

    ae_title: str
    networks: tuple[str, ...]
    rights: tuple[str, ...]
    programme: str
    added_at: datetime.datetime

    @property
    def own_site(self) -> str:
        """An application entity that asks sees all sites."""
        return ""


def add_client(
    db: Database, ae_title: str, networks: Sequence[str], rights: Sequence[Right], programme: str = ""
) -> bool:
    """Let a client ask, from now on as said here; return whether it is new.

    Raises :class:`ConfigError` when a site has this AE title: sites may not ask.
    """
    said = {"networks": " ".join(networks), "rights": " ".join(rights), "programme": programme}
    with exclusive(db):
        site = Site.select(Site.id).where(Site.ae_title == ae_title).scalar(db)
        if site is not None:
            raise ConfigError(f"AE title {ae_title} belongs to site {site}, and a site may not ask: take another one")
        if ClientRow.update(**said).where(ClientRow.ae_title == ae_title).execute(db):
            return False
        ClientRow.insert(ae_title=ae_title, added_at=utc_now(), **said).execute(db)
    return True


def remove_client(db: Database, ae_title: str) -> None:
    """Let a client ask no more. Raises :class:`NotFound`."""
    with exclusive(db):
        if not ClientRow.delete().where(ClientRow.ae_title == ae_title).execute(db):
            raise NotFound(f"no client has the AE title {ae_title}; 'fidac-node hub client list' shows them")


def list_clients(db: Database) -> list[Client]:
    """Return who may ask, by AE title."""
    columns = (ClientRow.ae_title, ClientRow.networks, ClientRow.rights, ClientRow.programme, ClientRow.added_at)
    return [
        Client(ae_title, tuple(networks.split()), tuple(rights.split()), programme, added_at)
        for ae_title, networks, rights, programme, added_at in ClientRow.select(*columns)
        .order_by(ClientRow.ae_title)
        .tuples()
        .execute(db)
    ]


def permitted(asker: Asker | None, right: Right, wanted: StudyFilter) -> StudyFilter:
    """Return the question as far as ``asker`` may ask it: whoever asks, by whatever way, goes through here.

    Raises :class:`Permanent` with code ``not-allowed``.
    """
    if asker is None:
        raise Permanent("not-allowed", "it is no client of this hub")
    if right not in asker.rights:
        raise Permanent("not-allowed", f"it may {' and '.join(asker.rights) or 'do nothing'}, not {right}")
    return replace(wanted, confined_to=asker.programme, confined_to_site=asker.own_site)


class Clients:
    """The register as the daemon asks it, for every association and operation; a second behind at most.

    While the database is away the last answer stands.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._lock = threading.Lock()
        self._known: Mapping[str, Client] | None = None
        self._asked = 0.0

    def named(self, ae_title: str) -> Client | None:
        """Return the client with this AE title. Raises :class:`Temporary` when that was never known."""
        with self._lock:
            if self._known is None or time.monotonic() - self._asked > _FRESH_SECONDS:
                self._refresh()
            return (self._known or {}).get(ae_title)

    def networks_of(self, ae_title: str) -> tuple[Network, ...] | None:
        """Return where a client may come from (none: anywhere), or ``None`` for what is no client. Raises as above."""
        client = self.named(ae_title)
        return None if client is None else tuple(map(ipaddress.ip_network, client.networks))

    def _refresh(self) -> None:
        try:
            with borrowed(self._db):
                self._known = {client.ae_title: client for client in list_clients(self._db)}
        except PeeweeException as error:
            if self._known is None:
                raise Temporary(f"the index cannot be read: {error}") from error
            log.warning("the index cannot be read, the known clients go on: %s", error)
        self._asked = time.monotonic()
