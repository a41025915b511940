"""What runs inside the browser's worker: bytes of a file in, what to put before which range of it out.

The same modules as at a site, in Pyodide: standard library alone. ``static/upload/worker.js`` calls it, and the tests
do, in CPython. What an object says is handed over as JSON text, bytes as bytes.
"""

from __future__ import annotations

import io
import json
from functools import lru_cache
from typing import Any, Final, NamedTuple, Protocol

from fidac_node.deidentify.engine import Deidentifier, Outcome
from fidac_node.deidentify.plan import Plan, parse
from fidac_node.deidentify.rewrite.pseudonym import Pseudonymiser, check_value
from fidac_node.deidentify.source import Source
from fidac_node.deidentify.tools.diff import compare
from fidac_node.errors import ConfigError, FidacError, Permanent
from fidac_node.identity import secret
from fidac_node.portal.picture import picture

# What a deflated object may inflate to (bytes).
LIMIT: Final = 1 << 30
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
    """

    held: str
    said: str
    head: bytes = b""
    start: int = 0
    stop: int = 0


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
        keys = Pseudonymiser(made.to_bytes(), programme, code or site)
        self._deidentifier = Deidentifier(planned(plan), keys, site, programme)

    def check(self, file: File) -> Done:
        """Whether an object may go, and what it is."""
        done = self.deidentify(file, "unknown", "portal")
        return done if done.held else Done("", done.said)

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

    def _read(self, file: File) -> Source:
        return self._deidentifier.sources.read(file.read(0, file.size).to_bytes(), LIMIT)


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
