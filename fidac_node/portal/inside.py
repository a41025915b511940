"""What runs inside the browser's worker: bytes of a file in, what to put before which range of it out.

The same modules as at a site, in Pyodide: standard library alone. ``static/upload/worker.js`` calls it, and the tests
do, in CPython. What an object says is handed over as JSON text, bytes as bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any, BinaryIO, Final, NamedTuple, Protocol, TypeAlias, cast

from fidac_node.deidentify.engine import Deidentifier, Outcome, doubt_holds
from fidac_node.deidentify.plan import Plan, parse
from fidac_node.deidentify.rewrite.pseudonym import Pseudonymiser, check_value
from fidac_node.deidentify.source import Source
from fidac_node.deidentify.tools.diff import compare
from fidac_node.dicom.window import Window
from fidac_node.errors import ConfigError, FidacError, Permanent
from fidac_node.identity import secret
from fidac_node.portal.picture import picture

# What a deflated object may inflate to (bytes).
LIMIT: Final = 1 << 30
# A larger file (bytes) is read in pieces as they are needed, and hashed here.
IN_MEMORY: Final = 32 << 20
_PIECE: Final = 4 << 20
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
_NOT_YET: Final = "unknown"


class Done(NamedTuple):
    """What becomes of an object: what was put, then ``head``, then the bytes ``start`` to ``stop`` of its file.

    ``held`` is the code of the reason why it is held, ``""`` if it is not, ``failed`` if that is not known; ``said`` is
    then the reason, else JSON.
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
        return self.deidentify(file, _NOT_YET, "portal", None)

    def deidentify(self, file: File, label: str, label_source: str, put: Put | None) -> Done:
        """De-identify an object; ``label`` and ``label_source`` as :meth:`.Deidentifier.apply` has them.

        Without ``put`` nothing is kept. What is large, or put, comes with its SHA-256.
        """
        try:
            source = self._read(file)
            output = self._deidentifier.apply(source, label=label, label_source=label_source)
            sink = _Sink(put)
            if not output.is_patch:  # what is wrong with compressed pixels shows when they are written
                with doubt_holds():
                    output.write(cast(BinaryIO, sink))
        except FidacError as error:
            return _held(error)
        said = _said(source, output.outcome, file)
        if put is None:
            return Done("", json.dumps(said))
        if not output.is_patch:
            return Done("", json.dumps(said | {"sha256": sink.finish()}))
        head, copied = output.parts()
        if file.size > IN_MEMORY:
            said["sha256"] = _digest(head, file, copied)
        return Done("", json.dumps(said), head, copied.start, copied.stop)

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
        def read(start: int, length: int) -> bytes:
            return file.read(start, length).to_bytes()

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


def _held(error: FidacError) -> Done:
    return Done(error.code if isinstance(error, Permanent) else FAILED, str(error))


def _digest(head: bytes, file: File, copied: range) -> str:
    """SHA-256 of an object of which most lies in ``file``."""
    found = hashlib.sha256(head)
    for start in range(copied.start, copied.stop, _PIECE):
        found.update(file.read(start, min(_PIECE, copied.stop - start)).to_bytes())
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
