"""The tables of an export: a line for each file, a row for each series, and what each column means."""

from __future__ import annotations

import csv
import datetime
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import IO, Any, Final

from fidac_node.dicom.dictionary import tag_of, vrs_of
from fidac_node.dicom.part10 import format_tag
from fidac_node.hub.export.plan import Item
from fidac_node.hub.index.parquet import column_types
from fidac_node.hub.index.rows import COLUMNS, InstanceRow, SeriesRow

MANIFEST: Final = "manifest.csv"
SERIES_CSV: Final = "series.csv"
SERIES_PARQUET: Final = "series.parquet"
DICTIONARY: Final = "data-dictionary.csv"

MANIFEST_COLUMNS: Final = (
    *("path", "sha256", "bytes", "site", "PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"),
    *("label", "SOPClassUID", "TransferSyntaxUID"),
)
SERIES_TYPES: Final = {
    "path": str,
    **{name: kind for name, kind in column_types(SeriesRow).items() if name in COLUMNS["series"]},
    "nifti": str,
}
# What PS3.6 does not say of our columns, and units.
_MEANINGS: Final = {
    "path": "where it is in this export: the file, or the folder of the series",
    "sha256": "SHA-256 of the file, in hexadecimal digits; sha256sum says the same",
    "bytes": "size of the file, or of all files of the series that are in this export",
    "site": "the hospital's id",
    "label": "what the site says of the case: certain, possible, negative, other, unknown; several are joined by \\",
    "label_source": "how the site came to the label",
    "programme": "the research programme (Clinical Trial Protocol ID, (0012,0020))",
    "contrast": "whether a contrast agent was given",
    "instances": "how many instances of the series are in this export",
    "lost": "keywords of attributes that could not be kept in every instance, joined by \\",
    "profile": "the profile that it was de-identified with",
    "profile_digest": "SHA-256 of that profile",
    "received_week": "the ISO 8601 week in which the hub received it",
    "nifti": "the NIfTI file that was made of it, or why none was; empty: not asked for",
    "PatientID": "the pseudonym; one patient of one site has one",
    "StudyDate": "shifted by a secret number of days, the same for all exams of a patient",
    "StudyTime": "as precise as the site leaves it: HHMMSS, or with a fraction",
    "StudyInstanceUID": "of the de-identified study, as the two below of series and instance",
    "SliceThickness": "as the first exported instance of the series says",
}
_UNITS: Final = {
    "bytes": "byte",
    "KVP": "kV",
    "SliceThickness": "mm",
    "PixelSpacing": "mm (between rows, between columns)",
    "Rows": "pixel",
    "Columns": "pixel",
}
# What makes a spreadsheet take a text for a formula; an apostrophe before it stops that (OWASP, CSV injection).
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_TYPE_NAMES: Final = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    tuple: "list of numbers",
    datetime.date: "date (YYYY-MM-DD)",
}


def series_of(rows: Iterable[InstanceRow], out: IO[str]) -> Iterator[InstanceRow]:
    """Pass rows on, and write a line about each series: what its first instance says, and what all have together."""
    for _, group in groupby(rows, key=lambda row: (row.site, row.StudyInstanceUID, row.SeriesInstanceUID)):
        first, labels = None, set()
        for row in group:
            first = first or row
            labels.add(row.label)
            yield row
        assert first is not None
        said = {name: getattr(first, name) for name in COLUMNS["series"] if hasattr(first, name)}
        out.write(json.dumps({**said, "label": "\\".join(sorted(labels))}, default=datetime.date.isoformat) + "\n")


def series_rows(series: Path, items: Iterable[Item], nifti: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """The rows about series, with what is in this export of each; ``nifti`` says it by the folder of the series."""
    groups = groupby(items, key=lambda item: (item.site, item.study, item.series))
    with series.open(encoding="ascii") as lines:
        for line, (_, group) in zip(lines, groups, strict=True):
            said, own = json.loads(line), list(group)
            day, folder = said["StudyDate"], own[0].folder
            yield {
                **said,
                "path": folder,
                "StudyDate": datetime.date.fromisoformat(day) if day else None,
                "instances": len(own),
                "bytes": sum(item.size for item in own),
                "nifti": nifti.get(folder, ""),
            }


def manifest_line(item: Item, sha256: str) -> str:
    """The line of a verified file."""
    values = (
        *(item.path, sha256, item.size, item.site, item.patient, item.study, item.series, item.sop),
        *(item.label, item.sop_class, item.syntax),
    )
    return csv_line(values)


def write_csv(file: IO[bytes], rows: Iterable[Mapping[str, Any]]) -> int:
    """Write the table of series; return how many."""
    file.write(csv_line(tuple(SERIES_TYPES)).encode("utf-8"))
    return sum(1 for row in rows if file.write(csv_line([row[name] for name in SERIES_TYPES]).encode("utf-8")))


def csv_line(values: Sequence[object]) -> str:
    """A line as RFC 4180 has it."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(map(_cell, values))
    return buffer.getvalue()


def dictionary() -> str:
    """What each column of the tables means, as CSV."""
    manifest: dict[str, type] = {name: int if name == "bytes" else str for name in MANIFEST_COLUMNS}
    types = {MANIFEST: manifest, f"{SERIES_CSV}, {SERIES_PARQUET}": SERIES_TYPES}
    lines = [csv_line(("table", "column", "type", "unit", "tag", "meaning"))]
    for table, columns in types.items():
        for name, kind in columns.items():
            tag = tag_of(name)
            meaning = _MEANINGS.get(name) or f"as in DICOM PS3.6, {vrs_of(tag)[0]}" if tag else _MEANINGS[name]
            about = format_tag(tag) if tag else ""
            lines.append(csv_line((table, name, _TYPE_NAMES[kind], _UNITS.get(name, ""), about, meaning)))
    return "".join(lines)


def _cell(value: object) -> object:
    if isinstance(value, list | tuple):
        return "\\".join("" if one is None else f"{one:g}" for one in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else value
