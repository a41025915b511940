"""From which address each site sends, and when: noted for each association, so that a study's journal can tell it."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, cast

from peewee import Database
from pynetdicom import evt

from fidac_node.errors import Temporary
from fidac_node.hub.index.journal import Presence, note_presences
from fidac_node.hub.later import Later
from fidac_node.system.database import utc_now

if TYPE_CHECKING:
    from pynetdicom.association import Association
    from pynetdicom.events import Event

    from fidac_node.receive.association import LaneAssociation


# Seconds between two writes: a transaction costs a sync of the disk, which reception wants, too.
_PAUSE: Final = 10.0


class Arrivals:
    """Hears of associations, and notes those of sites in the index; ``site_of`` names the site of an AE title."""

    def __init__(self, db: Database, site_of: Callable[[str], str | None]) -> None:
        self._site_of = site_of
        self._later: Later[Presence] = Later(db, note_presences, "arrivals", _PAUSE)
        self._lock = threading.Lock()
        self._since: dict[Association, datetime.datetime] = {}

    def handlers(self) -> list[tuple[Any, ...]]:
        """Return what to bind to the hub's AE."""
        return [(evt.EVT_ESTABLISHED, self._came), (evt.EVT_CONN_CLOSE, self._left)]

    def close(self, timeout: float) -> None:
        """Write what was heard, within ``timeout`` seconds."""
        self._later.close(timeout)

    def _came(self, event: Event) -> None:
        with self._lock:
            now = self._since[event.assoc] = utc_now()
        self._note(event.assoc, now, now)

    def _left(self, event: Event) -> None:
        with self._lock:
            since = self._since.pop(event.assoc, None)
        if since is not None:
            self._note(event.assoc, since, utc_now())

    def _note(self, assoc: Association, since: datetime.datetime, until: datetime.datetime) -> None:
        peer = cast("LaneAssociation", assoc)
        try:
            site = self._site_of(peer.calling)
        except Temporary:
            return  # it is nobody that could store
        if site is not None:
            self._later.note(Presence(site, peer.peer, since, until))
