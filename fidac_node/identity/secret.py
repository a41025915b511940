"""A secret as text: what a key file holds, and a sheet of paper. Of no file, and standard library alone.

A browser makes and reads keys by the same rules as a site does (:mod:`.keyfile`).
"""

from __future__ import annotations

import binascii
import re
from itertools import pairwise
from typing import Final

from fidac_node.deidentify.rewrite.pseudonym import KEY_BYTES
from fidac_node.errors import ConfigError

_FEWEST: Final = 16  # different bytes, and steps between bytes: 32 random bytes have about 30
_HEXADECIMAL: Final = re.compile(rb"(?:[0-9A-Fa-f]{2})+")
# A line of a sheet: its number, eight bytes in groups of four digits, and four digits that tell a slip of the pen.
_LINE_BYTES: Final = 8
_LINE: Final = re.compile(rb"(\d+) +((?:[0-9A-Fa-f]{2,4} +)+)([0-9A-Fa-f]{4})")


def parse(content: bytes, *, raw: bool = True) -> bytes:
    """The secret in a key file: hexadecimal text, the lines of a sheet, or, with ``raw``, bytes as they are.

    Raises :class:`ConfigError`.
    """
    text = content.strip()
    if _HEXADECIMAL.fullmatch(text):
        found = bytes.fromhex(text.decode("ascii"))
    elif text and all(map(_LINE.fullmatch, lines := [line.strip() for line in text.splitlines()])):
        found = _typed(lines)
    elif raw:
        found = content
    else:
        raise ConfigError("this is no key file: one has 64 hexadecimal digits, or the lines of a recovery sheet")
    if wrong := problem(found):
        raise ConfigError(f"the key {wrong}")
    return found


def problem(secret: bytes) -> str:
    """What is wrong with a secret, if anything: too short, or made by a hand and not by a random number generator."""
    if len(secret) < KEY_BYTES:
        return f"has {len(secret)} bytes, at least {KEY_BYTES} are needed"
    steps = {(after - before) % 256 for before, after in pairwise(secret)}
    if min(len(set(secret)), len(steps)) < _FEWEST:
        return "is not random: bytes that repeat or follow a pattern can be guessed"
    return ""


def written(secret: bytes) -> bytes:
    """The content of a key file."""
    return secret.hex().encode("ascii") + b"\n"


def sheet(secret: bytes) -> list[str]:
    """A secret as lines to print and to type again, each with four digits that tell a slip of the pen."""
    return [
        f"{number} {piece.hex(' ', 2)} {_check(number, piece)}"
        for number, piece in enumerate(
            (secret[start : start + _LINE_BYTES] for start in range(0, len(secret), _LINE_BYTES)), 1
        )
    ]


def _typed(lines: list[bytes]) -> bytes:
    found = b""
    for wanted, line in enumerate(lines, 1):
        match = _LINE.fullmatch(line)
        assert match is not None  # the caller has looked
        number, piece = int(match[1]), bytes.fromhex(match[2].decode("ascii"))
        if number != wanted or match[3].decode("ascii").lower() != _check(number, piece):
            raise ConfigError(f"line {wanted} of the sheet is not as it was printed: compare it digit by digit")
        found += piece
    return found


def _check(number: int, piece: bytes) -> str:
    """CRC-16: no single wrong digit, and no two neighbours that changed places, have the same."""
    return f"{binascii.crc_hqx(piece, number):04x}"
