"""Reception as both daemons run it: one listening socket, several receiver processes, one policy from ``[receive]``."""

from __future__ import annotations

import logging
import math
import os
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final

from pynetdicom.presentation import PresentationContext

from fidac_node.receive import listener
from fidac_node.receive.check import Identity, is_whole
from fidac_node.receive.scp import ARRIVING_SHARE, Network, Policy, StorageScp
from fidac_node.receive.seats import Seats
from fidac_node.spool.draft import Draft
from fidac_node.spool.queue import Spool
from fidac_node.system import tls
from fidac_node.system.service import Lifeline

log = logging.getLogger(__name__)

STAGE: Final = "receive"
# The longest pause before a receiver is started again, in seconds: the PACS waits for it.
PAUSE: Final = 5.0
# More receivers than this have nothing to do: the disk is busy by then.
_MOST: Final = 4


@dataclass(frozen=True)
class Settings:
    """What reception has to know, as a ``[receive]`` section says it; times in seconds, sizes in bytes."""

    ae_title: str
    host: str
    port: int
    networks: tuple[str, ...]
    max_associations: int
    max_associations_per_caller: int
    max_unassociated: int
    max_unassociated_per_address: int
    processes: int
    max_pdu: int
    max_object: int
    acse_timeout: float
    dimse_timeout: float
    idle_timeout: float
    tls_certificate: Path | None
    tls_key: Path | None
    tls_ca: Path | None


def names(processes: int) -> list[str]:
    """The receiver processes of a daemon; 0: as many as there are processors, to a point."""
    return [f"{STAGE}-{number}" for number in range(processes or min(os.cpu_count() or 1, _MOST))]


def listen(receive: Settings) -> dict[str, socket.socket]:
    """Listen for the receiver processes: the supervisor's listeners. Raises :class:`ConfigError`."""
    _context(receive)  # what is wrong with its files stops here, and not in every child
    sock = listener.listen(receive.host, receive.port)
    log.info("listening as %s on %s:%d", receive.ae_title, receive.host, sock.getsockname()[1])
    return {STAGE: sock}


def policy(
    receive: Settings,
    spool: Path,
    *,
    contexts: Sequence[PresentationContext],
    callers: Callable[[str], bool],
    called: frozenset[str],
    ready: Callable[[float], str],
    handlers: Sequence[tuple[Any, ...]],
    guests: Callable[[str], Sequence[Network] | None] = lambda _: None,
) -> Policy:
    """Return the policy that ``receive`` states; the seats are counted in the folder ``spool``.

    ``ready`` says why nothing can be taken while less than this share of the disk's reserve is free, or
    nothing; the rest is as in :class:`Policy`. Raises :class:`ConfigError` for files of TLS that cannot be used.
    """
    return Policy(
        ae_title=receive.ae_title,
        host=receive.host,
        port=receive.port,
        contexts=contexts,
        callers=callers,
        called=called,
        ready=partial(ready, 1.0),
        takes=partial(ready, ARRIVING_SHARE),
        seats=Seats(spool / "seats", receive.max_associations, receive.max_associations_per_caller),
        networks=[ip_network(network) for network in receive.networks],
        max_pdu=receive.max_pdu,
        acse_timeout=receive.acse_timeout,
        dimse_timeout=receive.dimse_timeout,
        idle_timeout=receive.idle_timeout,
        max_object=receive.max_object,
        max_unassociated=_share(receive.max_unassociated, receive),
        max_unassociated_per_address=_share(receive.max_unassociated_per_address, receive),
        tls=_context(receive),
        handlers=handlers,
        guests=guests,
    )


def serve(
    rules: Policy,
    spool: Spool,
    accept: Callable[[Draft, Identity, bytes], None],
    lifeline: Lifeline,
    stop: threading.Event,
    grace: float,
    *,
    failed: Callable[[], None] = lambda: None,
) -> None:
    """Receive into ``spool`` until ``stop``; objects that are arriving then have ``grace`` seconds to end.

    Raises :class:`ConfigError`.
    """
    scp = StorageScp(
        rules,
        partial(spool.create, anchored=True),
        accept,
        lifeline.listener,
        ended=spool.end_of_study,
        failed=failed,
        beat=lifeline.loop("listening"),
    )
    scp.start()
    lifeline.ready()
    stop.wait()
    scp.stop(grace)
    spool.close()


def restore_names(spool: Spool) -> None:
    """After a crash: let every object that was acknowledged be found by its name. Raises ``OSError``."""
    if restored := spool.restore_names(is_whole):
        log.warning(
            "names given back to %d objects in %s: a crash had taken them; nothing is lost", restored, spool.directory
        )


def bury(spool: Spool, process: int) -> None:
    """After the death of one process: nothing identifiable of it stays in ``tmp/``. Raises ``OSError``."""
    if named := spool.bury(process, is_whole):
        log.warning("process %d died: %d objects that it had received whole were given their names", process, named)


def _share(limit: int, receive: Settings) -> int:
    """One process's share of what is allowed to all: they take connections in turn."""
    return math.ceil(limit / len(names(receive.processes)))


def _context(receive: Settings) -> ssl.SSLContext | None:
    return tls.server_context(receive.tls_certificate, receive.tls_key, receive.tls_ca)
