"""What leaves a site's disk, and when: purged copies, a full disk, a programme that is closed."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

from fidac_node.config.config import SiteConfig
from fidac_node.errors import ConfigError
from fidac_node.identity.originals import DIRECTORY as HEADERS
from fidac_node.identity.originals import purge_headers
from fidac_node.receive import reception
from fidac_node.site import history, ledger
from fidac_node.site.ledger import Ledger
from fidac_node.site.node import Site
from fidac_node.site.room import answered, copies
from fidac_node.spool.queue import Spool
from fidac_node.system import disk

log = logging.getLogger(__name__)


def purge(site: Site) -> int:
    """Delete the copies that the hub has answered for longer than the retention time; return how many.

    Without storage commitment the destination's C-STORE Success is its answer (PS3.4 B.2.2).
    """
    before = time.time() - site.config.spool.retention_hours * 3600
    state = answered(commitment=site.config.send.commitment)
    old = [one.entry for one in copies(site.outbox.directory / state) if one.at <= before]
    if old:
        site.ledger.flush()
    gone = sum(site.outbox.remove_from(state, entry) for entry in old)
    kept_since = before if site.headers is not None else time.time()
    purge_headers(site.config.spool.directory / HEADERS, kept_since)
    if gone:
        log.info("purged %d objects that the hub answers for", gone)
    return gone


def check_finished(config: SiteConfig) -> None:
    """Raise :class:`ConfigError` while objects wait at this site that the hub has not answered for."""
    reception.restore_names(_spools(config)[0])  # what has no name but its anchor waits too
    waiting = sum(len(spool.entries(state)) for spool, state in _unfinished(config))
    if waiting:
        raise ConfigError(
            f"{waiting} objects are still at this site: held, or not yet answered for by the hub ('fidac-node "
            "site queue list'); "
            f"start the node and let it finish, or drop them"
        )


def forget(config: SiteConfig) -> None:
    """Delete what could link objects to where they came from, as a programme is closed: local copies, ledger rows."""
    spools = _spools(config)
    for spool in spools:
        spool.sweep()
        spool.drop_spares()
        for note in (spool.directory / "work").glob(".*.current"):
            note.unlink()
    for state in ("sent", "committed"):
        for entry in spools[1].entries(state):
            spools[1].remove(entry)
    path = config.spool.directory / ledger.FILE
    set_aside = path.parent.glob(f"{path.name}[-.]*")
    for file in (path, path.with_name(history.FILE), *set_aside):
        file.unlink(missing_ok=True)
    Ledger(path).close()


def _spools(config: SiteConfig) -> tuple[Spool, Spool]:
    return Spool(config.spool.directory / "inbox"), Spool(config.spool.directory / "outbox")


def _unfinished(config: SiteConfig) -> Iterator[tuple[Spool, str]]:
    """The states of both spools in which an object is not at the hub yet."""
    inbox, outbox = _spools(config)
    yield from ((inbox, state) for state in ledger.INBOX_STATES)
    # Without storage commitment the destination's C-STORE Success is its answer, as for purging.
    answered = {"committed"} if config.send.commitment else {"committed", "sent"}
    yield from ((outbox, state) for state in ledger.OUTBOX_STATES if state not in answered)


class DiskWatch:
    """Makes room when the disk is almost full, and says so once when none can be made, and once when space is back."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._full = False

    def __call__(self) -> None:
        """Look once."""
        spool = self._site.inbox
        full = not self._site.room.has()
        if full and not self._full:
            log.error(
                "disk almost full: %s, %d MiB and %d inodes are the reserve; associations are rejected until space "
                "returns; nothing taken is lost",
                disk.room(spool.directory),
                self._site.config.spool.reserve_mb,
                disk.RESERVED_INODES,
            )
        elif self._full and not full:
            log.warning("the disk has space again: associations are taken")
        self._full = full
