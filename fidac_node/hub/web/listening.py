"""What the web server has to know, and the socket that the supervisor holds for it. Loads nothing of the extra."""

from __future__ import annotations

import logging
import secrets
import socket
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from fidac_node.errors import ConfigError
from fidac_node.receive import listener
from fidac_node.system import tls
from fidac_node.system.safeio import write_synced

if TYPE_CHECKING:
    from peewee import Database

    from fidac_node.audit.trail import Trail
    from fidac_node.config.config import HubConfig
    from fidac_node.hub.archive import Archive
    from fidac_node.hub.examination import Examination
    from fidac_node.hub.filing import CommitmentCheck
    from fidac_node.hub.intake import Intake

log = logging.getLogger(__name__)

STAGE: Final = "web"
# In the spool: what signs cookies.
SECRET: Final = "web.secret"
_SECRET_BYTES: Final = 32
# What the extra brings.
NEEDED: Final = (
    *("starlette", "uvicorn", "PIL", "jinja2", "babel", "itsdangerous", "argon2", "pyotp", "segno", "python_multipart"),
)
_LOOPBACK: Final = ("127.", "::1")
STALLED_SECONDS: Final = 60.0


class Provider(NamedTuple):
    """An identity provider (OpenID Connect): who this hub is there, and what it asks for. ``name`` is for people."""

    issuer: str
    client_id: str
    client_secret: str
    scope: str
    acr_values: str
    name: str


class Rooms(NamedTuple):
    """What the web server answers from.

    What is answered stands in ``trail`` before; what is brought goes to ``intake``. ``scratch`` is a folder with room
    for an object in another encoding; ``limit`` (bytes) is how large one may be. ``examine`` looks at what a person
    brings, ``commit`` says what of it is safe. ``secret`` signs cookies; without one whoever signed in has to do so
    again when the server starts. ``provider`` says who a person is, too. ``config`` is handed on to operations, which
    pages run.
    """

    db: Database
    archive: Archive
    trail: Trail
    intake: Intake
    scratch: Path
    limit: int
    examine: Examination
    commit: CommitmentCheck
    secret: bytes = b""
    provider: Provider | None = None
    config: HubConfig | None = None


@dataclass(frozen=True)
class Settings:
    """As a ``[web]`` section says it; times in seconds."""

    host: str
    port: int
    open_on_loopback: bool
    proxies: tuple[str, ...]
    tls_certificate: Path | None
    tls_key: Path | None
    tls_ca: Path | None
    url: str = ""
    session_idle: float = 3600.0
    session_longest: float = 43200.0


def secret_in(directory: Path) -> bytes:
    """Return the secret that signs cookies, made if there is none. Raises :class:`ConfigError` and ``OSError``."""
    path = directory / SECRET
    if not path.exists():
        write_synced(path, secrets.token_bytes(_SECRET_BYTES))
    secret = path.read_bytes()
    if len(secret) != _SECRET_BYTES or path.stat().st_mode & 0o077:
        raise ConfigError(
            f"{path}: it must have {_SECRET_BYTES} bytes and mode 0600: delete it while the hub is stopped, and "
            "whoever is signed in does so again"
        )
    return secret


def listen(settings: Settings) -> dict[str, socket.socket]:
    """Listen for the web server: the supervisor's listener of its stage.

    Raises :class:`ConfigError`, also when the extra or a file of TLS is missing: no child is then started in vain.
    """
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise ConfigError(
            f"[web] port is set, but {' and '.join(missing)} cannot be found: pip install 'fidac-node[web]', or set "
            "port = 0"
        )
    tls.server_context(settings.tls_certificate, settings.tls_key, settings.tls_ca)
    sock = listener.listen(settings.host, settings.port, "web")
    # Who takes nothing for so long has his connection closed by the kernel, whatever was written to it (tcp(7)).
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(STALLED_SECONDS * 1000))
    # Connections inherit it. asyncio sets it only where the socket names its protocol, and without it an answer in two
    # writes waits 40 ms for the client's delayed ACK.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not settings.tls_certificate and not settings.proxies and not sock.getsockname()[0].startswith(_LOOPBACK):
        log.warning("passwords and pseudonyms can be read on their way: set [web] tls_certificate, or proxies")
    log.info("answering browsers and DICOMweb on %s:%d", settings.host, sock.getsockname()[1])
    return {STAGE: sock}
