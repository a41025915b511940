"""In which order rows come, and where a page goes on: by what a row says of itself, and never by a row's number.

A page that goes on *after* a row is right while data arrive: what was filed meanwhile comes where it belongs, nothing
comes twice, nothing is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from operator import and_, or_
from typing import Any, Final, NamedTuple

from peewee import SQL, Database, SqliteDatabase, fn

from fidac_node.errors import ConfigError, NotFound
from fidac_node.hub.index.models import Instance, Patient, Series, Study
from fidac_node.hub.index.rows import EXACT_TIME

_BY_PATIENT: Final = (Patient.site, Patient.pseudonym)
BY_STUDY: Final = (Study.site, Patient.pseudonym, Study.date, Study.study_instance_uid)
BY_SERIES: Final = (*BY_STUDY, Series.series_instance_uid)
BY_INSTANCE: Final = (*BY_SERIES, Instance.number, Instance.sop_instance_uid)
_BY: Final[Mapping[str, tuple[Any, ...]]] = {
    "patients": _BY_PATIENT,
    "studies": BY_STUDY,
    "series": BY_SERIES,
    "instances": BY_INSTANCE,
}
# What names a row of each level in a site, in words and as its column.
NAMED_BY: Final = {
    "patients": ("PatientID", Patient.pseudonym),
    "studies": ("StudyInstanceUID", Study.study_instance_uid),
    "series": ("SeriesInstanceUID", Series.series_instance_uid),
    "instances": ("SOPInstanceUID", Instance.sop_instance_uid),
}


_ROWS: Final[Mapping[str, Callable[[Sequence[Any]], Any]]] = {
    "patients": lambda columns: Patient.select(*columns),
    "studies": lambda columns: Study.select(*columns).join(Patient),
    "series": lambda columns: Series.select(*columns).join(Study).join(Patient),
    "instances": lambda columns: Instance.select(*columns).join(Series).join(Study).join(Patient),
}


class Order(NamedTuple):
    """The order of rows, and the conditions on rows, and on the series of instances, that a page begins with."""

    by: tuple[Any, ...]
    beyond: tuple[Any, ...] = ()
    series_beyond: tuple[Any, ...] = ()
    is_own: bool = True


def usual(level: str) -> Order:
    """By site, patient, date and UIDs, which says nothing of when rows were filed."""
    return Order(_BY[level])


def after(db: Database, level: str, name: str, site: str) -> Order:
    """The usual order, from the row on that comes after the one called ``name``, of ``site`` if that is said.

    Raises :class:`NotFound` when there is no such row (any more), :class:`ConfigError` when two sites have it.
    """
    by, what = _BY[level], NAMED_BY[level][0]
    query = _ROWS[level](by).where(NAMED_BY[level][1] == name)
    found = list(query.where(by[0] == site).tuples().execute(db) if site else query.tuples().execute(db))
    if not found:
        raise NotFound(f"nothing is after {what} {name}: it is not in the index any more; begin again")
    if len(found) > 1:
        raise ConfigError(f"{what} {name} is at several sites: say which with --site")
    depth = len(BY_SERIES)
    beyond = _beyond(db, by, found[0])
    series_beyond = (_beyond(db, by[:depth], found[0][:depth], inclusive=True),) if level == "instances" else ()
    return Order(by, (beyond,), series_beyond)


def sorted_by(db: Database, level: str, columns: Mapping[str, Any], names: Sequence[str]) -> Order:
    """By columns of the level's rows, a hyphen before its name turns one round; then the usual order.

    The time of reception is that of the week. Raises :class:`ConfigError` for what no row can be sorted by.
    """
    by = []
    for name in names:
        keyword = name.removeprefix("-")
        column = week(db, columns[EXACT_TIME]) if keyword == "received_week" else columns.get(keyword)
        if column is None:
            known = ", ".join([*(known for known in columns if known != EXACT_TIME), "received_week"])
            raise ConfigError(f"{level} cannot be sorted by {keyword!r}; by these: {known}")
        by.append(column.desc() if name.startswith("-") else column.asc())
    return Order((*by, *_BY[level]), is_own=False)


def week(db: Database, moment: Any) -> Any:
    """The Monday (YYYY-MM-DD) of the week of a column, as text."""
    if isinstance(db, SqliteDatabase):
        return fn.DATE(moment, "weekday 0", "-6 days").coerce(False)
    return fn.TO_CHAR(fn.DATE_TRUNC("week", moment), "YYYY-MM-DD")


def _beyond(db: Database, by: Sequence[Any], row: Sequence[Any], *, inclusive: bool = False) -> Any:
    """Rows whose values come after those of ``row`` in the order ``by``; or are the same."""
    same = [column.is_null() if value is None else column == value for column, value in zip(by, row, strict=True)]
    cases = [
        reduce(and_, [*same[:depth], _greater(db, column, value)])
        for depth, (column, value) in enumerate(zip(by, row, strict=True))
    ]
    return reduce(or_, [*cases, reduce(and_, same)] if inclusive else cases)


def _greater(db: Database, column: Any, value: Any) -> Any:
    """Where a column comes after a value: no value is less than any for SQLite, and more for PostgreSQL."""
    is_least = isinstance(db, SqliteDatabase)
    if value is None:
        return ~column.is_null() if is_least else SQL("1 = 0")
    return column > value if is_least or not column.null else (column > value) | column.is_null()
