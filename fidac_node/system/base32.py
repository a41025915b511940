"""Base32 (RFC 4648) in small letters, as spools name things, of 80 bits at most.

It takes a tenth of what ``base64.b32encode`` takes.
"""

from __future__ import annotations

import secrets
from typing import Final

_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS: Final = [first + second for first in _ALPHABET for second in _ALPHABET]


def base32(raw: bytes, length: int) -> str:
    """The first ``length`` characters, 16 at most, of 10 bytes or more."""
    bits = int.from_bytes(raw[:10], "big")
    return (
        _PAIRS[bits >> 70]
        + _PAIRS[bits >> 60 & 1023]
        + _PAIRS[bits >> 50 & 1023]
        + _PAIRS[bits >> 40 & 1023]
        + _PAIRS[bits >> 30 & 1023]
        + _PAIRS[bits >> 20 & 1023]
        + _PAIRS[bits >> 10 & 1023]
        + _PAIRS[bits & 1023]
    )[:length]


def random_code() -> str:
    """A neutral code for a site: 6 random capital letters and digits (30 bits), which say nothing of it."""
    return base32(secrets.token_bytes(10), 6).upper()
