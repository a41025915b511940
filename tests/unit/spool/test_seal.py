"""A copy is sealed under its name: whatever changes of it, and whoever else puts a file there, is noticed."""

from __future__ import annotations

import os
from collections.abc import Callable
from io import FileIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fidac_node.errors import Permanent
from fidac_node.spool.entry import Entry
from fidac_node.spool.queue import CORRUPT, Spool
from fidac_node.spool.seal import Seals

ENTRY = Entry("a" * 12, "b" * 16, "c" * 16)
CONTENT = bytes(128) + b"DICM" + bytes(range(256)) * 1200  # more than is read at once
SEALS = Seals(b"k" * 32)


def verdict(path: Path, entry: Entry = ENTRY, seals: Seals = SEALS) -> str:
    """The code that a file is refused with, or nothing."""
    with FileIO(str(path)) as file:
        try:
            seals.check(file, entry)
        except Permanent as error:
            return error.code
    return ""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    spool = Spool(tmp_path)
    with spool.create() as draft:
        sealing = SEALS.sealing(draft.file, ENTRY)
        sealing.write(CONTENT)
        sealing.seal()
        spool.put(draft, ENTRY)
    return spool.path(ENTRY)


def test_a_copy_as_it_was_written_passes_and_its_bytes_behind_the_preamble_are_those_that_were_written(
    copy: Path,
) -> None:
    assert verdict(copy) == ""
    assert copy.read_bytes()[128:] == CONTENT[128:]


def test_what_is_sealed_after_it_was_written_passes_too(copy: Path) -> None:
    copy.write_bytes(CONTENT[:-2])
    with FileIO(str(copy), "r+") as file:
        SEALS.seal(file, ENTRY)
    assert verdict(copy) == ""


@given(pieces=st.lists(st.integers(1, 400), max_size=12))
def test_it_does_not_matter_in_which_pieces_a_copy_is_written(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[int]
) -> None:
    path = tmp_path_factory.mktemp("seal") / "copy"
    with FileIO(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+") as file:
        sealing, rest = SEALS.sealing(file, ENTRY), memoryview(CONTENT)
        for size in [*pieces, len(CONTENT)]:
            sealing.write(rest[:size])
            rest = rest[size:]
        assert sealing.tell() == len(CONTENT)
        sealing.seal()
    assert verdict(path) == ""


@given(bit=st.integers(128 * 8, len(CONTENT) * 8 - 1))
def test_one_flipped_bit_is_noticed_wherever_it_is(tmp_path_factory: pytest.TempPathFactory, bit: int) -> None:
    path = tmp_path_factory.mktemp("seal") / "copy"
    with FileIO(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+") as file:
        file.write(CONTENT)
        SEALS.seal(file, ENTRY)
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)
    assert verdict(path) == CORRUPT


@pytest.mark.parametrize(
    "change",
    [
        lambda path: os.truncate(path, 3000),
        lambda path: os.truncate(path, 0),
        lambda path: path.write_bytes(path.read_bytes() + b"\0"),
        lambda path: path.write_bytes(bytes(128) + path.read_bytes()[128:]),
        lambda path: path.chmod(0o620),
        lambda path: path.chmod(0o602),
    ],
    ids=["cut", "emptied", "longer", "no seal", "its group may write", "others may write"],
)
def test_what_is_not_this_nodes_copy_alone_and_whole_is_corrupt(copy: Path, change: Callable[[Path], None]) -> None:
    change(copy)
    assert verdict(copy) == CORRUPT


def test_a_copy_under_another_name_or_of_another_site_is_corrupt(copy: Path) -> None:
    assert verdict(copy, ENTRY._replace(instance="d" * 16)) == CORRUPT
    assert verdict(copy, seals=Seals(b"l" * 32)) == CORRUPT


def test_others_may_read_a_copy_only_where_the_umask_lets_them(copy: Path) -> None:
    copy.chmod(0o644)
    before = os.umask(0o077)
    try:
        strict = Seals(b"k" * 32)
        os.umask(0o022)
        usual = Seals(b"k" * 32)
    finally:
        os.umask(before)
    assert (verdict(copy, seals=strict), verdict(copy, seals=usual)) == (CORRUPT, "")


def test_a_copy_of_another_owner_is_corrupt(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: copy.stat().st_uid + 1)
    assert verdict(copy) == CORRUPT


def test_two_seals_of_one_copy_share_no_key(copy: Path) -> None:
    first = copy.read_bytes()[:128]
    with FileIO(str(copy), "r+") as file:
        SEALS.seal(file, ENTRY)
    assert copy.read_bytes()[:128] != first and verdict(copy) == ""
