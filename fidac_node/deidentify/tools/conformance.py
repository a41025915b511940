"""Does de-identification break an object? dciodvfy (dicom3tools) says what the output has and the input had not.

Its messages quote values, and those of an input name the patient. So nothing it writes is passed on: each
error is taken apart into attribute path, rule and module, in a closed form, and its values stay behind.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from fidac_node.dicom import part10
from fidac_node.dicom.uids import DEFLATED_EXPLICIT_VR_LE, EXPLICIT_VR_LE
from fidac_node.dicom.walk import describe
from fidac_node.errors import ConfigError

PROGRAM: Final = "dciodvfy"
PACKAGE: Final = "dicom3tools"
TIMEOUT_SECONDS: Final = 120.0
# What a deflated object may inflate to; dciodvfy of Debian reads none, so it gets the inflated one.
_LARGEST: Final = 4 << 30

# Error - </SeqKeyword(gggg,eeee)[2]/Keyword(gggg,eeee)[1]> - Text [VR] = <value> - more - Module=<Name>
_LINE: Final = re.compile(r"Error - (?:<(?P<path>/[^<>]*)> - )?(?P<text>.*)")
# A private step also quotes its creator, which is free text.
_STEP: Final = re.compile(
    r'/[A-Za-z0-9]*\((?P<group>[0-9a-fA-F]{4}),(?P<element>[0-9a-fA-F]{4})(?:,"[^"]*")?\)(?:\[\d+\])?'
)
# The rule is what comes before the first value, which "=", "<", "[" or a quote begins.
_RULE: Final = re.compile(r"[A-Z][A-Za-z,/ -]*(?:\d[A-Za-z]*[A-Za-z,/ -]*)?")
_VR: Final = re.compile(r"^[^=<'\"]* \[(?P<vr>[A-Z]{2})\]")
# Why a value is not valid for its VR comes after the value, in a few fixed forms.
_CAUSE: Final = re.compile(r" - (?P<cause>(?:Length|Character|Trailing character|Value) invalid for this VR)\b")
# A line break in a value can make a line of its own, so what names no attribute must be one of these.
_WITHOUT_PATH: Final = re.compile(
    r"(?:Dicom dataset|Tag|Value representation|Item|Sequence) read failed|Information Object Not found|Seek failed|"
    r"MediaStorageSOP(?:Instance|Class)UID but missing SOP(?:Instance|Class)UID"
)
_MODULE: Final = re.compile(r" Module=<(?P<module>[A-Za-z0-9]+)>$")


def available() -> bool:
    """Say whether dciodvfy is installed."""
    return shutil.which(PROGRAM) is not None


def require() -> None:
    """Raise :class:`ConfigError` with the remedy where dciodvfy is not installed."""
    if not available():
        raise ConfigError(
            f"the conformance check needs {PROGRAM}, which is not installed: sudo apt-get install {PACKAGE}"
        )


def new_errors(before: Path, after: Path) -> list[str]:
    """The error classes that dciodvfy finds in ``after`` and not in ``before``, without any value, sorted.

    A class is a rule of the standard broken at an attribute path (item numbers do not count). An object
    on which dciodvfy itself fails counts as having that one error. Raises ``OSError`` and, for what is no
    Part 10 file, :class:`.part10.Malformed`.
    """
    return sorted(_errors(after) - _errors(before))


def _errors(path: Path) -> set[str]:
    """The error classes that dciodvfy finds in one Part 10 file. What an input's say stays in this module."""
    with _readable(path) as readable:
        try:
            done = subprocess.run(
                [PROGRAM, "-new", str(readable.absolute())],
                capture_output=True,
                check=False,
                timeout=TIMEOUT_SECONDS,
                env={"LC_ALL": "C", "PATH": _search_path()},
            )
        except subprocess.TimeoutExpired:
            return {f"{PROGRAM} does not end within {TIMEOUT_SECONDS:.0f} s"}
    found = {
        _class(line)
        for line in (done.stderr + done.stdout).decode("latin-1").splitlines()
        if line.startswith("Error - ")
    }
    if done.returncode < 0:
        found.add(f"{PROGRAM} was ended by signal {-done.returncode}")
    return found


def _search_path() -> str:
    """Where the program is: the rest of the environment is not its business."""
    found = shutil.which(PROGRAM)
    return str(Path(found).parent) if found else ""


def _class(line: str) -> str:
    """One line of dciodvfy without values: ``(0010,0040) PatientSex: Unrecognized enumerated value``."""
    match = _LINE.fullmatch(line)
    where = _path(match["path"]) if match and match["path"] else ""
    rule = (_RULE if where else _WITHOUT_PATH).match(match["text"]) if match and where is not None else None
    if match is None or rule is None:
        return "an error that is not understood"
    words = rule[0].removesuffix(" - Module").strip(" -,/")
    if vr := _VR.match(match["text"]):
        words += f" {vr['vr']}"
    if cause := _CAUSE.search(match["text"]):
        words += f", {cause['cause'].split(' invalid')[0].lower()}"
    if module := _MODULE.search(match["text"]):
        words += f" ({module['module']})"
    return f"{where}: {words}" if where else words


def _path(text: str) -> str | None:
    """An attribute path as the rest of the program writes it: by tags, keywords from PS3.6; ``None`` if it is none."""
    tags: list[int] = []
    position = 0
    while step := _STEP.match(text, position):
        tags.append(int(step["group"] + step["element"], 16))
        position = step.end()
    return describe(tuple(tags)) if tags and position == len(text) else None


@contextmanager
def _readable(path: Path) -> Iterator[Path]:
    """The file itself, or for a deflated object a copy that dciodvfy can read."""
    with path.open("rb") as fp:
        meta, offset = part10.read_meta(fp)
    if meta.transfer_syntax_uid != DEFLATED_EXPLICIT_VR_LE:
        yield path
        return
    with tempfile.NamedTemporaryFile(suffix=".dcm") as copy:
        with part10.mapped(path) as deflated:
            copy.write(part10.encode_meta(meta._replace(transfer_syntax_uid=EXPLICIT_VR_LE)))
            copy.write(part10.inflate(memoryview(deflated)[offset:], _LARGEST))
        copy.flush()
        yield Path(copy.name)
