"""``fidac-node hub find``: orders, columns, pages, formats, counts; every question stands in the record."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import fields
from pathlib import Path

import pyarrow.parquet
import pytest

from fidac_node.cli.filters import OPTIONS
from fidac_node.cli.rows import write_rows
from fidac_node.hub.index.matching import StudyFilter
from tests.hub_objects import uid
from tests.unit.cli.test_hub_cli import Hub, filed, hub

__all__ = ["filed", "hub"]


def test_every_field_of_a_question_has_its_option() -> None:
    options = {parameter.name for parameter in _parameters()}
    # The pseudonym; how DICOM compares; whose rights.
    said_otherwise = {"name", "case_sensitive", "confined_to", "confined_to_site"}
    assert {field.name for field in fields(StudyFilter)} - said_otherwise == options


def _parameters() -> list[object]:
    def function() -> None: ...

    for option in OPTIONS:
        option(function)
    return list(function.__click_params__)  # type: ignore[attr-defined]


def test_columns_sort_and_pages_are_as_asked(filed: Hub) -> None:
    result = filed("find", "instances", "--columns", "InstanceNumber,SOPInstanceUID", "--format", "csv", "--limit", 2)
    rows = list(csv.reader(io.StringIO(result.stdout)))
    assert rows == [["InstanceNumber", "SOPInstanceUID"], ["1", uid(1, 1, 1, 1)], ["2", uid(1, 1, 1, 2)]]
    assert f"(there may be more: --limit 0, or --after {uid(1, 1, 1, 2)})" in result.stderr
    rest = filed("find", "instances", "--after", uid(1, 1, 1, 2), "--format", "json")
    assert [row["SOPInstanceUID"] for row in json.loads(rest.stdout)] == [uid(2, 1, 1, 1)]
    assert "there may be more" not in rest.stderr
    downwards = filed("find", "patients", "--sort", "-instances", "--columns", "instances,PatientID")
    assert downwards.stdout.splitlines()[1:] == ["2          PSEUDO0001", "1          PSEUDO0002"]


def test_a_parquet_file_has_the_rows_and_their_types(filed: Hub, tmp_path: Path) -> None:
    result = filed("find", "series", "--format", "parquet")
    (tmp_path / "rows").write_bytes(result.stdout_bytes)
    table = pyarrow.parquet.read_table(tmp_path / "rows")
    assert table.num_rows == 2 and str(table.schema.field("StudyDate").type) == "date32[day]"
    assert table.to_pylist()[0]["PixelSpacing"] == [0.7, 0.8]


def test_groups_and_follow_ups_are_printed_as_rows_are(filed: Hub) -> None:
    said = json.loads(filed("find", "studies", "--group-by", "site,label", "--format", "json").stdout)
    assert (
        filed("find", "studies", "--count-by", "site", "--format", "csv").stdout
        == filed("find", "--sites", "--format", "csv").stdout
    )
    assert [(row["site"], row["label"], row["studies"], row["instances"]) for row in said] == [
        ("LILLE", "certain", 1, 2),
        ("LILLE", "negative", 1, 1),
    ]
    assert "slice-thickness" in filed("find", "series", "--group-by", "slice-thickness", "--format", "csv").stdout
    assert json.loads(filed("find", "patients", "--follow-up", "--format", "json").stdout) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["studies", "--columns", "Nonsense"], "there is no column 'Nonsense'"),
        (["studies", "--sort", "Nonsense"], "cannot be sorted by 'Nonsense'"),
        (["studies", "--group-by", "nonsense"], "cannot be counted by 'nonsense'"),
        (["series", "--follow-up"], "ask for patients or studies"),
        (["studies", "--sort", "site", "--after", "1"], "do not go together"),
        (["studies", "--time-since", "25:00"], "is no time of day"),
        (["studies", "--time-since", "10:00", "--time-until", "09:00"], "no time is in between"),
    ],
)
def test_what_cannot_be_asked_is_said_before_anything_is_printed(filed: Hub, arguments: list[str], said: str) -> None:
    result = filed("find", *arguments, code=2)
    assert said in result.stderr and result.stdout == ""


def test_a_question_is_written_down_with_how_much_it_came_to(filed: Hub) -> None:
    filed("find", "instances", "--patient", "PSEUDO0001", "--limit", 1)
    filed("find", "studies", "--group-by", "site")
    acts = json.loads(filed("audit", "--act", "query", "--json").stdout)
    assert [(act["what"], act["number"]) for act in acts] == [
        ("instances: patient (no pseudonym, 10 characters)", 1),
        ("studies: all; by site", 1),
    ]


def test_a_long_table_does_not_wait_for_its_last_row(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[int] = []

    def rows() -> object:
        for number in range(5000):
            seen.append(len(capsys.readouterr().out.splitlines()))
            yield {"number": number}

    write_rows(rows(), ["number"], "table")  # type: ignore[arg-type]
    assert sum(seen) > 4000
