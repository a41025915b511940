"""The header as the hub reads it: what is quick about it must not show in what it says."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fidac_node.dicom import part10
from fidac_node.dicom.part10 import FileMeta, Malformed
from fidac_node.dicom.uids import DEFLATED_EXPLICIT_VR_LE
from fidac_node.errors import Permanent
from fidac_node.hub.filing import verify
from fidac_node.hub.index import header
from tests.hub_objects import data_set, encoded
from tests.strategies import PIXEL_DATA, Object, objects

LIMIT = 1 << 24


def said(path: Path, tags: Iterable[int]) -> dict[int, bytes] | str:
    """Tag to value, as the header reads it; or why it is malformed."""
    try:
        with header.opened(path, limit=LIMIT) as (_, found):
            return {tag: found.raw(tag) for tag in tags}
    except Malformed as error:
        return str(error)


def walked(data: bytes) -> dict[int, bytes]:
    """The same by part10's walk alone."""
    meta, offset = part10.read_meta(BytesIO(data))
    if meta.transfer_syntax_uid == DEFLATED_EXPLICIT_VR_LE:
        data, offset = part10.inflate(data[offset:], LIMIT), 0
    elements = part10.walk(data, offset, len(data), meta.transfer_syntax_uid)
    return {element.tag: data[element.value : element.end] for element in elements}


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """A file, now and then cut short or with a byte changed."""
    an_object: Object = draw(objects())
    data = an_object.file(draw(st.sampled_from(["", "s", "i", None])))
    damage = draw(st.sampled_from(["none", "none", "cut", "byte"]))
    where = draw(st.integers(part10.read_meta(BytesIO(data))[1], len(data) - 1))
    if damage == "cut":
        return data[:where]
    return data[:where] + bytes([draw(st.integers(0, 255))]) + data[where + 1 :] if damage == "byte" else data


@settings(max_examples=300, deadline=None)
@given(data=files(), head=st.integers(0, 6000))
def test_the_header_says_what_the_walk_says_wherever_its_first_bytes_end(
    data: bytes, head: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    try:
        expected: dict[int, bytes] | str = {tag: value for tag, value in walked(data).items() if tag != PIXEL_DATA}
    except Malformed as error:
        expected = str(error)
    path = tmp_path_factory.getbasetemp() / "object.dcm"
    path.write_bytes(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(header, "_HEAD", head)
        assert said(path, expected if isinstance(expected, dict) else ()) == expected


def test_a_deflated_object_without_a_byte_of_data_set_is_malformed(tmp_path: Path) -> None:
    path = tmp_path / "object.dcm"
    path.write_bytes(part10.encode_meta(FileMeta("1.2.840.10008.5.1.4.1.1.2", "1.2.3", DEFLATED_EXPLICIT_VR_LE)))
    assert said(path, ()) == "cut short: the deflated data set does not end"


def test_a_sequence_that_was_let_in_under_one_list_is_not_under_another(tmp_path: Path) -> None:
    inner = data_set()
    inner.add_new(0x00290010, "LO", "SAFE CREATOR")
    path = tmp_path / "object.dcm"
    path.write_bytes(encoded(data_set(ReferencedImageSequence=[inner])))
    for _ in range(2):
        with header.opened(path, limit=LIMIT) as (_, found):
            verify(found, "LILLE", ["SAFE CREATOR"])
            with pytest.raises(Permanent, match=r"\(0029,0010\)"):
                verify(found, "LILLE", [])
