"""Every text of the portal is there in French, with the same places for values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po

from fidac_node.hub.web.pages import language, render

WEB = Path(language.__file__).parents[1]
PACKAGE = WEB.parents[1]
FRENCH = WEB / "locale" / "fr" / "LC_MESSAGES"
# Of Python, what is told by name: the sentence stands at this place of the call.
IN_PYTHON: dict[str, tuple[int, ...] | None] = {"Declined": (1,), "say": (2,)}
OF_ERRORS: dict[str, tuple[int, ...] | None] = {"HTTPException": (2,)}
_VALUE = re.compile(r"%\(\w+\)[a-z]")


def texts() -> Iterator[tuple[str, ...]]:
    """The msgid, and with a plural that too, of everything that a page says."""
    for path in sorted(WEB.glob("templates/**/*.html")):
        yield from _texts(path, "jinja2.ext:babel_extract", {"_": None, "gettext": None, "ngettext": (1, 2)})
    for path in sorted(PACKAGE.rglob("*.py")):
        if re.search(rf"\b({'|'.join(IN_PYTHON)})\(", path.read_text("utf-8")):
            yield from _texts(path, "python", IN_PYTHON)
    for room in ("people", "pages"):
        for path in sorted((WEB / room).glob("*.py")):
            yield from _texts(path, "python", OF_ERRORS)
    yield from ((place.name,) for place in render.PLACES)


def _texts(path: Path, method: str, keywords: dict[str, tuple[int, ...] | None]) -> Iterator[tuple[str, ...]]:
    with path.open("rb") as file:
        for _, found, _, _ in extract(method, file, keywords=keywords, options={"trimmed": "true", "silent": "false"}):
            yield found if isinstance(found, tuple) else (found,)


def catalogue() -> Catalog:
    whole = Catalog(locale="fr")
    for path in sorted(FRENCH.glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale="fr"):
                if message.id:
                    assert message.id not in whole or whole[message.id].string == message.string, (
                        f"{path}: {message.id}"
                    )
                    whole[message.id] = message
    return whole


def test_every_text_has_its_french_with_the_same_values() -> None:
    french, missing = catalogue(), []
    for said in sorted({text for text in texts() if text[0]}):
        message = french.get(said[0])
        translated = [] if message is None else [message.string] if isinstance(message.string, str) else message.string
        if not translated or not all(translated) or (message and message.fuzzy):
            missing.append(said[0])
            continue
        for text in translated:
            assert set(_VALUE.findall(text)) <= {*_VALUE.findall(" ".join(said)), *["%(num)s"] * (len(said) - 1)}, said
    assert missing == []


def test_no_translation_is_of_a_text_that_nobody_says_any_more() -> None:
    known = {text[0] for text in texts()} | {"Not Found", "Method Not Allowed"}
    extra = [message.id if isinstance(message.id, str) else message.id[0] for message in catalogue() if message.id]
    # What errors of other rooms say is looked up, too.
    spoken = "\n".join(path.read_text("utf-8") for path in PACKAGE.rglob("*.py"))
    assert [text for text in extra if text not in known and text not in spoken] == []
