"""What the values in settings must look like: AE titles, addresses, networks, labels, routing rules.

Each ``..._problem`` function says what is wrong with a value, or returns ``None``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, TypedDict

from fidac_node.config.options import Check, Wrong, nearest, one_of, read_table, read_text
from fidac_node.dicom.ae import Peer, ae_title_problem
from fidac_node.dicom.marks import LABELS
from fidac_node.errors import ConfigError

DECISIONS: Final = ("accept", "hold", "discard")

_LO_LENGTH: Final = 64  # characters in a Long String (PS3.5 6.2)
_MAX_RULE_NAME: Final = 48  # leaves room for "rule:" where the label's source is written, a Long String


class RuleSettings(TypedDict):
    """One routing rule: it applies when every ``when`` and no ``unless`` matches.

    ``when`` and ``unless`` map a DICOM keyword to a regular expression; ``label`` may be empty.
    """

    name: str
    when: dict[str, str]
    unless: dict[str, str]
    decision: str
    label: str


def site_id_problem(value: str) -> str | None:
    """Say what is wrong with a site's id, or ``None``: it travels in each object and names a folder at the hub."""
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}", value):
        return None
    return f"{value!r} is not a site id: 1 to 32 letters, digits, '-' or '_', a letter or digit first"


def optional_site_code_problem(value: str) -> str | None:
    """Say what is wrong with a site's neutral code; there may be none."""
    if not value or re.fullmatch(r"[A-Z0-9]{4,16}", value):
        return None
    return f"{value!r} is not a site's code: 4 to 16 capital letters and digits, as 'hub site add' prints it"


def pattern_problem(value: str) -> str | None:
    """Check a pattern of ids or names: one that matches anything would hold everything."""
    return None if value.strip("*? ") else f"{value!r} would match anything: write at least one letter or digit"


def optional_ae_title_problem(value: str) -> str | None:
    """Allow an AE title or nothing."""
    return ae_title_problem(value) if value else None


def peer_problem(value: str) -> str | None:
    """Check an address ``AET@HOST:PORT``."""
    try:
        Peer.parse(value)
    except ConfigError as error:
        return str(error)
    return None


def long_string_problem(value: str) -> str | None:
    """Check a Long String (PS3.5 6.2, VR LO)."""
    if value.strip() and len(value) <= _LO_LENGTH and "\\" not in value and value.isprintable():
        return None
    return f"{value!r} must be 1 to {_LO_LENGTH} characters without backslash or control character (PS3.5 6.2, LO)"


def profile_name_problem(value: str) -> str | None:
    """Check the name of a profile or layer: a file name without folder."""
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", value):
        return None
    return f"{value!r} is not the name of a profile or layer; 'fidac-node profile list' shows them"


def host_problem(value: str) -> str | None:
    """Check an address to listen on."""
    if re.fullmatch(r"[A-Za-z0-9._:-]+", value):
        return None
    return f"{value!r} is not a host name or an IP address; 0.0.0.0 is every IPv4 interface"


def is_loopback(host: str) -> bool:
    """Say whether an address to listen on is reached from this machine alone."""
    import ipaddress  # only who listens there pays for it

    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def syslog_problem(value: str) -> str | None:
    """Check the address of a collector of audit messages; there may be none."""
    from urllib.parse import urlsplit  # only who has one pays for it

    try:
        parts = urlsplit(value)
        is_socket = parts.scheme == "unix" and parts.path.startswith("/") and not parts.netloc
        is_host = parts.scheme == "udp" and bool(parts.hostname) and parts.port != 0 and not parts.path
    except ValueError:
        is_socket = is_host = False
    if not value or is_socket or is_host:
        return None
    return f"{value!r} is no collector of audit messages; write udp://HOST:514 or unix:///dev/log"


def url_problem(value: str) -> str | None:
    """Check the address by which browsers reach a server; there may be none."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(value)
        is_origin = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        is_origin = is_origin and not (parts.path.strip("/") or parts.query or parts.fragment or parts.username)
    except ValueError:
        is_origin = False
    if not value or is_origin:
        return None
    return f"{value!r} is no address of a server; write for example https://hub.example.org"


def issuer_problem(value: str) -> str | None:
    """Check the issuer of an identity provider (OpenID Connect Discovery 1.0, 3); there may be none."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(value)
        is_safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
        is_issuer = is_safe and bool(parts.hostname) and not (parts.query or parts.fragment or parts.username)
    except ValueError:
        is_issuer = False
    if not value or is_issuer:
        return None
    return f"{value!r} is no issuer; write for example https://auth.example.org/realms/hospital"


def network_problem(value: str) -> str | None:
    """Check a network or an IP address."""
    import ipaddress  # only who lists networks pays for it

    try:
        ipaddress.ip_network(value)
    except ValueError:
        try:
            wider = ipaddress.ip_network(value, strict=False)
        except ValueError:
            return f"{value!r} is not a network; write for example '10.20.0.0/16' or '10.20.1.7'"
        return f"{value!r} has bits set behind its prefix; did you mean '{wider}' or '{value.partition('/')[0]}'?"
    return None


def database_problem(value: str) -> str | None:
    """Check the kind of database that a URL names; the rest is for who connects."""
    if re.match(r"(sqlite:///|postgres(ql)?://).", value):
        return None
    scheme = value.partition("://")[0]  # what follows may hold a password
    return f"{scheme!r} is not a database; write sqlite:///FILE or postgresql://USER@HOST/NAME"


def label_problem(value: str) -> str | None:
    """Check a label. No near one is proposed: 'positive' looks like 'possible' and means something else."""
    return None if value in LABELS else f"{value!r} is not a label (allowed: {', '.join(LABELS)})"


def labels_problem(value: Mapping[str, str]) -> str | None:
    """Check a table from called AE title to label."""
    return next(
        (
            problem
            for ae_title, label in value.items()
            if (problem := ae_title_problem(ae_title) or label_problem(label))
        ),
        None,
    )


def read_rules(value: Any) -> tuple[RuleSettings, ...]:
    """Read ``[[route.rules]]``. Raises :class:`Wrong` with the place inside."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise Wrong("must be tables, each headed [[route.rules]]")
    rules = tuple(_read_rule(number, item) for number, item in enumerate(value))
    names = [rule["name"] for rule in rules]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise Wrong(f"{name!r} is the name of an earlier rule too", number, "name")
    return rules


def _read_rule(number: int, table: dict[str, Any]) -> RuleSettings:
    if unknown := [key for key in table if key not in RuleSettings.__annotations__]:
        raise Wrong(f"unknown option{nearest(unknown[0], RuleSettings.__annotations__)}", number, unknown[0])
    for key in ("name", "decision"):
        if key not in table:
            raise Wrong(f"has no {key}", number)
    return RuleSettings(
        name=_rule_value(table["name"], number, "name"),
        when=_read_conditions(table.get("when", {}), number, "when"),
        unless=_read_conditions(table.get("unless", {}), number, "unless"),
        decision=_rule_value(table["decision"], number, "decision"),
        label=_rule_value(table.get("label", ""), number, "label"),
    )


def _rule_value(value: Any, number: int, key: str) -> str:
    checks: dict[str, Check] = {
        "name": _rule_name,
        "decision": one_of(DECISIONS, "decision"),
        "label": lambda label: label_problem(label) if label else None,
    }
    try:
        text = read_text(value)
    except Wrong as error:
        raise Wrong(str(error), number, key) from error
    if problem := checks[key](text):
        raise Wrong(problem, number, key)
    return text


def _rule_name(value: str) -> str | None:
    return (
        long_string_problem(value)
        if len(value) <= _MAX_RULE_NAME
        else f"{value!r} is longer than {_MAX_RULE_NAME} characters"
    )


def _read_conditions(value: Any, number: int, key: str) -> dict[str, str]:
    try:
        conditions = read_table(value)
    except Wrong as error:
        raise Wrong(str(error), number, key, *error.within) from error
    for keyword, pattern in conditions.items():
        if not re.fullmatch(r"[A-Z][A-Za-z0-9]+", keyword):
            raise Wrong(f"{keyword!r} is not a DICOM keyword (PS3.6); write it like ProtocolName", number, key, keyword)
        try:
            re.compile(pattern)
        except re.error as error:
            raise Wrong(f"{pattern!r} is not a regular expression: {error}", number, key, keyword) from error
    return conditions
