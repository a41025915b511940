"""A key as text: in a file, on paper, and what tells a slip of the pen."""

from __future__ import annotations

import hashlib

import pytest

from fidac_node.errors import ConfigError
from fidac_node.identity import secret

KEY = hashlib.sha256(b"a key").digest()


@pytest.mark.parametrize("size", [32, 33, 40, 64])
def test_a_key_is_read_from_its_file_and_from_its_sheet(size: int) -> None:
    key = hashlib.shake_256(b"a key").digest(size)
    assert secret.parse(secret.written(key)) == secret.parse("\n".join(secret.sheet(key)).upper().encode()) == key


def test_a_wrong_digit_and_two_that_changed_places_are_told_with_their_line() -> None:
    lines = secret.sheet(KEY)
    for number, line in enumerate(lines):
        for at in range(2, len(line) - 5):
            slips = [line[:at] + digit + line[at + 1 :] for digit in "0123456789abcdef" if line[at] != " " != digit]
            slips += [line[:at] + line[at + 1] + line[at] + line[at + 2 :]] if " " not in line[at : at + 2] else []
            for slip in set(slips) - {line}:
                with pytest.raises(ConfigError, match=f"line {number + 1} of the sheet"):
                    secret.parse("\n".join([*lines[:number], slip, *lines[number + 1 :]]).encode(), raw=False)


def test_lines_that_changed_places_or_are_missing_are_told() -> None:
    one, two, three, four = secret.sheet(KEY)
    for wrong, words in {(one, three, two, four): "line 2 of the sheet", (one, two, three): "has 24 bytes"}.items():
        with pytest.raises(ConfigError, match=words):
            secret.parse("\n".join(wrong).encode())


def test_bytes_as_they_are_are_a_key_at_a_site_and_none_in_a_browser() -> None:
    assert secret.parse(KEY) == KEY
    with pytest.raises(ConfigError, match="no key file"):
        secret.parse(KEY, raw=False)
