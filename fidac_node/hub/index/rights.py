"""What a client of the hub may do: the one check that every way of asking goes through."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fidac_node.hub.index.query import StudyFilter


@dataclass(frozen=True)
class Rights:
    """What a client may read and for which sites it may store; with a ``programme``, of that one alone.

    ``index`` is what the index says of objects, ``images`` the objects themselves.
    """

    index: bool = False
    images: bool = False
    sites: frozenset[str] = frozenset()
    programme: str = ""

    def narrowed(self, wanted: StudyFilter) -> StudyFilter:
        """Return the filter that asks for no more than may be read: what is beyond is as if it were not there."""
        return replace(wanted, confined_to=self.programme) if self.programme else wanted
