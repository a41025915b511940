"""The TCP socket that a daemon listens on, bound once and shared by its receiver processes."""

from __future__ import annotations

import socket
from typing import Final

from fidac_node.errors import ConfigError

# pynetdicom's 5 makes the sixth of a burst wait a second, until its TCP asks again.
_BACKLOG: Final = 512


def listen(host: str, port: int, section: str = "receive") -> socket.socket:
    """Return a socket that listens on ``host`` (IPv4 first where a name has both) and ``port``; 0 is any free one.

    Raises :class:`ConfigError` when the port cannot be had, which names the ``section`` of the settings.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(address)
            sock.listen(_BACKLOG)
        except BaseException:
            sock.close()
            raise
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host}:{port}: {error.strerror}; another program may hold the port: "
            f"set [{section}] port, or find it with 'ss -ltnp sport = :{port}'"
        ) from error
    return sock
