"""Association requests and answers are read as peers write them, and whatever is odd is its own trouble alone."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pynetdicom.pdu import A_ASSOCIATE_RQ

from fidac_node.dicom.associate import (
    APPLICATION_CONTEXT,
    Answer,
    Request,
    Result,
    UserInformation,
    read_answer,
    read_request,
    write_request,
)
from fidac_node.dicom.uids import CT_IMAGE, EXPLICIT_VR_LE, IMPLICIT_VR_LE, VERIFICATION


def item(kind: int, value: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(value)) + value


def context(number: int, abstract: str, *syntaxes: str) -> bytes:
    below = item(0x30, abstract.encode()) + b"".join(item(0x40, one.encode()) for one in syntaxes)
    return item(0x20, bytes([number, 0, 0, 0]) + below)


def user(more: bytes = b"", *, maximum: int = 16384, version: bytes = b"PEER") -> bytes:
    informed = item(0x51, struct.pack(">L", maximum)) + item(0x52, b"1.2.3.4") + item(0x55, version)
    return item(0x50, informed + more)


def body(
    *items: bytes, called: bytes = b"NODE", calling: bytes = b"PACS", version: int = 1, application: bytes = b""
) -> bytes:
    head = struct.pack(">H2x16s16s32x", version, called, calling)
    return head + item(0x10, application or APPLICATION_CONTEXT.encode()) + b"".join(items)


GOOD = context(1, CT_IMAGE, EXPLICIT_VR_LE, IMPLICIT_VR_LE)


def usable(request: Request) -> list[int]:
    return [one.context_id for one in request.proposals if not one.problem]


@pytest.mark.parametrize(
    "title", [b"PACS", b"PACS            ", b"PACS\0\0\0\0\0\0\0\0\0\0\0\0", b"  PACS  ", b"\0PACS \0"], ids=str
)
def test_a_title_loses_spaces_and_zeros(title: bytes) -> None:
    assert read_request(body(GOOD, user(), calling=title, called=title)).calling == "PACS"


@pytest.mark.parametrize(
    ("odd", "problem"),
    [
        (context(2, VERIFICATION, IMPLICIT_VR_LE), "even"),
        (context(3, VERIFICATION), "no transfer syntax"),
        (context(3, "1." + "2" * 64, IMPLICIT_VR_LE), "no UID"),
        (context(3, "", IMPLICIT_VR_LE), "no abstract syntax"),
        (context(3, VERIFICATION, "1..2"), "no transfer syntax"),
        (context(1, VERIFICATION, IMPLICIT_VR_LE), "twice"),
    ],
    ids=["even", "no syntax", "66 characters", "no abstract syntax", "no UID", "twice"],
)
def test_an_odd_presentation_context_is_its_own_trouble_alone(odd: bytes, problem: str) -> None:
    request = read_request(body(GOOD, odd, user()))
    assert usable(request) == [1] and problem in request.proposals[1].problem
    assert usable(read_request(write_request(request)[6:])) == [1]


def test_padded_uids_and_unknown_items_and_sub_items_are_read_over() -> None:
    padded = context(1, CT_IMAGE + "\0", EXPLICIT_VR_LE + "\0")
    request = read_request(body(item(0x99, b"what"), padded, user(item(0x5F, b"abcd")), item(0x77, b""), bytes(3)))
    assert request.proposals[0][:3] == (1, CT_IMAGE, (EXPLICIT_VR_LE,))
    assert request.user == UserInformation(16384, "1.2.3.4", "PEER")


@pytest.mark.parametrize("version", [b"X" * 20, b"PEER\0\0", b"", "Schlüssel".encode("latin-1"), b"a\x07b\\c"], ids=str)
def test_a_version_name_ends_nothing(version: bytes) -> None:
    request = read_request(body(GOOD, user(version=version)))
    decoded = A_ASSOCIATE_RQ()
    decoded.decode(write_request(request))
    assert decoded.to_primitive().calling_ae_title == "PACS" and len(request.user.version_name) <= 16


@pytest.mark.parametrize(
    ("changes", "rejection"),
    [
        ({}, None),
        ({"version": 3}, None),
        ({"version": 2}, (1, 2, 2)),
        ({"application": b"1.2.3"}, (1, 1, 2)),
        ({"calling": b" " * 16}, (1, 1, 3)),
    ],
    ids=str,
)
def test_what_nobody_can_accept_has_the_rejection_of_the_standard(
    changes: dict[str, int | bytes], rejection: tuple[int, int, int] | None
) -> None:
    found = read_request(body(GOOD, user(), **changes)).rejection  # type: ignore[arg-type]
    assert (found and found[0]) == rejection


def test_what_a_peer_writes_in_place_of_a_uid_is_not_repeated_in_the_words_for_the_log() -> None:
    rejection = read_request(body(GOOD, user(), application=b"\x1b[2JDUPONT^MARIE\nERROR")).rejection
    assert rejection == ((1, 1, 2), "its application context is missing or no UID, not that of DICOM")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "0 bytes"),
        (body()[:60], "60 bytes"),
        (body(b"\x20\0\0\x09ab"), "longer"),
        (body(b"\x20\0\1"), "cut short"),
    ],
)
def test_what_is_cut_short_is_told(data: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_request(data)


def test_an_answer_is_read_with_its_results() -> None:
    accepted = item(0x21, bytes([1, 0, 0, 0]) + item(0x40, EXPLICIT_VR_LE.encode() + b"\0"))
    refused = item(0x21, bytes([3, 0, 3, 0]))
    answer = read_answer(body(accepted, item(0x66, b"?"), refused, user(maximum=512, version=b"LONG" * 9)))
    assert answer.results == (Result(1, 0, EXPLICIT_VR_LE), Result(3, 3, "")) and answer.user.maximum_length == 512


@given(st.binary(max_size=300), st.integers(0, 400), st.integers(0, 255))
def test_any_bytes_are_read_or_refused_and_what_is_read_can_be_written(tail: bytes, place: int, value: int) -> None:
    whole = bytearray(body(GOOD, user()) + tail)
    whole[place % len(whole)] = value
    for data in (bytes(whole), bytes(whole[: place % (len(whole) + 1)]), tail):
        for read in (read_request, read_answer):
            try:
                found: Request | Answer = read(data)
            except ValueError:
                continue
            if isinstance(found, Request) and usable(found):
                again = read_request(write_request(found)[6:])
                assert usable(again) == usable(found) and again.called == (found.called or "-")
                A_ASSOCIATE_RQ().decode(write_request(found))
