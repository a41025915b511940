"""Commands as bytes: C-STORE's request read, its response written (PS3.7 6.3.1, 9.3.1).

pynetdicom needs a millisecond for each; every other command is its own.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from fidac_node.dicom import headers
from fidac_node.dicom.pdu import COMMAND, FRAGMENT, LAST, P_DATA_TF

_ELEMENT: Final = headers.IMPLICIT
_RESPONSE: Final = struct.Struct("<" + 4 * "HHLH").pack
_GROUP_LENGTH: Final = struct.Struct("<HHLL").pack

_AFFECTED_SOP_CLASS_UID: Final = 0x0002
_COMMAND_FIELD: Final = 0x0100
_MESSAGE_ID: Final = 0x0110
_COMMAND_DATA_SET_TYPE: Final = 0x0800
_ERROR_COMMENT: Final = 0x0902
_AFFECTED_SOP_INSTANCE_UID: Final = 0x1000

_C_STORE_RQ: Final = 0x0001
_C_STORE_RSP: Final = 0x8001
_NO_DATA_SET: Final = 0x0101
# The elements of a response that are numbers: group, element, length, and the value where it is always the same.
_COMMAND_FIELD_RSP: Final = (0x0000, _COMMAND_FIELD, 2, _C_STORE_RSP)
_RESPONDED_TO: Final = (0x0000, 0x0120, 2)
_DATA_SET_TYPE_NONE: Final = (0x0000, _COMMAND_DATA_SET_TYPE, 2, _NO_DATA_SET)
_STATUS: Final = (0x0000, 0x0900, 2)


class StoreRequest(NamedTuple):
    """What a C-STORE-RQ says of its object (PS3.7 Table 9.3-1), its UIDs without padding and not checked."""

    message_id: int
    sop_class_uid: str
    sop_instance_uid: str
    has_data_set: bool


def read_store(command: bytes) -> StoreRequest | None:
    """Read a command set; ``None`` is another command than a C-STORE-RQ, or none at all.

    Raises ``ValueError`` when a C-STORE-RQ lacks a mandatory parameter or has one that cannot be read.
    """
    values = _values(command)
    if _number(values, _COMMAND_FIELD) != _C_STORE_RQ:
        return None
    message_id, data_set_type = _number(values, _MESSAGE_ID), _number(values, _COMMAND_DATA_SET_TYPE)
    sop_class, sop_instance = _uid(values, _AFFECTED_SOP_CLASS_UID), _uid(values, _AFFECTED_SOP_INSTANCE_UID)
    # Not its Priority, which is mandatory too: nothing depends on it, and some leave it out.
    if message_id is None or data_set_type is None or not sop_class or not sop_instance:
        raise ValueError("a C-STORE request lacks a mandatory parameter (PS3.7 Table 9.3-1)")
    return StoreRequest(message_id, sop_class, sop_instance, data_set_type != _NO_DATA_SET)


def store_response(
    request: StoreRequest, context_id: int, status: int, comment: str = "", *, maximum: int = 0
) -> bytes:
    """The C-STORE-RSP (PS3.7 Table 9.3-2) as P-DATA-TF PDUs of at most ``maximum`` bytes each (0: any).

    ``comment`` is at most 64 characters of ASCII (PS3.7 C.5).
    """
    sop_class, sop_instance = _even(request.sop_class_uid, b"\0"), _even(request.sop_instance_uid, b"\0")
    said = _element(_ERROR_COMMENT, _even(comment, b" ")) if comment else b""
    numbers = _RESPONSE(*_COMMAND_FIELD_RSP, *_RESPONDED_TO, request.message_id, *_DATA_SET_TYPE_NONE, *_STATUS, status)
    length = 2 * _ELEMENT.size + len(sop_class) + len(numbers) + len(said) + len(sop_instance)
    command = b"".join(
        (
            _GROUP_LENGTH(0x0000, 0x0000, 4, length),
            _element(_AFFECTED_SOP_CLASS_UID, sop_class),
            numbers,
            said,
            _element(_AFFECTED_SOP_INSTANCE_UID, sop_instance),
        )
    )
    size = max(maximum - 6, 1) if maximum else len(command)
    if len(command) <= size:
        return _pdu(command, context_id, last=True)
    return b"".join(
        _pdu(command[start : start + size], context_id, last=start + size >= len(command))
        for start in range(0, len(command), size)
    )


def _pdu(fragment: bytes, context_id: int, *, last: bool) -> bytes:
    return (
        FRAGMENT.pack(P_DATA_TF, len(fragment) + 6, len(fragment) + 2, context_id, COMMAND | (LAST if last else 0))
        + fragment
    )


def _values(command: bytes) -> dict[int, bytes]:
    """The elements of group 0000 (PS3.7 6.3.1), by element number; what is no command set has none."""
    values: dict[int, bytes] = {}
    position = 0
    while position + 8 <= len(command):
        group, number, length = _ELEMENT.unpack_from(command, position)
        position += 8
        if group or position + length > len(command):
            return {}
        values[number] = command[position : position + length]
        position += length
    return values if position == len(command) else {}


def _number(values: dict[int, bytes], number: int) -> int | None:
    value = values.get(number, b"")
    return int.from_bytes(value, "little") if len(value) == 2 else None


def _uid(values: dict[int, bytes], number: int) -> str:
    return values.get(number, b"").rstrip(b"\0 ").decode("ascii")


def _element(number: int, value: bytes) -> bytes:
    return _ELEMENT.pack(0x0000, number, len(value)) + value


def _even(text: str, padding: bytes) -> bytes:
    value = text.encode("ascii", "replace")
    return value + padding if len(value) % 2 else value
