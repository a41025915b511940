"""The vault: who is behind a pseudonym, encrypted, at the site, for as long as the site wants to know.

One line per record, only ever appended: its number, a dot-ended base64 of nonce and AES-256-GCM
ciphertext. The key is a file of its own and not derived from the site's secret: a stolen secret opens no
vault, a stolen vault key makes no pseudonym, and the secret can be replaced without touching a record.
Each vault encrypts under a key derived from that file and the vault's own id; every record has a random
nonce, and is bound to its vault and its number, so that none can be changed, moved, or taken out unnoticed.

A line that a power cut left half written lacks its dot. Nothing waited for it: it is passed over, and its
number is given to the next record. That the *last* records are gone, whoever took them, shows in their
number, which the ledger keeps (:meth:`fidac_node.site.node.Site.check_key`).
"""

from __future__ import annotations

import base64
import binascii
import errno
import fcntl
import json
import os
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from fidac_node.deidentify.rewrite.pseudonym import derive
from fidac_node.errors import ConfigError, Permanent, Temporary
from fidac_node.system import safeio

FILE: Final = "vault"

_HEADER: Final = re.compile(rb"fidac-vault-1 ([0-9a-f]{32})\n")
_LINE: Final = re.compile(rb"(\d{1,12}) ([A-Za-z0-9+/]+={0,2})\.\n?")
_NONCE: Final = 12  # bytes, as AES-GCM wants (NIST SP 800-38D 8.2.2: random, far below 2**32 records)
_DATE: Final = 8  # digits
_SEXES: Final = ("F", "M", "O")  # PS3.3 C.7.1.1; what else stands there says nothing


@dataclass(frozen=True)
class Study:
    """One study and whose it is: what the vault keeps. UIDs of instances are not kept, they can be made again.

    ``handle`` names the study on the site's screens; ``profile`` is the digest of the plan; ``at`` is
    seconds of the epoch.
    """

    handle: str
    pseudonym: str
    shift_days: int
    issuer: str
    patient_id: str
    patient_name: str
    birth_date: str
    study_uid: str
    new_study_uid: str
    study_date: str
    accession_number: str
    profile: str
    at: float
    sex: str = ""  # records of before have none


@dataclass(frozen=True)
class Generation:
    """A secret that was replaced, and the check value of the one that followed it.

    ``over``: the new one is in use, so that the old one must not come back.
    """

    secret: bytes
    following: str
    over: bool = False


@dataclass(frozen=True)
class Beginning:
    """Whose vault it is: site, programme, check value of the secret it was begun with, and the site's neutral code."""

    site: str
    programme: str
    check: str
    code: str = ""


class Vault:
    """The vault in ``path`` under ``key``, read and appended to by any number of processes.

    Raises :class:`ConfigError` when it is not there or cannot be decrypted with this key.
    """

    def __init__(self, path: Path, key: bytes) -> None:
        self._path = path
        self._one = threading.Lock()  # flock keeps processes apart, this keeps threads apart
        self.beginning: Beginning | None = None
        self.generations: list[Generation] = []
        # Where in the file the records of a study and of a pseudonym are: memory holds no identity.
        self._of_study: dict[str, tuple[int, ...]] = {}
        self._of_pseudonym: dict[str, tuple[int, ...]] = {}
        self._judged: dict[str, bool] = {}
        try:
            with path.open("rb") as fp:
                header = fp.readline(64)
        except FileNotFoundError:
            raise ConfigError(
                f"{path}: no vault; "
                "put it back from your backup, or make a new one with 'fidac-node site programme open'"
            ) from None
        except OSError as error:
            raise ConfigError(
                f"{path}: the vault cannot be read: {error.strerror}; run as the user that runs the node"
            ) from error
        if not (found := _HEADER.fullmatch(header)):
            raise ConfigError(f"{path}: this is no vault, or its first line is damaged; put it back from your backup")
        self.id = found[1].decode("ascii")
        self._inode = path.stat().st_ino
        self._offset = len(header)
        self._ended = True
        self._box = _Box(key, header)
        self._reader = _Reader(self._box)
        with self._lock(fcntl.LOCK_SH):
            self._catch_up()
        if not self._reader.number:
            raise ConfigError(
                f"{path}: the vault cannot be decrypted with this key; put back the vault key that belongs to it"
            )

    @staticmethod
    def create(path: Path, key: bytes) -> None:
        """Write an empty vault, durably. Raises :class:`ConfigError` when there is one."""
        if path.exists():
            raise ConfigError(f"{path}: there is a vault already; it is never written over")
        header = b"fidac-vault-1 %s\n" % secrets.token_hex(16).encode("ascii")
        safeio.write_synced(path, header + _Box(key, header).sealed(0, {"kind": "vault", "at": time.time()}))

    @property
    def records(self) -> int:
        """How many records there are, as far as this process has read."""
        return self._reader.number

    def newest(self) -> int:
        """How many records there are now, whoever wrote them."""
        with self._lock(fcntl.LOCK_SH):
            self._catch_up()
        return self.records

    def check(self) -> None:
        """Raise :class:`ConfigError` when a record was changed, moved or taken out."""
        if self._reader.damaged:
            raise ConfigError(
                f"{self._path}: the vault is damaged at record {min(self._reader.damaged)}: somebody or a disk has "
                "changed it; keep this copy, and put back your newest backup"
            )

    def begin(self, site: str, programme: str, check: str, code: str = "") -> None:
        """Write down whose vault it is, once."""
        with self._appending():
            if self.beginning is None:
                self._append({"kind": "begun", "site": site, "programme": programme, "check": check, "code": code})

    def enter(self, study: Study) -> None:
        """Keep a study, durably; nothing is written when it is there, for this patient, born then and of this sex.

        Raises ``OSError``, :class:`Temporary`; and :class:`Permanent` ``another-person`` when the vault knows the
        patient with another birth date or sex, until a person has judged that he is the same (:meth:`judge`).
        """
        with self._appending():
            earlier = self._at(self._of_pseudonym.get(study.pseudonym, ()))
            if any(
                one.handle == study.handle and (one.birth_date, one.sex) == (study.birth_date, study.sex)
                for one in earlier
            ):
                return
            differs = [name for name, facts in _FACTS.items() if _contradicts(facts, study, earlier)]
            same = self.judgement(study.handle, study.pseudonym)
            if differs and not same:
                raise Permanent(
                    "another-person", _another(study.handle, earlier[0].handle, differs, judged=same is not None)
                )
            self._append({"kind": "study", **asdict(study)})

    def judge(self, subject: str, *, same: bool) -> None:
        """Keep what a person decided of a study (its handle) or of all of a pseudonym.

        It is the same person as before, or another.
        """
        with self._appending():
            self._append({"kind": "judged", "subject": subject, "same": same, "at": time.time()})

    def judgement(self, *subjects: str) -> bool | None:
        """What was decided last of the first of ``subjects`` of which anything was.

        It is the same (``True``), or another person.
        """
        return next((self._judged[subject] for subject in subjects if subject in self._judged), None)

    def retire(self, secret: bytes, following: str) -> None:
        """Keep a secret that is about to be replaced by the one with the check value ``following``."""
        with self._appending():
            self._append({"kind": "rotated", "secret": secret.hex(), "following": following, "at": time.time()})

    def turn(self) -> None:
        """Write down that the newest secret is in use, once."""
        with self._appending():
            if self.generations and not self.generations[-1].over:
                self._append({"kind": "turned", "at": time.time()})

    def studies(self) -> Iterator[Study]:
        """Every study, in the order of entry; what can be read is yielded, whatever was damaged.

        Nobody can append meanwhile: take what is wanted, and do nothing slow between.
        """
        reader = _Reader(self._box)
        with self._lock(fcntl.LOCK_SH), self._path.open("rb") as fp:
            fp.readline()
            for line in fp:
                record = reader.record(line)
                if record is not None and record.pop("kind") == "study":
                    yield Study(**record)

    def identities(self, handle: str) -> list[Study]:
        """All whose objects the study ``handle`` has, in the order of entry: one, if nothing is wrong."""
        with self._lock(fcntl.LOCK_SH):
            self._catch_up()
            return self._at(self._of_study.get(handle, ()))

    @contextmanager
    def _appending(self) -> Iterator[None]:
        """Alone with the vault, and knowing all that is in it."""
        with self._lock(fcntl.LOCK_EX):
            self._catch_up()
            if self._reader.damaged:
                raise Temporary("the vault is damaged: stop the node, and put back the newest backup of the vault")
            yield

    @contextmanager
    def _lock(self, how: int) -> Iterator[None]:
        with self._one:
            fd = os.open(self._path, os.O_RDONLY)
            try:
                fcntl.flock(fd, how)
                facts = os.fstat(fd)
                if facts.st_ino != self._inode or facts.st_size < self._offset:
                    raise Temporary(
                        "the vault was replaced by another file: restart the node, it will check the new one"
                    )
                yield
            finally:
                os.close(fd)

    def _catch_up(self) -> None:
        """Read what was appended since the last time, by whichever process."""
        with self._path.open("rb") as fp:
            fp.seek(self._offset)
            for line in fp:
                at = self._offset
                self._offset += len(line)
                self._ended = line.endswith(b"\n")
                record = self._reader.record(line)
                if record is not None:
                    self._take_note(record, at)

    def _at(self, offsets: Iterable[int]) -> list[Study]:
        """The studies in the records at ``offsets``; the caller has the lock."""
        found = []
        with self._path.open("rb") as fp:
            for offset in offsets:
                fp.seek(offset)
                line = _LINE.fullmatch(fp.readline())
                record = self._box.opened(int(line[1]), line[2]) if line else None
                if record is None:
                    raise Temporary(
                        "a record of the vault was changed: stop the node, and put back the newest backup of the vault"
                    )
                del record["kind"]
                found.append(Study(**record))
        return found

    def _take_note(self, record: dict[str, Any], at: int) -> None:
        kind = record["kind"]
        if kind == "study":
            for known, key in ((self._of_study, record["handle"]), (self._of_pseudonym, record["pseudonym"])):
                known[key] = (*known.get(key, ()), at)
        elif kind == "judged":
            self._judged[record["subject"]] = record["same"]
        elif kind == "begun":
            self.beginning = Beginning(record["site"], record["programme"], record["check"], record.get("code", ""))
        elif kind == "rotated":
            generation = Generation(bytes.fromhex(record["secret"]), record["following"])
            if self.generations and self.generations[-1].secret == generation.secret:
                self.generations.pop()  # that rotation did not come to its end
            self.generations.append(generation)
        elif kind == "turned":
            self.generations[-1] = replace(self.generations[-1], over=True)

    def _append(self, record: dict[str, Any]) -> None:
        """Write one record at the end; the caller is alone with the vault."""
        # One write. What a power cut or a full disk left half written is ended first, so that it spoils no other line.
        data = (b"" if self._ended else b"\n") + self._box.sealed(self._reader.number, record)
        fd = os.open(self._path, os.O_WRONLY | os.O_APPEND)
        try:
            if os.write(fd, data) < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
            os.fsync(fd)
        finally:
            os.close(fd)
        self._catch_up()


def _born(study: Study) -> str:
    """The birth date, if it can be read as one (PS3.5 6.2, DA; with dots in ACR-NEMA)."""
    digits = study.birth_date.strip().replace(".", "")
    try:
        return datetime.strptime(digits, "%Y%m%d").strftime("%Y%m%d") if len(digits) == _DATE else ""
    except ValueError:
        return ""


def _sex(study: Study) -> str:
    value = study.sex.strip().upper()
    return value if value in _SEXES else ""


_FACTS: Final[dict[str, Callable[[Study], str]]] = {"PatientBirthDate": _born, "PatientSex": _sex}


def _contradicts(fact: Callable[[Study], str], study: Study, earlier: Iterable[Study]) -> bool:
    """Say whether ``study`` says otherwise than all that said anything before."""
    said = {fact(one) for one in earlier} - {""}
    return bool(said and fact(study)) and fact(study) not in said


def _another(study: str, before: str, differs: Iterable[str], *, judged: bool) -> str:
    """Why the objects of ``study`` wait; by handles, never by a value."""
    what = (
        f"{' and '.join(differs)} of study {study} differ from what the vault has of its PatientID, from study {before}"
    )
    if judged:
        return (
            f"{what}; a person has decided that this is another patient: "
            "have the PACS correct the PatientID, then drop these objects"
        )
    return (
        f"{what}: two patients may share the PatientID. Ask at the PACS, then 'fidac-node site patient same {study}' "
        f"(and retry) or 'site patient different {study}'"
    )


class _Box:
    """Seals and opens the records of one vault; ``header`` is its first line."""

    def __init__(self, key: bytes, header: bytes) -> None:
        # Here and not above: commands that only look at the ledger do without it.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._header = header
        self._aead = AESGCM(derive(key, f"vault|{header.decode('ascii').strip()}"))

    def sealed(self, number: int, record: dict[str, Any]) -> bytes:
        """The line of a record."""
        plain = json.dumps(record, separators=(",", ":")).encode("ascii")
        nonce = secrets.token_bytes(_NONCE)
        return b"%d %s.\n" % (number, base64.b64encode(nonce + self._aead.encrypt(nonce, plain, self._bound(number))))

    def opened(self, number: int, text: bytes) -> dict[str, Any] | None:
        """The record in the base64 ``text``, or ``None`` when it is not what was written under this number."""
        from cryptography.exceptions import InvalidTag

        try:
            raw = base64.b64decode(text)
            record: dict[str, Any] = json.loads(self._aead.decrypt(raw[:_NONCE], raw[_NONCE:], self._bound(number)))
        except (InvalidTag, ValueError, binascii.Error):
            return None
        return record

    def _bound(self, number: int) -> bytes:
        return self._header + number.to_bytes(8, "big")


class _Reader:
    """Takes a vault's lines in their order.

    ``damaged`` are the numbers of records that are not as they were written.
    """

    def __init__(self, box: _Box) -> None:
        self._box = box
        self.number = 0  # of the next record
        self.damaged: list[int] = []

    def record(self, line: bytes) -> dict[str, Any] | None:
        """The record in one line; ``None`` for a line that is empty, half written or damaged."""
        found = _LINE.fullmatch(line)
        if not found:
            return None
        number = int(found[1])
        record = self._box.opened(number, found[2])
        if record is None or number < self.number:
            self.damaged.append(number)
            return None
        self.damaged += range(self.number, number)
        self.number = number + 1
        return record
