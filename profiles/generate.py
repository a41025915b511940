"""Write the recipes of this folder: PS3.15 Table E.1-1 resolved for CT images, under a hand-written overlay.

    python profiles/generate.py            writes profiles/*.deid
    python profiles/generate.py --check    says whether they are what it would write (exit 1 if not)

The table's letters (X remove, Z empty, D dummy, U new UID, C clean, K keep) are resolved for the CT Image
IODs: of X/Z, X/D, Z/D and X/Z/D the strictest that the attribute's Type allows. A tag that the overlay
names takes its action from there.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from fidac_node.deidentify import iod
from fidac_node.deidentify.actions import FUNCTIONS
from fidac_node.deidentify.dictionary import keyword_of, tag_of, vrs_of
from fidac_node.deidentify.recipe import GRAPHICS_GROUPS, PRIVATE_LINE, Row, read_table
from fidac_node.part10 import format_tag

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Profile:
    """A recipe to write: which options of the table it takes."""

    name: str
    title: str
    modified_dates: bool


PROFILES = (
    Profile(
        "fidac-chest-ct",
        "PS3.15 Basic Profile, Retain Longitudinal Temporal Information Modified Dates, Retain Patient Characteristics",
        modified_dates=True,
    ),
    Profile("basic-only", "PS3.15 Basic Profile alone: no dates, no characteristics of the patient", modified_dates=False),
)

HEAD = """\
FORMAT dicom

%header

# {name}: {title}
# Written by profiles/generate.py from Table E.1-1 (edition 2024b) and profiles/overlays/{name}.txt: change those.
#
# A line for one attribute goes before one for its group, and that before the default of its VR.
# Attributes that PS3.6 does not know are removed. Checked and compiled: fidac-node profile check {name}

# --- The table's pattern rows. Private attributes: X.
{private}
# Curves (50xx) and overlays (60xx), all elements: X.
{graphics}

{overlay}
"""

MEANING = {
    "X": "removed",
    "Z": "emptied",
    "D": "replaced by a dummy",
    "U": "replaced by a keyed UID",
    "C": "dates moved by the patient's shift; times of day stay, as the shift is in whole days",
    "U*": "kept: references are entered and their UIDs replaced",
}


def resolve(row: Row, profile: Profile) -> str:
    """The one letter that holds for ``row`` in CT images."""
    tag = row.tag or 0
    if tag >> 16 == 0x0012:
        return "X"  # whatever an earlier trial wrote: this node writes the whole group itself
    if profile.modified_dates and row.modified_dates == "C" and row.vr in ("DA", "DT", "TM"):
        return "C"
    if row.basic.endswith("U*"):
        return "U*"
    letters = row.basic.split("/")
    if len(letters) == 1:
        return letters[0]
    if "D" in letters and tag in iod.TYPE_1:
        return "D"
    if "Z" in letters and tag in iod.TYPE_1 | iod.TYPE_2:
        return "Z"
    return letters[0]


def line(row: Row, letter: str) -> str:
    """The recipe line for a row whose letter is ``letter``."""
    tag = row.tag or 0
    field = keyword_of(tag) or format_tag(tag)
    vr = (vrs_of(tag) or (row.vr,))[0]
    if letter == "D" and vr == "UI":
        return f"REPLACE {field} func:uid"
    if letter == "D" and vr not in FUNCTIONS["dummy"].vrs:
        return f"REMOVE {field}"  # a sequence or bytes of which no harmless dummy can be made
    if letter == "C":
        return f"KEEP {field}" if vr == "TM" else f"REPLACE {field} func:shift"
    verb = {"X": "REMOVE {}", "Z": "BLANK {}", "D": "REPLACE {} func:dummy", "U": "REPLACE {} func:uid", "U*": "KEEP {}"}
    return verb[letter].format(field)


def overlay_tags(overlay: str) -> set[int]:
    """The tags that the hand-written lines name."""
    fields = [text.split()[1] for text in overlay.splitlines() if text and not text.startswith("#")]
    tags = {tag_of(field) for field in fields if not field.startswith("select:")}
    if None in tags:
        raise SystemExit("the overlay names an attribute that PS3.6 does not have; run `fidac-node profile check`")
    return {tag for tag in tags if tag is not None}


def render(profile: Profile) -> str:
    """The text of one recipe."""
    overlay = (HERE / "overlays" / f"{profile.name}.txt").read_text(encoding="ascii").strip()
    named = overlay_tags(overlay)
    sections: dict[tuple[str, str], list[str]] = {}
    for row in read_table():
        if row.tag is None or row.tag in named:
            continue
        letter = resolve(row, profile)
        sections.setdefault((row.basic, letter), []).append(line(row, letter))
    graphics = "\n".join(f"REMOVE select:GROUP:{group:04X}" for group in GRAPHICS_GROUPS)
    parts = [HEAD.format(name=profile.name, title=profile.title, private=PRIVATE_LINE, graphics=graphics, overlay=overlay)]
    for (basic, letter), lines in sorted(sections.items()):
        why = f"rows {basic}" if basic == letter else f"rows {basic}, taken as {letter}"
        parts.append(f"# --- Table E.1-1, {why}: {MEANING[letter]}\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


def main(arguments: list[str]) -> int:
    """Write the recipes, or with ``--check`` compare them."""
    wrong = 0
    for profile in PROFILES:
        path, text = HERE / f"{profile.name}.deid", render(profile)
        if arguments == ["--check"]:
            if not path.is_file() or path.read_text(encoding="ascii") != text:
                print(f"{path} is not what profiles/generate.py writes", file=sys.stderr)
                wrong = 1
        else:
            path.write_text(text, encoding="ascii")
    return wrong


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
