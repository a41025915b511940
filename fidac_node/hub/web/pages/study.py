"""The page of a study: what it is, its patient's other studies on a line of time, its series, and how it came.

What takes longer than the page may (the journal, a header) has an address of its own, which the page takes in.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import groupby
from typing import Any, Final, NamedTuple

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from fidac_node.dicom.dictionary import keyword_of
from fidac_node.dicom.uids import is_valid_uid
from fidac_node.hub.index.words import words
from fidac_node.hub.web.access import ACTS, allowed, demand_role, who
from fidac_node.hub.web.dicomweb.rendering import own_window
from fidac_node.hub.web.pages.acting import acting, is_administrator, sees_images, settings
from fidac_node.hub.web.pages.charts import Exam, Words, timeline
from fidac_node.hub.web.pages.render import render, say
from fidac_node.operations import duplicates
from fidac_node.operations.index import StudyFilter, find
from fidac_node.operations.journal import Journal, LabelEntry, Received, Result, journals, said_of
from fidac_node.operations.ohif import folder, is_installed
from fidac_node.operations.uses import Act

_MOST_STUDIES: Final = 500
_MOST_SERIES: Final = 500
_MOST_TEXT: Final = 300
# Acts of one person on one study so near are one look at it (seconds).
_TOGETHER: Final = 900.0


class _Seen(NamedTuple):
    """What the page shows: the study, where else it is, its patient's studies in order, its series, and its doubles.

    ``labels`` are what else was said of it, ``results`` those of PCR.
    """

    study: Any
    sites: list[str]
    studies: list[Any]
    series: list[Any]
    doubles: list[duplicates.Duplicate]
    labels: list[LabelEntry]
    results: list[Result]


class _Lot(NamedTuple):
    """Objects that came together: when (UTC), how many, how large (bytes), of which series, whence, by which recipe.

    ``upload`` is who brought them by the portal, if somebody did.
    """

    moment: datetime.datetime
    number: int
    bytes: int
    series: str
    addresses: str
    profile: str
    upload: str


class _Look(NamedTuple):
    """Acts on a study that belong together: the first, how many they are, and when the last was (UTC)."""

    act: Act
    number: int
    since: datetime.datetime
    until: datetime.datetime


async def study(request: Request) -> Response:
    """Show a study. Raises 404 for what is not there, or not for who asks."""
    wanted = await _wanted(request)
    seen = await acting(request, lambda: _see(request, wanted))
    this = seen.study
    dated = [one for one in seen.studies if one.StudyDate]
    return render(
        request,
        "study.html",
        **seen._asdict(),
        charts={kind: _timeline(request, dated, this, kind) for kind in ("wide", "narrow")} if len(dated) > 1 else {},
        days=_days(seen.studies, this),
        images=sees_images(request),
        administers=is_administrator(request),
        ohif=is_installed(folder(settings(request))),
    )


async def journal(request: Request) -> Response:
    """Show how a study came, what was promised for it, and who has got any of it since: to administrators."""
    await demand_role(request, "administrator")
    wanted, db = await _wanted(request), request.app.state.db
    found = await acting(request, lambda: journals(settings(request), db, wanted.study_uid, wanted.site))
    return render(
        request,
        "journal.html",
        journals=[(one, _came(one), list(_looks(one.handed_out))) for one in found],
    )


async def header(request: Request) -> Response:
    """Show what the first object of a series says of itself, without pixels; that is written down as any retrieval."""
    may_fetch = await allowed(request, "retrieve")
    uids = {name: request.path_params[name] for name in ("study", "series")}
    if not all(map(is_valid_uid, uids.values())):
        raise _missing()
    wanted = replace(may_fetch, study_uid=uids["study"], series_uid=uids["series"])
    state = request.app.state

    def read() -> list[tuple[str, str, str, str]]:
        objects = state.shelf.take(wanted, 1)
        if not objects:
            return []
        with state.trail.doing(who(request), ACTS["retrieve"], f"{words('instances', wanted)}, header") as act:
            act.number, act.studies = 1, {objects[0].place.study: objects[0].patient}
            ((_, said),) = state.shelf.said(objects)
        return list(_elements(json.loads(said)))

    rows = await acting(request, read)
    if not rows:
        raise _missing()
    return render(request, "header.html", rows=rows, uids=uids)


async def stack(request: Request) -> Response:
    """Give the addresses of a series' pictures, in order, for the viewer."""
    wanted = replace(await _wanted(request), series_uid=request.path_params["series"])
    if not sees_images(request) or not is_valid_uid(wanted.series_uid):
        raise _missing()
    db = request.app.state.db

    shelf = request.app.state.shelf

    def look() -> tuple[list[Any], tuple[float, float] | None]:
        with closing(find(db, "instances", wanted)) as rows:
            found: list[Any] = list(rows)
        middle = found[len(found) // 2].SOPInstanceUID if found else ""
        objects = shelf.take(replace(wanted, sop_uid=middle), 1) if middle else []
        return found, own_window(shelf.header(objects[0])) if objects else None

    found, window = await acting(request, look)
    paths = [
        f"{row.SOPInstanceUID}/frames/{number}/rendered" for row in found for number in range(1, row.NumberOfFrames + 1)
    ]
    base = f"/dicom-web/studies/{wanted.study_uid}/series/{wanted.series_uid}/instances/"
    return JSONResponse({"base": base, "paths": paths, "window": window}, headers={"Cache-Control": "no-store"})


async def _wanted(request: Request) -> StudyFilter:
    """The study that the address names, and its site if that is said, within what somebody may see."""
    may_ask, uid = await allowed(request, "find"), request.path_params["study"]
    if not is_valid_uid(uid):
        raise _missing()
    return replace(may_ask, study_uid=uid, site=_plain(request.query_params.get("site", "")))


def _plain(site: str) -> str:
    """A site's id, in which nothing is a wild card."""
    return "" if "*" in site or "?" in site else site


def _see(request: Request, wanted: StudyFilter) -> _Seen:
    db, state = request.app.state.db, request.app.state
    with state.trail.doing(who(request), "query", words("studies", wanted)) as query:
        found = _rows(db, "studies", wanted, exact=is_administrator(request))
        query.number = len(found)
    if not found:
        raise _missing()
    this = found[0]
    of_patient = replace(wanted, study_uid="", site=this.site, patient=this.PatientID)
    studies = [
        one for one in _rows(db, "studies", of_patient) if (one.site, one.PatientID) == (this.site, this.PatientID)
    ]
    series = sorted(
        _rows(db, "series", replace(wanted, site=this.site), most=_MOST_SERIES),
        key=lambda one: (one.SeriesNumber is None, one.SeriesNumber, one.SeriesInstanceUID),
    )
    # What other sites and programmes have is not for everybody.
    doubles = duplicates.of_study(db, this.site, this.StudyInstanceUID) if is_administrator(request) else []
    labels, results = said_of(db, this.site, this.StudyInstanceUID)
    return _Seen(this, [one.site for one in found], studies, series, doubles, labels, results)


def _rows(db: Any, level: str, wanted: StudyFilter, *, most: int = _MOST_STUDIES, exact: bool = False) -> list[Any]:
    with closing(find(db, level, wanted, most, exact_times=exact)) as rows:
        return list(rows)


def _timeline(request: Request, dated: Sequence[Any], this: Any, kind: str) -> Markup:
    exams = [
        Exam(
            one.StudyDate, f"{one.StudyDate} {one.Modality} {one.label}", one.StudyInstanceUID == this.StudyInstanceUID
        )
        for one in sorted(dated, key=lambda one: one.StudyDate)
    ]
    title = Words(
        say(request, "Studies of this patient"), say(request, "Each as far from the other as they are in days")
    )
    return timeline(exams, say(request, "d"), title, f"line-{kind}", width=560 if kind == "wide" else 340)


def _days(studies: Sequence[Any], this: Any) -> dict[str, int | None]:
    """How many days each study is after this one; less than nothing: before it."""
    return {
        one.StudyInstanceUID: (one.StudyDate - this.StudyDate).days if one.StudyDate and this.StudyDate else None
        for one in studies
    }


def _came(found: Journal) -> list[_Lot]:
    """What came in the same minute, by the same way, of one series."""
    lots = []
    for (minute, series, addresses, *by), group in groupby(found.objects, _way):
        some = list(group)
        lots.append(_Lot(minute, len(some), sum(one.bytes for one in some), series, ", ".join(addresses), *by))
    return lots


def _way(one: Received) -> tuple[datetime.datetime, str, tuple[str, ...], str, str]:
    minute = one.received_at.replace(second=0, microsecond=0)
    return minute, one.SeriesInstanceUID, one.addresses, one.profile, one.upload


def _looks(acts: Sequence[Act]) -> Iterator[_Look]:
    """Acts of the same kind, person and address that follow each other soon, as one; the latest first."""
    together: list[list[Act]] = []
    for act in acts:
        last = together[-1][-1] if together else None
        if (
            last
            and (last.who, last.origin, last.act) == (act.who, act.origin, act.act)
            and act.at - last.at < _TOGETHER
        ):
            together[-1].append(act)
        else:
            together.append([act])
    for some in reversed(together):
        yield _Look(some[0], len(some), _moment(some[0]), _moment(some[-1]))


def _moment(act: Act) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(act.at, datetime.UTC)


def _elements(said: Mapping[str, Any], depth: str = "") -> Iterator[tuple[str, str, str, str]]:
    """The elements of a data set in DICOM JSON: tag, keyword, VR and value, those of items after their sequence."""
    for tag, element in sorted(said.items()):
        vr, values = element.get("vr", ""), element.get("Value", [])
        name = f"{depth}({tag[:4]},{tag[4:]})"
        if vr == "SQ":
            yield name, keyword_of(int(tag, 16)), vr, f"{len(values)}"
            for number, item in enumerate(values, 1):
                yield from _elements(item, f"{depth}> {number} ")
            continue
        text = "\\".join(map(_value, values)) if "BulkDataURI" not in element else "…"
        yield name, keyword_of(int(tag, 16)), vr, text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}…"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return str(value.get("Alphabetic", ""))
    return "" if value is None else str(value)


def _missing() -> HTTPException:
    return HTTPException(404, "there is no such study, or it is not for you")
