"""Write how letters of other scripts are written in Latin ones, as plain Python: fidac_node/deidentify/gate/letters.py.

    python profiles/letters.py            writes it
    python profiles/letters.py --check    says whether it holds what it would write (exit 1 if not)

Taken from the PyPI package anyascii (`pip install anyascii`), which nothing else here needs: without it --check says so
and checks nothing. What is compared is the content: how it compresses differs between versions of zlib.
"""

from __future__ import annotations

import base64
import importlib.util
import sys
import textwrap
import zlib
from pathlib import Path

from fidac_node.deidentify.gate import letters

MODULE = Path(__file__).resolve().parent.parent / "fidac_node" / "deidentify" / "gate" / "letters.py"

# Scripts in which the character sets of DICOM (PS3.3 C.12.1.1.2) and UTF-8 may write a name, by their blocks.
_RANGES = (
    *((0x0370, 0x0590), (0x0591, 0x0700), (0x0750, 0x0780)),  # Greek, Cyrillic, Armenian; Hebrew, Arabic
    *((0x0900, 0x0E00), (0x0E01, 0x0F00), (0x1000, 0x1100)),  # scripts of India; Thai, Lao; Burmese, Georgian
    *((0x1200, 0x1380), (0x1780, 0x1800), (0x1C90, 0x1CC0), (0x1F00, 0x2000)),  # Ethiopic, Khmer, Georgian, Greek
    *((0x3041, 0x3100), (0x3105, 0x3130), (0x31F0, 0x3200)),  # kana, bopomofo
    *((0x3400, 0x4DC0), (0x4E00, 0xA000), (0xAC00, 0xD7A4)),  # ideographs (as pinyin), Hangul
)

_HEAD = '''"""How letters of other scripts are written in Latin ones, as anyascii has it.

Written by profiles/letters.py: change that, not this. The content is that of the package anyascii:

ISC License

Copyright (c) 2020-2025, Hunter WB <hunterwb.com>

Permission to use, copy, modify, and/or distribute this software for any
purpose with or without fee is hereby granted, provided that the above
copyright notice and this permission notice appear in all copies.

THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES
WITH REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF
MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR
ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES
WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN
ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF
OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE.
"""

from typing import Final

# Ranges of code points, the end not included.
RANGES: Final = {ranges}
# What stands for each code point of the ranges, in turn: separated by line feeds, by zlib, in base 85.
LETTERS: Final = """\\
'''


def content() -> str:
    """One line for each code point of the ranges; empty where anyascii has no letters or digits for it."""
    from anyascii import anyascii  # only to write or to check

    written = (anyascii(chr(code)) for start, end in _RANGES for code in range(start, end))
    return "\n".join(one if one.isalnum() else "" for one in written)


def module(lines: str) -> str:
    """The text of the module."""
    packed = base64.b85encode(zlib.compress(lines.encode("ascii"), 9)).decode("ascii")
    ranges = "".join(f"    (0x{start:04X}, 0x{end:04X}),\n" for start, end in _RANGES)
    return _HEAD.format(ranges=f"(\n{ranges})") + textwrap.fill(packed, 130, break_on_hyphens=False) + '\n"""\n'


def main(arguments: list[str]) -> int:
    """Write the module, or with ``--check`` compare it."""
    if importlib.util.find_spec("anyascii") is None:
        print("anyascii is not installed: letters.py is not checked", file=sys.stderr)
        return 0 if arguments == ["--check"] else 1
    lines = content()
    if arguments != ["--check"]:
        MODULE.write_text(module(lines), encoding="ascii")
    elif (
        letters.RANGES != _RANGES
        or zlib.decompress(base64.b85decode(letters.LETTERS.replace("\n", ""))).decode("ascii") != lines
    ):
        print(f"{MODULE} is not what profiles/letters.py writes", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
