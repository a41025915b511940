"""What a DICOMDIR calls a file, and which file that is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fidac_node.site.media import Present, file_id, is_dicomdir, is_left_over

COMPONENTS = st.lists(st.from_regex(r"[A-Z0-9_]{1,8}", fullmatch=True), min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("value", "components"),
    [
        (b"IMAGES\\IM1", ("IMAGES", "IM1")),
        (b"IMAGES/IM1 ", ("IMAGES", "IM1")),
        (b"E:\\IMAGES\\.\\\\IM1\0", ("IMAGES", "IM1")),
        (b" \\\\IMAGES\\IM1", ("IMAGES", "IM1")),
        (b"..\\IM1", ("..", "IM1")),
        ("S\N{LATIN CAPITAL LETTER E WITH ACUTE}RIE".encode("latin-1"), ("S\N{LATIN CAPITAL LETTER E WITH ACUTE}RIE",)),
        (b"D:\\", ()),
        (b". ", ()),
    ],
)
def test_a_file_id_is_its_components_whatever_separates_them(value: bytes, components: tuple[str, ...]) -> None:
    assert file_id(value) == components


@given(COMPONENTS, st.data())
def test_a_file_is_found_by_every_spelling_of_its_name(components: list[str], data: st.DataObject) -> None:
    file = (*(data.draw(st.sampled_from((part, part.lower()))) for part in components[:-1]), components[-1].lower())
    file = (*file[:-1], file[-1] + data.draw(st.sampled_from(("", ".", ";1", ".;1", ".dcm", ".DCM"))))
    value = "".join(data.draw(st.sampled_from(("\\", "/", "\\\\", "/./"))) + part for part in components)
    assert Present([("OTHER", "FILE"), file]).of(file_id(value.encode())) == [file]


def test_a_name_of_the_file_system_that_is_no_text_is_found_as_latin_1() -> None:
    on_disk = b"s\xe9rie".decode("utf-8", "surrogateescape")
    assert Present([(on_disk,)]).of(file_id(b"S\xc9RIE")) == [(on_disk,)]


@pytest.mark.parametrize("there", ["IM10", "IM", "IM2.dcm", "IM1.2"])
def test_a_neighbour_is_not_taken_for_what_is_missing(there: str) -> None:
    assert Present([(there,)]).of(("IM1",)) == []


@pytest.mark.parametrize("name", ["DICOMDIR", "dicomdir", "DICOMDIR;1", "DICOMDIR."])
def test_a_dicomdir_is_known_by_its_name(name: str) -> None:
    assert is_dicomdir(name) and not is_dicomdir(f"{name}X") and not is_dicomdir(f"._{name}")


@pytest.mark.parametrize(
    ("parts", "left_over"),
    [
        ((".DS_Store",), True),
        (("CT", "._IM1"), True),
        (("a", "__MACOSX", "b", "IM1"), True),
        (("thumbs.DB",), True),
        (("CT", "IM1"), False),
        (("Thumbs.db", "IM1"), False),
        (("DS_Store",), False),
        (("CT", ".IM1"), False),
    ],
)
def test_what_a_system_left_is_told_by_its_name(parts: tuple[str, ...], left_over: bool) -> None:
    assert is_left_over(parts) is left_over
