"""What a person may have meant by a selection that matches nothing: the nearest that there is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

from fidac_node.errors import NotFound

if TYPE_CHECKING:
    from fidac_node.operations.selection import Selection
    from fidac_node.site.ledger import Ledger

_LIKE = 0.5


def nearest(wanted: str, known: Iterable[str]) -> str:
    """Words that name what is most like ``wanted``; nothing when nothing is."""
    found = sorted(set(known))
    close = [one for one in found if one.startswith(wanted)] or get_close_matches(wanted, found, 1, _LIKE)
    return f"; did you mean {close[0]}?" if close else ""


def nothing_selected(rows: Ledger, selection: Selection, states: Sequence[str]) -> NotFound:
    """Why a selection among objects in ``states`` is empty, and what is most like it."""
    among = " or ".join(states)
    objects = rows.rows()
    if selection.entries:
        named = selection.entries[0]
        for row in objects:
            if row["entry"] == named:
                return NotFound(f"object {named} is {row['state']}, not {among}: nothing was done")
        return NotFound(f"no object {named} here{nearest(named, (row['entry'] for row in objects))}")
    waiting = [row for row in objects if row["state"] in states]
    for field in ("study", "reason", "patient"):
        wanted = getattr(selection, field)
        if not wanted or any(row.get(field) == wanted for row in waiting):
            continue
        if field == "study" and any(row["study"] == wanted for row in objects):
            return NotFound(
                f"nothing of study {wanted} is {among}: 'fidac-node site show {wanted}' shows how it stands"
            )
        known = {str(row[field]) for row in waiting if row.get(field)}
        listed = f"; there are {', '.join(sorted(known))}" if field == "reason" and known else ""
        return NotFound(f"nothing that is {among} has the {field} {wanted}{nearest(wanted, known) or listed}")
    return NotFound(f"nothing here is {among}: 'fidac-node site queue list' shows what waits")
