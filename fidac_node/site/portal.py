"""The upload page on the hospital's network: the socket that the supervisor holds for it. Loads nothing of the extra.

The page's scripts, the engine and the plan are this node's own; all that is said and sent is relayed to the hub
(:mod:`.relay`).
"""

from __future__ import annotations

import logging
import socket
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from fidac_node.errors import ConfigError
from fidac_node.receive import listener
from fidac_node.system import tls

log = logging.getLogger(__name__)

STAGE: Final = "portal"
_NEEDED: Final = ("httpx", "starlette", "uvicorn")


@dataclass(frozen=True)
class Settings:
    """As a ``[portal]`` section says it."""

    host: str
    port: int
    hub_url: str
    hub_proxy: str
    hub_ca: Path | None
    tls_certificate: Path | None
    tls_key: Path | None


def listen(settings: Settings) -> dict[str, socket.socket]:
    """Listen for browsers: the supervisor's listener of its stage.

    Raises :class:`ConfigError`, also when the extra or a file of TLS is missing: no child is then started in vain.
    """
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        raise ConfigError(
            f"[portal] port is set, but {' and '.join(missing)} cannot be found: pip install 'fidac-node[portal]', or "
            "set port = 0"
        )
    tls.server_context(settings.tls_certificate, settings.tls_key, None)
    tls.client_context(None, None, settings.hub_ca)
    sock = listener.listen(settings.host, settings.port, "portal")
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # inherited; asyncio sets it not for such a socket
    log.info("the upload page is on %s:%d", settings.host, sock.getsockname()[1])
    return {STAGE: sock}
