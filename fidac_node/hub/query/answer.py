"""The identifier of a response (PS3.4 C.4.1.1.3.2): rows of the index as DICOM, in the character set asked for."""

from __future__ import annotations

import datetime
from typing import Any, Final

from pydicom import config
from pydicom.charset import python_encoding
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from fidac_node.dicom.tags import SPECIFIC_CHARACTER_SET
from fidac_node.hub.index.query import Row
from fidac_node.hub.query.identifier import LEVEL, Identifier
from fidac_node.hub.query.keys import KEYS

_UTF_8: Final = "ISO_IR 192"
_DIGITS: Final = 10  # of a decimal string, which has 16 characters (PS3.5 6.2, DS)


def answer(asked: Identifier, row: Row) -> Dataset:
    """Return each key that was asked for and is known, empty where nothing is said."""
    ds = Dataset()
    ds.add(_element(LEVEL, "CS", asked.level))
    said = ""
    for keyword in asked.known:
        key = KEYS[keyword]
        value = _value(getattr(row, key.column)) if key.column else ""
        said += value if isinstance(value, str) else ""
        ds.add(_element(key.tag, key.vr, value))
    if character_sets := _character_sets(said, asked.character_sets):
        ds.add(_element(SPECIFIC_CHARACTER_SET, "CS", "\\".join(character_sets)))
        ds.set_original_encoding(None, None, list(character_sets))
    return ds


def _element(tag: int, vr: str, value: Any) -> DataElement:
    # What was filed was checked then: it is not to be warned of at each answer.
    return DataElement(tag, vr, value, validation_mode=config.IGNORE)


def _value(value: Any) -> Any:
    if isinstance(value, datetime.date):
        return value.isoformat().replace("-", "")
    if isinstance(value, tuple):
        return "" if None in value else "\\".join(map(_value, value))
    return f"{value:.{_DIGITS}g}" if isinstance(value, float) else value


def _character_sets(text: str, asked: tuple[str, ...]) -> tuple[str, ...]:
    """The character set that was asked for, where it has what is said; else UTF-8, which has everything."""
    known = all(one in python_encoding for one in asked)
    if text.isascii():
        return asked if known else ()
    try:
        if len(asked) == 1 and known:
            text.encode(python_encoding[asked[0]])
            return asked
    except UnicodeEncodeError:
        pass  # the answer is more than it can say
    return (_UTF_8,)
