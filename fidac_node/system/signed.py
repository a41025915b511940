"""A statement that somebody signs and somebody else, who has the public key, checks: Ed25519 (RFC 8032), as JSON.

A public key is one line, ``fidac-site-key-1 SITE BASE64``, so that it can be read out, mailed and compared.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from fidac_node.errors import ConfigError

# What a site takes back.
WITHDRAWAL: Final = "fidac-withdrawal-1"
# Which of its pseudonyms are one person.
ALIAS: Final = "fidac-alias-1"
# What the hub answers for after an upload.
RECEIPT: Final = "fidac-receipt-1"
# What browsers are given to upload with.
ASSETS: Final = "fidac-assets-1"

_KEY: Final = "fidac-site-key-1"
_KEY_BYTES: Final = 32
_LARGEST: Final = 64 << 20


def key_line(seed: bytes, site: str) -> str:
    """The public key of who signs with ``seed`` (32 secret bytes) for ``site``."""
    return f"{_KEY} {site} {public_key(seed)}"


def public_key(seed: bytes) -> str:
    """The public key of who signs with ``seed`` (32 secret bytes), in base64."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return base64.b64encode(Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()).decode("ascii")


def read_key_line(text: str, site: str) -> str:
    """The public key in a line, in base64. Raises :class:`ConfigError` for what is none, or of another site."""
    words = text.split()
    if len(words) != 3 or words[0] != _KEY:
        raise ConfigError(f"this is no key of a site: one line as 'fidac-node site key show' prints it, {_KEY} ...")
    if words[1] != site:
        raise ConfigError(f"this is the key of site {words[1]}, not of {site}")
    _decoded(words[2])
    return words[2]


def fingerprint(public: str) -> str:
    """What two people compare of a public key (base64): 80 bits of its SHA-256, in groups."""
    text = hashlib.sha256(base64.b64decode(public)).hexdigest()[:20]
    return " ".join(text[start : start + 4] for start in range(0, 20, 4))


def sign(seed: bytes, kind: str, statement: Mapping[str, Any]) -> bytes:
    """A statement of a ``kind``, signed with ``seed``, as the content of a file."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    text = json.dumps(statement, ensure_ascii=True, sort_keys=True)
    signature = Ed25519PrivateKey.from_private_bytes(seed).sign(_signed(kind, text))
    signed = {"kind": kind, "statement": text, "signature": base64.b64encode(signature).decode("ascii")}
    return json.dumps(signed, indent=2).encode("ascii") + b"\n"


def stated(content: bytes, kind: str) -> dict[str, Any]:
    """What a file states, whoever signed it. Raises :class:`ConfigError` for what is no such file."""
    try:
        if len(content) > _LARGEST:
            raise ValueError
        found = json.loads(content)
        statement = json.loads(found["statement"])
        if found["kind"] != kind or not isinstance(statement, dict):
            raise ValueError
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ConfigError(f"this file is no {kind}") from None
    return statement


def check(content: bytes, kind: str, public: str) -> None:
    """Check that a file, which :func:`stated` has read, was signed with the key ``public`` (base64), and is unaltered.

    Raises :class:`ConfigError`.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    found = json.loads(content)
    try:
        signature = base64.b64decode(str(found.get("signature")), validate=True)
        Ed25519PublicKey.from_public_bytes(_decoded(public)).verify(signature, _signed(kind, str(found["statement"])))
    except (InvalidSignature, binascii.Error, ValueError):
        raise ConfigError(
            "the signature is not that of this site's registered key: the file was altered, or the site has another "
            "key by now ('fidac-node site key show' there, 'fidac-node hub site key' here)"
        ) from None


def _signed(kind: str, text: str) -> bytes:
    return f"{kind}\n{text}".encode()


def _decoded(public: str) -> bytes:
    try:
        key = base64.b64decode(public, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != _KEY_BYTES:
        raise ConfigError("this is no public key: it is damaged")
    return key
