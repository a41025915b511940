"""Passwords: what one must be, and its argon2id hash (RFC 9106), which argon2-cffi makes, of the extra ``web``."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any, Final

from fidac_node.errors import ConfigError, Declined

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST: Final = 10
LONGEST: Final = 256
_FEWEST_DIFFERENT: Final = 5
# The second recommended parameters (RFC 9106 4): 64 MiB and 50 ms of a processor, or two.
COST: Final[dict[str, Any]] = {"time_cost": 3, "memory_cost": 64 << 10, "parallelism": 4}
# Of random bytes that nobody knows: what a name without an account is compared with.
_OF_NONE: Final = "$argon2id$v=19$m=65536,t=3,p=4$kS3sQPr5v10jdRM5FnBoJQ$L5YMNOZ+zencSDJOI7oulT4XpatNOo63LqWiXqSrQ0w"


def check(password: str, name: str) -> None:
    """Raise :class:`Declined` when ``password`` cannot be that of the account ``name``."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise Declined("a password has %(least)d to %(most)d characters", least=SHORTEST, most=LONGEST)
    if len(set(password)) < _FEWEST_DIFFERENT:
        raise Declined("a password has at least %(least)d different characters", least=_FEWEST_DIFFERENT)
    if name.lower() in password.lower() and len(password) < len(name) + SHORTEST:
        raise Declined("a password is more than the name with something before or after it")


def hashed(password: str) -> str:
    """Return the hash of ``password``, with salt and parameters. Raises :class:`ConfigError` without argon2-cffi."""
    return _hasher().hash(_bytes(password))


def verify(hash_: str, password: str) -> bool:
    """Say whether ``hash_`` is of ``password``; with an empty hash, which is of none, it takes as long."""
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        _hasher().verify(hash_ or _OF_NONE, _bytes(password))
    except (VerificationError, InvalidHashError):
        return False
    return bool(hash_)


def is_outdated(hash_: str) -> bool:
    """Say whether a hash was made with other parameters than are used today."""
    return _hasher().check_needs_rehash(hash_)


def _bytes(password: str) -> bytes:
    """The same for every keyboard (NIST SP 800-63B 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogateescape")


def _hasher() -> PasswordHasher:
    try:
        from argon2 import PasswordHasher
    except ImportError as error:
        raise ConfigError("passwords need argon2-cffi: pip install 'fidac-node[web]'") from error
    return PasswordHasher(**COST)
