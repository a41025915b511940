"""Which file a path under /portal/ names, and what a browser may do with it."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from fidac_node.errors import NotFound
from fidac_node.portal import assets


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(assets, "BUILT", tmp_path)
    (tmp_path / "pyodide").mkdir()
    for name in ("pyodide/pyodide.asm.wasm", "engine.zip"):
        (tmp_path / name).write_bytes(b"x" * 100)
    (tmp_path / "pyodide/pyodide.asm.wasm.gz").write_bytes(gzip.compress(b"x" * 100))
    assets._files.cache_clear()
    yield tmp_path
    assets._files.cache_clear()


def test_what_is_compressed_is_given_to_who_takes_it(built: Path) -> None:
    plain, packed = (assets.find("pyodide/pyodide.asm.wasm", gzip=take) for take in (False, True))
    assert plain.media_type == packed.media_type == "application/wasm"
    assert "Content-Encoding" not in plain.headers and packed.headers["Content-Encoding"] == "gzip"
    assert packed.path.name.endswith(".gz") and plain.headers["Vary"] == packed.headers["Vary"] == "Accept-Encoding"
    assert assets.find("engine.zip", gzip=True).path == built / "engine.zip"


def test_the_worker_may_reach_nobody_and_no_cache_may_give_it_without_saying_so() -> None:
    worker = assets.find("upload/worker.js")
    policy = worker.headers["Content-Security-Policy"]
    assert "connect-src 'none'" in policy and "script-src blob: 'wasm-unsafe-eval'" in policy and "'self'" not in policy
    assert worker.headers["Cache-Control"] == "no-store" and worker.media_type.startswith("text/javascript")


@pytest.mark.parametrize(
    "name",
    ["", "../build.py", "upload/../../build.py", "/etc/passwd", "upload", "engine.zip.gz", "pyodide/none.js", "\0"],
)
def test_what_is_not_given_is_not_found(built: Path, name: str) -> None:
    with pytest.raises(NotFound, match="make portal"):
        assets.find(name)


def test_before_anything_is_built_it_is_said_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "BUILT", tmp_path / "none")
    with pytest.raises(NotFound, match="make portal"):
        assets.digests()
