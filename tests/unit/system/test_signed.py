"""What is signed is known by its key, and nothing that was altered is."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable
from typing import Any

import pytest

from fidac_node.errors import ConfigError
from fidac_node.system import signed

SEED, OTHER = secrets.token_bytes(32), secrets.token_bytes(32)
STATEMENT = {"site": "LILLE", "studies": ["2.25.1"], "reason": "consent withdrawn, é"}
KIND = signed.WITHDRAWAL


def public(seed: bytes = SEED) -> str:
    return signed.read_key_line(signed.key_line(seed, "LILLE"), "LILLE")


def altered(**changes: Any) -> bytes:
    return json.dumps({**json.loads(signed.sign(SEED, KIND, STATEMENT)), **changes}).encode()


def test_what_was_signed_is_read_and_known_by_its_key() -> None:
    content = signed.sign(SEED, KIND, STATEMENT)
    assert signed.stated(content, KIND) == STATEMENT
    signed.check(content, KIND, public())
    assert len(signed.fingerprint(public())) == 24


ALTERED: dict[str, Callable[[], bytes]] = {
    "another statement": lambda: altered(statement=json.dumps({**STATEMENT, "studies": ["2.25.2"]})),
    "one space more": lambda: altered(statement=json.loads(signed.sign(SEED, KIND, STATEMENT))["statement"] + " "),
    "no signature": lambda: altered(signature=""),
    "a signature that is no base64": lambda: altered(signature="%"),
    "a signature that is no text": lambda: altered(signature=3),
    "another signature": lambda: altered(signature=base64.b64encode(bytes(64)).decode()),
    "another's signature": lambda: signed.sign(OTHER, KIND, STATEMENT),
}


@pytest.mark.parametrize("how", ALTERED)
def test_what_was_altered_or_signed_by_another_is_refused(how: str) -> None:
    content = ALTERED[how]()
    signed.stated(content, KIND)
    with pytest.raises(ConfigError, match="signature is not that of this site"):
        signed.check(content, KIND, public())


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"[]", b"\xff\xfe", b"3", b"{}", b"[" * 100_000),
        *(altered(kind="another-kind"), altered(statement="[]"), altered(statement="{")),
        json.dumps({"kind": KIND}).encode(),
    ],
    ids=range(11),
)
def test_what_is_no_signed_file_is_refused(content: bytes) -> None:
    with pytest.raises(ConfigError, match="no fidac-withdrawal-1"):
        signed.stated(content, KIND)


@pytest.mark.parametrize(
    "line", ["", "x", "fidac-site-key-1 LILLE", "fidac-site-key-1 LILLE %%%", "ssh-rsa LILLE AAAA"]
)
def test_what_is_no_key_is_refused(line: str) -> None:
    with pytest.raises(ConfigError):
        signed.read_key_line(line, "LILLE")


def test_another_sites_key_is_refused() -> None:
    with pytest.raises(ConfigError, match="the key of site LILLE, not of PARIS"):
        signed.read_key_line(signed.key_line(SEED, "LILLE"), "PARIS")
