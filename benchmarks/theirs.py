"""The same recipe applied by deid itself, with our functions behind its ``func:`` lines."""

from __future__ import annotations

import datetime
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from deid.config import DeidRecipe
from deid.dicom import fields
from deid.dicom.parser import DicomParser
from deid.logger import bot
from pydicom import dcmread
from pydicom.dataset import FileDataset
from pydicom.filewriter import dcmwrite
from pydicom.multival import MultiValue

from fidac_node.deidentify import Plan, Pseudonymiser
from fidac_node.deidentify.actions import CONTRAST_DUMMY, DUMMIES
from fidac_node.deidentify.rewrite import dates
from fidac_node.deidentify.rewrite.text import clean, is_listed

_SILENT: Final = -6
Function = Callable[..., object]


class Deid:
    """deid with the layers of a profile."""

    def __init__(self, layers: Sequence[Path], plan: Plan, pseudonyms: Pseudonymiser) -> None:
        bot.level = _SILENT
        self._recipe = DeidRecipe([str(path) for path in layers])
        self._functions = _functions(plan, pseudonyms)

    @property
    def lines(self) -> int:
        """How many actions the recipe has."""
        return len(self._recipe.get_actions())

    def apply(self, ds: FileDataset) -> FileDataset:
        """Apply the recipe to a data set that was read before."""
        fields._get_fields_inner.cache_clear()  # it would keep every data set for ever
        parser = DicomParser(ds, recipe=self._recipe)
        for name, function in self._functions.items():
            parser.define(name, function)
        parser.parse()
        return parser.dicom  # type: ignore[no-any-return]  # deid has no types

    def each(self, data_sets: Sequence[FileDataset]) -> None:
        """Apply the recipe to several, one after the other."""
        for ds in data_sets:
            self.apply(ds)

    def whole(self, encoded: bytes) -> bytes:
        """From a file in memory to a file in memory."""
        target = io.BytesIO()
        dcmwrite(target, self.apply(dcmread(io.BytesIO(encoded))))
        return target.getvalue()


def _functions(plan: Plan, pseudonyms: Pseudonymiser) -> dict[str, Function]:
    days = pseudonyms.shift_days("", "1")
    pseudonym = pseudonyms.patient("", "1")

    def each(change: Callable[[str], str]) -> Function:
        """A function of deid from one of single texts."""

        def function(*, field: Any, **_: object) -> object:
            value = field.element.value
            if value is None or value == "":
                return value
            return [change(str(one)) for one in value] if isinstance(value, MultiValue) else change(str(value))

        return function

    def shift(*, field: Any, **_: object) -> object:
        clock = dates.Clock(days, datetime.date.min, datetime.date.max)
        return (clock.da if field.element.VR == "DA" else clock.dt)(str(field.element.value or ""))

    def dummy(*, field: Any, **_: object) -> object:
        return DUMMIES.get(field.element.VR, "")

    def private(*, field: Any, **_: object) -> bool:
        return bool(field.element.tag.is_private)

    return {
        "uid": each(pseudonyms.uid),
        "shift": shift,
        "age89": each(dates.age89),
        "clean": each(lambda text: clean(text, plan.vocabulary)),
        "listed": each(lambda text: text if is_listed(text, plan.vocabulary) else ""),
        "pid": each(lambda _: pseudonym),
        "utf8": each(lambda _: "ISO_IR 192"),
        "contrast": each(lambda _: CONTRAST_DUMMY),
        "dummy": dummy,
        "private": private,
    }
