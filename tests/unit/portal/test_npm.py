"""What comes of other people's packages is what the lock file says, or nothing."""

from __future__ import annotations

import base64
import hashlib
import http.server
import io
import json
import tarfile
import threading
import tomllib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from fidac_node.errors import ConfigError
from fidac_node.portal import build, npm
from fidac_node.portal.assets import ENGINE, MANIFEST, TESTS


def tarball(**files: bytes) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(f"package/{name.replace('__', '/')}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return content.getvalue()


TARBALL = tarball(dist__a=b"a", b=b"b")
PACKAGE = npm.Package(
    "@some/thing",
    "1.2.3",
    "sha512-" + base64.b64encode(hashlib.sha512(TARBALL).digest()).decode(),
    "MIT",
    {"dist/a": "thing/a.js"},
)


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A registry of one package on this machine; the folder that it gives."""
    place = tmp_path / "registry" / "@some" / "thing" / "-"
    place.mkdir(parents=True)
    (place / "thing-1.2.3.tgz").write_bytes(TARBALL)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path / "registry")) as server:
        threading.Thread(target=server.serve_forever).start()
        monkeypatch.setenv("npm_config_registry", f"http://127.0.0.1:{server.server_port}/")
        yield place
        server.shutdown()


def test_a_package_is_fetched_once_compared_and_kept(registry: Path, tmp_path: Path) -> None:
    found = npm.fetch(PACKAGE, tmp_path / "cache")
    (registry / "thing-1.2.3.tgz").unlink()
    assert found == npm.fetch(PACKAGE, tmp_path / "cache") == TARBALL
    assert list(npm.files(PACKAGE, found)) == [("thing/a.js", b"a")]


def test_another_package_than_the_lock_file_knows_is_not_used(registry: Path, tmp_path: Path) -> None:
    (registry / "thing-1.2.3.tgz").write_bytes(tarball(dist__a=b"evil"))
    with pytest.raises(ConfigError, match=r"not @some/thing 1\.2\.3 as the lock file knows it"):
        npm.fetch(PACKAGE, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_what_was_kept_and_is_damaged_is_fetched_again(registry: Path, tmp_path: Path) -> None:
    (tmp_path / "@some-thing-1.2.3.tgz").write_bytes(b"half of it")
    assert npm.fetch(PACKAGE, tmp_path) == TARBALL


def test_without_a_network_it_is_said_where_the_file_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")
    with pytest.raises(ConfigError, match=r"cannot be fetched: .*refused.*Without a network, put the file into"):
        npm.fetch(PACKAGE, tmp_path)


def test_a_file_that_a_package_does_not_have_is_named() -> None:
    with pytest.raises(ConfigError, match="has no file dist/b"):
        list(npm.files(PACKAGE._replace(files={"dist/b": "b"}), TARBALL))


def test_what_is_there_and_right_is_not_made_again(
    registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "lock.json"
    entry = PACKAGE._asdict()
    lock.write_text(json.dumps({entry.pop("name"): entry}))
    monkeypatch.setattr(build, "LOCK", lock)
    target = tmp_path / "assets"
    assert build.build(target, tmp_path / "cache") and not build.build(target, tmp_path / "cache")
    manifest = json.loads((target / "manifest.json").read_text())
    assert manifest["versions"] == {"@some/thing": "1.2.3"}
    assert manifest["files"]["thing/a.js"] == hashlib.sha256(b"a").hexdigest()
    assert {"engine.zip", "upload/worker.js"} <= manifest["files"].keys()
    (target / "thing/a.js").unlink()
    assert build.build(target, tmp_path / "cache") and (target / "thing/a.js").read_bytes() == b"a"


def test_what_browsers_are_given_is_in_the_wheel_and_what_tests_need_is_not() -> None:
    settings = tomllib.loads((build.PACKAGE.parent / "pyproject.toml").read_text("utf-8"))
    carried = tuple(settings["tool"]["hatch"]["build"]["targets"]["wheel"]["artifacts"])
    names = {name for package in npm.locked(build.LOCK) for name in package.files.values()} | {ENGINE, MANIFEST}
    left = {name for name in names if not f"fidac_node/portal/assets/{name}".startswith(carried)}
    assert left == {name for name in names if name.startswith(TESTS)} != set()


def test_every_package_is_of_a_licence_that_may_be_passed_on_and_is_told_of() -> None:
    told = (build.PACKAGE.parent / "THIRD_PARTY.md").read_text("utf-8")
    for package in npm.locked(build.LOCK):
        assert package.licence in ("MIT", "BSD-2-Clause", "0BSD", "MPL-2.0", "Apache-2.0", "ISC")
        assert f"| {package.name} | {package.version} | {package.licence} |" in told
