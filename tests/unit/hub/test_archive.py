"""The archive: one file per object, written once, whatever happens."""

from __future__ import annotations

import datetime
import errno
import os
from pathlib import Path
from typing import Any

import pytest

from fidac_node.dicom.part10 import FileMeta, encode_meta
from fidac_node.dicom.uids import EXPLICIT_VR_LE, IMPLICIT_VR_LE
from fidac_node.errors import Permanent
from fidac_node.hub import archive as archive_module
from fidac_node.hub.archive import Archive, Place

PLACE = Place("LILLE", "1.2", "1.2.3", "1.2.3.4")
NOT_PLACES = [
    Place("../LILLE", "1.2", "1.2.3", "1.2.3.4"),
    Place("", "1.2", "1.2.3", "1.2.3.4"),
    Place(".tmp", "1.2", "1.2.3", "1.2.3.4"),
    Place("LILLE", "..", "1.2.3", "1.2.3.4"),
    Place("LILLE", "1.2", "", "1.2.3.4"),
    Place("LILLE", "1.2", "1.2.3", "../../../1"),
    Place("LILLE", "1.2", "1.2.3", "1/2"),
    Place("LILLE", "1.2", "1.2.3", "1." + "2" * 63),
    Place("LILLE", "1.2", "1.2.3", "1.²"),
]


SUNDAY_NIGHT = 1_600_041_599  # 13 September 2020, 23:59:59 UTC
MONDAY = 1_599_436_800  # 7 September 2020, 00:00 UTC


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "archive")


@pytest.fixture(params=["hard links", "no hard links"])
def any_file_system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "no hard links":
        monkeypatch.setattr(os, "link", _cannot_link)


def _cannot_link(source: Path, target: Path) -> None:
    raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), str(source), None, str(target))


def source(
    tmp_path: Path,
    data: bytes = b"data set",
    *,
    name: str = "in.dcm",
    transfer_syntax: str = EXPLICIT_VR_LE,
    caller: str = "NODE",
) -> Path:
    path = tmp_path / name
    path.write_bytes(
        encode_meta(FileMeta("1.2.840.10008.5.1.4.1.1.2", "1.2.3.4", transfer_syntax, caller, "FIDACHUB")) + data
    )
    return path


def files(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


def times(directory: Path) -> set[float]:
    return {path.stat().st_mtime for path in (directory, *directory.rglob("*"))}


def this_monday() -> float:
    today = datetime.datetime.now(datetime.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return (today - datetime.timedelta(days=today.weekday())).timestamp()


@pytest.mark.usefixtures("any_file_system")
class TestPutIfAbsent:
    def test_an_object_is_filed_under_its_site_and_uids_with_its_bytes_and_week(
        self, tmp_path: Path, archive: Archive
    ) -> None:
        path = source(tmp_path)
        os.utime(path, (SUNDAY_NIGHT, SUNDAY_NIGHT))
        assert archive.put_if_absent(path, PLACE) == "new"
        filed = tmp_path / "archive/LILLE/1.2/1.2.3/1.2.3.4.dcm"
        assert archive.find(PLACE) == filed
        assert (filed.stat().st_mtime, filed.stat().st_atime) == (MONDAY, MONDAY)
        assert filed.read_bytes() == path.read_bytes()

    def test_no_file_or_folder_of_what_was_filed_tells_the_day(self, tmp_path: Path, archive: Archive) -> None:
        for place in (PLACE, PLACE._replace(sop="1.2.3.5"), PLACE._replace(series="1.2.4")):
            archive.put_if_absent(source(tmp_path), place, sync=False)
        archive.sync([PLACE, PLACE._replace(series="1.2.4")])
        assert times(archive.directory / "LILLE") == {this_monday()}

    def test_a_file_that_a_crash_left_with_its_time_has_the_week_when_it_comes_again(
        self, tmp_path: Path, archive: Archive
    ) -> None:
        archive.put_if_absent(source(tmp_path), PLACE)
        os.utime(archive.path(PLACE), (SUNDAY_NIGHT, SUNDAY_NIGHT))
        assert archive.put_if_absent(source(tmp_path, name="again.dcm"), PLACE) == "same"
        assert archive.path(PLACE).stat().st_mtime == MONDAY

    def test_the_same_data_set_again_is_the_same_even_from_another_caller(
        self, tmp_path: Path, archive: Archive
    ) -> None:
        archive.put_if_absent(source(tmp_path), PLACE)
        again = source(tmp_path, name="again.dcm", caller="ANOTHER_TITLE")
        assert archive.put_if_absent(again, PLACE) == "same"
        assert len(files(archive.directory)) == 1

    def test_the_very_file_again_is_the_same(self, tmp_path: Path, archive: Archive) -> None:
        path = source(tmp_path)
        archive.put_if_absent(path, PLACE)
        assert archive.put_if_absent(path, PLACE) == "same"

    @pytest.mark.parametrize(
        "other",
        [{"data": b"data sex"}, {"data": b"data set and more"}, {"data": b""}, {"transfer_syntax": IMPLICIT_VR_LE}],
        ids=str,
    )
    def test_other_content_under_the_same_uid_is_a_conflict_and_the_first_is_kept(
        self, tmp_path: Path, archive: Archive, other: dict[str, Any]
    ) -> None:
        first = source(tmp_path)
        archive.put_if_absent(first, PLACE)
        before = first.read_bytes()
        assert archive.put_if_absent(source(tmp_path, **{"name": "other.dcm", **other}), PLACE) == "conflict"
        assert (archive.find(PLACE) or first).read_bytes() == before
        assert len(files(archive.directory)) == 1

    def test_a_damaged_file_in_the_archive_is_a_conflict_and_not_overwritten(
        self, tmp_path: Path, archive: Archive
    ) -> None:
        archive.path(PLACE).parent.mkdir(parents=True)
        archive.path(PLACE).write_bytes(b"rubbish")
        assert archive.put_if_absent(source(tmp_path), PLACE) == "conflict"
        assert archive.path(PLACE).read_bytes() == b"rubbish"

    @pytest.mark.parametrize("place", NOT_PLACES, ids=str)
    def test_a_name_that_could_lead_elsewhere_is_refused(self, tmp_path: Path, archive: Archive, place: Place) -> None:
        with pytest.raises(Permanent) as caught:
            archive.put_if_absent(source(tmp_path), place)
        assert caught.value.code == "malformed"
        assert files(tmp_path) == ["in.dcm"]

    def test_the_name_and_every_new_folder_are_synced_before_it_returns(
        self, tmp_path: Path, archive: Archive, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        synced: list[Path] = []
        monkeypatch.setattr("fidac_node.system.safeio.sync_directory", synced.append)
        archive.put_if_absent(source(tmp_path), PLACE)
        series = archive.path(PLACE).parent
        assert {archive.directory, series.parent.parent, series.parent, series} <= set(synced)
        assert synced[-1] == series

    def test_with_sync_left_for_later_a_batch_syncs_each_folder_once(
        self, tmp_path: Path, archive: Archive, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        places = [PLACE._replace(sop=f"1.2.3.{number}") for number in range(5)]
        for place in places:
            archive.put_if_absent(source(tmp_path), place, sync=False)
        synced: list[Path] = []
        monkeypatch.setattr("fidac_node.system.safeio.sync_directory", synced.append)
        archive.sync(places)
        assert synced == [archive.path(PLACE).parent]


def test_an_archive_of_before_gets_the_weeks_of_its_files(tmp_path: Path, archive: Archive) -> None:
    archive.put_if_absent(source(tmp_path), PLACE)
    for path in (archive.directory / "LILLE").rglob("*"):
        os.utime(path, (SUNDAY_NIGHT, SUNDAY_NIGHT))
    archive.coarsen([PLACE])
    assert times(archive.directory / "LILLE" / PLACE.study) == {MONDAY}


def test_a_file_of_another_user_keeps_its_time_with_a_warning_and_is_filed(
    tmp_path: Path, archive: Archive, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def not_ours(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "utime", not_ours)
    assert archive.put_if_absent(source(tmp_path), PLACE) == "new"
    assert "belongs to another user; give it to the hub's (chown)" in caplog.text


def test_a_full_disk_leaves_the_archive_as_it_was(
    tmp_path: Path, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "link", full)
    with pytest.raises(OSError, match="No space"):
        archive.put_if_absent(source(tmp_path), PLACE)
    assert files(archive.directory) == []


@pytest.mark.parametrize("step", ["copy2", "sync_file"])
def test_a_copy_that_fails_leaves_no_litter(
    tmp_path: Path, archive: Archive, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "link", _cannot_link)
    monkeypatch.setattr(archive_module.shutil if step == "copy2" else archive_module.safeio, step, full)
    with pytest.raises(OSError, match="No space"):
        archive.put_if_absent(source(tmp_path), PLACE)
    assert files(archive.directory) == []


def test_what_a_crash_left_of_a_copy_is_swept_and_never_listed(tmp_path: Path, archive: Archive) -> None:
    archive.put_if_absent(source(tmp_path), PLACE)
    (archive.directory / ".tmp").mkdir()
    (archive.directory / ".tmp/99-1.2.3.5.dcm").write_bytes(b"half")
    assert [place for place, _ in archive.walk()] == [PLACE]
    archive.sweep()
    assert files(archive.directory) == ["LILLE/1.2/1.2.3/1.2.3.4.dcm"]


def test_a_walk_yields_every_object_in_order_and_warns_of_strangers(
    tmp_path: Path, archive: Archive, caplog: pytest.LogCaptureFixture
) -> None:
    places = sorted(
        Place(site, f"1.{study}", f"1.{study}.7", f"1.{study}.7.{n}")
        for site in ("A", "B")
        for study in (1, 2)
        for n in (1, 2)
    )
    for place in reversed(places):
        archive.put_if_absent(source(tmp_path), place)
    (archive.path(places[0]).parent / "notes.txt").write_text("mine")
    assert list(archive.walk()) == [(place, archive.path(place)) for place in places]
    assert "notes.txt" in caplog.text


def test_an_object_that_is_not_there_is_not_found(archive: Archive) -> None:
    assert archive.find(PLACE) is None
