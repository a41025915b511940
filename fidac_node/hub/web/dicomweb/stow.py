"""Store (STOW-RS, PS3.18 10.5): objects that a program brings, through the inbox and the checks of C-STORE."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from fidac_node.dicom.uids import is_valid_uid
from fidac_node.hub.intake import Intake, Refused, Taken, Upload
from fidac_node.hub.web.access import may_store, who
from fidac_node.hub.web.bodies import pieces
from fidac_node.hub.web.dicomweb.media import DICOM_JSON, JSON, MULTIPART, MediaType, chosen, parsed
from fidac_node.hub.web.dicomweb.multipart import Begin, Broken, Data, End, Splitter
from fidac_node.hub.web.dicomweb.parameters import bad
from fidac_node.hub.web.dicomweb.qido import base_url
from fidac_node.hub.web.dicomweb.wado import DICOM
from fidac_node.hub.web.streaming import Reader, acting, unavailable

log = logging.getLogger(__name__)

# Refused, out of resources, and error, cannot understand (PS3.18 Table I.2-2).
_NO_ROOM: Final = 0xA700
_NO_OBJECT: Final = 0xC000
_HOW: Final = f'write {MULTIPART}; type="{DICOM}"; boundary=..., or one object as {DICOM}'


async def store(request: Request) -> Response:
    """Take the objects of a body, and answer when each is filed or held: 200, 202 for some, 409 for none of them."""
    site = await may_store(request)
    media_type = chosen(request, (DICOM_JSON, JSON))
    study = request.path_params.get("study", "")
    if study and not is_valid_uid(study):
        raise HTTPException(404, "there is no such study")
    intake: Intake = request.app.state.intake
    if reason := intake.ready(1.0):
        raise unavailable(reason)
    body = _Body(_kind(request), lambda: intake.upload(site, study))
    state = request.app.state
    if state.stores.locked():
        raise unavailable("as many programs store as may at once")
    act = state.trail.doing(who(request), "store", f"objects of site {site}")
    async with state.stores, state.readers.one() as reader, acting(reader, act) as storing:
        await body.take(request, reader)
        held, late = await reader.call(lambda: intake.settled(body.taken))
        refused = [*body.refused, *held]
        storing.number = len(body.taken) - len(held)
        storing.outcome = f"{len(refused)} refused or held" if refused else ""
    if not body.taken and not refused:
        raise bad("there is no object in the body")
    held_uids = {one.sop_instance_uid for one in held}
    stored = [one for one in body.taken if one.sop_instance_uid not in held_uids]
    return _answer(request, stored, refused, late, media_type)


def _kind(request: Request) -> MediaType:
    """The media type of the body. Raises 400 and 415."""
    kind = parsed(request.headers.get("content-type", ""))
    inner = kind.parameters.get("type", DICOM).lower()
    if kind.name not in (MULTIPART, DICOM) or inner != DICOM:
        raise HTTPException(415, f"this is not taken: {_HOW}")
    if kind.name == MULTIPART and not kind.parameters.get("boundary"):
        raise bad(f"a boundary is missing: {_HOW}")
    return kind


class _Body:
    """A body on its way: its objects, one after another, each written as it comes."""

    def __init__(self, kind: MediaType, upload: Callable[[], Upload]) -> None:
        try:
            self._splitter = Splitter(kind.parameters["boundary"]) if kind.name == MULTIPART else None
        except Broken as error:
            raise bad(str(error)) from None
        self._upload = upload
        self._now: Upload | None = None
        self.taken: list[Taken] = []
        self.refused: list[Refused] = []

    async def take(self, request: Request, reader: Reader) -> None:
        """Take all of it. Raises 400 for one that breaks off or is not taken apart, 408 for one that stops coming."""
        try:
            async for piece in pieces(request):
                await reader.call(partial(self._feed, piece))
            await reader.call(self._end)
        except Broken as error:
            raise bad(f"the body cannot be taken apart: {error}") from None
        except ClientDisconnect:
            raise bad("the body broke off") from None
        except TimeoutError:
            raise HTTPException(408, "the body does not go on", headers={"Connection": "close"}) from None
        finally:
            if self._now is not None:
                await reader.call(self._now.discard)

    def _feed(self, piece: bytes) -> None:
        if self._splitter is None:
            self._now = self._now or self._upload()
            self._now.write(piece)
            return
        for event in self._splitter.feed(piece):
            match event:
                case Begin(headers):
                    kind = parsed(headers.get("content-type", DICOM)).name
                    self._now = self._upload() if kind == DICOM else None
                    if self._now is None:
                        self.refused.append(Refused("", "", _NO_OBJECT, f"a part is no {DICOM}"))
                case Data(content) if self._now is not None:
                    self._now.write(content)
                case End():
                    self._close()

    def _end(self) -> None:
        if self._splitter is None:
            self._close()
        elif not self._splitter.is_over:
            raise Broken("its last boundary is missing")

    def _close(self) -> None:
        if self._now is not None:
            outcome = self._now.finish()
            self._now = None
            if isinstance(outcome, Taken):
                self.taken.append(outcome)
            else:
                self.refused.append(outcome)


def _answer(request: Request, stored: list[Taken], refused: list[Refused], late: int, media_type: str) -> Response:
    """The response module (PS3.18 Annex I.2), with what went wrong in words as warnings (10.5.3)."""
    base = base_url(request)
    ds: dict[str, Any] = {}
    if studies := sorted({one.study_instance_uid for one in stored}):
        ds["00081190"] = _element("UR", f"{base}/studies/{studies[0]}" if len(studies) == 1 else f"{base}/studies")
    known = [one for one in refused if one.sop_instance_uid]
    if known:
        ds["00081198"] = _element("SQ", *map(_failed, known))
    if stored:
        ds["00081199"] = _element("SQ", *(_stored(base, one) for one in stored))
    if len(known) < len(refused):
        others = (_reason(one) for one in refused if not one.sop_instance_uid)
        ds["0008119A"] = _element("SQ", *others)
    status = 200 if not refused else 202 if stored else _nothing(refused)
    response = Response(json.dumps(ds, separators=(",", ":")), status, media_type=media_type)
    for why in dict.fromkeys(one.why for one in refused):
        response.headers.append("Warning", f"299 {base}: {why.encode('ascii', 'replace').decode('ascii')}")
    if late:
        response.headers.append("Warning", f"299 {base}: {late} objects are safe here and not filed yet")
    return response


def _nothing(refused: list[Refused]) -> int:
    """The status when nothing was stored: come again, or do not."""
    return 503 if all(one.reason == _NO_ROOM for one in refused) else 409


def _stored(base: str, one: Taken) -> dict[str, Any]:
    place = f"studies/{one.study_instance_uid}/series/{one.series_instance_uid}/instances/{one.sop_instance_uid}"
    return {
        "00081150": _element("UI", one.sop_class_uid),
        "00081155": _element("UI", one.sop_instance_uid),
        "00081190": _element("UR", f"{base}/{place}"),
    }


def _failed(one: Refused) -> dict[str, Any]:
    return {
        "00081150": _element("UI", one.sop_class_uid),
        "00081155": _element("UI", one.sop_instance_uid),
        **_reason(one),
    }


def _reason(one: Refused) -> dict[str, Any]:
    return {"00081197": _element("US", one.reason)}


def _element(vr: str, *values: Any) -> dict[str, Any]:
    return {"vr": vr, "Value": list(values)}
