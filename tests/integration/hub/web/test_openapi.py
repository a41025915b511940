"""The description of DICOMweb: somebody else's program tries what it says, and more, and gets what it says."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from fidac_node.hub.web.dicomweb.capabilities import EVERYTHING, SEARCHES, document
from tests.hub_objects import uid
from tests.integration.hub.web.conftest import WebHub

load_all_checks()
# Four of the six searches differ from these in nothing but their path, and to make up a query takes a second.
DESCRIBED = schemathesis.openapi.from_dict(document()).exclude(path=[*list(SEARCHES)[1:4], "/series"])
TOKENS: dict[str, str] = {}
# What is asked for is there, in most of the tries.
THERE = {"study": uid(1, 1), "series": uid(1, 1, 1), "instance": uid(1, 1, 1, 1), "frames": "1", "path": "7FE00010"}
# More is taken than the description says: tags for keywords, ranges open at either end, a day that no month has.
WIDER = [negative_data_rejection, positive_data_acceptance]


@schemathesis.serializer('multipart/related; type="application/dicom"')
def _in_parts(_context: Any, value: Any) -> bytes:
    """A body as the Content-Type says, of whatever bytes are tried."""
    return b"--x\r\n\r\n" + (value if isinstance(value, bytes) else str(value).encode()) + b"\r\n--x--"


@schemathesis.serializer("application/dicom")
def _alone(_context: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


@DESCRIBED.parametrize()
@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_address_answers_as_it_is_described(web: WebHub, case: schemathesis.Case) -> None:
    if web.url not in TOKENS:
        TOKENS[web.url] = web.token("read:index", "read:images", "store:LILLE")
    for name in case.path_parameters:
        case.path_parameters[name] = THERE[name] if len(case.path_parameters[name]) % 4 else case.path_parameters[name]
    case.call_and_validate(
        base_url=web.url, headers={"Authorization": f"Bearer {TOKENS[web.url]}"}, excluded_checks=WIDER, timeout=20
    )


@pytest.mark.parametrize("path", [path for path in EVERYTHING if "{path}" not in path])
def test_every_address_describes_itself_and_what_may_be_done_there(web: WebHub, path: str) -> None:
    with web.client() as client:
        answer = client.options(path.format(**THERE))
        assert answer.status_code == 200 and answer.headers["content-type"] == "application/vnd.oai.openapi+json"
        assert answer.json()["paths"].keys() == {path for path in EVERYTHING if path != "/"}
        assert ("POST" in answer.headers["allow"]) == (path in ("/studies", "/studies/{study}"))
        assert client.get("/openapi.json").json() == answer.json()
