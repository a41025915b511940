"""What is asked of the index by a person: listed, counted or followed up; each question is written down."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from fidac_node.errors import ConfigError
from fidac_node.hub.index import groups
from fidac_node.hub.index.followup import PATIENT_TYPES, STUDY_TYPES, follow_ups
from fidac_node.hub.index.matching import StudyFilter
from fidac_node.hub.index.order import NAMED_BY
from fidac_node.hub.index.parquet import column_types, write_parquet
from fidac_node.hub.index.query import find
from fidac_node.hub.index.rows import EXACT_TIME, ROWS
from fidac_node.hub.index.words import words
from fidac_node.operations.uses import hub_uses

if TYPE_CHECKING:
    from peewee import Database

    from fidac_node.config.config import HubConfig
    from fidac_node.hub.index.rows import StudyRow

__all__ = ["Answer", "Question", "asked", "write_parquet"]


@dataclass(frozen=True)
class Question:
    """What to list of ``level``, and how: sorted, from a row on, counted by keys, or those who came again.

    ``after`` goes with the usual order alone; so do ``group_by`` and ``follow_up``. ``exact_times`` are for the hub's
    administrators.
    """

    level: str
    wanted: StudyFilter
    sort: tuple[str, ...] = ()
    after: str = ""
    group_by: tuple[str, ...] = ()
    follow_up: bool = False
    exact_times: bool = False

    def __post_init__(self) -> None:
        ways = {"--sort": self.sort, "--after": self.after, "--group-by": self.group_by, "--follow-up": self.follow_up}
        if len(said := [name for name, value in ways.items() if value]) > 1:
            raise ConfigError(f"{' and '.join(said)} do not go together: take one of them")
        if self.follow_up and self.level not in ("patients", "studies"):
            raise ConfigError(f"{self.level} are not followed up: ask for patients or studies")

    def __str__(self) -> str:
        """In the words of the record of acts."""
        more = f"; by {', '.join(self.group_by)}" if self.group_by else "; follow-up" if self.follow_up else ""
        return words(self.level, self.wanted) + more

    @property
    def types(self) -> dict[str, type]:
        """The columns of the answer, in their order, and their types."""
        if self.group_by:
            return {key: groups.KEYS.get(key, str) for key in self.group_by} | dict.fromkeys(groups.COUNTS, int)
        if self.follow_up:
            return dict(PATIENT_TYPES if self.level == "patients" else STUDY_TYPES)
        found = column_types(ROWS[self.level])
        return found if self.exact_times else {name: kind for name, kind in found.items() if name != EXACT_TIME}


class Answer:
    """Rows as they are read from the index, each a mapping; ``last`` names the latest of them."""

    def __init__(self, rows: Iterator[Mapping[str, Any]], name: str) -> None:
        self._rows = rows
        self._name = name
        self.number = 0
        self.last = ""

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        for row in self._rows:
            self.number += 1
            self.last = str(row.get(self._name, ""))
            yield row


@contextmanager
def asked(config: HubConfig, db: Database, question: Question, limit: int | None) -> Iterator[Answer]:
    """Answer a question with at most so many rows, once it is written down.

    Raises ``OSError`` when it cannot be, :class:`ConfigError` and :class:`NotFound` for what it cannot be about.
    """
    with hub_uses(config).during("query", str(question)) as act, closing(_rows(db, question, limit)) as rows:
        answer = Answer(rows, NAMED_BY[question.level][0])
        yield answer
        act.number = answer.number


def _rows(db: Database, question: Question, limit: int | None) -> Generator[Mapping[str, Any]]:
    if question.group_by:
        yield from islice(groups.count(db, question.level, question.wanted, question.group_by), limit)
    elif question.follow_up:
        with closing(find(db, "studies", question.wanted)) as studies:
            found = follow_ups(cast("Iterator[StudyRow]", studies), by_patient=question.level == "patients")
            yield from islice(found, limit)
    else:
        how: dict[str, Any] = {"sort": question.sort, "after": question.after, "exact_times": question.exact_times}
        with closing(find(db, question.level, question.wanted, limit, **how)) as rows:
            yield from (row._asdict() for row in rows)
