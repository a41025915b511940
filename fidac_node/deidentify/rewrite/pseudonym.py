"""Pseudonyms: what replaces a UID, a patient and a date, under a secret key.

Pure functions of key and value (HMAC-SHA-256): no table, no order of arrival. The same input gives
the same pseudonym for ever and in every process; without the key nothing can be computed or undone.
Every use has a key of its own, derived from the secret and the programme (HKDF, RFC 5869), so that
two programmes of one site cannot be joined.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import unicodedata
from collections.abc import Collection, Sequence
from functools import lru_cache, partial
from typing import Final

from fidac_node.errors import ConfigError, Permanent
from fidac_node.system.base32 import base32

KEY_BYTES: Final = 32
LONGEST_SHIFT: Final = 3650

_SALT: Final = b"fidac-node pseudonyms v1"
_BLOCK: Final = 64  # of SHA-256, in bytes
_PADDING: Final = "\x00 "
_STUDIES: Final = 64  # a PACS sends a few side by side
_PATIENTS: Final = 256  # whose pseudonyms are remembered; a worker meets a few at a time


class Pseudonymiser:
    """Makes the pseudonyms of one site in one programme.

    ``secret`` is the key, ``programme`` the research programme, ``site`` the site's
    neutral code or id, which starts every patient pseudonym.
    """

    def __init__(self, secret: bytes, programme: str, site: str) -> None:
        if len(secret) < KEY_BYTES:
            raise ConfigError(f"the secret key has {len(secret)} bytes; at least {KEY_BYTES} are needed")
        self._uid = _Mac(derive(secret, f"uid|{programme}"))
        self._date = _Mac(derive(secret, f"date|{programme}"))
        self._pid = _Mac(derive(secret, f"pid|{programme}"))
        self._handle = _Mac(derive(secret, f"handle|{programme}"))
        self._seal = derive(secret, f"seal|{programme}")
        self._check = check_value(secret)
        self._prefix = prefix_of(site)
        self._patient = lru_cache(_PATIENTS)(self._pseudonym_and_shift)
        self._study_handle = lru_cache(_STUDIES)(partial(self._handle_of, "study", 12))

    def of(self, issuer: str, patient_id: str) -> Pseudonymiser:
        """The pseudonymiser of a patient: this one for everybody (compare :class:`Keyring`)."""
        return self

    def uid(self, old: str) -> str:
        """The UID that stands for ``old``: ``2.25.`` and 128 keyed bits (PS3.5 B.2)."""
        digest = self._uid.digest(old.strip(" \x00"))
        return f"2.25.{int.from_bytes(digest[:16], 'big')}"

    def shift_days(self, issuer: str, patient_id: str) -> int:
        """By how many days all dates of a patient move: -1 to -3650, the same for all his studies.

        Raises :class:`Permanent` when the patient has no id (:func:`identity`).
        """
        return self._patient(issuer, patient_id)[1]

    def fraction(self, study_uid: str, resolution: int) -> int:
        """By how many microseconds the moments of a study go on, below ``resolution`` (seconds).

        The same for the whole study.
        """
        digest = self._date.digest(f"fraction:{study_uid.strip(_PADDING)}")
        return int.from_bytes(digest[:8], "big") % (resolution * 1_000_000) if resolution else 0

    def patient(self, issuer: str, patient_id: str) -> str:
        """The pseudonym of a patient: site code, hyphen, 16 letters and digits (80 bits).

        Raises :class:`Permanent` when the patient has no id (:func:`identity`).
        """
        return self._patient(issuer, patient_id)[0]

    def study_handle(self, uid: str) -> str:
        """12 base32 characters that name a study on this site's screens and disks."""
        return self._study_handle(uid)

    def instance_handle(self, uid: str) -> str:
        """16 base32 characters that name an instance on this site's screens and disks."""
        return self._handle_of("instance", 16, uid)

    def patient_handle(self, issuer: str, patient_id: str) -> str:
        """12 base32 characters that name a patient on this site's screens and disks.

        Raises :class:`Permanent` when the patient has no id (:func:`identity`).
        """
        return self._handle_of("patient", 12, identity(issuer, patient_id))

    def check_value(self) -> str:
        """16 hexadecimal digits that tell one key from another and reveal nothing of it."""
        return self._check

    @property
    def sealing_key(self) -> bytes:
        """32 bytes that this site seals its copies with, and nothing else."""
        return self._seal

    def _pseudonym_and_shift(self, issuer: str, patient_id: str) -> tuple[str, int]:
        who = identity(issuer, patient_id)
        pseudonym = base64.b32encode(self._pid.digest(who)[:10]).decode("ascii")
        return f"{self._prefix}-{pseudonym}", -(1 + int.from_bytes(self._date.digest(who)[:8], "big") % LONGEST_SHIFT)

    def _handle_of(self, kind: str, length: int, uid: str) -> str:
        return base32(self._handle.digest(f"{kind}:{uid.strip(_PADDING)}"), length)


def prefix_of(site: str) -> str:
    """How the pseudonyms of a site begin, by its neutral code or id."""
    return re.sub(r"[^A-Z0-9]+", "-", site.upper()).strip("-")[:32] or "SITE"


class Keyring:
    """The generations of a site's secret, the oldest first: a patient keeps the one he was met under.

    ``known`` are the pseudonyms of the patients met so far, whatever generation made them. Memory holds no
    identity: whether a patient is known is asked by making his pseudonym under each older generation.
    """

    def __init__(self, generations: Sequence[Pseudonymiser], known: Collection[str]) -> None:
        self._older, self._newest = tuple(generations[:-1]), generations[-1]
        self._known = frozenset(known) if self._older else frozenset()
        self._of = lru_cache(_PATIENTS)(self._find)

    def of(self, issuer: str, patient_id: str) -> Pseudonymiser:
        """The pseudonymiser of a patient: of his generation if he is known, else the newest.

        Raises :class:`Permanent` when the patient has no id (:func:`identity`).
        """
        return self._of(issuer, patient_id)

    def _find(self, issuer: str, patient_id: str) -> Pseudonymiser:
        return next((one for one in self._older if one.patient(issuer, patient_id) in self._known), self._newest)


class _Mac:
    """HMAC-SHA-256 (RFC 2104) under one key, its two halves prepared: 0.6 us a value, ``hmac.digest`` takes 1.5."""

    def __init__(self, key: bytes) -> None:
        block = key.ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def digest(self, text: str) -> bytes:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(text.encode("utf-8", "surrogatepass"))
        outer.update(inner.digest())
        return outer.digest()


def identity(issuer: str, patient_id: str) -> str:
    """One text for one patient, however his id is spelled.

    Spaces around, the number of spaces between words, characters that nobody can see, the way an accent is
    encoded, and the issuer's case do not count (PS3.5 6.2, LO). Leading zeros and the id's case do; names
    are not asked, so that homonyms stay two. The length of the issuer goes first, so that no two pairs give
    the same text. Raises :class:`Permanent` ``no-patient-id`` when nothing of the id is left: all patients
    without one would become one.
    """
    issuer = unicodedata.normalize("NFC", unicodedata.normalize("NFD", _normal(issuer)).casefold())
    if not (patient_id := _normal(patient_id)):
        raise Permanent(
            "no-patient-id", "PatientID (0010,0020) is empty: the patient's studies could not be kept together"
        )
    return f"{len(issuer)}:{issuer}|{patient_id}"


def derive(secret: bytes, info: str) -> bytes:
    """One 32-byte key for one use: HKDF with SHA-256 (RFC 5869), extract then expand to one block."""
    extracted = hmac.digest(_SALT, secret, "sha256")
    return hmac.digest(extracted, info.encode("utf-8") + b"\x01", "sha256")


def check_value(secret: bytes) -> str:
    """16 hexadecimal digits that tell one secret from another and reveal nothing of it."""
    return hmac.digest(derive(secret, "check"), b"key check value", "sha256").hex()[:16]


def _normal(text: str) -> str:
    if not (text.isascii() and text.isprintable()):
        # Control and format characters (NUL padding, byte order marks, zero-width spaces) are seen by nobody.
        visible = "".join(one for one in text if one.isspace() or unicodedata.category(one) not in ("Cc", "Cf"))
        text = unicodedata.normalize("NFC", visible)
    return " ".join(text.split())
