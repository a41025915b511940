"""What runs inside the browser's worker: bytes of a file in, what to put before which range of it out.

The same modules as at a site, in Pyodide: standard library alone. ``static/upload/worker.js`` calls it, and the tests
do, in CPython. What an object says is handed over as JSON text, bytes as bytes.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, BinaryIO, Final, NamedTuple, Protocol, TypeAlias, cast

from fidac_node.deidentify.engine import Deidentifier, Outcome, doubt_holds
from fidac_node.deidentify.plan import Plan, parse
from fidac_node.deidentify.rewrite.pseudonym import Pseudonymiser, check_value, derive
from fidac_node.deidentify.source import Source
from fidac_node.deidentify.tools.diff import compare
from fidac_node.dicom import charset, recognise
from fidac_node.dicom.window import Window
from fidac_node.errors import ConfigError, FidacError, Permanent
from fidac_node.identity import secret
from fidac_node.portal.picture import picture

# What a deflated object may inflate to (bytes).
LIMIT: Final = 1 << 30
# A larger file (bytes) is read in pieces as they are needed, and hashed here.
IN_MEMORY: Final = 32 << 20
_PIECE: Final = 4 << 20
# What is no DICOM file at all: a viewer program, a document.
_NOT_DICOM: Final = "not-dicom"
_BEGINNING: Final = 1 << 16
_PADDING: Final = " \x00"
_FACTS: Final = {
    "modality": "Modality",
    "description": "SeriesDescription",
    "study_description": "StudyDescription",
    "study_date": "StudyDate",
    "instance_number": "InstanceNumber",
    "slice_location": "SliceLocation",
}


class Bytes(Protocol):
    """Bytes in JavaScript's memory."""

    def to_bytes(self) -> bytes:
        """A copy of them here."""


class File(Protocol):
    """A file of the user's, of ``size`` bytes."""

    size: int

    def read(self, start: int, length: int) -> Bytes:
        """``length`` bytes from ``start`` on, fewer at the end."""


# Takes what is written, piece by piece.
Put: TypeAlias = "Callable[[bytes], object]"
# In the place of a reason: whether it is held is not known.
FAILED: Final = "failed"
# A reason that no site has: the user's file is not there any more.
UNREADABLE: Final = "unreadable"
_GONE: Final = "the file cannot be read any more: it was moved or changed, or what it is on was taken out"
_STOPS: Final = (FidacError, OSError)
_NOT_YET: Final = "unknown"


class Done(NamedTuple):
    """What becomes of an object: what was put, then ``head``, then the bytes ``start`` to ``stop`` of its file.

    ``held`` is the code of the reason why it is held, ``""`` if it is not, ``failed`` if that is not known; ``said`` is
    then the reason, else JSON. ``study`` is the new UID of its study where that is known of what is held.
    """

    held: str
    said: str
    head: bytes = b""
    start: int = 0
    stop: int = 0
    study: str = ""


@lru_cache(maxsize=1)
def planned(text: str) -> Plan:
    """The plan in force. Raises :class:`ValueError` if it is not whole."""
    return parse(text)


def read_secret(content: Bytes) -> Done:
    """The secret that a key file holds, in ``head``."""
    try:
        return Done("", "", secret.parse(content.to_bytes(), raw=False))
    except ConfigError as error:
        return Done("key", str(error))


def problem(made: Bytes) -> str:
    """What is wrong with a secret, if anything."""
    return secret.problem(made.to_bytes())


def written(made: Bytes) -> str:
    """A secret as the content of a key file and as lines to print."""
    found = made.to_bytes()
    return json.dumps(
        {
            "content": secret.written(found).decode("ascii"),
            "sheet": secret.sheet(found),
            "check_value": check_value(found),
        }
    )


def check(made: Bytes) -> str:
    """What tells one secret from another."""
    return check_value(made.to_bytes())


class Bench:
    """De-identifies what one site uploads for one programme; ``code`` is the site's neutral code, if it has one."""

    def __init__(self, plan: str, made: Bytes, site: str, programme: str, code: str = "") -> None:
        self._keys = Pseudonymiser(made.to_bytes(), programme, code or site)
        self._list_key = derive(made.to_bytes(), f"correspondence|{programme}")
        self._profile = planned(plan).digest
        self._deidentifier = Deidentifier(planned(plan), self._keys, site, programme)

    def check(self, file: File) -> Done:
        """Whether an object may go, and what it is."""
        done = self.deidentify(file, _NOT_YET, "portal", None)
        if not done.held:
            return Done("", done.said)
        if done.held in (FAILED, UNREADABLE):
            return done
        try:
            study = self._read(file).get("StudyInstanceUID")
        except OSError as error:
            return _held(error)
        except FidacError:
            return done if _is_dicom(file) else done._replace(held=_NOT_DICOM)
        return done._replace(study=self._keys.uid(study) if study else "")

    def deidentify(self, file: File, label: str, label_source: str, put: Put | None) -> Done:
        """De-identify an object; ``label`` and ``label_source`` as :meth:`.Deidentifier.apply` has them.

        Without ``put`` nothing is kept or hashed, only looked at; else what is large, or put, comes with its SHA-256.
        """
        try:
            source = self._read(file)
            output = self._deidentifier.apply(source, label=label, label_source=label_source)
            said = _said(source, output.outcome, file)
            sink = _Sink(put)
            if not output.is_patch:  # what is wrong with compressed pixels shows when they are written
                with doubt_holds():
                    output.write(cast(BinaryIO, sink))
                return Done("", json.dumps(said if put is None else said | {"sha256": sink.finish()}))
            head, copied = output.parts()
            if put is not None and file.size > IN_MEMORY:
                said["sha256"] = _digest(head, file, copied)
        except _STOPS as error:
            return _held(error)
        return Done("", json.dumps(said), head, copied.start, copied.stop)

    def header(self, file: File, label: str, label_source: str) -> Done:
        """The header of an object before and after, row by row."""
        try:
            source = self._read(file)
            output = self._deidentifier.apply(source, label=label, label_source=label_source)
            after = self._deidentifier.sources.read(output.header(), LIMIT)
            rows = compare(source.nodes(), after.nodes(), little=source.syntax.little)
        except _STOPS as error:
            return _held(error)
        return Done("", json.dumps([[row.path, row.keyword, row.before, row.after, row.action] for row in rows]))

    def picture(self, file: File) -> Done:
        """The middle frame of an object as :func:`.picture` shows it, in ``head`` a byte a pixel."""
        try:
            shown = picture(self._read(file))
        except _STOPS as error:
            return _held(error)
        return Done("", json.dumps({"width": shown.width, "height": shown.height}), shown.grey)

    def correspondent(self, file: File) -> Done:
        """Who is behind the pseudonym of an object's study: what a site's vault keeps of it, as JSON.

        The page saves it encrypted under :meth:`list_key`; it is never sent.
        """
        try:
            source = self._read(file)
            patient_id = charset.decode(source.raw("PatientID"), source.charset)
            issuer = charset.likely(source.raw("IssuerOfPatientID"), source.charset)
            study_uid = source.get("StudyInstanceUID")
            found = {
                "handle": self._keys.study_handle(study_uid),
                "pseudonym": self._keys.patient(issuer, patient_id),
                "shift_days": self._keys.shift_days(issuer, patient_id),
                "issuer": issuer.strip(_PADDING),
                "patient_id": patient_id.strip(_PADDING),
                "patient_name": source.get("PatientName"),
                "birth_date": source.get("PatientBirthDate"),
                "study_uid": study_uid,
                "new_study_uid": self._keys.uid(study_uid),
                "study_date": source.get("StudyDate"),
                "accession_number": source.get("AccessionNumber"),
                "profile": self._profile,
                "at": time.time(),
                "sex": source.get("PatientSex"),
            }
        except _STOPS as error:
            return _held(error)
        return Done("", json.dumps(found))

    def list_key(self) -> Done:
        """The key, in ``head``, under which the list of who is who is encrypted."""
        return Done("", "", self._list_key)

    def _read(self, file: File) -> Source:
        def read(start: int, length: int) -> bytes:
            return _bytes(file, start, length)

        content = read(0, file.size) if file.size <= IN_MEMORY else Window(file.size, read)
        return self._deidentifier.sources.read(content, LIMIT)


class _Sink:
    """Hands on what is written, in larger pieces, and hashes it."""

    def __init__(self, put: Put | None) -> None:
        self._put = put
        self._waiting = bytearray()
        self._written = 0
        self._hash = hashlib.sha256()

    def write(self, data: bytes | memoryview) -> None:
        self._written += len(data)
        if self._put is None:
            return
        self._hash.update(data)
        self._waiting += data
        if len(self._waiting) >= _PIECE:
            self._hand_on()

    def tell(self) -> int:
        return self._written

    def finish(self) -> str:
        """SHA-256 of all that was written."""
        self._hand_on()
        return self._hash.hexdigest()

    def _hand_on(self) -> None:
        if self._put is not None:
            self._put(bytes(self._waiting))
        self._waiting.clear()


def _bytes(file: File, start: int, length: int) -> bytes:
    """A piece of a file. Raises ``OSError`` if the browser cannot read it any more."""
    try:
        return file.read(start, length).to_bytes()
    except MemoryError:
        raise
    except Exception as error:  # JavaScript's own
        raise OSError("the browser cannot read it") from error


def _is_dicom(file: File) -> bool:
    start = _bytes(file, 0, _BEGINNING)
    return recognise.holds_a_file(start, 0) or recognise.is_data_set(start, 0)


def _held(error: Exception) -> Done:
    if isinstance(error, OSError):
        return Done(UNREADABLE, _GONE)
    return Done(error.code if isinstance(error, Permanent) else FAILED, str(error))


def _digest(head: bytes, file: File, copied: range) -> str:
    """SHA-256 of an object of which most lies in ``file``."""
    found = hashlib.sha256(head)
    for start in range(copied.start, copied.stop, _PIECE):
        found.update(_bytes(file, start, min(_PIECE, copied.stop - start)))
    return found.hexdigest()


def _said(source: Source, outcome: Outcome, file: File) -> dict[str, Any]:
    return {
        "study": outcome.study_instance_uid,
        "series": outcome.series_instance_uid,
        "uid": outcome.sop_instance_uid,
        "pseudonym": outcome.pseudonym,
        "facts": _facts(source),
        "bytes": file.size,
    }


def _facts(source: Source) -> dict[str, str | int]:
    """What the object says of itself, for the screen of who uploads it."""
    said = {name: source.get(keyword) for name, keyword in _FACTS.items()}
    return {**said, "rows": source.number("Rows", 0), "columns": source.number("Columns", 0)}
