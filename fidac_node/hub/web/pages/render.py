"""A page made of a template: in its reader's language, with navigation for its role and the token of its forms."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from fidac_node import __version__
from fidac_node.errors import Declined
from fidac_node.hub.web.pages.language import LANGUAGES, language_of, translations

_TEMPLATES: Final = Path(__file__).parents[1] / "templates"
_PARIS: Final = ZoneInfo("Europe/Paris")


class Place(NamedTuple):
    """Where the navigation leads, by the msgid of its name, and who is shown it."""

    path: str
    name: str
    roles: tuple[str, ...]


_ALL: Final = ("administrator", "contributor", "researcher", "auditor")
PLACES: Final = (
    Place("/", "Overview", _ALL),
    Place("/search", "Search", ("administrator", "contributor", "researcher")),
    Place("/upload", "Upload", ("administrator", "contributor")),
    Place("/sites", "Sites", ("administrator", "auditor")),
    Place("/held", "Held", ("administrator",)),
    Place("/audit", "Audit", ("administrator", "auditor")),
    Place("/users", "People", ("administrator",)),
)


def render(
    request: Request,
    template: str,
    *,
    status_code: int = 200,
    headers: Mapping[str, str] | None = None,
    **context: Any,
) -> Response:
    """Return the page that ``template`` makes of ``context``.

    Templates also know ``user`` (the bearer), ``language``, ``languages``, ``places``, ``path``, ``here`` (with the
    query), ``csrf_token``, ``version``, and the functions and filters of :func:`_environment`.
    """
    state, language = request.state, language_of(request)
    bearer = state.bearer
    page = _environment(language).get_template(template)
    text = page.render(
        user=bearer,
        language=language,
        languages=LANGUAGES,
        places=[place for place in PLACES if bearer.role in place.roles],
        path=request.scope["path"],
        here=_here(request),
        csrf_token=state.visits.form_token(state.visit),
        version=__version__,
        **context,
    )
    # A shared machine keeps no page of who was there before.
    private = {"Cache-Control": "no-store", "Vary": "Cookie, Accept-Language", "Content-Language": language}
    response = HTMLResponse(text, status_code, {**private, **(headers or {})})
    if state.visit.is_new:
        state.visits.keep(request.scope, response, state.visit.token)
    return response


def _here(request: Request) -> str:
    """The address of the page that is looked at, which may be the answer to its form."""
    if request.method in ("GET", "HEAD"):
        query = request.scope["query_string"].decode("ascii", "replace")
        return str(request.scope["path"]) + (f"?{query}" if query else "")
    try:
        return urlsplit(request.headers.get("referer", "")).path or "/"
    except ValueError:
        return "/"


def say(request: Request, text: str) -> str:
    """Return ``text`` in the language of whoever asks, for views that make texts themselves."""
    return str(translations(language_of(request)).gettext(text))


@cache
def _environment(language: str) -> Environment:
    """What templates are read with.

    ``_`` and ``ngettext`` translate; ``local_time`` and ``local_date`` write a time (UTC) as it is in Paris,
    ``number`` writes a number as the language does, ``told`` says an error, ``sentence`` makes a text one.
    """
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]

    def local_time(value: datetime.datetime | None) -> str:
        return "" if value is None else format_datetime(_in_paris(value), "d MMM y HH:mm", locale=language)

    def local_date(value: datetime.date | None) -> str:
        if isinstance(value, datetime.datetime):
            value = _in_paris(value)
        return "" if value is None else format_date(value, "d MMM y", locale=language)

    def number(value: float | None) -> str:
        return "" if value is None else format_decimal(value, locale=language)

    def sentence(text: str) -> str:
        return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?", "!")) else ".")

    def told(error: Declined) -> str:
        return sentence(translations(language).gettext(error.msgid) % error.values)

    for function in (local_time, local_date, number, sentence, told):
        environment.filters[function.__name__] = environment.globals[function.__name__] = function
    return environment


def _in_paris(value: datetime.datetime) -> datetime.datetime:
    """Times of the index are UTC, and say no zone."""
    return (value if value.tzinfo else value.replace(tzinfo=datetime.UTC)).astimezone(_PARIS)
