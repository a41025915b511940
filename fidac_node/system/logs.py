"""The log on standard error: one line per record, and nobody's identity in it.

Messages of this package carry handles only. What libraries raise, log or warn about may quote the value
that displeased them, and a file's name may be a patient's: of foreign errors and records the kind and the place are
logged, never the text. What is not printable is shown escaped: nobody writes lines of his own, or turns them round.
"""

from __future__ import annotations

import datetime
import logging
import os
import sys
import traceback
import unicodedata
import warnings
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Final

from fidac_node.errors import FidacError
from fidac_node.system.flood import Flood

_FRAMES: Final = 4  # innermost frames of a foreign error: enough to find the line
_PRIORITIES: Final = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}


# Whose records may be shown as they are: what apscheduler says is about our own chores.
_OURS: Final = ("fidac_node", "apscheduler")
_LEVELS: Final = {"pynetdicom": logging.CRITICAL, "pydicom": logging.CRITICAL}  # what they have to say, we say


def setup_logging(level: str) -> None:
    """Log to standard error from ``level`` (debug, info, warning, error) on; the last call wins.

    Under systemd the journal gives the time, and gets each record's priority.
    """
    handler = _Handler()
    handler.setFormatter(Formatter(journal="JOURNAL_STREAM" in os.environ))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    silence_libraries()


def silence_libraries() -> None:
    """From now on no text of another library is in any record, whoever prints it and however it is set up.

    A library may set its level and add a handler of its own at any time, as pydicom does whenever it is imported:
    so the text is gone before the record is anybody's.
    """
    logging.setLogRecordFactory(_record)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
        logging.captureWarnings(capture=True)


def printable(text: str) -> str:
    """A text as a line of the log or a terminal can take it.

    Control characters and those that turn the direction of writing round (Unicode category Cf) are shown escaped.
    """
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() or unicodedata.category(one) == "Zs" else one.encode("unicode_escape").decode("ascii")
        for one in text
    )


def _is_ours(name: str) -> bool:
    return name == "root" or name.partition(".")[0] in _OURS


def _record(*args: Any, **kwargs: Any) -> logging.LogRecord:
    """A record, for all loggers of this process; one of another library without its text."""
    record = logging.LogRecord(*args, **kwargs)
    if record.name and not _is_ours(record.name):  # makeLogRecord names it later
        _take_text(record)
    return record


def _take_text(record: logging.LogRecord) -> None:
    """Let a record say where it was written, and of an error what it is."""
    error = record.exc_info[1] if record.exc_info else None
    what = f": {describe(error)}" if error else ""
    record.msg = f"what it says is not shown, it may name somebody ({record.filename}:{record.lineno}){what}"
    record.args, record.exc_info, record.exc_text, record.stack_info = (), None, None, None
    record.has_no_text = True


class _Handler(logging.StreamHandler[Any]):
    """Standard error, for our own records and what is serious of others, and no more than so many of a peer's doing."""

    def __init__(self) -> None:
        super().__init__()
        self._flood = Flood(self.handle)
        self.addFilter(_is_wanted)
        self.addFilter(self._flood)

    def close(self) -> None:
        """Say what was left out."""
        self._flood.end()
        super().close()


def _is_wanted(record: logging.LogRecord) -> bool:
    if _is_ours(record.name):
        return record.name.partition(".")[0] != "apscheduler" or record.levelno >= logging.WARNING
    if not hasattr(record, "has_no_text"):
        _take_text(record)
    return record.levelno >= _LEVELS.get(record.name.partition(".")[0], logging.ERROR)


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
        line = printable(" ".join(text.splitlines()))
        if self._journal:
            return f"<{_PRIORITIES.get(record.levelno, 6)}>{line}"
        at = datetime.datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="seconds")
        return f"{at} {line}"


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
