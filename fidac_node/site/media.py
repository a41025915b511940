"""What a medium says of itself: the files that its DICOMDIR names, and what only systems of offices left on it.

A File ID is eight components at most, of capital letters, digits and underscores (PS3.10 8.2, 8.5); writers of media
put paths there, in whatever spelling their system has for them.
"""

from __future__ import annotations

import io
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

from fidac_node.dicom import part10

Parts: TypeAlias = "tuple[str, ...]"

MOST_DICOMDIR: Final = 64 << 20
UP: Final = ".."

_DICOMDIR: Final = "dicomdir"
_DIRECTORY_RECORDS: Final = 0x00041220
_REFERENCED_FILE: Final = 0x00041500
_SEPARATORS: Final = re.compile(r"[\\/]")
_DRIVE: Final = re.compile(r"^[A-Za-z]:")
# ISO 9660 7.5.1: the dot of an empty extension, and a version behind a semicolon.
_VERSION: Final = re.compile(r"\.*(?:;\d+)?$")
# Letters first: the last component of a UID is no extension.
_EXTENSION: Final = re.compile(r"\.([a-z][a-z0-9]{0,7})$")
_OF_DICOM: Final = frozenset(("dcm", "dic", "dicom", "ima"))
# What a Mac and Windows leave in folders and archives that they show or pack, without being asked.
_LEFT_FILES: Final = frozenset((".ds_store", ".localized", ".apdisk", "thumbs.db", "ehthumbs.db", "desktop.ini"))
_LEFT_FOLDERS: Final = frozenset(
    (
        *("__macosx", ".spotlight-v100", ".trashes", ".fseventsd", ".temporaryitems"),
        *("$recycle.bin", "system volume information"),
    )
)
_APPLE_DOUBLE: Final = "._"


class Present:
    """The files of a medium, to be found by what a DICOMDIR calls them."""

    def __init__(self, files: Iterable[Parts]) -> None:
        self._files: defaultdict[Parts, list[Parts]] = defaultdict(list)
        self._stems: defaultdict[Parts, list[Parts]] = defaultdict(list)
        for file in files:
            name = _folded(file)
            self._files[name].append(file)
            self._stems[_stem(name)].append(file)

    def of(self, reference: Parts) -> list[Parts]:
        """The files that go by this name; with an extension that one of both lacks, if none does without."""
        name = _folded(reference)
        if name in self._files:
            return self._files[name]
        likely = self._stems.get(_stem(name), [])
        return [file for file in likely if _extension(_folded(file)) in _OF_DICOM] or likely


def is_dicomdir(name: str) -> bool:
    """Say whether a file of this name describes the others (PS3.10 8.6)."""
    return _folded((name,)) == (_DICOMDIR,)


def is_left_over(parts: Parts) -> bool:
    """Say whether a file lies there because of the system alone that the medium was written on."""
    *folders, name = (part.casefold() for part in parts)
    return name in _LEFT_FILES or name.startswith(_APPLE_DOUBLE) or not _LEFT_FOLDERS.isdisjoint((*folders, name))


def references(data: bytes) -> Iterator[Parts]:
    """Yield the files that a DICOMDIR names (PS3.3 F.3.2.2), relative to it. Raises :class:`Permanent`.

    Who looks for them does not follow :data:`UP`.
    """
    meta, offset = part10.read_meta(io.BytesIO(data))
    syntax = meta.transfer_syntax_uid
    for element in part10.walk(data, offset, len(data), syntax):
        if element.tag == _DIRECTORY_RECORDS:
            for start, end in part10.items(data, element, syntax):
                for value in part10.walk(data, start, end, syntax):
                    if value.tag == _REFERENCED_FILE and (named := file_id(data[value.value : value.end])):
                        yield named


def file_id(value: bytes) -> Parts:
    """The components of a File ID, whichever way they are separated.

    A drive, and components that lead nowhere, are left out.
    """
    text = _DRIVE.sub("", _decoded(value).lstrip(" \\/"))
    components = (part.strip(" \0") for part in _SEPARATORS.split(text))
    return tuple(part for part in components if part not in ("", "."))


def _folded(parts: Parts) -> Parts:
    """As File IDs and what file systems make of them compare.

    Case, the form of accents, a version and a final dot aside.
    """
    return tuple(_VERSION.sub("", unicodedata.normalize("NFC", _text(part)).casefold()) for part in parts)


def _text(part: str) -> str:
    """A file's name, read as a File ID is read where the file system found no text in it."""
    return part if part.isascii() else _decoded(part.encode("utf-8", "surrogateescape"))


def _decoded(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _stem(name: Parts) -> Parts:
    return (*name[:-1], _EXTENSION.sub("", name[-1])) if name else name


def _extension(name: Parts) -> str:
    found = _EXTENSION.search(name[-1])
    return found[1] if found else ""
