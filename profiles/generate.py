"""Write the layers of this folder that follow from PS3.15 Table E.1-1.

    python profiles/generate.py            writes them
    python profiles/generate.py --check    says whether they are what it would write (exit 1 if not)

A generated layer is a hand-written part (``overlays/NAME.txt``, each line under its reason) and the rows of the
table that the layer's option speaks of. Layers that stand in no overlay are written by hand altogether.

The table's letters (X remove, Z empty, D dummy, U new UID, C clean, K keep) are resolved for the CT Image
IODs: of X/Z, X/D, Z/D and X/Z/D the strictest that the attribute's Type allows. A tag that the overlay
names takes its action from there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fidac_node.deidentify import actions, iod
from fidac_node.deidentify.actions import FUNCTIONS
from fidac_node.deidentify.compiler import GRAPHICS_GROUPS, vr_of
from fidac_node.deidentify.dictionary import keyword_of, tag_of
from fidac_node.deidentify.recipe import PRIVATE_LINE
from fidac_node.deidentify.table import CLEAN_DESCRIPTORS, DEVICE_IDENTITY, MODIFIED_DATES, OPTIONS, Row, read_table
from fidac_node.part10 import format_tag

HERE = Path(__file__).resolve().parent
EDITION = "2024b"

_DATES = frozenset({"DA", "DT", "TM"})
_OWN_GROUP = 0x0012  # clinical trial modules: this node writes the whole group itself, so no option brings a row back


@dataclass(frozen=True)
class Layer:
    """A layer to write: its option of the table (none: the Basic Profile), and the lines of a row, by section."""

    name: str
    title: str
    option: str
    section: Callable[[Row], tuple[str, str] | None]


def basic(row: Row) -> tuple[str, str] | None:
    """The Basic Profile's section and line for a row."""
    letter = _resolve(row)
    why = f"rows {row.basic}" if row.basic == letter else f"rows {row.basic}, taken as {letter}"
    return f"{why}: {_MEANING[letter]}", _basic_line(row, letter)


def modified_dates(row: Row) -> tuple[str, str] | None:
    """Rows C of Retain Longitudinal Temporal Information With Modified Dates."""
    vr = vr_of(row)
    if MODIFIED_DATES not in row.options or vr not in _DATES:
        return None
    if vr == "TM":
        return "rows C, times of day: kept, as the shift is in whole days", f"KEEP {_field(row)}"
    return f"rows C, {vr}: moved by the patient's shift", f"REPLACE {_field(row)} func:shift"


def clean_descriptors(row: Row) -> tuple[str, str] | None:
    """Rows C of Clean Descriptors; of bytes and codes nothing can be cleaned, they stay as the Basic Profile has them."""
    vr = vr_of(row)
    if CLEAN_DESCRIPTORS not in row.options or vr not in actions.TEXT_VRS | {"SQ"}:
        return None
    if vr == "SQ":
        return "rows C, sequences: entered, each attribute inside has its own action", f"KEEP {_field(row)}"
    return "rows C, text: cleaned word by word", f"REPLACE {_field(row)} func:clean"


def device_identity(row: Row) -> tuple[str, str] | None:
    """Rows K of Retain Device Identity, but for the dates among them."""
    vr = vr_of(row)
    if row.options.get(DEVICE_IDENTITY) != "K" or vr in _DATES:
        return None
    return "rows K: kept", f"KEEP {_field(row)}"


LAYERS = (
    Layer("basic", "PS3.15 Basic Application Level Confidentiality Profile", "", basic),
    Layer("modified-dates", "PS3.15 E.3.6 Retain Longitudinal Temporal Information With Modified Dates", MODIFIED_DATES, modified_dates),
    Layer("clean-descriptors", "PS3.15 E.3.5 Clean Descriptors", CLEAN_DESCRIPTORS, clean_descriptors),
    Layer("device-identity", "PS3.15 E.3.8 Retain Device Identity", DEVICE_IDENTITY, device_identity),
)

_HEAD = """\
FORMAT dicom

%header

# {name}: {title}
{option}# Written by profiles/generate.py from Table E.1-1 (edition {edition}) and profiles/overlays/{name}.txt: change those.

"""

_PATTERNS = """\
# --- The table's pattern rows.
# Private attributes: X.
{private}
# Curves (50xx) and overlays (60xx), all elements: X.
{graphics}

"""

_MEANING = {
    "X": "removed",
    "Z": "emptied",
    "D": "replaced by a dummy",
    "U": "replaced by a keyed UID",
    "U*": "kept: references are entered and their UIDs replaced",
}


def _resolve(row: Row) -> str:
    """The one letter of the Basic Profile that holds for ``row`` in CT images."""
    tag = row.tag or 0
    if tag >> 16 == _OWN_GROUP:
        return "X"
    if row.basic.endswith("U*"):
        return "U*"
    letters = row.basic.split("/")
    if len(letters) > 1 and "D" in letters and tag in iod.TYPE_1:
        return "D"
    if len(letters) > 1 and "Z" in letters and tag in iod.TYPE_1 | iod.TYPE_2:
        return "Z"
    return letters[0]


def _basic_line(row: Row, letter: str) -> str:
    field, vr = _field(row), vr_of(row)
    if letter == "D" and vr == "UI":
        return f"REPLACE {field} func:uid"
    if letter == "D" and vr not in FUNCTIONS["dummy"].vrs:
        return f"REMOVE {field}"  # a sequence or bytes of which no harmless dummy can be made
    verb = {"X": "REMOVE {}", "Z": "BLANK {}", "D": "REPLACE {} func:dummy", "U": "REPLACE {} func:uid", "U*": "KEEP {}"}
    return verb[letter].format(field)


def _field(row: Row) -> str:
    return keyword_of(row.tag or 0) or format_tag(row.tag or 0)


def _overlay_tags(overlay: str) -> set[int]:
    """The tags that the hand-written lines name."""
    fields = [text.split()[1] for text in overlay.splitlines() if text and not text.startswith("#")]
    tags = {tag_of(field) for field in fields if not field.startswith("select:")}
    if None in tags:
        raise SystemExit("an overlay names an attribute that PS3.6 does not have; run `fidac-node profile check`")
    return {tag for tag in tags if tag is not None}


def render(layer: Layer) -> str:
    """The text of one layer."""
    overlay = (HERE / "overlays" / f"{layer.name}.txt").read_text(encoding="ascii").strip()
    named = _overlay_tags(overlay)
    sections: dict[str, list[str]] = {}
    for row in read_table(HERE):
        found = None if row.tag is None or row.tag in named else layer.section(row)
        if found and (not layer.option or (row.tag or 0) >> 16 != _OWN_GROUP):
            sections.setdefault(found[0], []).append(found[1])
    option = f"# option: {layer.option}\n#\n" if layer.option else "#\n"
    text = _HEAD.format(name=layer.name, title=layer.title, option=option, edition=EDITION)
    if not layer.option:
        graphics = "\n".join(f"REMOVE select:GROUP:{group:04X}" for group in GRAPHICS_GROUPS)
        text += _PATTERNS.format(private=PRIVATE_LINE, graphics=graphics)
    parts = [text + overlay + "\n"]
    clause = f", {OPTIONS[layer.option].name}" if layer.option else ""
    parts += [f"# --- Table E.1-1{clause}, {heading}\n" + "\n".join(lines) + "\n" for heading, lines in sorted(sections.items())]
    return "\n".join(parts)


def outputs() -> dict[Path, str]:
    """Every file that this script writes, with its text."""
    return {HERE / f"{layer.name}.deid": render(layer) for layer in LAYERS}


def main(arguments: list[str]) -> int:
    """Write the files, or with ``--check`` compare them."""
    wrong = 0
    for path, text in outputs().items():
        if arguments != ["--check"]:
            path.write_text(text, encoding="ascii")
        elif not path.is_file() or path.read_text(encoding="ascii") != text:
            print(f"{path} is not what profiles/generate.py writes", file=sys.stderr)
            wrong = 1
    return wrong


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
