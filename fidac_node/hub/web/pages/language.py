"""The languages of the portal: English is written in the templates, French comes from catalogues of gettext.

Each file ``locale/fr/LC_MESSAGES/*.po`` is read at the start, nothing has to be compiled.
"""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import Final

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations
from starlette.requests import Request

LANGUAGES: Final = {"fr": "Français", "en": "English"}
COOKIE: Final = "lang"
_LOCALE: Final = Path(__file__).parents[1] / "locale"
_DEFAULT: Final = "en"


def language_of(request: Request) -> str:
    """Return the language that somebody chose in this browser, or for the account, or that the browser asks for."""
    chosen = (request.cookies.get(COOKIE, ""), getattr(request.state.bearer, "language", ""))
    return next((one for one in (*chosen, *_asked(request)) if one in LANGUAGES), _DEFAULT)


@cache
def translations(language: str) -> Translations:
    """Return what texts are in a language; what has no translation stays English."""
    found = Translations()
    for path in sorted((_LOCALE / language / "LC_MESSAGES").glob("*.po")):
        compiled = io.BytesIO()
        with path.open("rb") as file:
            write_mo(compiled, read_po(file, locale=language))
        compiled.seek(0)
        found.merge(Translations(compiled))
    return found


def _asked(request: Request) -> list[str]:
    """The languages of Accept-Language, the most wanted first (RFC 9110 12.5.4)."""
    weighed = []
    for part in request.headers.get("accept-language", "").split(","):
        tag, _, parameter = part.strip().partition(";")
        try:
            weight = float(parameter.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        weighed.append((weight, tag.partition("-")[0].lower()))
    return [tag for weight, tag in sorted(weighed, key=lambda one: -one[0]) if weight > 0]
