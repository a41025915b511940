"""The second factor: codes of six digits by time (TOTP, RFC 6238), and recovery codes for who lost the device."""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from fidac_node.audit.trail import Trail, Who
from fidac_node.errors import Declined
from fidac_node.hub.index import users
from fidac_node.system.database import exclusive

if TYPE_CHECKING:
    from peewee import Database

    from fidac_node.hub.index.models import Account
    from fidac_node.hub.index.users import Person

_ISSUER: Final = "FIDAC"
_SECONDS: Final = 30
# A clock may be one step off, either way (RFC 6238 5.2).
_DRIFT: Final = (0, -1, 1)
_SECRET: Final = re.compile(r"[A-Z2-7]{32}")
_RECOVERY_CODES: Final = 10
_RECOVERY_BYTES: Final = 8  # 64 random bits: the hash needs no salt


class Enrolment(NamedTuple):
    """What a person's device is told: the secret (base32), its address, and that as a picture (a data URL of SVG)."""

    secret: str
    uri: str
    picture: str


def offer(name: str, secret: str = "") -> Enrolment:
    """Return a secret for the device of the person ``name``, a new one unless given."""
    import pyotp
    import segno

    secret = secret or pyotp.random_base32()
    uri = pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=_ISSUER)
    return Enrolment(secret, uri, segno.make(uri, error="m").svg_data_uri(scale=4, border=4, light="#fff"))


def is_secret(secret: str) -> bool:
    """Say whether this can be what :func:`offer` made."""
    return _SECRET.fullmatch(secret) is not None


def switch_on(db: Database, trail: Trail, person: Person, secret: str, code: str, origin: str) -> list[str]:
    """Ask this person for codes from now on; return the recovery codes, which nobody can be told again.

    Raises :class:`Declined` when ``code`` is not of ``secret``.
    """
    step = _step(secret, code, after=0) if is_secret(secret) else None
    if step is None:
        raise Declined("the code is not right, or the clock of the device is not")
    codes = [secrets.token_hex(_RECOVERY_BYTES) for _ in range(_RECOVERY_CODES)]
    trail.note(Who(person.name, origin), "user second-factor", "on")
    users.update(db, person.account, totp=secret, totp_step=step, recovery=" ".join(map(_digest, codes)))
    users.end_sessions(db, person.account, but=person.session)
    return ["-".join(re.findall("....", code)) for code in codes]


def switch_off(db: Database, trail: Trail, person: Person, origin: str) -> None:
    """Ask this person for no code any more."""
    trail.note(Who(person.name, origin), "user second-factor", "off")
    users.update(db, person.account, totp="", totp_step=0, recovery="")


def admits(db: Database, row: Account, code: str) -> bool:
    """Say whether ``code`` opens the account, and see that it does so once: of the device, or a recovery code."""
    if not row.totp:
        return True
    given = re.sub(r"[\s-]", "", code).lower()
    with exclusive(db):
        now = users.find_account(db, id=row.id)
        if now is None:
            return False
        step = _step(now.totp, given, after=now.totp_step)
        if step is not None:
            users.update(db, row.id, totp_step=step)
            return True
        codes = now.recovery.split()
        if (digest := _digest(given)) not in codes:
            return False
        users.update(db, row.id, recovery=" ".join(one for one in codes if one != digest))
        return True


def _step(secret: str, code: str, *, after: int) -> int | None:
    """Return the time step whose code this is, later than ``after``; ``None``: of none that is near."""
    import pyotp

    totp, now = pyotp.TOTP(secret), int(time.time()) // _SECONDS
    given = re.sub(r"\s", "", code)
    found = [now + drift for drift in _DRIFT if secrets.compare_digest(totp.at((now + drift) * _SECONDS), given)]
    return next((step for step in found if step > after), None)


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode("utf-8", "surrogateescape")).hexdigest()
