"""Patients who were examined more than once, and the days between: what a shifted date still tells exactly."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby, pairwise
from typing import Any, Final

from fidac_node.hub.index.parquet import column_types
from fidac_node.hub.index.rows import StudyRow

_OF_STUDY: Final = column_types(StudyRow)
STUDY_TYPES: Final[Mapping[str, type]] = {
    **{name: _OF_STUDY[name] for name in ("site", "PatientID")},
    **dict.fromkeys(("exam", "exams"), int),
    **{name: _OF_STUDY[name] for name in ("StudyInstanceUID", "StudyDate")},
    **dict.fromkeys(("days_since_first", "days_since_previous"), int),
    **{name: _OF_STUDY[name] for name in ("Modality", "BodyPartExamined", "label", "series", "instances")},
}
PATIENT_TYPES: Final[Mapping[str, type]] = {
    **{name: _OF_STUDY[name] for name in ("site", "PatientID", "PatientSex")},
    "exams": int,
    "intervals": tuple,
    **dict.fromkeys(("days", "instances"), int),
}


def follow_ups(studies: Iterable[StudyRow], *, by_patient: bool) -> Iterator[dict[str, Any]]:
    """Yield the studies of each patient who has several, or each such patient; ``studies`` come in the usual order.

    ``intervals`` are the days from each study to the next, ``days`` those from the first to the last; nothing where a
    date is not known.
    """
    for _, group in groupby(studies, key=lambda row: (row.site, row.PatientID)):
        exams = list(group)
        if len(exams) > 1:
            yield from [_patient(exams)] if by_patient else _studies(exams)


def _patient(exams: list[StudyRow]) -> dict[str, Any]:
    first = exams[0]
    return {
        "site": first.site,
        "PatientID": first.PatientID,
        "PatientSex": first.PatientSex,
        "exams": len(exams),
        "intervals": [_days(before.StudyDate, after.StudyDate) for before, after in pairwise(exams)],
        "days": _days(*_ends(exams)),
        "instances": sum(exam.instances for exam in exams),
    }


def _studies(exams: list[StudyRow]) -> Iterator[dict[str, Any]]:
    first, _ = _ends(exams)
    for number, exam in enumerate(exams):
        previous = exams[number - 1].StudyDate if number else None
        yield {
            **exam._asdict(),
            "exam": number + 1,
            "exams": len(exams),
            "days_since_first": _days(first, exam.StudyDate),
            "days_since_previous": _days(previous, exam.StudyDate),
        }


def _ends(exams: list[StudyRow]) -> tuple[datetime.date | None, datetime.date | None]:
    dates = [exam.StudyDate for exam in exams if exam.StudyDate]
    return min(dates, default=None), max(dates, default=None)


def _days(before: datetime.date | None, after: datetime.date | None) -> int | None:
    return (after - before).days if before and after else None
