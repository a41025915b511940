"""The log: one line per record, and no text of a foreign error, because that may name a patient."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from fidac_node.errors import Temporary
from fidac_node.system import flood
from fidac_node.system.logs import Formatter, describe, printable, setup_logging


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """What a logger under our formatter writes."""
    logger = logging.getLogger("fidac_node.test")
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(Formatter(journal=True))
    logger.addHandler(handler)
    yield text
    logger.removeHandler(handler)


def fail_with_a_name() -> None:
    raise ValueError("Invalid value for VR PN: 'DUPONT^Marie'")


def test_the_text_of_a_foreign_error_is_not_logged_but_its_kind_and_place_are(stream: io.StringIO) -> None:
    log = logging.getLogger("fidac_node.test")
    try:
        fail_with_a_name()
    except ValueError as error:
        log.exception("object abc is held")
        log.error("object abc: %s", error)
        log.error(error)
        log.exception(error)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 4
    assert "DUPONT" not in stream.getvalue()
    assert all("ValueError at test_logs.py:" in line and "fail_with_a_name" in line for line in lines)
    assert lines[0].startswith("<3>ERROR test: object abc is held: ValueError")


def test_the_text_of_our_own_errors_is_logged_and_stays_on_one_line(stream: io.StringIO) -> None:
    logging.getLogger("fidac_node.test").warning("hub away: %s", Temporary("nothing listens\nthere"))
    assert stream.getvalue() == "<4>WARNING test: hub away: nothing listens there\n"


def test_a_system_error_says_its_reason_but_not_the_name_of_the_file() -> None:
    assert (
        describe(FileNotFoundError(2, "No such file or directory", "/in/DUPONT.dcm"))
        == "FileNotFoundError (No such file or directory)"
    )


def test_what_an_error_came_from_is_described_too() -> None:
    try:
        try:
            fail_with_a_name()
        except ValueError as error:
            raise KeyError("DUPONT") from error
    except KeyError as error:
        text = describe(error)
    assert (
        text.startswith("KeyError at test_logs.py:")
        and ", after ValueError at test_logs.py:" in text
        and "DUPONT" not in text
    )


@pytest.fixture
def _as_before() -> Iterator[None]:
    root, kept = logging.getLogger(), logging.getLogger().handlers[:]
    level = root.level
    with warnings.catch_warnings():
        yield
    logging.setLogRecordFactory(logging.LogRecord)
    logging.captureWarnings(capture=False)
    root.handlers[:] = kept
    root.setLevel(level)
    for name in ("pydicom", "pynetdicom", "apscheduler"):
        logging.getLogger(name).setLevel(logging.NOTSET)


@pytest.mark.usefixtures("_as_before")
def test_libraries_are_quiet_and_the_level_is_as_asked(capsys: pytest.CaptureFixture[str]) -> None:
    setup_logging("info")
    logging.getLogger("fidac_node.site.daemon").info("started")
    logging.getLogger("fidac_node.site.daemon").debug("detail")
    logging.getLogger("pynetdicom.acse").info("Association Accepted")
    logging.getLogger("pydicom").error("value DUPONT^Marie is wrong")
    warnings.warn("Invalid value 'DUPONT^Marie'", UserWarning, stacklevel=1)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.endswith(" INFO site: started\n")


BIG_ENDIAN_VALUE = "DUPONT^Marie"


@pytest.mark.usefixtures("_as_before")
def test_what_libraries_set_up_later_shows_no_value(capsys: pytest.CaptureFixture[str]) -> None:
    setup_logging("debug")
    import pydicom.config

    pydicom.config.debug(debug_on=False, default_handler=False)  # what its import does: its level is WARNING again
    log = logging.getLogger("pydicom")
    log.warning("Invalid value for VR UI: %s", BIG_ENDIAN_VALUE)
    pydicom.config.debug()  # with a handler of its own
    log.debug(BIG_ENDIAN_VALUE)
    added = logging.StreamHandler()
    logging.getLogger("pynetdicom").addHandler(added)
    logging.getLogger("pynetdicom").setLevel(logging.DEBUG)
    logging.getLogger("pynetdicom.acse").error("Association of %s", BIG_ENDIAN_VALUE)
    try:
        fail_with_a_name()
    except ValueError:
        logging.getLogger("some_library").exception(BIG_ENDIAN_VALUE)
    logging.getLogger().handle(logging.makeLogRecord({"name": "other", "levelno": 50, "msg": BIG_ENDIAN_VALUE}))
    logging.getLogger("pynetdicom").removeHandler(added)
    log.handlers[:] = [handler for handler in log.handlers if not isinstance(handler, logging.StreamHandler)]
    said = capsys.readouterr().err
    assert "DUPONT" not in said and "Marie" not in said
    assert "some_library: what it says is not shown, it may name somebody (test_logs.py:" in said


def test_a_big_endian_object_read_by_a_command_prints_no_value(tmp_path: Path) -> None:
    """The whole program, in which pydicom comes after the log is set up."""
    script = (
        "from fidac_node.system.logs import setup_logging\n"
        "setup_logging('info')\n"
        "import pydicom, logging, warnings\n"
        "from pydicom.dataelem import DataElement\n"
        "from pydicom.valuerep import validate_value\n"
        "pydicom.config.settings.reading_validation_mode = pydicom.config.WARN\n"
        "for vr in ('DA', 'CS', 'UI', 'AS'):\n"
        "    validate_value(vr, 'DUPONT^Marie', pydicom.config.WARN)\n"
        "    logging.getLogger('pydicom').warning('Invalid value DUPONT^Marie for %s', vr)\n"
        "warnings.resetwarnings()\n"
        "warnings.warn('Invalid value DUPONT^Marie')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "" and "DUPONT" not in done.stderr


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("PACS\x1b[2J", r"PACS\x1b[2J"),
        ("PACS\r2026-01-01 forged", "PACS 2026-01-01 forged"),
        ("PACS\x00\x07\x9b", r"PACS\x00\x07\x9b"),
        ("abc\u202egpj.exe\u202c", r"abc\u202egpj.exe\u202c"),
        ("\u2066a\u2069\u200b\ufeff", r"\u2066a\u2069\u200b\ufeff"),
        ("Saint-Étienne\u00a0: 山田", "Saint-Étienne\u00a0: 山田"),
    ],
    ids=["escape", "return", "controls", "override", "other format characters", "plain text"],
)
def test_nothing_of_anybody_rules_the_terminal(stream: io.StringIO, sent: str, shown: str) -> None:
    logging.getLogger("fidac_node.test").warning("rejected %s", sent)
    assert stream.getvalue() == f"<4>WARNING test: rejected {shown}\n"


def test_half_a_character_of_a_files_name_can_be_written_too() -> None:
    assert printable("lettre\udcff") == r"lettre\udcff"


@pytest.mark.usefixtures("_as_before")
def test_lines_of_one_peer_and_kind_are_limited_and_a_line_says_how_many_were_left_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    setup_logging("info")
    log = logging.getLogger("fidac_node.receive.scp")
    for number in range(500):
        log.warning("rejected %s from %s", f"TITLE{number}", "10.0.0.1", extra={"peer": "10.0.0.1"})
    log.warning("rejected %s from %s", "PACS", "10.0.0.2", extra={"peer": "10.0.0.2"})
    log.warning("something else of %s", "10.0.0.1", extra={"peer": "10.0.0.1"})
    for _ in range(50):
        log.info("object held")
    for number in range(500):
        log.warning("rejected %s from %s", "PACS", number, extra={"peer": str(number)})
    logging.getLogger().handlers[0].close()
    said = capsys.readouterr().err
    assert said.count("from 10.0.0.1") == flood.MOST and said.count("from 10.0.0.2") == 1
    assert said.count("something else") == 1 and said.count("object held") == 50
    rejected = said.count("receive: rejected ")
    assert rejected == flood.MOST_OF_KIND
    assert f"{1001 - rejected} lines more of this kind were left out in 60 s: rejected ... from ..." in said


def test_what_was_left_out_is_said_when_time_is_up_though_nothing_more_is_logged() -> None:
    told, said = [], threading.Event()

    def tell(record: logging.LogRecord) -> None:
        told.append(record.getMessage())
        said.set()

    limit = flood.Flood(tell, seconds=0.2)
    record = logging.makeLogRecord(
        {"name": "fidac_node.receive", "levelno": logging.WARNING, "msg": "rejected", "peer": "10.0.0.1"}
    )
    assert [limit.filter(record) for _ in range(12)].count(False) == 2
    assert said.wait(10) and told == ["2 lines more of this kind were left out in 0 s: rejected"]
