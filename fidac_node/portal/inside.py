"""What runs inside the browser's worker: bytes of a file in, what to put before which range of it out.

The same modules as at a site, in Pyodide: standard library alone. ``static/upload/worker.js`` calls it, and the tests
do, in CPython. What an object says is handed over as JSON text, bytes as bytes.
"""

from __future__ import annotations

import io
import json
import time
from functools import lru_cache
from typing import Any, Final, NamedTuple, Protocol

from fidac_node.deidentify.engine import Deidentifier, Outcome
from fidac_node.deidentify.plan import Plan, parse
from fidac_node.deidentify.rewrite.pseudonym import Pseudonymiser, check_value, derive
from fidac_node.deidentify.source import Source
from fidac_node.deidentify.tools.diff import compare
from fidac_node.dicom import charset, recognise
from fidac_node.errors import ConfigError, FidacError, Permanent
from fidac_node.identity import secret
from fidac_node.portal.picture import picture

# What a deflated object may inflate to (bytes).
LIMIT: Final = 1 << 30
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


class Done(NamedTuple):
    """What becomes of an object: ``head``, then the bytes ``start`` to ``stop`` of the file it came from.

    ``held`` is the code of the reason why it is held, ``""`` if it is not, and ``said`` then the reason, else JSON.
    ``study`` is the new UID of its study where that is known of what is held.
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
        done = self.deidentify(file, "unknown", "portal")
        if not done.held:
            return Done("", done.said)
        try:
            study = self._read(file).get("StudyInstanceUID")
        except FidacError:
            return done if _is_dicom(file) else done._replace(held=_NOT_DICOM)
        return done._replace(study=self._keys.uid(study) if study else "")

    def deidentify(self, file: File, label: str, label_source: str) -> Done:
        """De-identify an object; ``label`` and ``label_source`` as :meth:`.Deidentifier.apply` has them."""
        try:
            source = self._read(file)
            output = self._deidentifier.apply(source, label=label, label_source=label_source)
            parts = output.parts()
        except FidacError as error:
            return _held(error)
        said = json.dumps({**_identity(output.outcome), "facts": _facts(source), "bytes": file.size})
        return Done("", said, parts.head, parts.copied.start, parts.copied.stop)

    def header(self, file: File, label: str, label_source: str) -> Done:
        """The header of an object before and after, row by row."""
        try:
            source = self._read(file)
            whole = io.BytesIO()
            self._deidentifier.apply(source, label=label, label_source=label_source).write(whole)
            after = self._deidentifier.sources.read(whole.getvalue(), LIMIT)
            rows = compare(source.nodes(), after.nodes(), little=source.syntax.little)
        except FidacError as error:
            return _held(error)
        return Done("", json.dumps([[row.path, row.keyword, row.before, row.after, row.action] for row in rows]))

    def picture(self, file: File) -> Done:
        """The middle frame of an object as :func:`.picture` shows it, in ``head`` a byte a pixel."""
        try:
            shown = picture(self._read(file))
        except FidacError as error:
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
        except FidacError as error:
            return _held(error)
        return Done("", json.dumps(found))

    def list_key(self) -> Done:
        """The key, in ``head``, under which the list of who is who is encrypted."""
        return Done("", "", self._list_key)

    def _read(self, file: File) -> Source:
        return self._deidentifier.sources.read(file.read(0, file.size).to_bytes(), LIMIT)


def _is_dicom(file: File) -> bool:
    start = file.read(0, _BEGINNING).to_bytes()
    return recognise.holds_a_file(start, 0) or recognise.is_data_set(start, 0)


def _held(error: FidacError) -> Done:
    return Done(error.code if isinstance(error, Permanent) else "error", str(error))


def _identity(outcome: Outcome) -> dict[str, Any]:
    return {
        "study": outcome.study_instance_uid,
        "series": outcome.series_instance_uid,
        "uid": outcome.sop_instance_uid,
        "pseudonym": outcome.pseudonym,
    }


def _facts(source: Source) -> dict[str, str | int]:
    """What the object says of itself, for the screen of who uploads it."""
    said = {name: source.get(keyword) for name, keyword in _FACTS.items()}
    return {**said, "rows": source.number("Rows", 0), "columns": source.number("Columns", 0)}
