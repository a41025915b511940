"""Application entities: their titles, where they are, and what two of them agreed on."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from fidac_node.errors import ConfigError

_AE_LENGTH: Final = 16  # characters in an Application Entity (PS3.5 6.2)
_PEER_FORM: Final = "write AET@HOST:PORT, for example FIDACHUB@hub.example.org:11113 or FIDACHUB@[2001:db8::1]:11113"
_PORTS: Final = range(1, 65536)


class Context(NamedTuple):
    """A presentation context that was accepted (PS3.8 7.1.1.13), with the transfer syntax that was chosen."""

    context_id: int
    abstract_syntax: str
    transfer_syntax: str


class Peer(NamedTuple):
    """Another application entity, written ``AET@HOST:PORT`` (an IPv6 address in brackets)."""

    ae_title: str
    host: str
    port: int

    def __str__(self) -> str:
        """Write it back as ``AET@HOST:PORT``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.ae_title}@{host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> Peer:
        """Read ``AET@HOST:PORT``. Raises :class:`ConfigError` with what is amiss and an example."""
        ae_title, at, address = text.rpartition("@")
        if not at:
            raise ConfigError(f"{text!r} has no AE title; {_PEER_FORM}")
        if problem := ae_title_problem(ae_title):
            raise ConfigError(f"the AE title {problem}")
        parts = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)\]|([A-Za-z0-9._-]+)):([0-9]{1,5})", address)
        if parts is None:
            raise ConfigError(f"{text!r} is not an address; {_PEER_FORM}")
        if problem := port_problem(int(parts[3])):
            raise ConfigError(f"the port {problem}")
        return cls(ae_title, parts[1] or parts[2], int(parts[3]))


def port_problem(value: int) -> str | None:
    """Say what is wrong with a TCP port, or ``None``."""
    return None if value in _PORTS else f"must be between {_PORTS.start} and {_PORTS.stop - 1}, not {value}"


def ae_title_problem(value: str) -> str | None:
    """Say what is wrong with an AE title, or ``None`` (PS3.5 6.2, VR AE)."""
    if not value.strip(" "):
        return "must not be empty or only spaces (PS3.5 6.2, AE)"
    if len(value) > _AE_LENGTH:
        return f"{value!r} has {len(value)} characters; at most {_AE_LENGTH} are allowed (PS3.5 6.2, AE)"
    if "\\" in value or not value.isascii() or not value.isprintable():
        return f"{value!r} holds a backslash, a control or a non-ASCII character (PS3.5 6.2, AE)"
    if value != value.strip(" "):
        return f"{value!r} begins or ends with a space, which is not significant (PS3.5 6.2, AE): leave it out"
    return None
