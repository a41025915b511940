"""What the hub did not file, for its administrators: each with its reason and its picture, to release or to drop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from fidac_node.errors import NotFound, Permanent
from fidac_node.hub.web.access import demand_role
from fidac_node.hub.web.dicomweb.rendering import JPEG, PNG, Looks, picture
from fidac_node.hub.web.pages.acting import acting, settings
from fidac_node.hub.web.pages.render import render
from fidac_node.operations import held as operations
from fidac_node.operations.index import HeldObject, list_held
from fidac_node.operations.selection import Done, Selection

PAGE: Final = 24
# Of which it is proven that nothing in it names the patient: only these are shown without being asked for.
_SHOWN: Final = frozenset({"conflict"})
# What each reason means, in plain words (msgids); docs/index.md has more.
MEANINGS: Final = {
    "unknown-site": "No site is registered under the AE title that sent it. Register the site, then release.",
    "not-deidentified": "It is not de-identified as it must be. Drop it, and tell the site.",
    "unknown-recipe": "The profile that it names is not known here. Get it from the site, add it, then release.",
    "conflict": "The same object was filed before, with other content. What came first is kept.",
    "corrupt": "Its file changed after it was received. Look at the disk; the site sends it again.",
    "malformed": "It cannot be read to its end.",
    "error": "Something that nobody thought of. Report it with the version of the hub.",
}
# Of another one.
_OTHERWISE: Final = "It waits for a person."
_ACTS: Final[dict[str, Callable[..., Done]]] = {"release": operations.release, "drop": operations.drop}


def _meaning(code: str) -> str:
    return MEANINGS.get(code, _OTHERWISE)


async def held(request: Request) -> Response:
    """List what waits, the longest waiting first."""
    await demand_role(request, "administrator")
    db, query = request.app.state.db, request.query_params
    code, site = query.get("code", ""), query.get("site", "")
    found = await acting(request, lambda: list_held(db))
    chosen = [one for one in found if code in ("", one.code) and site in ("", one.site)]
    number = max(int(query["page"]), 1) if query.get("page", "").isdecimal() and len(query["page"]) < 8 else 1
    first = (number - 1) * PAGE
    said = {name: value for name, value in (("code", code), ("site", site)) if value}
    return render(
        request,
        "held.html",
        held=chosen[first : first + PAGE],
        total=len(chosen),
        codes=_counted(found, "code"),
        sites=_counted(found, "site"),
        code=code,
        site=site,
        said=said,
        before=f"?{urlencode({**said, 'page': number - 1})}" if number > 1 else "",
        after=f"?{urlencode({**said, 'page': number + 1})}" if len(chosen) > first + PAGE else "",
        meaning=_meaning,
        shown=_SHOWN,
        done=_done(query.get("done", "")),
    )


async def held_object(request: Request) -> Response:
    """Show one, with its picture if that is asked for or may be seen anyhow."""
    await demand_role(request, "administrator")
    one = await _one(request)
    return render(
        request,
        "held_object.html",
        one=one,
        meaning=_meaning,
        is_shown=one.code in _SHOWN or request.query_params.get("picture") == "1",
    )


async def decide(request: Request) -> Response:
    """Ask once more whether what is chosen is to be released, or dropped."""
    await demand_role(request, "administrator")
    act, selection = _chosen(request.query_params)
    found = await acting(request, lambda: _meant(request, selection))
    if not found:
        raise HTTPException(404, "nothing of this is held any more")
    return render(request, "held_decide.html", act=act, selection=selection, found=found, meaning=_meaning)


async def act(request: Request) -> Response:
    """Release it, or drop it."""
    await demand_role(request, "administrator")
    name, selection = _chosen(await request.form())
    config, db = settings(request), request.app.state.db
    done = await acting(request, lambda: _ACTS[name](config, db, selection))
    return RedirectResponse(f"/held?done={name}-{len(done.entries)}", 303)


async def stack(request: Request) -> Response:
    """Give the addresses of an object's pictures, for the viewer."""
    await demand_role(request, "administrator")
    entry, config = (await _one(request)).entry, settings(request)
    frames = (await acting(request, lambda: _readable(lambda: operations.looked_at(config, entry)))).frames
    paths = [f"{number}/rendered" for number in range(1, frames + 1)]
    return JSONResponse(
        {"base": f"/held/{entry}/frames/", "paths": paths, "window": None}, headers={"Cache-Control": "no-store"}
    )


async def rendered(request: Request) -> Response:
    """Give a frame of a held object as a picture."""
    await demand_role(request, "administrator")
    entry, number, looks = request.path_params["entry"], request.path_params["frame"], Looks.read(request.query_params)
    media_type = PNG if "image/png" in request.headers.get("accept", "") else JPEG
    config, shelf = settings(request), request.app.state.shelf

    def draw() -> bytes:
        one = operations.looked_at(config, entry)
        if not 1 <= number <= one.frames:
            raise NotFound("there is no such frame")
        with operations.as_it_can_be_read():
            frame = next(shelf.native_frames(one, [number]), b"")
            return picture(frame, shelf.header(one), number, looks, media_type)

    drawn = await acting(request, lambda: _readable(draw))
    return Response(drawn, media_type=media_type, headers={"Cache-Control": "private, max-age=300"})


def _readable(look: Callable[[], Any]) -> Any:
    """Return what ``look`` returns; what cannot be read, or shown, is 406."""
    try:
        return look()
    except Permanent as error:
        raise HTTPException(406, "there is no picture of it") from error


async def _one(request: Request) -> HeldObject:
    entry, db = request.path_params["entry"], request.app.state.db
    found = await acting(request, lambda: [one for one in list_held(db) if one.entry == entry])
    if not found:
        raise HTTPException(404, "this object is not held any more")
    return found[0]


def _chosen(said: Any) -> tuple[str, Selection]:
    """What a form says is to be done, to what. Raises 400 for what says nothing."""
    act, entries = str(said.get("act", "")), tuple(map(str, said.getlist("entry")))
    selection = Selection(entries, reason=str(said.get("code", "")), site=str(said.get("site", "")))
    if act not in _ACTS or not selection:
        raise HTTPException(400, "choose what is to be released or dropped")
    return act, selection


def _meant(request: Request, selection: Selection) -> list[HeldObject]:
    rows = list_held(request.app.state.db, code=selection.reason, site=selection.site)
    return [one for one in rows if selection.names(one.entry)]


def _counted(found: list[HeldObject], name: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    for one in found:
        counts[getattr(one, name)] = counts.get(getattr(one, name), 0) + 1
    return dict(sorted(counts.items()))


def _done(text: str) -> tuple[str, int] | None:
    """What was just done, and to how many."""
    act, _, number = text.partition("-")
    return (act, int(number)) if act in _ACTS and number.isdecimal() and len(number) < 8 else None
