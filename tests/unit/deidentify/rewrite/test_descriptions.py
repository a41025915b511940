"""Of descriptions as hospitals write them harmless words stay; names, dates, towns and numbers go."""

from __future__ import annotations

from pathlib import Path

import pytest

from fidac_node.deidentify import load_plan
from fidac_node.deidentify.rewrite.text import clean, words

OURS = Path(__file__).with_name("descriptions.tsv")
FIELD = Path(__file__).resolve().parents[5] / "shared" / "field" / "descriptions.tsv"
VOCABULARY = load_plan("fidac-chest-ct").vocabulary
# How much of what is harmless has to stay.
SHARE = 0.97


def rows(path: Path) -> list[tuple[str, list[str], list[str]]]:
    """Text, the words of it that must stay, those that must go."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    cells = [(*line.split("\t"), "", "")[:3] for line in lines]
    return [(text, words(stay), words(go)) for text, stay, go in cells]


def lists() -> list[Path]:
    return [path for path in (OURS, FIELD) if path.is_file()]


@pytest.mark.parametrize("path", lists(), ids=lambda path: path.parent.name)
def test_nearly_all_words_that_describe_an_image_stay(path: Path) -> None:
    kept = [(word, text) for text, stay, _ in rows(path) for word in stay if word in words(clean(text, VOCABULARY))]
    asked = [word for _, stay, _ in rows(path) for word in stay]
    assert len(kept) >= SHARE * len(asked)


@pytest.mark.parametrize("path", lists(), ids=lambda path: path.parent.name)
def test_no_word_that_names_somebody_some_place_or_some_day_stays(path: Path) -> None:
    for text, _, go in rows(path):
        assert not set(go) & set(words(clean(text, VOCABULARY))), text


def test_our_own_list_is_long_enough_to_say_something() -> None:
    assert len(rows(OURS)) >= 300 and sum(bool(go) for _, _, go in rows(OURS)) >= 80


@pytest.mark.parametrize("path", lists(), ids=lambda path: path.parent.name)
def test_cleaning_a_description_again_changes_nothing(path: Path) -> None:
    for text, _, _ in rows(path):
        once = clean(text, VOCABULARY)
        assert clean(once, VOCABULARY) == once and len(once) <= len(text)
