"""A file of acts, one line of JSON each, written before an answer is given or a thing is done.

It names pseudonyms, handles and shifted UIDs, never a patient, so that whoever oversees the node may read it. Each line
holds the hash of the line before it: one that was changed or taken out shows, unless all that follows was written
anew, and unless it was the last; for more, let syslog take a copy to another machine.

An act that takes its time has a line when it begins, and another at its end with how much it came to, which names the
first by its hash. Any number of processes write: a line costs one lock, one read of the last line, and one sync of the
disk, for which those who come at the same time wait together.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from io import FileIO
from pathlib import Path
from typing import Any, Final, NamedTuple

from fidac_node.system import safeio

FILE: Final = "uses.jsonl"

_MOST_TEXT: Final = 2000  # characters of one text; who asks with thousands of UIDs is told by the first of them
_STUDIES_A_LINE: Final = 500
_BLOCK: Final = 4096
# How much of the record one page of it is looked for in, and how far behind a page the ends of its acts are (bytes).
_MOST_BACK: Final = 32 << 20
_ENDS: Final = 1 << 20
# A clock that was set back does not hide what came before.
_DAY: Final = 86400.0
_HASH: Final = 32  # hexadecimal digits


class Who(NamedTuple):
    """Who acts, an account, an AE title or a token's name, and from where: an address, or nothing for this machine."""

    name: str
    origin: str = ""


@dataclass(frozen=True)
class Act:
    """One act: ``at`` is seconds of the epoch, ``act`` what was done, ``what`` to what, ``number`` to how many.

    ``number`` is ``None`` where nothing is counted, and when the end was never written; ``outcome`` is empty unless
    it ended otherwise than it should. ``studies`` are those that were handed out: the pseudonym of each
    StudyInstanceUID.
    """

    at: float
    who: str
    origin: str
    act: str
    what: str
    number: int | None = None
    reason: str = ""
    outcome: str = ""
    studies: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """As ``--json`` has it."""
        return {"from" if name == "origin" else name: value for name, value in vars(self).items()}


@dataclass
class Doing:
    """An act that goes on; whoever does it says here what it comes to."""

    number: int = 0
    outcome: str = ""
    studies: dict[str, str] = field(default_factory=dict)


class Wanted(NamedTuple):
    """Which acts to read: from ``since`` (seconds of the epoch) on, and as these patterns say, in any case."""

    since: float = 0.0
    act: str = "*"
    who: str = "*"

    def has(self, act: Act) -> bool:
        """Say whether this is one of them. A pattern matches the whole text or some of its words."""
        return act.at >= self.since and _fits(act.act, self.act) and _fits(act.who, self.who)


ALL: Final = Wanted()


class Page(NamedTuple):
    """Some acts, the latest first; ``before`` is where in the record those before them end, 0 when there are none."""

    acts: list[Act]
    before: int


class Verdict(NamedTuple):
    """How a trail stands: its lines, those (from 1) before which one was changed or taken out, the hash of the last."""

    lines: int
    broken: list[int]
    head: str


class Trail:
    """The acts in the file ``path``; ``tell`` hears of each when it is done, and raises nothing."""

    def __init__(self, path: Path, tell: Callable[[Act], None] = lambda _: None) -> None:
        self.path = path
        self._tell = tell

    def note(self, who: Who, act: str, what: str, *, number: int | None = None, reason: str = "") -> None:
        """Write down one act, durably. Raises ``OSError``: then it must not be done."""
        self._begin(said := _said(who, act, what, number, reason))
        self._tell(said)

    @contextmanager
    def doing(self, who: Who, act: str, what: str, *, reason: str = "") -> Iterator[Doing]:
        """Write down that an act begins, durably, and when it ends what it came to.

        Raises ``OSError``: at the beginning nothing may be done, at the end it must not be called a success.
        """
        started = self._begin(said := _said(who, act, what, None, reason))
        doing = Doing()
        try:
            yield doing
        except BaseException as error:
            doing.outcome = doing.outcome or f"broken off ({type(error).__name__})"
            raise
        finally:
            self._tell(replace(said, number=doing.number, outcome=doing.outcome, studies=doing.studies))
            self._end(started, doing)

    def acts(self, wanted: Wanted = ALL) -> Iterator[Act]:
        """The acts that are wanted, in the order in which they began. Lines that nobody understands are left out."""
        ends = self._ends(lambda _of, at: at >= wanted.since)
        for line, fields in self._lines():
            act = None if "of" in fields else _act(fields)
            if act is not None and wanted.has(act):
                yield replace(act, **ends.get(_hash(line), {}))

    def page(self, wanted: Wanted = ALL, most: int = 100, before: int | None = None) -> Page:
        """The latest acts that are wanted, ``most`` of them, that begin ``before`` this place of the record.

        The record is read from its end, however long it is. Where few are wanted a page may be short, or empty, and
        those before it are still to be asked for.
        """
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return Page([], 0)
        with file:
            size = os.fstat(file.fileno()).st_size
            end = size if before is None else min(before, size)
            ends: dict[str, dict[str, Any]] = {}
            for line in os.pread(file.fileno(), _ENDS, end).splitlines():
                _add_end(ends, _fields(line))
            found: list[Act] = []
            for place, line in _backwards(file.fileno(), end):
                fields = _fields(line)
                if "of" in fields:
                    _add_end(ends, fields)
                elif act := _act(fields):
                    if act.at < wanted.since - _DAY:
                        return Page(found, 0)
                    if wanted.has(act):
                        found.append(replace(act, **ends.get(_hash(line), {})))
                if len(found) == most or end - place > _MOST_BACK:
                    return Page(found, place)
        return Page(found, 0)

    def of_study(self, study: str) -> list[Act]:
        """The acts by which objects of a study were handed out, in order."""
        named = json.dumps(study).encode("ascii")
        giving = {
            fields.get("of")
            for fields in (_fields(line) for line in self._raw() if named in line)
            if study in (fields.get("studies") or ())
        }
        ends = self._ends(lambda of, _at: of in giving) if giving else {}
        begun = ((_hash(line), line) for line in self._raw()) if giving else ()
        found = [(ends[name], _act(_fields(line))) for name, line in begun if name in ends]
        return [replace(act, **end | {"studies": {study: end["studies"][study]}}) for end, act in found if act]

    def verify(self) -> Verdict:
        """Follow the chain from the first line to the last."""
        broken, before, number = [], b"", 0
        for number, (line, fields) in enumerate(self._lines(), 1):
            # Half a line was left by a power cut, and nobody got an answer; the next one knows it.
            if fields and fields.get("previous") != _hash(before):
                broken.append(number)
            before = line
        return Verdict(number, broken, _hash(before))

    def _begin(self, act: Act) -> str:
        said = {"at": act.at, "who": act.who, "from": act.origin, "act": act.act, "what": act.what}
        more = {"number": act.number, "reason": act.reason or None}
        return self._append(said | {name: value for name, value in more.items() if value is not None}, durable=True)

    def _end(self, started: str, doing: Doing) -> None:
        end: dict[str, Any] = {"of": started, "number": doing.number, "outcome": doing.outcome}
        studies = list(doing.studies.items())
        for first in range(0, len(studies), _STUDIES_A_LINE):
            some = dict(studies[first : first + _STUDIES_A_LINE])
            self._append({"at": time.time(), "of": started, "studies": some}, durable=False)
        # A power cut may take it: then nobody knows how many it were, but that it was done stands.
        self._append({"at": time.time(), **end}, durable=bool(doing.studies))

    def _append(self, fields: dict[str, Any], *, durable: bool) -> str:
        """Add a line and return its hash. Raises ``OSError``, which names the file."""
        try:
            safeio.make_directories(self.path.parent)
            with FileIO(os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+") as file:
                return self._append_to(file.fileno(), fields, durable=durable)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path)) from error

    def _append_to(self, fd: int, fields: dict[str, Any], *, durable: bool) -> str:
        fcntl.flock(fd, fcntl.LOCK_EX)
        self._give_to_owner(fd)
        size = os.fstat(fd).st_size
        last, is_cut = _last_line(fd, size)
        line = json.dumps(fields | {"previous": _hash(last)}).encode("ascii")
        data = (b"\n" if is_cut else b"") + line + b"\n"
        if os.write(fd, data) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fcntl.flock(fd, fcntl.LOCK_UN)  # who comes meanwhile shares the sync
        if durable:
            os.fdatasync(fd)
        if not size:
            safeio.sync_directory(self.path.parent)
        return _hash(line)

    def _give_to_owner(self, fd: int) -> None:
        """Let the daemon's user go on writing what root has begun."""
        if os.geteuid() == 0:
            owner = self.path.parent.stat()
            os.fchown(fd, owner.st_uid, owner.st_gid)

    def _raw(self) -> Iterator[bytes]:
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return
        with file:
            for line in file:
                yield line.rstrip(b"\n")

    def _lines(self) -> Iterator[tuple[bytes, dict[str, Any]]]:
        """Each line, and what it says; nothing where nobody understands it."""
        return ((line, _fields(line)) for line in self._raw())

    def _ends(self, is_wanted: Callable[[str, float], bool]) -> dict[str, dict[str, Any]]:
        """What acts came to, by the hash of their first lines; ``is_wanted`` is told that, and when it was written."""
        ends: dict[str, dict[str, Any]] = {}
        for _, fields in self._lines():
            of, at = fields.get("of"), fields.get("at")
            if isinstance(of, str) and isinstance(at, float) and is_wanted(of, at):
                _add_end(ends, fields)
        return ends


def _add_end(ends: dict[str, dict[str, Any]], fields: dict[str, Any]) -> None:
    """Add what a line says an act came to, if it does."""
    if isinstance(of := fields.get("of"), str):
        end = ends.setdefault(of, {})
        if studies := fields.get("studies"):
            end.setdefault("studies", {}).update(studies)
        end |= {name: fields[name] for name in ("number", "outcome") if name in fields}


def _backwards(fd: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Each line that ends before ``end``, the last one first, and where it begins."""
    rest = b""
    while end:
        start = max(0, end - _ENDS)
        *lines, last = (os.pread(fd, end - start, start) + rest).split(b"\n")
        lines.append(last)
        first = lines.pop(0)
        place = start + len(first) + 1 + sum(len(line) + 1 for line in lines)
        for line in reversed(lines):
            place -= len(line) + 1
            if line:
                yield place, line
        rest, end = first, start
    if rest:
        yield 0, rest


def _said(who: Who, act: str, what: str, number: int | None, reason: str) -> Act:
    return Act(time.time(), who.name, who.origin, act, _short(what), number, _short(reason))


def _act(fields: dict[str, Any]) -> Act | None:
    """The act of a line, as it is written now or was at first (user, command, subject)."""
    if "user" in fields:
        names = {"who": "user", "act": "command", "what": "subject", "reason": "reason"}
        fields = {name: fields.get(old, "") for name, old in names.items()} | {"at": fields.get("at"), "from": ""}
    try:
        return Act(
            at=float(fields["at"]),
            who=str(fields["who"]),
            origin=str(fields["from"]),
            act=str(fields["act"]),
            what=str(fields["what"]),
            number=fields.get("number"),
            reason=str(fields.get("reason", "")),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _fields(line: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(line)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _last_line(fd: int, size: int) -> tuple[bytes, bool]:
    """The last line of a file of ``size`` bytes, without its end; and whether that end is missing."""
    start, tail = size, b""
    while start and b"\n" not in tail[:-1]:
        block = min(_BLOCK, start)
        start -= block
        tail = os.pread(fd, block, start) + tail
    return tail.removesuffix(b"\n").rpartition(b"\n")[2], bool(tail) and not tail.endswith(b"\n")


def _short(text: str) -> str:
    return text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}... ({len(text)} characters)"


def _fits(text: str, pattern: str) -> bool:
    text, pattern = text.lower(), pattern.lower()
    return fnmatchcase(text, pattern) or any(fnmatchcase(word, pattern) for word in text.split())


def _hash(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()[:_HASH]
