"""The process that answers by HTTP: uvicorn around the application, until it is told to stop."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Final

import uvicorn

from fidac_node.hub.web.app import application
from fidac_node.hub.web.lending import Lending
from fidac_node.hub.web.listening import Rooms, Settings
from fidac_node.hub.web.streaming import Readers
from fidac_node.system import tls

_GRACE_SECONDS: Final = 10
_CONNECTIONS: Final = 256
_SIGN_SECONDS: Final = 5
# A line of a request with its headers: a list of a thousand UIDs fits.
_LONGEST_HEAD: Final = 128 << 10


def serve(
    settings: Settings,
    rooms: Rooms,
    listener: socket.socket,
    stop: threading.Event,
    ready: Callable[[], None],
    beat: Callable[[float], object] = lambda _longer: None,
) -> None:
    """Answer on ``listener`` until ``stop``; answers that are on their way then have ten seconds to end.

    ``beat`` is called every few seconds by the loop that answers.

    Raises :class:`ConfigError` for files of TLS that cannot be used.
    """
    readers = Readers(rooms.db)

    async def moving() -> None:
        beat(_SIGN_SECONDS)

    config = uvicorn.Config(
        Lending(application(settings, rooms, readers)),
        http="h11",  # and asyncio, on which lending rests
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,  # who asked for what is not the log's business
        server_header=False,
        proxy_headers=bool(settings.proxies),
        forwarded_allow_ips=list(settings.proxies),
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        h11_max_incomplete_event_size=_LONGEST_HEAD,
        callback_notify=moving,
        timeout_notify=_SIGN_SECONDS,
    )
    config.load()
    config.ssl = tls.server_context(settings.tls_certificate, settings.tls_key, settings.tls_ca)
    server = uvicorn.Server(config)
    # Signals are the main thread's, which the lifeline listens to: uvicorn leaves them alone in any other.
    thread = threading.Thread(target=_run, args=(server, listener, stop), name="uvicorn")
    thread.start()
    ready()
    stop.wait()
    server.should_exit = True
    thread.join()
    readers.close()


def _run(server: uvicorn.Server, listener: socket.socket, stop: threading.Event) -> None:
    try:
        server.run(sockets=[listener])
    finally:
        stop.set()
