"""A name in another script is known by how it is written in Latin letters."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fidac_node.deidentify.gate.scripts import latin

ROOT = Path(__file__).resolve().parents[4]


def test_the_letters_are_what_their_script_writes() -> None:
    """Where anyascii is not installed the script says so and checks nothing."""
    done = subprocess.run(
        [sys.executable, "profiles/letters.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Николай Щербаков", "Nikolay Shcherbakov"),
        ("Ильич", "Ilich"),
        ("Ελένη Γρηγοριάδη", "Eleni Grigoriadi"),
        ("Գրիգոր", "Grigor"),
        ("გიორგი", "giorgi"),
        ("שרה", "srh"),
        ("שָׂרָה", "sarah"),
        ("محمد", "mhmd"),
        ("राम", "ram"),
        ("สมชาย", "smchay"),
        ("ヤマダ", "yamada"),
        ("ﾔﾏﾀﾞ", "yamada"),
        ("李娜", "LiNa"),
        ("김철수", "GimCheolSu"),
        ("山田^太郎", "ShanTian^TaiLang"),
        ("١٢٣", "123"),
    ],
)
def test_a_name_is_written_in_latin_letters(name: str, written: str) -> None:
    assert latin(name) == written


def test_syllables_stand_apart_where_that_is_asked_for() -> None:
    assert latin("李娜", apart=True) == "Li Na"
    assert latin("王小明", apart=True) == "Wang Xiao Ming"
    assert latin("김철수", apart=True) == "Gim Cheol Su"
    assert latin("Николай", apart=True) == "Nikolay"


@pytest.mark.parametrize("name", ["DUPONT^JEAN", "Lefèvre", "Đặng", ""])
def test_a_name_in_latin_letters_stays_as_it_is(name: str) -> None:
    assert latin(name) == name


@given(st.text(st.characters(codec="utf-8"), max_size=20), st.booleans())
def test_what_was_written_in_latin_letters_stays(text: str, apart: bool) -> None:
    once = latin(text, apart=apart)
    assert latin(once, apart=apart).replace(" ", "") == once.replace(" ", "")
