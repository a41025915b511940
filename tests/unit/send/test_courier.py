"""The C-STORE request that a courier sends for an object."""

from __future__ import annotations

from io import BytesIO

from pydicom.filereader import read_dataset

from fidac_node.dicom.ae import Context
from fidac_node.send.associate import _StoreCommand

CONTEXT = Context(5, "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1")


def test_who_gets_an_object_by_c_move_hears_whose_request_it_was() -> None:
    encoded = _StoreCommand(CONTEXT, ("VIEWER", 7)).encode(3, "2.25.12")
    ds = read_dataset(BytesIO(encoded), is_implicit_VR=True, is_little_endian=True)
    assert (ds.MoveOriginatorApplicationEntityTitle, ds.MoveOriginatorMessageID) == ("VIEWER", 7)
    assert (ds.MessageID, ds.AffectedSOPInstanceUID) == (3, "2.25.12")
    assert ds.CommandGroupLength == len(encoded) - 12


def test_an_object_that_nobody_asked_for_names_no_originator() -> None:
    ds = read_dataset(BytesIO(_StoreCommand(CONTEXT).encode(3, "2.25.12")), is_implicit_VR=True, is_little_endian=True)
    assert "MoveOriginatorMessageID" not in ds
