"""Fixtures and markers of all tests: other vendors' programs, the shared studies, a clean environment."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent

# The Debian package of each program, or file of one, that a test may ask for; any other program is its own package.
PACKAGES = {
    **dict.fromkeys(["dcmcjpeg", "dcmcjpls", "dcmcrle", "dcmdjpls", "dcmdump", "dcmodify"], "dcmtk"),
    **dict.fromkeys(["dcmqridx", "dcmsend", "echoscu", "findscu", "storescp", "storescu"], "dcmtk"),
    **dict.fromkeys(["dciodvfy", "dcentvfy"], "dicom3tools"),
    **dict.fromkeys(["gdcmconv", "gdcmdump", "gdcmraw"], "libgdcm-tools"),
    **dict.fromkeys(["initdb", "pg_ctl"], "postgresql"),
    "Orthanc": "orthanc",
    "/usr/share/orthanc/plugins/libOrthancDicomWeb.so": "orthanc-dicomweb",
    "tesseract": "tesseract-ocr",
}
_SKIPPED = "interop: "
# make check: fewer examples where a test does not say how many.
settings.register_profile("check", max_examples=25)


def pytest_configure() -> None:
    """Find what Debian keeps outside of a user's PATH (Orthanc, PostgreSQL).

    Do not find pynetdicom's namesakes of DCMTK's programs.
    """
    own = str(Path(sys.executable).parent)
    places = [place for place in os.environ.get("PATH", os.defpath).split(os.pathsep) if place != own]
    servers = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)
    os.environ["PATH"] = os.pathsep.join([*places, "/usr/local/sbin", "/usr/sbin", *map(str, servers)])


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose programs are missing, or fail it where none may be skipped."""
    programs = [name for marker in item.iter_markers("interop") for name in marker.args]
    missing = [name for name in programs if shutil.which(name) is None and not Path(name).is_file()]
    if not missing:
        return
    packages = sorted({PACKAGES.get(name, name.lower()) for name in missing})
    reason = f"{_SKIPPED}{', '.join(missing)} missing: sudo apt-get install {' '.join(packages)}"
    if os.environ.get("FIDAC_REQUIRE_INTEROP") == "1":
        pytest.fail(f"{reason} (FIDAC_REQUIRE_INTEROP=1: no interoperability test may be skipped)", pytrace=False)
    pytest.skip(reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the interoperability tests that did not run, and the one line that makes them run."""
    skipped = {
        report.nodeid: str(report.longrepr[2])
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple)
    }
    ours = {name: reason.split(_SKIPPED, 1)[1] for name, reason in skipped.items() if _SKIPPED in reason}
    if not ours:
        return
    terminalreporter.section("interoperability tests skipped")
    for name, reason in sorted(ours.items()):
        terminalreporter.line(f"{name}: {reason.partition(':')[0]}")
    packages = sorted({package for reason in ours.values() for package in reason.partition("install ")[2].split()})
    terminalreporter.line(f"To run these {len(ours)} too: sudo apt-get install {' '.join(packages)}")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the developer's shell overrides must not change what a test proves."""
    for name in [name for name in os.environ if name.startswith("FIDAC_NODE_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """Return the folder of a shared study, read only; the test is skipped where it is not there.

    They stand beside the project (../shared/data), or where FIDAC_SHARED_DATA says.
    """
    directory = Path(os.environ.get("FIDAC_SHARED_DATA") or ROOT.parent / "shared" / "data")

    def folder(name: str) -> Path:
        path = directory / name
        if not path.is_dir():
            pytest.skip(f"no study {name} in {directory}: set FIDAC_SHARED_DATA")
        return path

    return folder
