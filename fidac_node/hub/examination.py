"""What an object must show at the door, before anything of it is kept, where who brings it can be told at once.

It is what the filer asks, which asks it again: the filer believes nobody.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

from fidac_node.errors import Permanent
from fidac_node.hub.filing import TROUBLE, unexpected, verify
from fidac_node.hub.index.header import opened
from fidac_node.hub.index.record import Description, describe_header
from fidac_node.hub.index.sites import Registry

Prove: TypeAlias = Callable[[Path, str, str], None]


class Examination:
    """Examines files of any thread; ``proof`` makes what proves, when the first comes. The rest is as for the filer."""

    def __init__(
        self, registry: Registry, safe_creators: Collection[str], limit: int, proof: Callable[[], Prove]
    ) -> None:
        self._registry, self._safe_creators, self._limit, self._proof = registry, safe_creators, limit, proof
        self._one = threading.Lock()

    @cached_property
    def _prove(self) -> Prove:
        return self._proof()

    def __call__(self, path: Path, site: str) -> Description:
        """Return what a Part 10 file of a site says of itself.

        Raises :class:`Permanent` for what the hub would hold, as far as the object alone tells, and ``OSError``.
        """
        try:
            with opened(path, limit=self._limit) as (meta, header):
                verify(header, site, self._safe_creators)
                with self._one:  # what it learns of a series is learned by one
                    self._prove(path, site, self._registry.code_of(site))
                return describe_header(path, site, meta, header)
        except (Permanent, *TROUBLE):
            raise
        except Exception as error:
            raise unexpected(error) from None
