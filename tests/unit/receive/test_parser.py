"""A connection's bytes are cut into the same messages however they come, and nothing invalid is taken."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fidac_node.receive.parser import LONGEST_PDU, Command, Foreign, Parser, Piece

RELEASE_RQ = struct.pack(">BxL", 0x05, 4) + bytes(4)
Message = tuple[int, bytes, bytes | None]  # presentation context, command, data set


def pdv(context_id: int, control: int, data: bytes) -> bytes:
    return struct.pack(">LBB", len(data) + 2, context_id, control) + data


def p_data(*fragments: bytes) -> bytes:
    body = b"".join(fragments)
    return struct.pack(">BxL", 0x04, len(body)) + body


def fragments(context_id: int, of_command: int, data: bytes, cuts: Sequence[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    pieces = [data[a:b] for a, b in pairwise(places)] or [data]
    return [pdv(context_id, of_command | (2 if n == len(pieces) - 1 else 0), one) for n, one in enumerate(pieces)]


def heard(stream: bytes, ends: Iterable[int], with_data: set[bytes]) -> list[Message | int]:
    """What a parser makes of a stream that is read up to ``ends``: messages, and the lengths of other PDUs."""
    parser, found, view = Parser(), list[Message | int](), memoryview(stream)
    context_id, command, data = 0, b"", b""
    for end in ends:
        going = True
        while going:
            going = False
            for event in parser.parse(view, parser.start, end):
                if isinstance(event, Command):
                    context_id, command = event
                    data, parser.in_data_set = b"", command in with_data
                    if not parser.in_data_set:
                        found.append((context_id, command, None))
                elif isinstance(event, Piece):
                    data += event.data
                    if event.last:
                        found.append((event.context_id, command, data))
                else:
                    found.append(event.length)
                    parser.start += 6 + event.length  # who takes it moves on
                    going = True
    assert not parser.is_inside and parser.start == len(stream)
    return found


MESSAGES = st.lists(
    st.tuples(
        st.integers(0, 127).map(lambda number: 2 * number + 1),
        st.binary(min_size=1, max_size=40),
        st.none() | st.binary(max_size=200),
        st.lists(st.integers(0, 1 << 16), max_size=4),
        st.booleans(),
    ),
    max_size=5,
)


@given(MESSAGES, st.lists(st.integers(0, 1 << 16), max_size=20))
def test_messages_are_the_same_however_fragmented_packed_and_read(
    messages: list[tuple[int, bytes, bytes | None, list[int], bool]], reads: list[int]
) -> None:
    stream, expected, with_data = b"", list[Message | int](), set[bytes]()
    for number, (context_id, name, data, cuts, packed) in enumerate(messages):
        command = b"%d %b" % (number, name)
        parts = fragments(context_id, 1, command, cuts)
        if data is not None:
            with_data.add(command)
            parts += fragments(context_id, 0, data, cuts)
        stream += p_data(*parts) if packed else b"".join(map(p_data, parts))
        expected.append((context_id, command, data))
    stream += RELEASE_RQ
    ends = sorted({len(stream), *(read % (len(stream) + 1) for read in reads)})
    assert heard(stream, ends, with_data) == [*expected, 4]


@pytest.mark.parametrize(
    ("stream", "why"),
    [
        (struct.pack(">BxL", 0x04, 5) + bytes(5), "without a fragment"),
        (struct.pack(">BxL", 0x04, LONGEST_PDU + 1), "too long"),
        (struct.pack(">BxL", 0x04, 8) + struct.pack(">LBB", 9, 1, 3), "longer than its PDU"),
        (struct.pack(">BxL", 0x04, 8) + struct.pack(">LBB", 1, 1, 3), "longer than its PDU"),
        (struct.pack(">BxL", 0x04, 12) + pdv(1, 1, b"abc") + b"abc", "longer than its fragments"),
        (p_data(pdv(1, 0, b"data")), "where the other must be"),
        (b"".join(p_data(pdv(1, 1, bytes(4096))) for _ in range(17)), "a command too long"),
    ],
)
def test_what_no_valid_peer_sends_is_refused_with_the_reason(stream: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        list(Parser().parse(memoryview(stream), 0, len(stream)))


def test_a_command_in_the_middle_of_a_data_set_is_refused() -> None:
    parser, stream = Parser(), p_data(pdv(1, 3, b"store"), pdv(1, 0, b"half"), pdv(1, 3, b"store"))
    events = parser.parse(memoryview(stream), 0, len(stream))
    assert next(events) == Command(1, b"store")
    parser.in_data_set = True
    assert next(events) == Piece(1, memoryview(b"half"), False)
    with pytest.raises(ValueError, match="where the other must be"):
        next(events)


def test_a_pdu_that_is_passed_on_says_how_much_it_wants() -> None:
    parser = Parser()
    assert list(parser.parse(memoryview(RELEASE_RQ), 0, 7)) == [] and parser.wanted == len(RELEASE_RQ)
    assert list(parser.parse(memoryview(RELEASE_RQ), 0, len(RELEASE_RQ))) == [Foreign(4)]
    assert list(parser.parse(memoryview(b"GET / HTTP/1.1"), 0, 14)) == [Foreign(0x54202F20)]  # none that PS3.8 knows


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=5))
def test_any_bytes_are_cut_or_refused_and_never_taken_twice(stream: bytes, reads: list[int]) -> None:
    parser, view, taken = Parser(), memoryview(stream), 0
    try:
        for end in sorted({len(stream), *(read % (len(stream) + 1) for read in reads)}):
            for event in parser.parse(view, parser.start, end):
                assert taken <= parser.start <= end
                taken = parser.start
                if isinstance(event, Foreign):
                    return
                parser.in_data_set = isinstance(event, Command) or not event.last
    except ValueError:
        return
    assert parser.start <= len(stream)
