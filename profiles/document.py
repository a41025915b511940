"""Write docs/deidentification.md: what profiles/document.md says, and the tables that follow from the profiles.

    python profiles/document.py            writes it
    python profiles/document.py --check    says whether it is what it would write (exit 1 if not)

Attribute, technique, reason, residual risk: what the IHE handbook on de-identification asks to be written down.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from fidac_node.deidentify import actions
from fidac_node.deidentify.profile.explain import Explanation, composition_of, explain
from fidac_node.deidentify.profile.load import load_plan
from fidac_node.deidentify.profile.programmes import find, programmes
from fidac_node.deidentify.profile.ps315 import OPTIONS
from fidac_node.deidentify.tools.compare import Difference, differences

HERE = Path(__file__).resolve().parent
TEMPLATE = HERE / "document.md"
DOCUMENT = HERE.parent / "docs" / "deidentification.md"
DEFAULT = "fidac-chest-ct"
DEVICE = "fidac-chest-ct-device"
BASIC = "basic-only"

# Each technique with what it may leave, in a word or two; the template says it at length.
RISKS = {
    "removed": "none",
    "emptied": "none",
    "dummy": "none",
    "pseudonym": "whoever holds the key can link",
    "new UID": "whoever holds the key and the UID can link",
    "shifted": "intervals stay true",
    "age": "rare with sex, height and weight",
    "cleaned": "a name that is a word of the vocabulary",
    "listed": "a name that is a word of the vocabulary",
    "contrast": "none",
    "kept number or code": "an unusual protocol",
    "kept time": "the time of day is true",
    "coarse time": "the part of the day is true",
    "moment": "what lies between slices stays true",
    "machine words": "the make may hint at the hospital",
    "kept machine text": "what was typed in the shape of a model",
    "entered": "as for what is inside",
    "kept UID": "none",
    "kept device": "the device, and so the hospital",
    "UTF-8": "none",
}
_BY_ACTION = {
    actions.REMOVE: "removed",
    actions.BLANK: "emptied",
    "age89": "age",
    "clean": "cleaned",
    "agent": "cleaned",
    "contrast": "contrast",
    "device": "machine words",
    "dummy": "dummy",
    "listed": "listed",
    "moment": "moment",
    "pid": "pseudonym",
    "shift": "shifted",
    "time": "coarse time",
    "uid": "new UID",
    "utf8": "UTF-8",
}
_STRICT = frozenset({actions.REMOVE, actions.BLANK, "dummy", "contrast"})


def document() -> str:
    """The text of the document."""
    composition = composition_of(find(DEFAULT))
    explained = list(explain(composition))
    profiles = [
        (f"`{name}`", one.title, " ".join(layer.stem for layer in one.layers)) for name, one in programmes().items()
    ]
    offered = [f"{option.name} ({code}, {option.clause})" for code, option in sorted(OPTIONS.items()) if option.offered]
    values = {
        "profiles": _rows(profiles),
        "offered": ", ".join(offered),
        "default": f"`{DEFAULT}`",
        "count": len(composition.entries["tag"]),
    }
    parts = [
        TEMPLATE.read_text(encoding="utf-8").format(**values),
        _table(
            ("tag", "attribute", "technique", "reason", "residual risk"),
            (_attribute(one) for one in explained if one.tag),
        ),
        "## Defaults: whatever no line names\n",
        _table(
            ("attribute", "technique", "reason", "residual risk"), (_default(one) for one in explained if not one.tag)
        ),
        f"## What `{DEVICE}` does differently\n",
        _table(("tag", "attribute", DEFAULT, DEVICE, "residual risk"), map(_device, _named_differences(DEVICE))),
        f"## What `{BASIC}` does differently\n",
        _basic_only(),
    ]
    return "\n".join(parts)


def _named_differences(name: str) -> list[Difference]:
    return [one for one in differences(load_plan(DEFAULT), load_plan(name)) if one.tag]


def _attribute(one: Explanation) -> tuple[str, ...]:
    return one.tag, *_default(one)


def _default(one: Explanation) -> tuple[str, ...]:
    technique = technique_of(one.action, one.vr)
    name = one.attribute if one.tag else f"{one.attribute} {one.vr}".strip()
    return name, technique, f"{one.clause}. {one.reason}" if one.reason else one.clause, RISKS[technique]


def _device(one: Difference) -> tuple[str, ...]:
    before, after = technique_of(one.first, one.vr), technique_of(one.second, one.vr, device=True)
    return one.tag, one.attribute, before, after, RISKS[after]


def _basic_only() -> str:
    found = _named_differences(BASIC)
    strict = sum(one.second in _STRICT for one in found)
    return (
        f"No option is taken. {len(found)} attributes are treated otherwise than in `{DEFAULT}`, "
        f"{strict} of them removed, emptied or\n"
        "replaced by a dummy: all dates and times, all characteristics of the patient, "
        "all free text, all private attributes.\n"
        f"`fidac-node profile diff {DEFAULT} {BASIC}` lists them.\n"
    )


def technique_of(action: str, vr: str, *, device: bool = False) -> str:
    """The technique of an action on an attribute of ``vr``."""
    if action.startswith(actions.LITERAL):
        return "dummy"
    if action != actions.KEEP:
        return _BY_ACTION[action]
    if vr == "SQ" or device:
        return "entered" if vr == "SQ" else "kept device"
    if vr in ("UI", "TM"):
        return "kept UID" if vr == "UI" else "kept time"
    return "kept machine text" if vr in actions.TEXT_VRS else "kept number or code"


def _table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    return f"{_rows([columns, ('---',) * len(columns)])}\n{_rows(rows)}\n"


def _rows(rows: Iterable[tuple[str, ...]]) -> str:
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)


def main(arguments: list[str]) -> int:
    """Write the document, or with ``--check`` compare it."""
    if arguments != ["--check"]:
        DOCUMENT.write_text(document(), encoding="utf-8")
    elif not DOCUMENT.is_file() or DOCUMENT.read_text(encoding="utf-8") != document():
        print(f"{DOCUMENT} is not what profiles/document.py writes", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
