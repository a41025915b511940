"""What browsers are told they may do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fidac_node.hub.web import headers, pages
from fidac_node.hub.web.headers import policy

TEMPLATES = sorted((Path(pages.__file__).parents[1] / "templates").glob("**/*.html"))


def directives(path: str) -> dict[str, str]:
    return dict(part.strip().partition(" ")[::2] for part in policy(path).split(";"))


@pytest.mark.parametrize("path", ["/", "/login", "/search", "/upload", "/upload/receipts/1", "/users", "/nothing"])
def test_a_page_loads_what_is_of_this_hub_and_nothing_inline(path: str) -> None:
    said = directives(path)
    assert said["default-src"] == said["base-uri"] == said["frame-ancestors"] == "'none'"
    assert said["style-src"] == said["connect-src"] == said["form-action"] == "'self'"
    assert "unsafe-inline" not in policy(path) and "unsafe-eval" not in policy(path).replace("wasm-unsafe-eval", "")
    assert said["require-trusted-types-for"] == "'script'"


def test_the_page_to_upload_alone_runs_webassembly_and_one_worker() -> None:
    assert directives("/upload")["script-src"] == "'self' 'wasm-unsafe-eval'"
    assert directives("/upload")["trusted-types"] == "fidac-worker"
    for path in ("/", "/uploads", "/upload/receipts/1", "/studies/1.2.3"):
        assert directives(path)["script-src"] == "'self'" and "worker-src" not in directives(path)
        assert directives(path)["trusted-types"] == "'none'"


def test_what_programs_are_given_is_no_page_and_another_programs_policy_is_its_own() -> None:
    assert directives("/dicom-web/studies") == {"default-src": "'none'", "frame-ancestors": "'none'", "sandbox": ""}
    assert "'unsafe-inline'" in directives("/ohif/viewer")["style-src"]
    assert directives("/ohif-not")["style-src"] == "'self'"
    assert headers.policy("/ohif/") != headers.policy("/")


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.stem)
def test_no_template_has_a_script_or_a_style_inline(template: Path) -> None:
    text = template.read_text("utf-8")
    assert not re.search(r"\sstyle=|<style|\son\w+=|javascript:|\|\s*safe\b", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)
    assert not re.search(r"(?:src|href|action)=\"(?:https?:)?//", text)
