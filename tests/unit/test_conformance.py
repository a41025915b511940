"""The conformance statement says what the code does."""

from __future__ import annotations

from tests.conformance import DOCUMENT, tables, written


def test_the_tables_of_the_conformance_statement_are_those_of_the_code() -> None:
    text = DOCUMENT.read_text("utf-8")
    assert written(text) == text, "make examples"


def test_every_table_is_in_the_conformance_statement() -> None:
    text = DOCUMENT.read_text("utf-8")
    assert [name for name in tables() if f"<!-- table {name}: begin -->" not in text] == []
