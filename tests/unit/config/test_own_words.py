"""Words of a site's own are read from its settings and from a file beside them, and what is none is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from fidac_node.cli import cli
from fidac_node.config.config import load_site
from fidac_node.config.own_words import own_word_problem, read_own_words
from fidac_node.errors import ConfigError


@pytest.mark.parametrize("word", ["Lille", "CHU de Saint-Exemple", "Dr Quatrefages", "L3X", "2e Armée", "王小东"])
def test_a_name_is_a_word_to_look_for(word: str) -> None:
    assert own_word_problem(word) is None


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("CH", "'CH' is too short to be looked for: write a word of at least 3 letters, or leave it out"),
        ("", "too short"),
        ("A-B C", "too short"),
        ("...", "too short"),
        ("59000", "'59000' is a bare number, as many a measurement is: write a word, or leave it out"),
        ("59 000", "bare number"),
        ("a\\b lille", "is no name"),
        ("x" * 65, "is no name"),
    ],
)
def test_what_would_be_found_in_any_text_is_refused(word: str, message: str) -> None:
    assert message in (own_word_problem(word) or "")


def test_settings_with_such_a_word_do_not_load_and_name_the_line(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text('[site]\nid = "A"\n[deidentify]\nown_words = ["Exempleville", "CH"]\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"site\.toml:4: \[deidentify\] own_words: 'CH' is too short"):
        load_site(path, {})


def test_the_file_has_one_a_line_and_comments(tmp_path: Path) -> None:
    path = tmp_path / "own.txt"
    path.write_text("\ufeffQuatrefages # head\n\n# nobody\n Exempleville \nQuatrefages\n", encoding="utf-8")
    assert read_own_words(("Saint-Exemple",), path) == ("Saint-Exemple", "Quatrefages", "Exempleville")
    assert read_own_words((), None) == ()


@pytest.mark.parametrize(("text", "message"), [("Ab", r"own\.txt:2: is no word"), ("0612", r"own\.txt:2: is no word")])
def test_a_line_that_is_no_word_is_named_by_its_number_alone(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "own.txt"
    path.write_text(f"Quatrefages\n{text}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=message) as caught:
        read_own_words((), path)
    assert text not in str(caught.value)


def test_a_file_that_is_not_there_and_a_list_without_end_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_own_words((), tmp_path / "none.txt")
    with pytest.raises(ConfigError, match="5001 words of your own are more than the 5000"):
        read_own_words([f"word{number}" for number in range(5001)], None)


def test_a_new_site_writes_the_words_that_it_is_given(tmp_path: Path) -> None:
    arguments = ["site", "init", str(tmp_path / "a"), "--site-id", "A", "--hub", "HUB@localhost:11113"]
    result = CliRunner().invoke(cli, [*arguments, "--own-word", "Exempleville", "--own-word", "Saint-Exemple"])
    assert result.exit_code == 0, result.output
    assert load_site(tmp_path / "a" / "site.toml", {}).deidentify.own_words == ("Exempleville", "Saint-Exemple")
    arguments[2] = str(tmp_path / "b")
    assert CliRunner().invoke(cli, arguments).exit_code == 0
    assert load_site(tmp_path / "b" / "site.toml", {}).deidentify.own_words == ()
    arguments[2] = str(tmp_path / "c")
    refused = CliRunner().invoke(cli, [*arguments, "--own-word", "CH"])
    assert refused.exit_code and "too short" in refused.output and not (tmp_path / "c" / "site.toml").exists()
