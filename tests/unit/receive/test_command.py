"""C-STORE commands, read as pynetdicom writes them and written as pynetdicom reads them."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import UID
from pynetdicom.dimse_messages import C_STORE_RQ, C_STORE_RSP, DIMSEMessage
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.pdu import P_DATA_TF

from fidac_node.receive.command import StoreRequest, read_store, store_response
from tests.support import command_set

CT = "1.2.840.10008.5.1.4.1.1.2"
uids = st.lists(st.integers(0, 9999).map(str), min_size=2, max_size=12).map(".".join)
words = st.integers(0, 0xFFFF)
comments = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters="\\"), max_size=64).map(
    str.strip
)
REQUEST = {
    "AffectedSOPClassUID": CT,
    "CommandField": 1,
    "MessageID": 7,
    "Priority": 0,
    "CommandDataSetType": 1,
    "AffectedSOPInstanceUID": "1.2.3",
}


def command_of(message: DIMSEMessage, maximum: int = 0) -> bytes:
    return b"".join(
        fragment[1:]
        for pdata in message.encode_msg(1, maximum)
        for _, fragment in pdata.presentation_data_value_list
        if fragment[0] & 1
    )


@given(uids, uids, words)
def test_what_pynetdicom_asks_is_understood(sop_class: str, sop_instance: str, message_id: int) -> None:
    primitive = C_STORE()
    primitive.MessageID, primitive.Priority = message_id, 2
    primitive.AffectedSOPClassUID, primitive.AffectedSOPInstanceUID = UID(sop_class), UID(sop_instance)
    primitive.MoveOriginatorApplicationEntityTitle, primitive.MoveOriginatorMessageID = "MOVER", 9
    message = C_STORE_RQ()
    message.primitive_to_message(primitive)
    assert read_store(command_of(message)) == StoreRequest(message_id, sop_class, sop_instance, has_data_set=False)


@given(
    uids,
    uids,
    words,
    st.sampled_from([0x0000, 0x0110, 0x0122, 0xA700, 0xC001]),
    comments,
    st.sampled_from([0, 64, 4096]),
)
def test_pynetdicom_understands_the_answer(
    sop_class: str, sop_instance: str, message_id: int, status: int, comment: str, maximum: int
) -> None:
    encoded = store_response(
        StoreRequest(message_id, sop_class, sop_instance, True), 5, status, comment, maximum=maximum
    )
    message, complete = DIMSEMessage(), False
    while encoded:
        (length,) = struct.unpack_from(">L", encoded, 2)
        assert not maximum or length <= maximum
        pdu = P_DATA_TF()
        pdu.decode(encoded[: length + 6])
        complete, encoded = message.decode_msg(pdu.to_primitive()), encoded[length + 6 :]
    assert complete and isinstance(message, C_STORE_RSP) and message.context_id == 5
    primitive = message.message_to_primitive()
    assert primitive.is_valid_response
    assert (primitive.MessageIDBeingRespondedTo, primitive.Status, primitive.ErrorComment or "") == (
        message_id,
        status,
        comment,
    )
    assert (primitive.AffectedSOPClassUID, primitive.AffectedSOPInstanceUID) == (sop_class, sop_instance)


@pytest.mark.parametrize("field", [0x0020, 0x0030, 0x0130, 0x8001, 0x0FFF])
def test_another_command_is_none_of_ours(field: int) -> None:
    assert read_store(command_set(**{**REQUEST, "CommandField": field})) is None


@pytest.mark.parametrize(
    "keyword", ["AffectedSOPClassUID", "AffectedSOPInstanceUID", "MessageID", "CommandDataSetType"]
)
@pytest.mark.parametrize("value", [None, b"", b"\xff\xff\xff"])
def test_a_request_that_lacks_a_mandatory_parameter_is_not_valid(keyword: str, value: bytes | None) -> None:
    values = {**REQUEST, keyword: value}
    with pytest.raises(ValueError, match=r"lacks a mandatory parameter|ascii"):
        read_store(command_set(**{name: known for name, known in values.items() if known is not None}))


@given(st.binary(max_size=200))
def test_noise_is_no_request(noise: bytes) -> None:
    assert read_store(noise) is None


@given(st.integers(0, 200), st.binary(max_size=4))
def test_a_request_with_a_broken_element_is_none_or_not_valid(where: int, change: bytes) -> None:
    command = command_set(**REQUEST)
    try:
        read = read_store(command[:where] + change + command[where + len(change) :])
    except ValueError:
        return
    assert read is None or isinstance(read, StoreRequest)


@pytest.mark.parametrize("value", [None, b"", b"\xff\xff\xff"])
def test_nothing_depends_on_the_priority(value: bytes | None) -> None:
    values = {name: known for name, known in {**REQUEST, "Priority": value}.items() if known is not None}
    assert read_store(command_set(**values)) == StoreRequest(7, CT, "1.2.3", has_data_set=True)
