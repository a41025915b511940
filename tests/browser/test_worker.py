"""The engine in a real browser: the bytes of a site, in a worker that reaches nobody."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from fidac_node.deidentify import Deidentifier, Pseudonymiser, load_plan
from fidac_node.deidentify.plan import dump
from fidac_node.errors import ConfigError, Permanent
from fidac_node.portal import build
from tests.browser.firefox import firefox
from tests.browser.serving import Served, serving
from tests.deid_corpus import corpus
from tests.support import not_here

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.thorough

KEY = hashlib.sha256(b"a key of the browser tests").digest()
PLAN = load_plan("fidac-chest-ct")
ABOUT = {"plan": dump(PLAN), "site": "CHU-X", "programme": "FIDAC"}
LIMIT = 1 << 30
STUDIES = (
    *("siemens_chest_b70f", "philips_chest_5mm", "ge_lidc0003_small", "covid_nysbu_slices"),
    *("philips_phantom_raw_header", "ge_chest_15_syntaxes", "philips_burned_in_sc"),
)


def native(paths: list[Path]) -> list[str]:
    """The SHA-256 of what a site makes of each file, or why it holds it."""
    engine = Deidentifier(PLAN, Pseudonymiser(KEY, "FIDAC", "CHU-X"), "CHU-X", "FIDAC")
    found = []
    for path in paths:
        target = io.BytesIO()
        try:
            source = engine.sources.read(path.read_bytes(), LIMIT)
            engine.deidentify(source, target, label="certain", label_source="portal", limit=LIMIT)
        except Permanent as error:
            found.append(f"held: {error}")
        else:
            found.append(hashlib.sha256(target.getvalue()).hexdigest())
    return found


def different(paths: list[Path], found: list[str]) -> list[tuple[str, str]]:
    """Of which files a browser made something else."""
    return [(path.name, got) for path, got, wanted in zip(paths, found, native(paths), strict=True) if got != wanted]


def generated(folder: Path, count: int) -> list[Path]:
    """Made-up objects in every encoding, as files."""
    folder.mkdir()
    paths = []
    for number, one in enumerate(corpus(seed=31, patients=2).objects[:count]):
        paths.append(folder / f"{number:03}.dcm")
        paths[-1].write_bytes(one.encoded)
    return paths


def shared() -> list[Path]:
    """Files of real scanners, where they are."""
    root = Path(os.environ.get("FIDAC_SHARED_DATA") or Path(__file__).parents[3] / "shared" / "data")
    return [path for study in STUDIES if (root / study).is_dir() for path in sorted((root / study).iterdir())]


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    try:
        build.build()
    except ConfigError as error:
        not_here(error)
    with serving() as found:
        yield found


class Booted(NamedTuple):
    """A page with two workers that have the key, what they said of their start, and what was asked for by then."""

    page: Page
    said: list[dict[str, Any]]
    served: Served


SECRET = "new Blob([`${key}\\n`])"


@pytest.fixture(scope="module")
def booted(chromium: Any, served: Served) -> Iterator[Booted]:
    context = chromium.new_context(base_url=served.origin)
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto("/upload")
    page.wait_for_selector("main[data-state=choosing]", state="attached")
    said = page.evaluate(f"([about, key]) => boot({{...about, secret: {SECRET}}})", [ABOUT, KEY.hex()])
    yield Booted(page, said, served)
    context.close()


@pytest.mark.interop("chromium")
def test_two_workers_of_one_key_start_the_second_from_what_the_first_has_in_memory(booted: Booted) -> None:
    first, second = booted.said
    assert first["kind"] == second["kind"] == "ready", booted.said
    assert first["check_value"] == second["check_value"]
    assert second["ms"] < first["ms"] / 2, "from a snapshot it takes a tenth"


@pytest.mark.interop("chromium")
def test_every_object_comes_out_as_at_a_site_and_is_held_in_the_same_words(booted: Booted, tmp_path: Path) -> None:
    paths = generated(tmp_path / "made", 200) + shared()
    booted.page.set_input_files("#files", list(map(str, paths)))
    found = booted.page.evaluate("deidentify('certain', 'portal')")
    assert different(paths, found) == []
    assert sum(not one.startswith("held") for one in found) > 100


# What a script in the worker could try; those who made `fetch` unusable left its original on the prototype.
TRIES = {
    "fetch": "WorkerGlobalScope.prototype.fetch.call(self, TO)",
    "xhr": "new Promise((yes, no) => { const one = new XMLHttpRequest(); one.open('POST', TO);"
    " one.onload = yes; one.onerror = no; one.send('name'); })",
    "websocket": "new Promise((yes, no) => { const one = new WebSocket(TO.replace('http', 'ws'));"
    " one.onopen = yes; one.onerror = no; })",
    "events": "new Promise((yes, no) => { const one = new EventSource(TO); one.onopen = yes; one.onerror = no; })",
    "import": "import(TO + '?name=1')",
    "worker": "new Promise((yes, no) => { const one = new Worker(TO, {type: 'module'});"
    " one.onmessage = yes; one.onerror = no; })",
    "cache": "caches.open('x').then(one => one.add(TO))",
}


@pytest.mark.interop("chromium")
def test_a_sealed_worker_reaches_nobody(booted: Booted) -> None:
    asked = len(booted.served.asked)
    (worker, *_) = booted.page.workers
    for elsewhere in (f"{booted.served.origin}/portal/upload/worker.js", "http://127.0.0.1:9/"):
        for name, act in TRIES.items():
            script = f"async TO => {{ try {{ await {act}; return 'got out'; }} catch {{ return 'shut'; }} }}"
            assert worker.evaluate(script, elsewhere) == "shut", (name, elsewhere)
    assert booted.served.asked[asked:] == []


@pytest.mark.interop("chromium")
def test_a_key_that_is_made_is_kept_under_a_passphrase_for_its_site_alone(booted: Booted) -> None:
    said = booted.page.evaluate(
        """async about => {
            const {file, sheet, check_value} = await ask(0, {kind: 'make-key'});
            const paper = new Blob([sheet.join('\\n')]), passphrase = 'châtaigne à 7 h', used = [];
            for (const secret of [file, paper]) used.push(await ask(0, {kind: 'use-key', secret, ...about}));
            const {wrapped} = await ask(0, {kind: 'wrap-key', passphrase, ...about});
            const open = how => ask(1, {kind: 'unwrap-key', wrapped, passphrase, ...about, ...how});
            const opened = [await open({}), await open({passphrase: 'châtaigne'}), await open({site: 'CHU-Y'})];
            const kept = [...wrapped.content].map(one => one.toString(16).padStart(2, '0')).join('');
            const check_values = [check_value, ...used.map(one => one.check_value)];
            return {file: await file.text(), check_values, opened, kept, iterations: wrapped.iterations};
        }""",
        {"site": "CHU-X", "programme": "FIDAC"},
    )
    assert re.fullmatch(r"[0-9a-f]{64}\n", said["file"]) and len(set(said["check_values"])) == 1
    assert said["iterations"] >= 600_000 and said["file"][:16] not in said["kept"]
    right, other_passphrase, other_site = said["opened"]
    assert (right["kind"], right["check_value"]) == ("unwrapped", said["check_values"][0])
    for refused in (other_passphrase, other_site):
        assert refused["kind"] == "failed" and "does not open the key" in refused["text"]


@pytest.mark.interop("firefox-esr")
def test_firefox_gives_the_same_bytes(served: Served, tmp_path: Path) -> None:
    paths = [*generated(tmp_path / "made", 60), *shared()[::8]]
    with firefox() as tab:
        tab.goto(f"{served.origin}/upload")
        about = json.dumps({**ABOUT, "key": KEY.hex()})
        said = tab.evaluate(f"(({{key, ...about}}) => boot({{...about, secret: {SECRET}}}))({about})")
        assert [one["kind"] for one in said] == ["ready", "ready"], said
        tab.choose("#files", paths)
        found = tab.evaluate("deidentify('certain', 'portal')")
    assert different(paths, found) == []
