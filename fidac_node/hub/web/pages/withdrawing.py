"""A study, or all of its patient, taken out of the hub: a page that says what would go, and one that asks once more."""

from __future__ import annotations

import datetime
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fidac_node.dicom.uids import is_valid_uid
from fidac_node.errors import NotFound
from fidac_node.hub.web.access import demand_role
from fidac_node.hub.web.pages.acting import acting, settings
from fidac_node.hub.web.pages.render import render
from fidac_node.operations import withdrawal
from fidac_node.operations.withdrawal import PATIENT, STUDY, Found, Target

_KINDS: Final = (STUDY, PATIENT)


async def ask(request: Request) -> Response:
    """Ask what is to be withdrawn, and why; when that is said, show what would go, and ask once more."""
    await demand_role(request, "administrator")
    kind, reason = request.query_params.get("what", STUDY), request.query_params.get("reason", "").strip()
    targets, found = await _meant(request, kind)
    problem = withdrawal.reason_problem(reason) if "reason" in request.query_params else ""
    return _page(request, kind, reason, targets, found, problem, is_said=bool(reason) and not problem)


async def withdraw(request: Request) -> Response:
    """Withdraw it."""
    await demand_role(request, "administrator")
    form = await request.form()
    kind, reason = str(form.get("what", "")), str(form.get("reason", "")).strip()
    targets, found = await _meant(request, kind)
    if problem := withdrawal.reason_problem(reason):
        return _page(request, kind, reason, targets, found, problem, is_said=False)
    config, db = settings(request), request.app.state.db
    done = await acting(request, lambda: withdrawal.withdraw(config, db, targets, reason))
    return RedirectResponse(f"/withdrawn/{done[0].id}", 303)


async def withdrawn(request: Request) -> Response:
    """Say that it was done, and until when it can be undone."""
    await demand_role(request, "administrator")
    name, config, db = request.path_params["withdrawal"], settings(request), request.app.state.db
    found = await acting(request, lambda: [one for one in withdrawal.all_of(config, db) if one.id == name])
    if not found:
        raise HTTPException(404, "there is no such withdrawal")
    return render(request, "withdrawn.html", withdrawal=found[0], until=_moment(found[0].until))


def _moment(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)


async def _meant(request: Request, kind: str) -> tuple[list[Target], list[Found]]:
    """What a study's address means, of one site if that is said; what of it is in the index. Raises 404."""
    uid, site = request.path_params["study"], request.query_params.get("site", "")
    if kind not in _KINDS or not is_valid_uid(uid):
        raise HTTPException(404, "there is no such study")
    config, db = settings(request), request.app.state.db

    def look() -> tuple[list[Target], list[Found]]:
        targets = [one for one in withdrawal.named(config, db, STUDY, uid) if site in ("", one.site)]
        if not targets:
            raise NotFound(f"site {site} has no such study")
        found = withdrawal.found_in(config, db, targets)
        if kind == STUDY:
            return targets, found
        patients = [Target(one.site, (), (one.PatientID,)) for one in found]
        return patients, withdrawal.found_in(config, db, patients)

    return await acting(request, look)


def _page(
    request: Request,
    kind: str,
    reason: str,
    targets: list[Target],
    found: list[Found],
    problem: str,
    *,
    is_said: bool,
) -> Response:
    said: dict[str, Any] = {"kind": kind, "reason": reason, "targets": targets, "found": found, "problem": problem}
    return render(
        request,
        "withdraw.html",
        status_code=422 if problem else 200,
        study=request.path_params["study"],
        site=request.query_params.get("site", ""),
        is_said=is_said,
        **said,
    )
