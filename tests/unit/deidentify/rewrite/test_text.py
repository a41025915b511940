"""Words are folded so that spellings meet; only listed words and machine-like text are let through."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fidac_node.deidentify.rewrite import text
from fidac_node.dicom import charset
from fidac_node.errors import ConfigError

VOCABULARY = frozenset({"lung", "poumon", "sternal", "notch", "thoracique"})


@pytest.mark.parametrize(
    ("spelling", "folded"),
    [
        ("LEFÈVRE", "lefevre"),
        ("Lefe\u0300vre", "lefevre"),
        ("Œuvre", "oeuvre"),
        ("GROẞ straße", "gross strasse"),
        ("ŁÓDŹ", "lodz"),
        ("ﬁn", "fin"),
        ("\uff24\uff35PONT", "dupont"),
        ("Ærø", "aero"),
    ],
)
def test_two_spellings_of_a_word_become_one(spelling: str, folded: str) -> None:
    assert text.fold(spelling) == folded


@given(st.text(max_size=40))
def test_folding_twice_is_folding_once(value: str) -> None:
    once = text.fold(value)
    assert text.fold(once) == once


@pytest.mark.parametrize(
    ("value", "listed"),
    [
        ("LUNG", True),
        ("Poumon, 5mm", True),
        ("sternal-notch", True),
        ("Thoracique 120kV", True),
        ("LUNG DUPONT", False),
        ("1961", False),
        ("14/07/1961 lung", False),
        ("", False),
        ("---", False),
        ("lungs", False),
        ("5", True),
    ],
)
def test_text_is_listed_only_word_by_word(value: str, listed: bool) -> None:
    assert text.is_listed(value, VOCABULARY) is listed


@pytest.mark.parametrize(
    "value",
    ["SIEMENS", "GE MEDICAL SYSTEMS", "Aquilion ONE", "syngo CT 2006G", "Br40d\\3", "V6.00ER005", "Clé à 3 °"[:5]],
)
def test_what_a_machine_writes_of_itself_is_plain(value: str) -> None:
    assert all(text.is_plain(one) for one in value.split("\\"))


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x" * 65,
        "a@b.fr",
        "06 39 98 12 47",
        "06.39.98.12.47",
        "19610714",
        "14/07/1961",
        "line\nline",
        "né\0",
        "261079912345643",
        'say "x"',
    ],
)
def test_dates_numbers_and_addresses_are_not_plain(value: str) -> None:
    assert not text.is_plain(value)


def test_word_lists_have_comments_and_name_what_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("# comment\nPoumon  thorax # lungs\n\ncœur\n", encoding="utf-8")
    assert text.read_vocabulary([path]) == {"poumon", "thorax", "coeur"}
    path.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match=r"words\.txt: the word list cannot be read"):
        text.read_vocabulary([path])


@pytest.mark.parametrize(
    ("declared", "encoded", "decoded"),
    [
        (("ISO_IR 100",), b"Lef\xe8vre", "Lefèvre"),
        (("ISO_IR 192",), "Lefèvre".encode(), "Lefèvre"),
        (("", "ISO 2022 IR 100"), b"Lef\x1b-A\xe8vre", "Lefèvre"),
        (("ISO 2022 IR 100",), b"Lef\xe8vre", "Lefèvre"),
        (("ISO_IR 144",), "Иванов".encode("iso8859_5"), "Иванов"),
        (("GB18030",), "王小东".encode("gb18030"), "王小东"),
        (("", "ISO 2022 IR 87"), b"Yamada^\x1b$B;3ED\x1b(B", "Yamada^山田"),
        (("ISO_IR 203",), b"Lef\xe8vre\xbd", "Lefèvreœ"),
        ((), b"Lefevre", "Lefevre"),
        (("NONSENSE",), b"Lefevre", "Lefevre"),
    ],
)
def test_text_is_decoded_as_declared(declared: tuple[str, ...], encoded: bytes, decoded: str) -> None:
    assert charset.decode(encoded, declared) == decoded
    assert decoded in charset.candidates(encoded, declared)


@pytest.mark.parametrize(
    ("declared", "encoded"),
    [
        ((), b"Lef\xe8vre"),
        (("ISO_IR 999",), b"Lef\xe8vre"),
        (("ISO_IR 192",), b"Lef\xe8vre"),
        (("ISO_IR 100",), b"Lef\x1b-A\xe8vre"),
        (("", "ISO 2022 IR 100"), b"Lef\x1b%Gvre"),
    ],
)
def test_what_cannot_be_decoded_as_declared_is_not_guessed(declared: tuple[str, ...], encoded: bytes) -> None:
    with pytest.raises(charset.Undecodable):
        charset.decode(encoded, declared)


@given(
    st.binary(max_size=40),
    st.lists(st.sampled_from(["", "ISO_IR 100", "ISO_IR 192", "ISO 2022 IR 87", "GB18030", "X"]), max_size=3),
)
def test_every_value_has_a_likely_text_and_candidates(value: bytes, declared: list[str]) -> None:
    assert charset.likely(value, tuple(declared)) is not None
    assert value.decode("latin-1") in charset.candidates(value, tuple(declared))
