"""What the upload page says, read without belief: each function takes text and returns values, or raises ``Bad``."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any, Final, NamedTuple

from fidac_node.dicom.uids import is_valid_uid
from fidac_node.operations.uploads import Completion, Result, Wish

_MOST_DIGESTS: Final = 50_000
_MOST_RESULTS: Final = 1000
_MOST_REASONS: Final = 100
_MOST_CANDIDATES: Final = 1000
_LONGEST_WAY: Final = 3650  # days between an exam and a PCR that says something of it
_LONGEST_AGENT: Final = 300
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_CHECK_VALUE: Final = re.compile(r"[0-9a-f]{16}")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}")
_CODE: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_PSEUDONYM: Final = re.compile(r"[A-Z0-9][A-Z0-9-]{0,63}")
_DIGEST_FIELD: Final = re.compile(r"(?:^|,)\s*sha-256\s*=\s*:([A-Za-z0-9+/]{43}=):\s*(?=,|;|$)")
RESULTS: Final = ("positive", "negative", "unknown")


class Bad(ValueError):
    """It is not what it should be; the text says how it should be, and repeats nothing."""


class Begin(NamedTuple):
    """A session that is wished, and for which site."""

    site: str
    wish: Wish


def begin(content: bytes) -> Begin:
    """Read what a session is begun with."""
    said = _object(content)
    programme, check, assets = (_text(said, name) for name in ("programme", "check_value", "assets"))
    if not _NAME.fullmatch(programme):
        raise Bad("programme must be a name of 1 to 64 letters, digits, spaces or ._-")
    if not _CHECK_VALUE.fullmatch(check):
        raise Bad("check_value must be 16 hexadecimal digits")
    if assets and not _SHA256.fullmatch(assets):
        raise Bad("assets must be a SHA-256 in 64 hexadecimal digits, or empty")
    agent = "".join(one for one in _text(said, "user_agent") if one.isprintable())[:_LONGEST_AGENT]
    return Begin(_text(said, "site"), Wish(programme, check, agent, assets))


def digests(content: bytes) -> list[str]:
    """Read a list of SHA-256."""
    return _digests(_json(content))


def completion(content: bytes) -> Completion:
    """Read what was sent, what not and why, and results of PCR."""
    said = _object(content)
    return Completion(tuple(_digests(said.get("objects"))), _held(said.get("held", [])), _results(said.get("pcr", [])))


def announced(field: str | None, name: str) -> str:
    """The SHA-256 that an object is announced with, in its address and, if it is there, Content-Digest (RFC 9530)."""
    if not _SHA256.fullmatch(name):
        raise Bad("an object is named by its SHA-256, 64 hexadecimal digits in small letters")
    if field is not None:
        found = _DIGEST_FIELD.search(field)
        try:
            value = base64.b64decode(found[1], validate=True).hex() if found else ""
        except binascii.Error:
            value = ""
        if value != name:
            raise Bad("Content-Digest must be sha-256=:BASE64:, of the SHA-256 that names the object")
    return name


def pseudonyms(given: list[str]) -> list[str]:
    """Read candidates."""
    if len(given) > _MOST_CANDIDATES or not all(map(_PSEUDONYM.fullmatch, given)):
        raise Bad(f"pseudonym must be one of at most {_MOST_CANDIDATES}, of capital letters, digits and hyphens")
    return given


def _digests(said: Any) -> list[str]:
    if not isinstance(said, list) or len(said) > _MOST_DIGESTS:
        raise Bad(f"a list of at most {_MOST_DIGESTS} SHA-256 is expected")
    if not all(isinstance(one, str) and _SHA256.fullmatch(one) for one in said):
        raise Bad("each must be a SHA-256, 64 hexadecimal digits in small letters")
    return list(dict.fromkeys(said))


def _held(said: Any) -> dict[str, int]:
    if not isinstance(said, list) or len(said) > _MOST_REASONS:
        raise Bad(f"held must be a list of at most {_MOST_REASONS} reasons")
    counts: dict[str, int] = {}
    for one in said:
        reason, count = (one.get("reason"), one.get("count")) if isinstance(one, dict) else (None, None)
        if not isinstance(reason, str) or not _CODE.fullmatch(reason) or not _is_whole(count, 0, 10**9):
            raise Bad("each of held must have a reason, a word in small letters, and a count")
        counts[reason] = counts.get(reason, 0) + int(count or 0)
    return counts


def _results(said: Any) -> tuple[Result, ...]:
    if not isinstance(said, list) or len(said) > _MOST_RESULTS:
        raise Bad(f"pcr must be a list of at most {_MOST_RESULTS} results")
    return tuple(_result(one) for one in said)


def _result(said: Any) -> Result:
    study, result, days = (
        (said.get(name) for name in ("study", "result", "days")) if isinstance(said, dict) else [None] * 3
    )
    if not isinstance(study, str) or not is_valid_uid(study) or result not in RESULTS:
        raise Bad(f"each of pcr must have a study, its de-identified UID, and a result, one of {', '.join(RESULTS)}")
    if days is not None and not _is_whole(days, -_LONGEST_WAY, _LONGEST_WAY):
        raise Bad("days must be a whole number of days after the exam, negative before it, or null")
    return Result(study, result, days)


def _is_whole(said: Any, least: int, most: int) -> bool:
    return isinstance(said, int) and not isinstance(said, bool) and least <= said <= most


def _text(said: dict[str, Any], name: str) -> str:
    value = said.get(name, "")
    if not isinstance(value, str):
        raise Bad(f"{name} must be a text")
    return value


def _object(content: bytes) -> dict[str, Any]:
    said = _json(content)
    if not isinstance(said, dict):
        raise Bad("a JSON object is expected")
    return said


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise Bad("the body is no JSON") from None
