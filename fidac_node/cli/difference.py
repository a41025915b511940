"""``fidac-node site show STUDY --diff``: what de-identification did to a study, or would do to what is held.

It prints who the patient is. So it asks why, and that is written down before it answers.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from fidac_node.deidentify.tools.diff import Row
    from fidac_node.operations.comparison import Comparison
    from fidac_node.operations.ledger import Ledger

# Items of a sequence beyond these look alike on a screen; --json has them all.
_ITEM_BEYOND: Final = re.compile(r"\[(?:[3-9]|\d{2,})\]")


def compared(config: Path, ledger: Ledger, study: str, reason: str) -> list[Comparison]:
    """One object of each series before and after, and one for each reason why others are held."""
    from fidac_node.operations.comparison import compare_study

    return compare_study(config, ledger, study, reason)


def show(comparisons: list[Comparison]) -> None:
    """Print what changed, attribute by attribute."""
    from fidac_node.deidentify.tools.diff import KEPT

    for one in comparisons:
        click.echo(f"\n{one.entry}: {one.note}" if one.rows else f"\n{one.entry}: {one.note}\n")
        changed = [row for row in one.rows if row.action != KEPT]
        shown = [row for row in changed if not _ITEM_BEYOND.search(row.path)]
        for row in shown:
            click.echo(f"  {row.action:<9} {row.path} {row.keyword}: {_sides(row)}")
        if one.rows:
            beyond = len(changed) - len(shown)
            more = f", {beyond} changes in further items (--json shows them)" if beyond else ""
            click.echo(f"  kept as they were: {len(one.rows) - len(changed)} attributes{more}")


def as_json(comparisons: list[Comparison]) -> list[dict[str, Any]]:
    """Comparisons as plain data, every row of them."""
    return [{"entry": one.entry, "note": one.note, "rows": [row._asdict() for row in one.rows]} for one in comparisons]


def _sides(row: Row) -> str:
    if row.before is None:
        return f"-> {row.after}"
    return row.before if row.after is None else f"{row.before} -> {row.after or '(empty)'}"
