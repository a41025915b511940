"""One exam that came twice is known by its pixels, in whatever encoding, and neither merged nor dropped."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from peewee import Database

from fidac_node.dicom import part10
from fidac_node.dicom.uids import EXPLICIT_VR_BE, EXPLICIT_VR_LE, IMPLICIT_VR_LE
from fidac_node.hub import likeness, pixels
from fidac_node.hub.archive import Archive
from fidac_node.hub.filing import Filer
from fidac_node.hub.index import Registry, add_site, prepare
from fidac_node.hub.index.duplicates import MOST_STUDIES, Compared, compared, duplicates
from fidac_node.hub.index.rebuild import reindex
from fidac_node.hub.likeness import Likeness
from fidac_node.hub.pixels import NOTHING, UNKNOWN, decoded, read_through
from fidac_node.receive.digest import digest_of, spelled
from fidac_node.spool.queue import Spool
from fidac_node.system.database import connect
from tests.hub_objects import data_set, encoded, put, uid
from tests.integration.hub.test_transcode import ENCODERS, file, image


def varied(number: int, size: int = 32) -> bytes:
    """Pixels of an image of its own."""
    return bytes((place * 7 + number * 13 + place * place // 3) % 251 for place in range(size))


# --- what is summed


@pytest.mark.interop("dcmconv", "dcmcjpls", "dcmcjpeg", "dcmcrle", "gdcmconv")
@pytest.mark.parametrize("encoder", list(ENCODERS))
def test_an_image_has_the_same_sum_in_every_encoding(tmp_path: Path, encoder: str) -> None:
    plain = file(image(signed=True, stored=12), tmp_path)
    other = tmp_path / "other.dcm"
    subprocess.run([*ENCODERS[encoder], plain, other], check=True, timeout=60)
    found = read_through(other)
    assert found.digest == spelled(digest_of(other, part10.meta_in(other.read_bytes())[1]))
    assert (found.pixels == UNKNOWN) is (encoder != "Implicit")
    assert (found.pixels or decoded(other)) == read_through(plain).pixels


@pytest.mark.parametrize("syntax", [EXPLICIT_VR_LE, IMPLICIT_VR_LE])
@pytest.mark.parametrize("size", [2, 30, 1 << 20, (1 << 20) + 2, 3 << 20])
def test_native_pixels_are_summed_in_the_reading_that_the_digest_needs(tmp_path: Path, syntax: str, size: int) -> None:
    path = tmp_path / "one.dcm"
    path.write_bytes(encoded(data_set(PixelData=bytes(size - 2) + b"\1\2"), syntax))
    found = read_through(path)
    assert found.digest == spelled(digest_of(path, part10.meta_in(path.read_bytes())[1]))
    expected = pixels.Sum()
    for start in range(0, size, 100_000):
        expected.feed((bytes(size - 2) + b"\1\2")[start : start + 100_000])
    assert found.pixels == (expected.spelled() if size > 2 else NOTHING)


@pytest.mark.parametrize("value", [b"\0\0", b"\x18\xfc", b"\1\1"])
@pytest.mark.parametrize("size", [32, 3 << 20])
def test_an_image_of_one_value_is_like_no_other(tmp_path: Path, value: bytes, size: int) -> None:
    path = tmp_path / "air.dcm"
    path.write_bytes(encoded(data_set(PixelData=value * (size // 2))))
    assert read_through(path).pixels == NOTHING


def test_what_follows_the_pixels_or_looks_like_them_is_not_taken_for_them(tmp_path: Path) -> None:
    path = tmp_path / "one.dcm"
    trailed = data_set(PixelData=varied(1))
    trailed.add_new(0xFFFCFFFC, "OB", bytes(8))
    path.write_bytes(encoded(trailed))
    assert read_through(path).pixels == UNKNOWN
    inside = data_set(PixelData=varied(1), ImageComments="x\xe0\x7f\x10\0OW\0\0")
    path.write_bytes(encoded(inside))
    plain = tmp_path / "plain.dcm"
    plain.write_bytes(encoded(data_set(PixelData=varied(1))))
    assert read_through(path).pixels == read_through(plain).pixels != UNKNOWN


# --- what is found


class Rooms:
    """A hub of two sites, with its index where the test wants it."""

    def __init__(self, url: str, directory: Path) -> None:
        self.db: Database = connect(url, directory)
        prepare(self.db)
        add_site(self.db, "LILLE", "LILLE_NODE")
        add_site(self.db, "PARIS", "PARIS_NODE")
        self.archive, self.spool = Archive(directory / "archive"), Spool(directory / "spool")

    def file(self, *numbers: int, site: str = "LILLE", syntax: str = EXPLICIT_VR_LE, **values: object) -> None:
        put(self.spool, data_set(*numbers, site=site, **values), syntax, source_ae=f"{site}_NODE")

    def file_all(self) -> None:
        filer = Filer(self.spool, self.archive, self.db, Registry(self.db))
        filer.recover()
        while batch := self.spool.claim("file", 100):
            filer.file(batch)
        filer.close()

    def pairs(self, site: str = "") -> list[tuple[int, str, str, str, str]]:
        return [
            (one.images, one.site, one.StudyInstanceUID, one.other_site, one.other_StudyInstanceUID)
            for one in duplicates(self.db, site)
        ]


@pytest.fixture
def rooms(database_url: str, tmp_path: Path) -> Iterator[Rooms]:
    rooms = Rooms(database_url, tmp_path)
    yield rooms
    rooms.db.close()


def test_an_exam_under_two_sites_or_two_uids_is_found_and_stays_twice(rooms: Rooms) -> None:
    for instance in (1, 2, 3):
        rooms.file(1, 1, 1, instance, PixelData=varied(instance))
        rooms.file(7, 1, 1, instance, site="PARIS", PixelData=varied(instance), StudyDate="20040101")
        rooms.file(1, 1, 2, instance, PixelData=varied(instance))  # another series of the same study
        rooms.file(3, 1, 1, instance, PixelData=varied(10 + instance))  # of its own
        rooms.file(4, 1, 1, instance, PixelData=bytes(32))  # air
        rooms.file(5, 1, 1, instance, site="PARIS", PixelData=bytes(32))
    for instance in (1, 2):  # two of three
        rooms.file(1, 9, 1, instance, PixelData=varied(instance))
    rooms.file_all()
    one, twin, again = (("LILLE", uid(1, 1)), ("PARIS", uid(7, 1)), ("LILLE", uid(1, 9)))
    assert rooms.pairs() == [(3, *one, *twin), (2, *one, *again), (2, *again, *twin)]
    assert rooms.pairs("PARIS") == [(3, *one, *twin), (2, *again, *twin)]
    found = duplicates(rooms.db)[0]
    assert (found.PatientID, found.other_PatientID) == ("PSEUDO0001", "PSEUDO0007")
    assert (str(found.StudyDate), str(found.other_StudyDate)) == ("2003-12-31", "2004-01-01")
    assert (found.instances, found.other_instances) == (6, 3)
    assert compared(rooms.db) == Compared(known=14, unknown=0, unreadable=0)
    before = rooms.pairs()
    reindex(rooms.archive, rooms.db)  # which reads no pixels
    assert rooms.pairs() == before and compared(rooms.db).known == 14


def test_what_many_studies_share_says_nothing_of_an_exam(rooms: Rooms) -> None:
    for study in range(1, MOST_STUDIES + 2):
        rooms.file(study, 1, 1, 1, PixelData=varied(1))
        if study <= MOST_STUDIES:
            rooms.file(study, 1, 1, 2, PixelData=varied(2))
    rooms.file_all()
    assert {pair[0] for pair in rooms.pairs()} == {1}
    assert len(rooms.pairs()) == MOST_STUDIES * (MOST_STUDIES - 1) // 2


def test_what_is_not_native_and_what_was_filed_before_is_looked_at_later(rooms: Rooms) -> None:
    rooms.file(1, 1, 1, 1, PixelData=varied(1))
    for patient, site, syntax in ((2, "LILLE", EXPLICIT_VR_BE), (3, "PARIS", EXPLICIT_VR_LE)):
        ds = image(signed=False, stored=12)
        ds.StudyInstanceUID, ds.SeriesInstanceUID = uid(patient, 1), uid(patient, 1, 1)
        ds.SOPInstanceUID, ds.PatientID, ds.ClinicalTrialSiteID = uid(patient, 1, 1, 1), f"PSEUDO000{patient}", site
        if syntax == EXPLICIT_VR_BE:  # pydicom writes what it is given
            ds.PixelData = b"".join(ds.PixelData[at : at + 2][::-1] for at in range(0, len(ds.PixelData), 2))
        put(rooms.spool, ds, syntax, source_ae=f"{site}_NODE")
    rooms.file_all()
    assert rooms.pairs() == [] and compared(rooms.db) == Compared(2, 1, 0)
    next(path for place, path in rooms.archive.walk() if place.study == uid(1, 1)).unlink()
    rooms.db.execute_sql("UPDATE instance SET pixels = ''")
    Likeness(rooms.archive, rooms.db).turn()
    assert rooms.pairs() == [(1, "LILLE", uid(2, 1), "PARIS", uid(3, 1))]
    assert compared(rooms.db) == Compared(known=2, unknown=0, unreadable=1)


def test_a_codec_that_crashes_takes_nobody_along_and_the_others_are_looked_at_next(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    crashing = "import os, sys; print(sys.stdin.readline() and 'a' * 16, flush=True); os.abort()"
    monkeypatch.setattr(likeness, "_COMMAND", (sys.executable, "-c", crashing))
    for patient in (1, 2, 3, 4):
        rooms.file(patient, 1, 1, 1, syntax=EXPLICIT_VR_BE)
    rooms.file_all()
    Likeness(rooms.archive, rooms.db).turn()
    assert compared(rooms.db) == Compared(known=2, unknown=0, unreadable=2)
