"""A ledger that is broken: noticed by whoever meets it, set aside by a start, begun anew with what can still be read.

Files decide, so nothing of an object is lost with it. What no file tells is carried over as far as it can be read:
which key this node began with, which version of an instance came first, whose a study is, and the journal.
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Final

from fidac_node.errors import ConfigError, Temporary
from fidac_node.site.ledger import DAMAGED, FILE, Ledger
from fidac_node.system import broken

log = logging.getLogger(__name__)

_NEW: Final = f"{FILE}.new"
_KEPT: Final = {
    "fact": ("name",),
    "first": ("instance",),
    "whose": ("study", "patient"),
    "object": ("entry",),
    "event": ("id",),
}


def set_aside_if_damaged(spool: Path) -> Path | None:
    """Begin a new ledger if the one in ``spool`` is damaged; return where that is now. For a start.

    Raises ``Temporary`` when the disk does not let it.
    """
    path = spool / FILE
    why = broken.look(path) or ("a page of it was met that is malformed" if _is_marked(path) else "")
    if not why:
        with suppress(OSError):  # none, or on a disk that is read-only
            (spool / DAMAGED).unlink()
        return None
    try:
        for leftover in spool.glob(f"{_NEW}*"):
            leftover.unlink()
        Ledger(spool / _NEW).close()
        kept = broken.carry_over(path, spool / _NEW, _KEPT)
        aside = broken.replace(path, spool / _NEW)
        (spool / DAMAGED).unlink(missing_ok=True)
    except (OSError, sqlite3.Error, ConfigError) as error:
        raise Temporary(f"the ledger is broken ({why}), and cannot be set aside: {error}") from error
    log.error(
        "the ledger was broken (%s): it is set aside as %s and made anew from the spool's directories; "
        "carried over: %s. Look at the disk, then delete what was set aside",
        why,
        aside,
        ", ".join(f"{number} rows of '{table}'" for table, number in kept.items()),
    )
    return aside


def is_out_of_date(ledger: Ledger) -> bool:
    """Say whether the ledger that this process has open was found damaged, or was replaced by another process."""
    try:
        return ledger.path.stat().st_ino != ledger.inode or _is_marked(ledger.path)
    except FileNotFoundError:
        return False  # moved away by a person, who will start the node again


def _is_marked(path: Path) -> bool:
    """Whether somebody met damage in the very file that has the name now."""
    try:
        return (path.parent / DAMAGED).read_text() == str(path.stat().st_ino)
    except FileNotFoundError:
        return False
