"""Original headers, one per series: encrypted, without pixels, for a while."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from fidac_node.deidentify.source import Source, read_source
from fidac_node.dicom.uids import DEFLATED_EXPLICIT_VR_LE, EXPLICIT_VR_BE, EXPLICIT_VR_LE, IMPLICIT_VR_LE
from fidac_node.errors import ConfigError
from fidac_node.identity.originals import Headers, header_of, purge_headers
from fidac_node.spool.entry import Entry
from tests.unit.deidentify import build
from tests.unit.deidentify.build import ct, traces, write

KEY = bytes(range(32))


def entry(study: str = "a", instance: str = "b") -> Entry:
    return Entry(study * 12, instance * 16, "c" * 16)


def source(directory: Path, syntax: str = EXPLICIT_VR_LE, **values: object) -> Source:
    return read_source(write(directory / "object.dcm", ct(**values), syntax).read_bytes(), build.LIMIT)


def files(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())


@pytest.mark.parametrize("syntax", [EXPLICIT_VR_LE, IMPLICIT_VR_LE, EXPLICIT_VR_BE, DEFLATED_EXPLICIT_VR_LE])
def test_a_header_comes_back_as_it_was_and_without_pixels(tmp_path: Path, syntax: str) -> None:
    headers, original = Headers(tmp_path / "headers", KEY), source(tmp_path, syntax)
    assert headers.keep(entry(), original)
    (kept,) = headers.of_study("a" * 12)
    again = read_source(headers.read(kept), build.LIMIT)
    assert kept.entry == entry()
    assert again.pixel_data is None
    assert again.nodes() == original.nodes()
    assert again.meta.source_ae == "SCANURG2"


def test_what_is_kept_cannot_be_read_without_the_key(tmp_path: Path) -> None:
    Headers(tmp_path / "headers", KEY).keep(entry(), source(tmp_path))
    (path,) = files(tmp_path / "headers")
    assert traces(path.read_bytes()) == [] and traces(path.name.encode()) == []
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    other = Headers(tmp_path / "headers", KEY[::-1])
    with pytest.raises(ConfigError, match="not kept under today's vault key"):
        other.read(other.of_study("a" * 12)[0])


def test_a_header_under_another_name_is_refused(tmp_path: Path) -> None:
    headers = Headers(tmp_path / "headers", KEY)
    headers.keep(entry(), source(tmp_path))
    (path,) = files(tmp_path / "headers")
    path.rename(path.with_name(path.name.replace("b" * 16, "d" * 16)))
    with pytest.raises(ConfigError, match="damaged"):
        headers.read(headers.of_study("a" * 12)[0])


def test_only_the_first_object_of_each_series_is_kept(tmp_path: Path) -> None:
    headers = Headers(tmp_path / "headers", KEY)
    first, other = source(tmp_path), source(tmp_path, SeriesInstanceUID=f"{build.ROOT}.99")
    assert [headers.keep(entry(instance=name), first) for name in "bde"] == [True, False, False]
    assert headers.keep(entry(instance="f"), other)
    assert not Headers(tmp_path / "headers", KEY).keep(entry(instance="g"), first)  # another process
    assert headers.keep(entry(study="z"), first)  # another study
    assert {kept.entry.instance[0] for kept in headers.of_study("a" * 12)} == {"b", "f"}


def test_bulk_data_in_a_header_is_left_out(tmp_path: Path) -> None:
    encoded = write(tmp_path / "a.dcm", ct()).read_bytes()
    encoded = build.insert(encoded, build.raw_element(0x00091010, "OB", bytes(3 << 20)))
    large = read_source(encoded, build.LIMIT)
    kept = read_source(header_of(large), build.LIMIT)
    assert set(large.elements) - set(kept.elements) == {0x00091010}


def test_what_is_older_than_the_retention_is_purged(tmp_path: Path) -> None:
    headers = Headers(tmp_path / "headers", KEY)
    for study in "az":
        headers.keep(entry(study), source(tmp_path))
    old, new = files(tmp_path / "headers")
    os.utime(old, (1000, 1000))
    assert purge_headers(tmp_path / "headers", 2000.0) == 1
    assert files(tmp_path / "headers") == [new]
    assert not old.parent.exists()
    assert headers.of_study("a" * 12) == []
    assert purge_headers(tmp_path / "none", 2000.0) == 0


def test_a_header_that_cannot_be_written_does_not_stop_the_object(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "headers").touch()
    assert not Headers(tmp_path / "headers", KEY).keep(entry(), source(tmp_path))
    assert "is not kept for 'site show --diff': Not a directory" in caplog.text
    assert traces(caplog.text.encode()) == []
