"""The name of one object in a spool."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

SUFFIX: Final = ".dcm"
STUDY: Final = 12  # characters of a name that are the study's handle
_NAME: Final = re.compile(r"([a-z2-7]{12})-([a-z2-7]{16})-([a-z2-7]{16})(?:\.dcm)?")


class Entry(NamedTuple):
    """The name of one object in a spool: three base32 handles that say nothing about the patient.

    ``study`` (12 characters) stands for the StudyInstanceUID, ``instance`` (16) for the
    SOPInstanceUID, ``digest`` (16) for the digest of the encoded data set.
    """

    study: str
    instance: str
    digest: str

    def __str__(self) -> str:
        return f"{self.study}-{self.instance}-{self.digest}"

    @classmethod
    def parse(cls, name: str) -> Entry:
        """Read an entry back from its text or file name. Raises ``ValueError``."""
        found = _NAME.fullmatch(name)
        if not found:
            raise ValueError(f"{name!r} does not name an object of a spool")
        return cls(*found.groups())


def is_file_name(name: str) -> bool:
    """Say whether a file's name is that of an object; a stranger's file is never touched."""
    return name.endswith(SUFFIX) and _NAME.fullmatch(name) is not None


def entries_in(directory: str) -> Iterator[Entry]:
    """Yield the objects whose files are in a directory. Raises ``OSError``."""
    with os.scandir(directory) as listing:
        for item in listing:
            if is_file_name(item.name):
                yield Entry.parse(item.name)
