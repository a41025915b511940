"""Whether a site's spool is the one that it has worked with: an unmounted disk is an empty folder, and looks new.

The spool carries the name of its installation; beside the vault the name is written down when the node runs first. An
installation of an earlier version has neither, and gets both.
"""

from __future__ import annotations

from pathlib import Path

from fidac_node.errors import ConfigError
from fidac_node.system import installation


def demand(spool: Path, beside: Path) -> str:
    """The name of the installation, as far as there is one yet; ``beside`` is the folder of the vault.

    Raises :class:`ConfigError` when the spool is not the one that the node has worked with, ``OSError``.
    """
    here, before = installation.read(spool), installation.read(beside)
    if not before or here == before:
        return here
    anew = f"to begin anew with this folder on purpose, delete {beside / installation.FILE}"
    if not here and installation.is_empty(spool):
        raise ConfigError(
            f"the spool {spool} is empty, and this node has worked with one that was not: its disk is not mounted; "
            f"mount it, then start again ({anew})"
        )
    raise ConfigError(
        f"the spool {spool} is not the one that this node has worked with: another disk is mounted there, or [spool] "
        f"directory is wrong; mount the right one, or correct that line ({anew})"
    )


def settle(spool: Path, beside: Path) -> None:
    """Write the name into both folders, where it is not yet. Raises as :func:`demand`."""
    name = demand(spool, beside) or installation.new()
    for directory in (spool, beside):
        if installation.read(directory) != name:
            installation.write(directory, name)
