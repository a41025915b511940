"""The log: one line per record, and no text of a foreign error, because that may name a patient."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator

import pytest

from fidac_node.errors import Temporary
from fidac_node.system.logs import Formatter, describe, setup_logging


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
