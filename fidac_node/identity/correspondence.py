"""The list of who is who that a person saves after an upload, encrypted for whoever has the site's key.

Two lines: ``fidac-correspondence-1`` and the check value of the secret, then in base64 a nonce and AES-256-GCM over the
studies as JSON, bound to the first line. The key is derived from secret and programme, as every other is
(:func:`~fidac_node.deidentify.rewrite.pseudonym.derive`); the browser makes it in the worker that has the secret.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Final

from fidac_node.deidentify.rewrite.pseudonym import Pseudonymiser, check_value, derive
from fidac_node.errors import ConfigError, Permanent
from fidac_node.identity.vault import Study

LARGEST: Final = 64 << 20  # bytes of a list
_KIND: Final = "fidac-correspondence-1"
_FIRST: Final = re.compile(rb"fidac-correspondence-1 ([0-9a-f]{16})\r?\n")
_NONCE: Final = 12  # bytes, as AES-GCM wants
_ALLOWED: Final[dict[str, tuple[type, ...]]] = {"str": (str,), "int": (int,), "float": (int, float)}
_TYPES: Final = {one.name: _ALLOWED[str(one.type)] for one in fields(Study)}
_OPTIONAL: Final = frozenset({"sex"})


def sealed(studies: Sequence[dict[str, Any]], secret: bytes, programme: str, nonce: bytes) -> bytes:
    """A list as a browser writes it; ``nonce`` must never serve twice."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    first = f"{_KIND} {check_value(secret)}\n".encode("ascii")
    content = json.dumps(list(studies)).encode("utf-8")
    box = AESGCM(derive(secret, f"correspondence|{programme}"))
    return first + base64.b64encode(nonce + box.encrypt(nonce, content, first)) + b"\n"


def opened(content: bytes, secrets: Sequence[bytes], programme: str, site: str) -> list[Study]:
    """The studies in a list, each proven to be what its secret makes of it; ``site`` is what pseudonyms begin with.

    ``secrets`` are those of the site, older ones too. Raises :class:`ConfigError` for what is no list, of another key
    or programme, or damaged.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    first = _FIRST.match(content)
    if first is None or len(content) > LARGEST:
        raise ConfigError("this is no list of who is who: the upload page saves one, NAME.correspondence")
    check = first[1].decode("ascii")
    secret = next((one for one in secrets if check_value(one) == check), None)
    if secret is None:
        raise ConfigError(
            f"it was made with another key (check value {check}) than this site has or had: put that key file in the "
            "place of [deidentify] key_file of a node of its own, and read the list there"
        )
    try:
        box = base64.b64decode(content[first.end() :].strip(), validate=True)
        bound = f"{_KIND} {check}\n".encode("ascii")
        text = AESGCM(derive(secret, f"correspondence|{programme}")).decrypt(box[:_NONCE], box[_NONCE:], bound)
    except (binascii.Error, ValueError, InvalidTag):
        raise ConfigError(
            f"it is damaged, or of another programme than {programme} ([deidentify] programme): save it again"
        ) from None
    keys = Pseudonymiser(secret, programme, site)
    return [_proven(one, keys) for one in _listed(text)]


def _listed(text: bytes) -> list[Study]:
    try:
        found = json.loads(text)
        if not isinstance(found, list):
            raise TypeError
        return [_study(one) for one in found]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ConfigError("it can be decrypted, but this version does not understand it") from None


def _study(said: dict[str, Any]) -> Study:
    values = {name: said[name] for name in _TYPES if name in said or name not in _OPTIONAL}
    if not all(isinstance(value, _TYPES[name]) and not isinstance(value, bool) for name, value in values.items()):
        raise TypeError
    return Study(**values)


def _proven(study: Study, keys: Pseudonymiser) -> Study:
    """A study, if its pseudonym, UID and shift are what the key makes. Raises :class:`ConfigError`."""
    try:
        who = study.issuer, study.patient_id
        made = keys.patient(*who), keys.shift_days(*who), keys.uid(study.study_uid)
    except Permanent:
        made = ("", 0, "")
    if made != (study.pseudonym, study.shift_days, study.new_study_uid):
        raise ConfigError(
            "its pseudonyms are not those that this key makes at this site: compare [site] id and code with the hub's"
        )
    return study
