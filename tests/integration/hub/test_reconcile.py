"""The list of a site against what the hub has: what is missing here is asked for again, the rest is said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fidac_node.hub.index.generation import told_to
from tests.hub_objects import uid
from tests.integration.hub.test_backup import Live
from tests.integration.hub.test_digests import flip


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    live = Live(tmp_path / "hub")
    live.register()
    live.file((1, 1, 1, 1), (1, 1, 1, 2), (2, 1, 1, 1), (3, 1, 1, 1), (4, 1, 1, 1))
    return live


def listed(path: Path, *lines: str) -> Path:
    head = "fidac-committed-1 LILLE 2026-11-30T00:00:00+00:00"
    path.write_text("".join(f"{line}\n" for line in (head, *lines, f"end {len(lines)}")))
    return path


def told(live: Live, *arguments: object, code: int) -> dict[str, Any]:
    return dict(json.loads(live.call("reconcile", "LILLE", *arguments, "--json", code=code).stdout))


def test_what_a_list_names_and_is_not_here_is_missing_and_the_site_is_told_to_ask_again(
    live: Live, tmp_path: Path
) -> None:
    live.path_of(1, 1, 1, 2).unlink()  # a row without a file
    live.call("withdraw", "--study", uid(2, 1), "--confirm", "--reason", "consent withdrawn")
    flip(live.path_of(3, 1, 1, 1))
    live.call("verify", code=3)
    names = {
        numbers: uid(*numbers) for numbers in ((1, 1, 1, 1), (1, 1, 1, 2), (2, 1, 1, 1), (3, 1, 1, 1), (9, 1, 1, 1))
    }
    lines = [f"{name} {'a' * 12} {'purged' if numbers[0] == 9 else 'kept'}" for numbers, name in names.items()]
    before = told_to(live.db, "LILLE")
    found = told(live, "--list", listed(tmp_path / "list", *lines), code=3)
    assert [(one["SOPInstanceUID"], one["kept"]) for one in found["missing_at_hub"]] == [
        (uid(1, 1, 1, 2), True),
        (uid(3, 1, 1, 1), True),
        (uid(9, 1, 1, 1), False),
    ]
    assert found["asked_again"] == [uid(1, 1, 1, 2), uid(3, 1, 1, 1)]
    assert (found["missing_at_site"], found["withdrawn"]) == ([uid(4, 1, 1, 1)], 1)
    assert told_to(live.db, "LILLE") != before
    text = live.call("reconcile", "LILLE", "--list", tmp_path / "list", code=3)
    assert "3 missing here, 2 of them asked for again; 1 not in the site's list; 1 withdrawn" in text.stderr
    assert "gone at the site, too" in text.stdout


def test_where_all_is_here_nobody_is_asked(live: Live, tmp_path: Path) -> None:
    before = told_to(live.db, "LILLE")
    lines = [f"{name} {'a' * 12} kept" for name in live.files()]
    found = told(live, "--list", listed(tmp_path / "list", *lines), code=0)
    assert found == {"missing_at_hub": [], "missing_at_site": [], "asked_again": [], "withdrawn": 0}
    assert told(live, code=0)["missing_at_hub"] == [] and told_to(live.db, "LILLE") == before


def test_without_a_list_what_is_known_to_be_wrong_here_is_missing(live: Live) -> None:
    flip(live.path_of(3, 1, 1, 1))
    live.call("verify", code=3)
    assert told(live, code=3)["asked_again"] == [uid(3, 1, 1, 1)]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "no list of what was committed"),
        ("fidac-committed-1 PARIS x\nend 0\n", "the list of site PARIS, not of LILLE"),
        ("fidac-committed-1 LILLE x\n", "the list is cut"),
        ("fidac-committed-1 LILLE x\n2.25.1 aaaaaaaaaaaa kept\nend 2\n", "line 3 of the list is damaged"),
        ("fidac-committed-1 LILLE x\n../../etc aaaaaaaaaaaa kept\nend 1\n", "line 2 of the list is damaged"),
        ("fidac-committed-1 LILLE x\n2.25.1 kept\nend 1\n", "line 2 of the list is damaged"),
        ("\udcff", "no list of what was committed"),
    ],
)
def test_what_is_no_whole_list_of_this_site_is_refused(live: Live, tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "list").write_bytes(content.encode("utf-8", "surrogateescape"))
    assert said in live.call("reconcile", "LILLE", "--list", tmp_path / "list", code=2).stderr
    assert "no site NANTES is registered" in live.call("reconcile", "NANTES", code=1).stderr
