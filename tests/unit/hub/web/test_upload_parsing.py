"""What an upload page says is read without belief: it becomes plain values of their kind, or is refused."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fidac_node.hub.web.upload import parsing
from fidac_node.hub.web.upload.parsing import Bad

NAME = "ab" * 32
FIELD = f"sha-256=:{base64.b64encode(bytes.fromhex(NAME)).decode()}:"
BEGIN = {"site": "LILLE", "programme": "FIDAC", "check_value": "0123456789abcdef", "user_agent": "x", "assets": NAME}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from([NAME, "positive"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from([*BEGIN, "objects", "held", "pcr", "study", "result", "days", "reason", "count"]), inner
        )
    ),
    max_leaves=12,
)


@given(st.binary(max_size=60) | JSON.map(lambda said: json.dumps(said).encode()))
def test_whatever_comes_is_values_or_refused(content: bytes) -> None:
    for read in (parsing.begin, parsing.digests, parsing.completion):
        with suppress(Bad):
            assert read(content) is not None


@given(st.text(max_size=80), st.none() | st.text(max_size=80))
def test_only_a_sha256_names_an_object_and_content_digest_says_the_same(name: str, field: str | None) -> None:
    with pytest.raises(Bad):
        parsing.announced(field, name)
    if field is not None:
        with pytest.raises(Bad):
            parsing.announced(field, NAME)
    for good in (None, FIELD, f"md5=:AAAA:, {FIELD}", f"{FIELD}, sha-512=:AAAA:"):
        assert parsing.announced(good, NAME) == NAME


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("programme", ""),
        ("programme", "a\\b"),
        ("programme", "x" * 65),
        ("programme", None),
        ("check_value", "0123456789ABCDEF"),
        ("check_value", 1),
        ("assets", "x"),
        ("user_agent", []),
    ],
)
def test_a_session_is_begun_with_what_names_nothing_else(name: str, value: Any) -> None:
    said = parsing.begin(json.dumps({**BEGIN, "user_agent": "Mozilla\x00\n\u202e" + "y" * 999}).encode())
    assert said.wish.user_agent.startswith("Mozillay") and len(said.wish.user_agent) == 300
    with pytest.raises(Bad, match=name):
        parsing.begin(json.dumps({**BEGIN, name: value}).encode())


@pytest.mark.parametrize(
    "said",
    [
        {"objects": [NAME, 1]},
        {"objects": NAME},
        {"objects": [NAME.upper()]},
        {"objects": [], "held": [{"reason": "<script>", "count": 1}]},
        {"objects": [], "held": [{"reason": "x", "count": -1}]},
        {"objects": [], "held": [{"reason": "x", "count": True}]},
        {"objects": [], "pcr": [{"study": "1.2", "result": "maybe"}]},
        {"objects": [], "pcr": [{"study": "1.2", "result": "positive", "days": "2024-01-01"}]},
        {"objects": [], "pcr": [{"study": "1.2", "result": "positive", "days": 20240101}]},
        {"objects": [], "pcr": [{"study": "../x", "result": "positive"}]},
    ],
)
def test_what_was_sent_is_told_in_numbers_and_words_of_this_house(said: dict[str, Any]) -> None:
    with pytest.raises(Bad):
        parsing.completion(json.dumps(said).encode())
