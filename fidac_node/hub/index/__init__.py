"""The hub's index: what is in the archive, in rows that a researcher can filter.

Nothing that is imported here reads DICOM, so that commands that only ask stay quick; the writing side is
``fidac_node.hub.index.record``.
"""

from fidac_node.hub.index.generation import generation
from fidac_node.hub.index.matching import StudyFilter
from fidac_node.hub.index.migrations import check, prepare
from fidac_node.hub.index.query import (
    at_several_sites,
    find,
    has_more,
    received_per_site,
    totals,
)
from fidac_node.hub.index.rows import COLUMNS, EXACT_TIME, LEVELS, Row
from fidac_node.hub.index.sites import Registry, add_site, site_code, site_titles
from fidac_node.hub.index.tallies import add_failed_connections, failed_connections

__all__ = [
    "COLUMNS",
    "EXACT_TIME",
    "LEVELS",
    "Registry",
    "Row",
    "StudyFilter",
    "add_failed_connections",
    "add_site",
    "at_several_sites",
    "check",
    "failed_connections",
    "find",
    "generation",
    "has_more",
    "prepare",
    "received_per_site",
    "site_code",
    "site_titles",
    "totals",
]
