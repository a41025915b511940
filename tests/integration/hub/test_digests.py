"""What the archive holds is what was filed, or it is not committed: files cut, flipped, gone, of yesterday."""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fidac_node.commitment.reasons import NO_SUCH_INSTANCE
from fidac_node.hub import digests
from fidac_node.hub.digests import Digests, Filed
from fidac_node.hub.index import StudyFilter, find
from fidac_node.hub.index.rebuild import reindex
from tests.hub_objects import CT, data_set, encoded, put
from tests.integration.hub import test_filing
from tests.integration.hub.test_filing import HubRooms

LARGE = {"PixelData": bytes(range(256)) * 40}


@pytest.fixture
def rooms(tmp_path: Path) -> Iterator[HubRooms]:
    yield from test_filing.filled_rooms(tmp_path)


def file_of(rooms: HubRooms, instance: int = 1) -> Path:
    sop = data_set(instance=instance).SOPInstanceUID
    return next(path for place, path in rooms.archive.walk() if place.sop == sop)


def asked(rooms: HubRooms, instance: int = 1) -> str:
    """What the hub answers for an instance, in a process that has answered nothing yet."""
    reference = (CT, str(data_set(instance=instance).SOPInstanceUID))
    committed, failed = HubRooms(rooms.directory).check(reference)
    assert not failed or failed == [(*reference, NO_SUCH_INSTANCE)]
    return "committed" if committed else "send again"


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)


def linked(path: Path) -> None:
    elsewhere = path.with_name("elsewhere")
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


def emptied_with_its_time(path: Path) -> None:
    before = path.stat()
    os.truncate(path, 0)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


ROT: dict[str, Callable[[Path], object]] = {
    "cut": lambda path: os.truncate(path, 3000),
    "emptied": lambda path: os.truncate(path, 0),
    "emptied, its time put back": emptied_with_its_time,
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"\0\0"),
    "a flipped bit": flip,
    "gone": Path.unlink,
    "a link": linked,
    "another's": lambda path: path.write_bytes(next(p for p in path.parent.glob("*.dcm") if p != path).read_bytes()),
}


@pytest.mark.parametrize("rot", ROT.values(), ids=ROT)
@pytest.mark.parametrize("copies", [False, True], ids=["links", "copies"])
def test_what_is_not_as_it_was_filed_is_not_committed_and_healed_when_it_comes_again(
    rooms: HubRooms, monkeypatch: pytest.MonkeyPatch, rot: Callable[[Path], object], copies: bool
) -> None:
    if copies:
        monkeypatch.setattr(os, "link", test_filing._cannot_link)
    for instance in (1, 2):
        put(rooms.spool, data_set(instance=instance, **LARGE))
    rooms.file_all()
    assert (asked(rooms), asked(rooms, 2)) == ("committed", "committed")
    whole = file_of(rooms).read_bytes()
    path = file_of(rooms)
    rot(path)
    assert (asked(rooms), asked(rooms, 2)) == ("send again", "committed")
    put(rooms.spool, data_set(instance=1, **LARGE))
    rooms.file_all()
    assert rooms.held() == {}
    assert path.read_bytes() == whole and not path.is_symlink()
    assert (asked(rooms), asked(rooms, 2)) == ("committed", "committed")


def test_another_version_does_not_heal_a_rotten_file(rooms: HubRooms) -> None:
    put(rooms.spool, data_set(instance=1, **LARGE))
    rooms.file_all()
    flip(file_of(rooms))
    other = put(rooms.spool, data_set(instance=1, ConvolutionKernel="B30f", **LARGE))
    rooms.file_all()
    assert rooms.held() == {str(other): "conflict"}


def test_what_rotted_in_the_hubs_own_inbox_is_not_filed_and_is_sent_again(rooms: HubRooms) -> None:
    entry = put(rooms.spool, data_set(instance=1, **LARGE))
    flip(rooms.spool.path(entry))
    rooms.file_all()
    assert rooms.held() == {str(entry): "corrupt"} and asked(rooms) == "send again"
    assert put(rooms.spool, data_set(instance=1, **LARGE)) == entry
    rooms.file_all()
    assert rooms.held() == {} and asked(rooms) == "committed"


def test_what_rotted_in_the_hubs_own_inbox_heals_nothing(rooms: HubRooms) -> None:
    put(rooms.spool, data_set(instance=1, **LARGE))
    rooms.file_all()
    path = file_of(rooms)
    flip(path)
    again = put(rooms.spool, data_set(instance=1, **LARGE))
    arrived = bytearray(rooms.spool.path(again).read_bytes())
    arrived[-30] ^= 1
    rooms.spool.path(again).write_bytes(arrived)
    rooms.file_all()
    assert rooms.held() == {str(again): "corrupt"} and asked(rooms) == "send again"
    assert put(rooms.spool, data_set(instance=1, **LARGE)) == again  # and it is welcome
    rooms.file_all()
    assert rooms.held() == {} and asked(rooms) == "committed"


def test_a_healed_file_of_another_length_is_counted_as_it_is(rooms: HubRooms) -> None:
    """File Meta Information says who sent it: a site with a longer AE title makes a longer file of one data set."""
    put(rooms.spool, data_set(instance=1, **LARGE), source_ae="LILLE_NODE")
    rooms.file_all()
    before = file_of(rooms).stat().st_size
    file_of(rooms).unlink()
    rooms.db.execute_sql("UPDATE site SET ae_title = 'LILLE_NODE_2ND' WHERE id = 'LILLE'")
    put(rooms.spool, data_set(instance=1, **LARGE), source_ae="LILLE_NODE_2ND")
    last = HubRooms(rooms.directory)
    last.file_all()
    size = file_of(rooms).stat().st_size
    assert size > before
    rows = [row for level in ("studies", "series", "instances") for row in find(last.db, level, StudyFilter())]
    assert [row.bytes for row in rows] == [size] * 3
    assert last.check((CT, str(data_set().SOPInstanceUID)), calling_ae="LILLE_NODE_2ND")[0]


def test_a_file_is_read_once_after_it_may_have_changed_and_not_at_all_before(
    rooms: HubRooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    real = digests.fault
    monkeypatch.setattr(digests, "fault", lambda path, *rest: (read.append(path), real(path, *rest))[1])
    for instance in (1, 2):
        put(rooms.spool, data_set(instance=instance, **LARGE))
    rooms.file_all()
    check = rooms.commitment()
    references = [(CT, str(data_set(instance=instance).SOPInstanceUID)) for instance in (1, 2)]
    for _ in range(3):
        assert check("LILLE_NODE", references)[0] == references
    assert read == []
    os.utime(file_of(rooms))
    for _ in range(3):
        assert check("LILLE_NODE", references)[0] == references
    assert read == [str(file_of(rooms))]


def test_an_index_that_is_made_anew_does_not_believe_the_files_that_it_reads(rooms: HubRooms) -> None:
    for instance in (1, 2):
        put(rooms.spool, data_set(instance=instance, **LARGE))
    rooms.file_all()
    flip(file_of(rooms))
    assert reindex(rooms.archive, rooms.db).indexed == 2
    assert (asked(rooms), asked(rooms, 2)) == ("send again", "committed")
    put(rooms.spool, data_set(instance=1, **LARGE))
    rooms.file_all()
    assert rooms.held() == {} and asked(rooms) == "committed"


def test_a_file_that_nobody_can_read_is_healed_although_the_index_was_made_anew_without_it(rooms: HubRooms) -> None:
    put(rooms.spool, data_set(instance=1, **LARGE))
    rooms.file_all()
    os.truncate(file_of(rooms), 0)
    result = reindex(rooms.archive, rooms.db)
    assert (result.indexed, len(result.skipped)) == (0, 1)
    put(rooms.spool, data_set(instance=1, **LARGE))
    rooms.file_all()
    assert rooms.held() == {} and asked(rooms) == "committed"


def test_where_nothing_stands_beside_the_files_an_index_made_anew_learns_and_writes_what_they_are(
    rooms: HubRooms,
) -> None:
    put(rooms.spool, data_set(instance=1, **LARGE))
    rooms.file_all()
    (file_of(rooms).parent / "DIGESTS").unlink()
    reindex(rooms.archive, rooms.db)
    assert (file_of(rooms).parent / "DIGESTS").exists() and asked(rooms) == "committed"
    flip(file_of(rooms))
    assert asked(rooms) == "send again"


def test_of_a_file_that_an_older_version_filed_the_size_is_compared(rooms: HubRooms) -> None:
    put(rooms.spool, data_set(instance=1, **LARGE))
    rooms.file_all()
    rooms.db.execute_sql("UPDATE instance SET digest = '', seen = 0")
    assert asked(rooms) == "committed"
    os.truncate(file_of(rooms), 3000)
    assert asked(rooms) == "send again"


def test_the_archive_of_yesterday_beside_the_index_of_today_asks_for_what_it_lacks(
    rooms: HubRooms, tmp_path: Path
) -> None:
    put(rooms.spool, data_set(instance=1, **LARGE))
    rooms.file_all()
    shutil.copytree(rooms.archive.directory, tmp_path / "yesterday")
    put(rooms.spool, data_set(instance=2, **LARGE))
    rooms.file_all()
    shutil.rmtree(rooms.archive.directory)
    (tmp_path / "yesterday").rename(rooms.archive.directory)
    assert (asked(rooms), asked(rooms, 2)) == ("committed", "send again")
    put(rooms.spool, data_set(instance=2, **LARGE))
    rooms.file_all()
    assert asked(rooms, 2) == "committed"


def test_a_line_that_a_crash_has_cut_is_left_out_and_those_that_follow_count(tmp_path: Path) -> None:
    known = Digests()
    first, second = Filed("a" * 16, 10), Filed("b" * 16, 20)
    known.add(str(tmp_path), {"1.2": first, "1.3": first})
    path = tmp_path / "DIGESTS"
    path.write_bytes(path.read_bytes()[:-5])
    known.add(str(tmp_path), {"1.4": second, "1.2": second})
    assert [known.of(str(tmp_path), sop) for sop in ("1.2", "1.3", "1.4")] == [second, None, second]


def test_one_file_of_the_archive_is_told_right_or_what_is_wrong_with_it(rooms: HubRooms) -> None:
    put(rooms.spool, data_set(instance=1, **LARGE))
    rooms.file_all()
    ((place, path),) = rooms.archive.walk()
    filed = rooms.archive.filed(place)
    assert filed is not None and rooms.archive.fault(place, filed) == ""
    flip(path)
    assert rooms.archive.fault(place, filed) == "digest"
    os.truncate(path, 3000)
    assert rooms.archive.fault(place, filed) == "size"
    path.unlink()
    assert rooms.archive.fault(place, filed) == "missing"
    path.write_bytes(encoded(data_set(instance=2, **LARGE)))
    assert rooms.archive.fault(place, filed) == "digest", "another instance under this name"


def test_a_line_that_a_full_disk_cuts_is_no_line_and_the_next_one_is_whole(tmp_path: Path) -> None:
    one, other = {"2.25.1": Filed("a" * 16, 1)}, {"2.25.2": Filed("b" * 16, 2)}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(
        resource.RLIMIT_FSIZE, (10, hard)
    )  # Python ignores SIGXFSZ: the write is short, as on a full disk
    try:
        with pytest.raises(OSError, match="No space left"):
            Digests().add(str(tmp_path), one)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    written = Digests()
    written.add(str(tmp_path), other)
    assert written.of(str(tmp_path), "2.25.1") is None
    assert written.of(str(tmp_path), "2.25.2") == other["2.25.2"]
