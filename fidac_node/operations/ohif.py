"""OHIF beside a hub's own pages: put there once, by a person, from npm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fidac_node.operations.uses import hub_uses
from fidac_node.portal import ohif
from fidac_node.portal.ohif import is_installed

if TYPE_CHECKING:
    from pathlib import Path

    from fidac_node.config.config import HubConfig

__all__ = ["folder", "install", "is_installed"]


def folder(config: HubConfig) -> Path:
    """Where it is, if it is installed."""
    return config.spool.directory / "ohif"


def install(config: HubConfig) -> tuple[str, int]:
    """Fetch it and put it there, in place of an earlier one; return its version and how many files it has.

    Raises :class:`ConfigError` when it cannot be had, or is not what it should be; ``OSError``.
    """
    hub_uses(config).write("hub web ohif", "")
    return ohif.install(folder(config), config.spool.directory / "npm")
