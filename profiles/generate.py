"""Write the layers of this folder that follow from PS3.15 Table E.1-1 or from the modules of PS3.3.

    python profiles/generate.py            writes them
    python profiles/generate.py --check    says whether they are what it would write (exit 1 if not)

A generated layer is a hand-written part (``overlays/NAME.txt``, each line under its reason) and the rows of the
table that the layer's option speaks of; of the layer chest-ct, the attributes of the CT IODs (``ps33-attributes.txt``).
Layers that stand in no overlay are written by hand altogether.

The table's letters (X remove, Z empty, D dummy, U new UID, C clean, K keep) are resolved for the CT Image
IODs: of X/Z, X/D, Z/D and X/Z/D the strictest that the attribute's Type allows. A tag that the overlay
names takes its action from there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fidac_node.deidentify import actions
from fidac_node.deidentify.actions import FUNCTIONS
from fidac_node.deidentify.profile.compiler import GRAPHICS_GROUPS, vr_of
from fidac_node.deidentify.profile.ps315 import OPTIONS, Row, read_table
from fidac_node.deidentify.profile.recipe import PRIVATE_LINE
from fidac_node.deidentify.rewrite import iod
from fidac_node.dicom.dictionary import keyword_of, tag_of
from fidac_node.dicom.marks import CODE_CLEAN_DESCRIPTORS, CODE_DEVICE_IDENTITY
from fidac_node.dicom.part10 import format_tag

HERE = Path(__file__).resolve().parent
_TABLE = "Table E.1-1 (edition 2024b)"

_DATES = frozenset({"DA", "DT", "TM"})
# Type 1C in content items (PS3.3 C.18.3 to C.18.5), which dose reports are made of: DateTime, Date, Time.
_CONTENT_ITEMS = frozenset({0x0040A120, 0x0040A121, 0x0040A122})
_OWN_GROUP = 0x0012  # clinical trial modules: this node writes the whole group itself, so no option brings a row back


@dataclass(frozen=True)
class Layer:
    """A layer to write: its option of the table (``""``: none), what it is made of, and its lines.

    The lines are by section, but for the tags given.
    """

    name: str
    title: str
    option: str
    source: str
    sections: Callable[[set[int]], dict[str, list[str]]]


def basic(row: Row) -> tuple[str, str] | None:
    """The Basic Profile's section and line for a row."""
    letter = _resolve(row)
    why = f"rows {row.basic}" if row.basic == letter else f"rows {row.basic}, taken as {letter}"
    return f"{why}: {_MEANING[letter]}", _basic_line(row, letter)


def clean_descriptors(row: Row) -> tuple[str, str] | None:
    """Rows C of Clean Descriptors; bytes and codes cannot be cleaned, they stay as the Basic Profile has them."""
    vr = vr_of(row)
    if CODE_CLEAN_DESCRIPTORS not in row.options or vr not in actions.TEXT_VRS | {"SQ"}:
        return None
    if vr == "SQ":
        return "rows C, sequences: entered, each attribute inside has its own action", f"KEEP {_field(row)}"
    return "rows C, text: cleaned word by word", f"REPLACE {_field(row)} func:clean"


def device_identity(row: Row) -> tuple[str, str] | None:
    """Rows K of Retain Device Identity, but for the dates among them."""
    vr = vr_of(row)
    if row.options.get(CODE_DEVICE_IDENTITY) != "K" or vr in _DATES:
        return None
    return "rows K: kept", f"KEEP {_field(row)}"


def _rows(option: str, line_of: Callable[[Row], tuple[str, str] | None]) -> Callable[[set[int]], dict[str, list[str]]]:
    """The table's rows as sections."""

    def sections(named: set[int]) -> dict[str, list[str]]:
        clause = f", {OPTIONS[option].name}" if option else ""
        found: dict[str, list[str]] = {}
        for row in read_table(HERE):
            line = None if row.tag is None or row.tag in named else line_of(row)
            if line and (not option or (row.tag or 0) >> 16 != _OWN_GROUP):
                found.setdefault(f"Table E.1-1{clause}, {line[0]}", []).append(line[1])
        return dict(sorted(found.items()))

    return sections


def _modules(named: set[int]) -> dict[str, list[str]]:
    """The CT IODs' attributes as sections, but for those of which the table or the Basic Profile's overlay speaks."""
    decided = named | {row.tag for row in read_table(HERE)} | _overlay_tags("basic")
    found: dict[str, list[str]] = {}
    module = ""
    for line in (HERE / "ps33-attributes.txt").read_text(encoding="ascii").splitlines():
        if line.startswith("["):
            module = line.strip("[]")
        elif not line.startswith("#"):
            found.setdefault(f"PS3.3, {module}: kept", []).extend(
                f"KEEP {name}" for name in line.split() if tag_of(name) not in decided
            )
    return {heading: lines for heading, lines in found.items() if lines}


LAYERS = (
    Layer("basic", "PS3.15 Basic Application Level Confidentiality Profile", "", _TABLE, _rows("", basic)),
    Layer(
        "clean-descriptors",
        "PS3.15 E.3.5 Clean Descriptors",
        CODE_CLEAN_DESCRIPTORS,
        _TABLE,
        _rows(CODE_CLEAN_DESCRIPTORS, clean_descriptors),
    ),
    Layer(
        "device-identity",
        "PS3.15 E.3.8 Retain Device Identity",
        CODE_DEVICE_IDENTITY,
        _TABLE,
        _rows(CODE_DEVICE_IDENTITY, device_identity),
    ),
    Layer(
        "chest-ct", "what research on chest CT needs, and nothing else", "", "profiles/ps33-attributes.txt", _modules
    ),
)

_HEAD = """\
FORMAT dicom

%header

# {name}: {title}
{option}# Written by profiles/generate.py from {source} and profiles/overlays/{name}.txt: change those.

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
    if letters == ["D"] and vr_of(row) in _DATES and tag not in iod.TYPE_1 | _CONTENT_ITEMS:
        return "X"  # no moment is made up that the object does not need
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
    verb = {
        "X": "REMOVE {}",
        "Z": "BLANK {}",
        "D": "REPLACE {} func:dummy",
        "U": "REPLACE {} func:uid",
        "U*": "KEEP {}",
    }
    return verb[letter].format(field)


def _field(row: Row) -> str:
    return keyword_of(row.tag or 0) or format_tag(row.tag or 0)


def _overlay(name: str) -> str:
    return (HERE / "overlays" / f"{name}.txt").read_text(encoding="ascii").strip()


def _overlay_tags(name: str) -> set[int]:
    """The tags that the hand-written lines of a layer name."""
    fields = [text.split()[1] for text in _overlay(name).splitlines() if text and not text.startswith("#")]
    tags = {tag_of(field) for field in fields if not field.startswith("select:")}
    if None in tags:
        raise SystemExit("an overlay names an attribute that PS3.6 does not have; run `fidac-node profile check`")
    return {tag for tag in tags if tag is not None}


def render(layer: Layer) -> str:
    """The text of one layer."""
    option = f"# option: {layer.option}\n#\n" if layer.option else "#\n"
    text = _HEAD.format(name=layer.name, title=layer.title, option=option, source=layer.source)
    if layer.name == "basic":
        graphics = "\n".join(f"REMOVE select:GROUP:{group:04X}" for group in GRAPHICS_GROUPS)
        text += _PATTERNS.format(private=PRIVATE_LINE, graphics=graphics)
    sections = layer.sections(_overlay_tags(layer.name))
    parts = [
        text + _overlay(layer.name) + "\n",
        *(f"# --- {heading}\n" + "\n".join(lines) + "\n" for heading, lines in sections.items()),
    ]
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
