"""Exams that the hub has twice: under two sites, or under two UIDs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fidac_node.hub.index.duplicates import MOST_STUDIES, Compared, Duplicate, compared, duplicates
from fidac_node.hub.index.duplicates import duplicates_of as of_study
from fidac_node.hub.pixels import decoded
from fidac_node.operations.uses import hub_uses

if TYPE_CHECKING:
    from peewee import Database

    from fidac_node.config.config import HubConfig

__all__ = ["MOST_STUDIES", "Compared", "Duplicate", "decoded", "find", "of_study"]


def find(config: HubConfig, db: Database, site: str) -> tuple[list[Duplicate], Compared]:
    """The pairs of studies that have images in common, once that is written down, and how much was compared.

    One of each pair is of ``site``, if given. Raises ``OSError`` when it cannot be written down.
    """
    with hub_uses(config).during("query", f"duplicates {site}".rstrip()) as act:
        found = duplicates(db, site)
        act.number = len(found)
    return found, compared(db)
