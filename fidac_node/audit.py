"""Who asked who a patient is, when, why and with which command: the record of every look behind a pseudonym.

One line of JSON per use in a file that is only appended to, written before the answer is given. It names
pseudonyms and handles, never a patient, so that whoever oversees the node may read it. Each line holds the
hash of the line before it: a line that was changed or taken out shows, unless all that follows was written
anew; for more, let it be copied to another machine.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import pwd
import re
import time
import unicodedata
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from fidac_node import safeio
from fidac_node.errors import ConfigError

FILE: Final = "uses.jsonl"

_SHORTEST_REASON: Final = 10
_LONGEST_REASON: Final = 200
_LEAST_NAME: Final = 3  # letters or digits: less says nothing about who somebody is
_LEAST_DIGITS: Final = 4
_LEAST_SHOUTED: Final = 4
_ACRONYMS: Final = frozenset({"COVID", "DICOM", "FIDAC", "GDPR", "PACS", "RGPD"})
_DATE: Final = re.compile(r"[0-9]{8}")
_NUMBER: Final = re.compile(r"\d(?:[ .,/:_-]?\d){3}")
# A title and what follows it. "Patient" alone is an ordinary word; before a capital it is none.
_NAME: Final = re.compile(
    r"\b(?:M\.|Mr|Mrs|Ms|Miss|Mme|Mlle|Monsieur|Madame|Mademoiselle|Dr|Docteur|Herr|Frau|Sr|Sra|[Pp]atiente?|née?|born)\.? [A-ZÀ-ÖØ-Þ]"
)
# By how they begin, without accents: English, French, German, Italian, Spanish.
_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            "jan gen ene", "feb fev", "mar", "apr avr abr", "may mai mag", "jun juin giu", "jul juil lug", "aug aou ago", "sep set",
            "oct okt ott", "nov", "dec dez dic",
        ),
        1,
    )
    for name in names.split()
}  # fmt: skip


@dataclass(frozen=True)
class Use:
    """One use: ``at`` is seconds of the epoch, ``user`` the account, ``subject`` a pseudonym or handle, or ``-``."""

    at: float
    user: str
    command: str
    subject: str
    reason: str
    previous: str


class UseLog:
    """The record of uses in the folder ``directory``."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE

    def write(self, command: str, subject: str, reason: str) -> None:
        """Write down one use, durably. Raises ``OSError``: then there must be no answer."""
        safeio.make_directories(self._path.parent)
        owner = self._path.parent.stat()
        fd = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            if os.geteuid() == 0:
                os.fchown(fd, owner.st_uid, owner.st_gid)  # the node's user goes on writing
            content = _content(fd)
            use = Use(time.time(), user(), command, subject, reason, _hash(_last(content)))
            data = (b"" if content.endswith(b"\n") or not content else b"\n") + json.dumps(asdict(use)).encode("ascii") + b"\n"
            if os.write(fd, data) < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
            os.fsync(fd)
        finally:
            os.close(fd)

    def read(self) -> tuple[list[Use], list[int]]:
        """All uses, and the numbers of the lines (from 1) before which one was changed or taken out."""
        if not self._path.exists():
            return [], []
        uses, broken, last = [], [], b""
        for number, line in enumerate(self._path.read_bytes().splitlines(), 1):
            try:
                use = Use(**json.loads(line))
            except (ValueError, TypeError):
                use = None  # half written, by a power cut: nobody got an answer
            if use is not None:
                uses.append(use)
                if use.previous != _hash(last):
                    broken.append(number)
            last = line
        return uses, broken


def user() -> str:
    """The account that runs this, and the one it was reached from, if sudo tells."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = str(os.getuid())
    behind = os.environ.get("SUDO_USER")
    return f"{name} ({behind})" if behind else name


def check_reason(reason: str, identities: Iterable[str] = ()) -> str:
    """Return a reason that can stand in the record; ``identities`` are names, numbers and dates (DA) that it must not repeat.

    Nor may it have the shape of a number, a date or a name, whoever's. Raises :class:`ConfigError`: it is too short, too long, or
    names somebody; the message repeats nothing of it.
    """
    text = " ".join(reason.split())
    if not _SHORTEST_REASON <= len(text) <= _LONGEST_REASON or not text.isprintable():
        raise ConfigError(f"the reason must be {_SHORTEST_REASON} to {_LONGEST_REASON} characters on one line; it is kept")
    if any(_repeats(text, identity) for identity in identities):
        raise ConfigError("the reason names the patient: write why you ask, not about whom; the record shows the pseudonym")
    if _NUMBER.search(text):
        raise ConfigError("the reason holds a number or a date of four digits or more: write why you ask, without it; nothing was kept")
    if "^" in text or _NAME.search(text) or _has_family_name(text):
        raise ConfigError("the reason looks as if it named somebody: write why you ask, in ordinary words; nothing was kept")
    return text


def _repeats(text: str, identity: str) -> bool:
    """Say whether a text repeats a part of a name, a number however grouped, or a date however written."""
    folded = _folded(text)
    if any(len(word) >= _LEAST_NAME and word in folded for word in _folded(identity).split()):
        return True
    digits = "".join(filter(str.isdigit, identity))
    if len(digits) >= _LEAST_DIGITS and digits in "".join(filter(str.isdigit, text)):
        return True
    return bool(_DATE.fullmatch(identity.strip())) and _numbers(folded) >= {int(digits[6:]), int(digits[4:6]), int(digits[2:4])}


def _numbers(folded: str) -> set[int]:
    """The numbers in a text, months by their names too, and of a year its last two digits."""
    numbers = {int(one[-2:]) for one in re.findall(r"[0-9]+", folded)}
    return numbers | {month for name, month in _MONTHS.items() if re.search(rf"\b{name}", folded)}


def _has_family_name(text: str) -> bool:
    """DUPONT Jean, or Jean DUPONT: a word in capitals beside a capitalised one."""
    words = re.findall(r"[^\W\d_]+", text)
    return any((_is_shouted(one) and other.istitle()) or (one.istitle() and _is_shouted(other)) for one, other in pairwise(words))


def _is_shouted(word: str) -> bool:
    return word.isupper() and len(word) >= _LEAST_SHOUTED and word not in _ACRONYMS


def _folded(text: str) -> str:
    """Letters and digits in one case and without accents, all else a space."""
    plain = (one for one in unicodedata.normalize("NFKD", text).casefold() if not unicodedata.combining(one))
    return "".join(one if one.isalnum() else " " for one in plain)


def _content(fd: int) -> bytes:
    with os.fdopen(os.dup(fd), "rb") as fp:
        fp.seek(0)
        return fp.read()


def _last(content: bytes) -> bytes:
    lines = content.splitlines()
    return lines[-1] if lines else b""


def _hash(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()[:32]
