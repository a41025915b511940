"""Data sets cut into PDUs, many in one buffer."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fidac_node.send.fragments import HEADER, Train


@contextmanager
def file_of(data: bytes) -> Iterator[int]:
    file = os.memfd_create("object")
    try:
        os.write(file, data)
        yield file
    finally:
        os.close(file)


def fragments(stream: bytes) -> list[tuple[int, int, bytes]]:
    """Take PDUs apart: context, control, value."""
    found = []
    while stream:
        kind, length, inner, context_id, control = struct.unpack_from(">BxLLBB", stream)
        assert kind == 0x04 and inner == length - 4
        found.append((context_id, control, stream[HEADER : 6 + length]))
        stream = stream[6 + length :]
    return found


@settings(deadline=None, max_examples=30)
@given(
    most=st.sampled_from([1018, 4090, 16378, 131066, 1 << 18]),
    sizes=st.lists(st.integers(1, 300_000), min_size=1, max_size=3),
    offset=st.integers(0, 5000),
)
def test_the_fragments_of_one_object_after_another_are_its_bytes_and_the_last_is_marked(
    most: int, sizes: list[int], offset: int
) -> None:
    train = Train(5, most)
    data = os.urandom(1000) * ((max(sizes) + offset) // 1000 + 1)
    with file_of(data) as file:
        for size in sizes:
            found = fragments(b"".join(bytes(pdus) for pdus in train.load(file, offset, size)))
            assert b"".join(value for _, _, value in found) == data[offset : offset + size]
            assert [control for _, control, _ in found] == [0] * (len(found) - 1) + [2]
            assert all(context_id == 5 and 0 < len(value) <= most for context_id, _, value in found)
            assert len(found) == -(-size // most)


@pytest.mark.parametrize("most", [4090, 131066])
@pytest.mark.parametrize("length", [0, 4090, 5000, 140_000])
def test_a_file_that_is_too_short_is_said(most: int, length: int) -> None:
    with file_of(bytes(length)) as file, pytest.raises(EOFError):
        list(Train(1, most).load(file, 0, length + 1))
