"""The log on standard error: one line per record, and nobody's identity in it.

Messages of this package carry handles only. What libraries raise or warn about may quote the value
that displeased them, and a file's name may be a patient's: of foreign errors the kind and the place are
logged, never the text.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
import warnings
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Final

from fidac_node.errors import FidacError

_FRAMES: Final = 4  # innermost frames of a foreign error: enough to find the line
_PRIORITIES: Final = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}


def setup_logging(level: str) -> None:
    """Log to standard error from ``level`` (debug, info, warning, error) on; the last call wins.

    Under systemd the journal gives the time, and gets each record's priority.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(Formatter(journal="JOURNAL_STREAM" in os.environ))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)  # what it has to say, we say
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    # pydicom's warnings quote the values they are about.
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")


class Formatter(logging.Formatter):
    """One line: time, level, room, message, and where an error came from."""

    def __init__(self, *, journal: bool = False) -> None:
        super().__init__()
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's line."""
        error = record.exc_info[1] if record.exc_info else None
        parts = [_message(record), *([describe(error)] if error else [])]
        text = (
            f"{record.levelname} {record.name.removeprefix('fidac_node.').partition('.')[0]}: "
            f"{': '.join(filter(None, parts))}"
        )
        line = " ".join(text.splitlines())
        if self._journal:
            return f"<{_PRIORITIES.get(record.levelno, 6)}>{line}"
        return f"{self.formatTime(record, '%Y-%m-%d %H:%M:%S')} {line}"


def describe(error: BaseException) -> str:
    """Say what an error is and where it came from; its text only if it is one of ours."""
    if isinstance(error, FidacError):
        return str(error)
    reason = f" ({error.strerror})" if isinstance(error, OSError) and error.strerror else ""
    places = " < ".join(_places(error.__traceback__))
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    after = f", after {describe(cause)}" if cause is not None else ""
    return f"{type(error).__name__}{reason}{f' at {places}' if places else ''}{after}"


def _message(record: logging.LogRecord) -> str:
    if isinstance(record.msg, BaseException):  # log.exception(error), as pynetdicom writes
        return "" if record.exc_info else describe(record.msg)
    if isinstance(record.args, tuple):
        arguments: tuple[Any, ...] = tuple(
            describe(item) if isinstance(item, BaseException) else item for item in record.args
        )
        return str(record.msg) % arguments if arguments else str(record.msg)
    return record.getMessage()


def _places(trace: TracebackType | None) -> Iterator[str]:
    for frame in reversed(traceback.extract_tb(trace)[-_FRAMES:]):
        # A string, not a path to open.
        yield f"{os.path.basename(frame.filename)}:{frame.lineno} {frame.name}"  # noqa: PTH119
