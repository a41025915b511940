"""Exams that the hub has twice: under two sites, or under two UIDs."""

from __future__ import annotations

from fidac_node.hub.index.duplicates import MOST_STUDIES, Compared, Duplicate, compared, duplicates

__all__ = ["MOST_STUDIES", "Compared", "Duplicate", "compared", "duplicates"]
