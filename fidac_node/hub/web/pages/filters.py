"""The question of a search as a form has it: its fields are those of ``hub find``, under the same names.

What cannot be read is said beside its field, and nothing is asked.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

from starlette.datastructures import QueryParams

from fidac_node.dicom.marks import LABELS
from fidac_node.dicom.uids import is_valid_uid
from fidac_node.operations.index import StudyFilter

LEVELS: Final = ("patients", "studies", "series", "instances")

_LONGEST: Final = 1024
_MOST_UIDS: Final = 500
_LONGEST_NUMBER: Final = 1 << 31
_TIME: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


class Field(NamedTuple):
    """A field of the form: its ``name``, which field of the question it is, how it is read, and what it is called.

    ``label`` is the msgid of what it is called; ``kind`` is text, uids, whole, number, pair, day, time, or one of
    some values: label, sex, yes-no, flag.
    """

    name: str
    attribute: str
    kind: str
    label: str


def _fields(*some: tuple[str, str, str] | tuple[str, str, str, str]) -> tuple[Field, ...]:
    """Fields from name, kind and label; a fourth is the question's field where it is not called as the form's."""
    return tuple(Field(one[0], one[3] if len(one) == 4 else one[0].replace("-", "_"), *one[1:3]) for one in some)


# What is asked most; then the rest, by what it is about (msgids).
USUAL: Final = _fields(
    ("patient", "text", "Patient (pseudonym)"),
    ("site", "text", "Site"),
    ("label", "label", "Label"),
    ("modality", "text", "Modality"),
    ("body-part", "text", "Body part"),
    ("since", "day", "Study date from"),
    ("until", "day", "Study date to"),
    ("received-since", "day", "Received since"),
    ("received-until", "day", "Received until"),
)
MORE: Final[Mapping[str, tuple[Field, ...]]] = {
    "Patient and study": _fields(
        ("sex", "sex", "Sex"),
        ("min-age", "whole", "Age from (years)"),
        ("max-age", "whole", "Age to (years)"),
        ("age", "text", "Age as written"),
        ("programme", "text", "Programme"),
        ("modalities-in-study", "text", "Modality of any series"),
        ("time-since", "time", "Study time from"),
        ("time-until", "time", "Study time to"),
        ("study-series", "whole", "Series in the study"),
        ("study-instances", "whole", "Images in the study"),
        ("min-instances", "whole", "Images at least"),
        ("study-uid", "uids", "StudyInstanceUID"),
    ),
    "Acquisition": _fields(
        ("manufacturer", "text", "Manufacturer"),
        ("model", "text", "Model"),
        ("kernel", "text", "Kernel"),
        ("max-slice-thickness", "number", "Slice thickness at most (mm)"),
        ("slice-thickness", "number", "Slice thickness (mm)"),
        ("pixel-spacing", "pair", "Pixel spacing (mm, rows and columns)"),
        ("rows", "whole", "Rows"),
        ("image-columns", "whole", "Columns", "columns"),
        ("kvp", "number", "KVP (kV)"),
        ("contrast", "yes-no", "Contrast agent given"),
        ("contrast-agent", "text", "Contrast agent"),
        ("series-number", "whole", "Series number"),
        ("series-instances", "whole", "Images in the series"),
        ("series-uid", "uids", "SeriesInstanceUID"),
    ),
    "Image": _fields(
        ("instance-number", "whole", "Instance number", "number"),
        ("frames", "whole", "Frames"),
        ("sop-class", "uids", "SOPClassUID"),
        ("transfer-syntax", "uids", "TransferSyntaxUID"),
        ("sop-uid", "uids", "SOPInstanceUID"),
    ),
    "De-identification": _fields(
        ("label-source", "text", "Source of the label"),
        ("profile", "text", "Profile"),
        ("profile-digest", "text", "Digest of the profile"),
        ("lost", "text", "Lost attribute (keyword)"),
        ("complete", "flag", "Nothing lost"),
    ),
}
# What is chosen and not written: each value, and what it is called (msgids).
CHOICES: Final[Mapping[str, Mapping[str, str]]] = {
    "label": {label: label for label in LABELS},
    "sex": {"F": "female", "M": "male", "O": "other sex"},
    "yes-no": {"yes": "yes", "no": "no"},
    "flag": {"yes": "yes"},
}
FIELDS: Final = (*USUAL, *(one for group in MORE.values() for one in group))


@dataclass(frozen=True)
class Asked:
    """A search: of which level, what was typed into each field, what it becomes, and what is wrong with which field.

    ``problems`` are msgids.
    """

    level: str
    typed: Mapping[str, str]
    fields: Mapping[str, Any]
    problems: Mapping[str, str] = field(default_factory=dict)

    def filter(self, may_ask: StudyFilter) -> StudyFilter:
        """Return the question, within what may be asked; case tells nothing apart, as in ``hub find``."""
        return replace(may_ask, case_sensitive=False, **self.fields)

    @property
    def uses_more(self) -> bool:
        """Whether a field is filled that is not among the usual ones."""
        usual = {one.name for one in USUAL}
        return any(name not in usual for name in self.typed)


def read(query: QueryParams) -> Asked:
    """Read a search of an address. A field's name may have ``_`` where it has a hyphen; what is empty is not asked."""
    level = query.get("level", "studies")
    typed, found, problems = {}, {}, {}
    for one in FIELDS:
        texts = [text.strip() for name in {one.name, one.name.replace("-", "_")} for text in query.getlist(name)]
        if not any(texts):
            continue
        typed[one.name] = text = "\n".join(filter(None, texts)) if one.kind == "uids" else texts[0]
        if not text:
            continue
        try:
            if len(text) > _LONGEST * (_MOST_UIDS if one.kind == "uids" else 1):
                raise ValueError("This is too long.")
            found[one.attribute] = _READERS[one.kind](text)
        except ValueError as error:
            problems[one.name] = str(error)
    for name, rest in (("time_since", "00"), ("time_until", "59")):
        if name in found:
            found[name] = found[name][:4] + (found[name][4:] or rest)  # the whole of its minute
    if "time_until" in found:
        found["time_until"] += ".999999"  # the whole of its second
    return Asked(level if level in LEVELS else "studies", typed, found, problems | _crossed(found))


def _text(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("This has a character that no text has.")
    return text


def _uids(text: str) -> str:
    uids = re.split(r"[\s,\\]+", text)
    if len(uids) > _MOST_UIDS or not all(map(is_valid_uid, uids)):
        raise ValueError("This is no UID; write several one below the other.")
    return "\\".join(uids)


def _whole(text: str) -> int:
    if not re.fullmatch(r"\d{1,10}", text, re.ASCII) or int(text) >= _LONGEST_NUMBER:
        raise ValueError("Write a whole number.")
    return int(text)


def _number(text: str) -> float:
    """A number; a comma is as good as a point."""
    if not re.fullmatch(r"\d{1,9}([.,]\d{1,9})?", text, re.ASCII):
        raise ValueError("Write a number, for example 1.25.")
    return float(text.replace(",", "."))


def _pair(text: str) -> tuple[float, ...]:
    parts = re.split(r"[\s;\\]+", text)
    if len(parts) != 2:
        raise ValueError("Write two numbers with a space between, for example 0.7 0.7.")
    return tuple(map(_number, parts))


def _day(text: str) -> datetime.date:
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
            raise ValueError
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise ValueError("Write a date as YYYY-MM-DD.") from None


def _time(text: str) -> str:
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError("Write a time as HH:MM.")
    return "".join(part or "" for part in found.groups())


def _label(text: str) -> str:
    if text.lower() not in LABELS:
        raise ValueError("This is no label.")
    return text.lower()


def _sex(text: str) -> str:
    if text.upper() not in ("F", "M", "O"):
        raise ValueError("Write F, M or O.")
    return text.upper()


def _yes_no(text: str) -> bool:
    if text not in ("yes", "no", "true", "false"):
        raise ValueError("Write yes or no.")
    return text in ("yes", "true")


def _crossed(found: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with ranges that end before they begin."""
    ranges = {
        "until": ("since", "until"),
        "received-until": ("received_since", "received_until"),
        "max-age": ("min_age", "max_age"),
        "time-until": ("time_since", "time_until"),
    }
    return {
        name: "This is before the beginning: nothing is between."
        for name, (least, most) in ranges.items()
        if least in found and most in found and found[least] > found[most]
    }


_READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "text": _text,
    "uids": _uids,
    "whole": _whole,
    "number": _number,
    "pair": _pair,
    "day": _day,
    "time": _time,
    "label": _label,
    "sex": _sex,
    "yes-no": _yes_no,
    "flag": _yes_no,
}
