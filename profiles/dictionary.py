"""Write what de-identification knows of the standard as plain Python: PS3.3 terms, PS3.6 attributes, PS3.16 codes.

    python profiles/dictionary.py            writes dicom/ps36.py, and ps33.py and ps316.py of deidentify/rewrite
    python profiles/dictionary.py --check    says whether they are what it would write (exit 1 if not)

Taken from pydicom's copies of the standard and from the files beside this one, so that what applies a plan needs the
standard library alone.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from pydicom._dicom_dict import DicomDictionary, RepeatersDictionary
from pydicom.sr._cid_dict import name_for_cid
from pydicom.sr._concepts_dict import concepts
from pydicom.sr._snomed_dict import mapping as snomed

from fidac_node.dicom.dictionary import tag_of

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parent / "fidac_node"
REWRITE = PACKAGE / "deidentify" / "rewrite"

# The context groups of PS3.16 that CT images, their dose reports and key objects draw codes from: anatomy,
# laterality, contrast, orientation, units, purposes of reference, acquisition, dose, findings in the chest.
_CONTEXT_GROUPS = frozenset(
    {
        2,
        3,
        4,
        5,
        6,
        10,
        11,
        12,
        13,
        15,
        *range(18, 34),
        *range(82, 86),
        100,
        *range(218, 248),
        4009,
        4010,
        4028,
        4030,
        4031,
        4033,
        4040,
    }
    | {
        *range(6100, 6173),
        *range(7000, 7015),
        7050,
        7101,
        7102,
        7140,
        *range(7150, 7153),
        *range(7180, 7183),
        *range(7201, 7223),
    }
    | {7250, 7261, 7262, 7263, 7464, 7470, 7471, 9300, *range(10002, 10041)}
)
_SCHEMES = ("DCM", "LN", "SCT", "UCUM")

_HEAD = '''"""{title}

Written by profiles/dictionary.py from {source}: change that, not this.
"""

from typing import Final

{comment}
{name}: Final = """\\
'''


_PYDICOM = "pydicom's copy of the standard"
_TERMS_A_LINE = 7
_LONGEST_MEANING = 64  # LO (PS3.5 6.2)


def terms() -> str:
    """One line per code attribute: its tag and the terms that PS3.3 defines for it."""
    defined = {"ContextIdentifier": [str(cid) for cid in sorted(name_for_cid)]}
    text = (HERE / "ps33-terms.txt").read_text(encoding="ascii")
    for entry in re.sub(r"\n +", " ", re.sub(r"(?m)^#.*\n", "", text)).split("\n"):
        keyword, _, values = entry.partition(": ")
        if keyword:
            defined[keyword] = values.split(", ")
    tags = {tag_of(keyword): values for keyword, values in defined.items()}
    if None in tags:
        raise SystemExit("profiles/ps33-terms.txt names an attribute that PS3.6 does not have")
    head = _HEAD.format(
        title="The Defined Terms and Enumerated Values that PS3.3 gives the code attributes of the CT IODs.",
        source="profiles/ps33-terms.txt",
        comment="# Tag, some of its terms, separated by commas.",
        name="TERMS",
    )
    lines = [
        f"{tag:08X} {','.join(values[start : start + _TERMS_A_LINE])}"
        for tag, values in tags.items()
        for start in range(0, len(values), _TERMS_A_LINE)
    ]
    return head + "\n".join(sorted(lines)) + '\n"""\n'


def attributes() -> str:
    """One line per attribute: tag (x for any digit), VRs, VM, keyword (- if it has none)."""
    lines = [f"{tag:08X} {_row(entry)}" for tag, entry in sorted(DicomDictionary.items())]
    lines += [f"{mask} {_row(entry)}" for mask, entry in sorted(RepeatersDictionary.items())]
    head = _HEAD.format(
        title="The attributes of PS3.6.",
        source=_PYDICOM,
        comment="# Tag (x for any digit), VRs, VM, keyword (- if it has none).",
        name="TABLE",
    )
    return head + "\n".join(lines) + '\n"""\n'


def codes() -> str:
    """One line per code: scheme, value, its SNOMED-RT code (- if it has none), and the meaning published for it."""
    found = {
        (scheme, value): meaning
        for scheme in _SCHEMES
        for entry in concepts[scheme].values()
        for value, (meaning, context_groups) in entry.items()
        if _CONTEXT_GROUPS.intersection(context_groups)
    }
    for line in (HERE / "codes.txt").read_text(encoding="ascii").splitlines():
        if line and not line.startswith("#"):
            scheme, value, meaning = line.split(" ", 2)
            found[scheme, value] = meaning
    if any(len(meaning) > _LONGEST_MEANING for meaning in found.values()):
        raise SystemExit(f"profiles/codes.txt has a meaning of more than {_LONGEST_MEANING} characters")
    retired = {("SCT", new): old for old, new in sorted(snomed["SRT"].items())}
    head = _HEAD.format(
        title=(
            "Codes with the meanings that PS3.16 and other schemes publish for CT: they are the same in every hospital."
        ),
        source="pydicom's copy of the standard and profiles/codes.txt",
        comment="# Scheme, value, its SNOMED-RT code (- if it has none), meaning.",
        name="CODES",
    )
    lines = (
        f"{scheme} {value} {retired.get((scheme, value), '-')} {meaning}" for (scheme, value), meaning in found.items()
    )
    return head + "\n".join(sorted(lines)) + '\n"""\n'


def _row(entry: tuple[str, str, str, str, str]) -> str:
    vr, vm, _, _, keyword = entry
    return f"{vr.replace(' or ', '/')} {vm} {keyword or '-'}"


def main(arguments: list[str]) -> int:
    """Write the modules, or with ``--check`` compare them."""
    wrong = 0
    for path, text in (
        (REWRITE / "ps33.py", terms()),
        (PACKAGE / "dicom" / "ps36.py", attributes()),
        (REWRITE / "ps316.py", codes()),
    ):
        if arguments != ["--check"]:
            path.write_text(text, encoding="ascii")
        elif not path.is_file() or path.read_text(encoding="ascii") != text:
            print(f"{path} is not what profiles/dictionary.py writes", file=sys.stderr)
            wrong = 1
    return wrong


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
