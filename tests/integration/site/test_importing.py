"""Imports: what is good goes in and what is bad is listed, from files, folders, archives and media."""

from __future__ import annotations

import io
import json
import os
import struct
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

from fidac_node.dicom import part10
from fidac_node.dicom.encode import Syntax
from fidac_node.dicom.part10 import FileMeta
from fidac_node.dicom.uids import (
    DEFLATED_EXPLICIT_VR_LE,
    EXPLICIT_VR_BE,
    EXPLICIT_VR_LE,
    IMPLICIT_VR_LE,
    MEDIA_STORAGE_DIRECTORY,
)
from fidac_node.errors import Temporary
from fidac_node.phantom import write_series
from fidac_node.receive.check import PlainHandles
from fidac_node.site import importing
from fidac_node.site.importing import ImportResult, import_paths
from fidac_node.site.ledger import Ledger
from fidac_node.spool.queue import Spool
from fidac_node.system.base32 import base32

NO_DICOM = "not a DICOM file: neither the prefix DICM (PS3.10 7.1) nor the elements of a data set"
CT = "1.2.840.10008.5.1.4.1.1.2"
MR = "1.2.840.10008.5.1.4.1.1.4"


def element(tag: int, vr: bytes, value: bytes) -> bytes:
    value += (b"\0" if vr in (b"UI", b"OB") else b" ") * (len(value) % 2)
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr)
    return (
        head
        + (struct.pack("<2xL", len(value)) if vr in (b"OB", b"OW", b"SQ") else struct.pack("<H", len(value)))
        + value
    )


def tiny(
    number: int = 1,
    *,
    study: str = "1.2.3",
    sop_class: str = CT,
    leave_out: int = 0,
    pixels: bytes = b"\1\2",
    implicit: bool = False,
) -> bytes:
    """The data set of a CT image of a few hundred bytes."""
    values = {
        0x00080016: (b"UI", sop_class.encode()),
        0x00080018: (b"UI", f"1.2.3.4.{number}".encode()),
        0x00100020: (b"LO", b"8003412765"),
        0x0020000D: (b"UI", study.encode()),
        0x0020000E: (b"UI", b"1.2.3.9"),
        0x7FE00010: (b"OW", pixels),
    }
    kept = {tag: value for tag, value in values.items() if tag != leave_out}
    if implicit:
        return b"".join(Syntax.of(IMPLICIT_VR_LE).element(tag, "UN", value) for tag, (_, value) in kept.items())
    return b"".join(element(tag, *value) for tag, value in kept.items())


def part_10(data_set: bytes, number: int = 1, sop_class: str = CT, syntax: str = EXPLICIT_VR_LE) -> bytes:
    return part10.encode_meta(FileMeta(sop_class, f"1.2.3.4.{number}", syntax, source_ae="OLDPACS")) + data_set


def image(number: int = 1, **changes: Any) -> bytes:
    return part_10(tiny(number, **changes), number)


def dicomdir(*names: str) -> bytes:
    return dicomdir_of(*(name.replace("/", "\\").encode() for name in names))


def dicomdir_of(*file_ids: bytes) -> bytes:
    items = b""
    for file_id in file_ids:
        record = element(0x00041430, b"CS", b"IMAGE") + element(0x00041500, b"CS", file_id)
        items += struct.pack("<HHL", 0xFFFE, 0xE000, len(record)) + record
    return part_10(element(0x00041220, b"SQ", items), sop_class=MEDIA_STORAGE_DIRECTORY)


class Node:
    """The inbox of a site and an import into it."""

    def __init__(self, directory: Path) -> None:
        self.inbox = Spool(directory / "inbox")
        self.ledger = Ledger(directory / "ledger.db")
        self.progress: list[tuple[int, int]] = []

    def take(self, *paths: Path, label: str = "", max_object: int = 1 << 30) -> ImportResult:
        return import_paths(
            paths,
            self.inbox,
            self.ledger,
            label=label,
            handles=PlainHandles(),
            max_object=max_object,
            progress=lambda done, total: self.progress.append((done, total)),
        )

    def objects(self) -> list[Path]:
        return [self.inbox.path(entry) for entry in sorted(self.inbox.entries("new"))]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    node = Node(tmp_path / "site")
    yield node
    node.ledger.close()


@pytest.fixture
def media(tmp_path: Path) -> Path:
    path = tmp_path / "media"
    path.mkdir()
    return path


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def zipped(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def why(result: ImportResult) -> dict[str, str]:
    return {Path(name).name: reason for name, reason in result.bad}


def test_an_object_enters_with_its_label_and_its_data_set_byte_for_byte(node: Node, media: Path) -> None:
    data_set = tiny()
    assert node.take(write(media / "image", part_10(data_set)), label="certain").accepted == 1
    (path,) = node.objects()
    with path.open("rb") as fp:
        meta, offset = part10.read_meta(fp)
    assert path.read_bytes()[offset:] == data_set
    assert json.loads(meta.note) == {"label": "certain", "source": "import"}
    assert (meta.source_ae, meta.receiving_ae) == ("", ""), "what another node wrote there is no caller of ours"
    assert path.stem.split("-")[2] == base32(blake3(data_set).digest(), 16), "named as reception would name it"
    (row,) = node.ledger.rows()
    assert (row["state"], row["label"], row["label_source"]) == ("ready", "certain", "import")
    assert row["bytes"] == path.stat().st_size


@pytest.mark.parametrize("syntax", [EXPLICIT_VR_LE, IMPLICIT_VR_LE, EXPLICIT_VR_BE, DEFLATED_EXPLICIT_VR_LE])
def test_every_transfer_syntax_enters(node: Node, media: Path, syntax: str) -> None:
    write_series(media, slices=2, rows=32, columns=32, transfer_syntax=syntax)
    result = node.take(media)
    assert (result.accepted, result.bad) == (2, [])


def test_importing_again_finds_everything_there(node: Node, media: Path) -> None:
    for number in range(3):
        write(media / f"{number}.dcm", image(number))
    assert node.take(media).accepted == 3
    again = node.take(media)
    assert (again.accepted, again.duplicates) == (0, 3)
    assert len(node.objects()) == 3


def test_each_bad_file_is_listed_with_a_plain_reason_and_the_rest_goes_in(node: Node, media: Path) -> None:
    for number in range(5):
        write(media / "study" / f"good{number}", image(number))
    bad = {
        "empty": (b"", "empty file"),
        "photo.jpg": (b"\xff\xd8\xff" + b"x" * 500, "not a DICOM file"),
        "cut": (image(7, pixels=b"\1\2" * 50)[:-20], "cut short"),
        "cut-meta": (image(7)[:150], "File Meta Information has no valid"),
        "no-study": (image(8, leave_out=0x0020000D), "StudyInstanceUID (0020,000D) is missing"),
        "no-series": (image(8, leave_out=0x0020000E), "SeriesInstanceUID (0020,000E) is missing"),
        "no-name": (image(8, study="12\\13"), "StudyInstanceUID (0020,000D) is missing"),
        "mr": (part_10(tiny(11, sop_class=MR), 11, MR), "MR Image Storage"),
        "syntax": (part_10(tiny(12), 12, syntax="1.2.840.10008.1.2.4.102"), "MPEG-4"),
        "scans.rar": (b"Rar!\x1a\x07" + b"x" * 300, "a rar archive"),
        "broken.zip": (b"PK\x03\x04" + b"x" * 300, "the zip archive cannot be read"),
    }
    for name, (content, _) in bad.items():
        write(media / "study" / name, content)
    result = node.take(media)
    assert result.accepted == 5
    reasons = why(result)
    assert set(reasons) == set(bad)
    for name, (_, reason) in bad.items():
        assert reason in reasons[name], name
    assert node.progress[-1] == (len(bad) + 5, len(bad) + 5)
    assert not list((node.inbox.directory / "tmp").iterdir()), "nothing is left behind"


def test_what_is_not_quite_a_file_of_the_standard_is_taken_and_said(node: Node, media: Path) -> None:
    implicit = tiny(14, implicit=True)
    odd = {
        "bare": (tiny(10), "File Meta Information has no"),
        "no-preamble": (part_10(tiny(11), 11)[128:], "the prefix DICM is missing"),
        "other-uid": (part_10(tiny(12), number=99), "name different objects"),
        "two-metas": (part_10(part_10(tiny(13), 13), 13), "File Meta"),
        "other-syntax": (
            part_10(implicit, 14),
            "says Explicit VR Little Endian, it was read as Implicit VR Little Endian",
        ),
    }
    for name, (content, _) in odd.items():
        write(media / name, content)
    result = node.take(media)
    assert (result.accepted, result.bad) == (len(odd), [])
    said = {Path(name).name: what for name, what in result.otherwise}
    assert said.keys() == odd.keys()
    metas = {}
    for path in node.objects():
        with path.open("rb") as fp:
            meta, _ = part10.read_meta(fp)
        metas[meta.sop_instance_uid] = meta.transfer_syntax_uid
    assert metas == {
        f"1.2.3.4.{number}": IMPLICIT_VR_LE if number == 14 else EXPLICIT_VR_LE for number in range(10, 15)
    }


def test_what_cannot_be_opened_is_listed(node: Node, media: Path) -> None:
    os.mkfifo(media / "pipe")
    (media / "nowhere").symlink_to(media / "missing")
    (media / "elsewhere").symlink_to(media.parent)
    write(media / "good", image())
    result = node.take(media)
    assert result.accepted == 1
    assert why(result) == {
        "pipe": "neither a file nor a folder",
        "nowhere": "cannot be read: No such file or directory",
        "elsewhere": "a link to another folder is not followed: name that folder itself",
    }


def test_a_name_cannot_talk_to_the_terminal(node: Node, media: Path) -> None:
    write(media / "\x1b[2Jgone", b"x")
    os.close(os.open(os.fsencode(media) + b"/caf\xe9", os.O_CREAT | os.O_WRONLY))
    names = [name for name, _ in node.take(media).bad]
    assert all(name.isprintable() for name in names)
    assert all(name.encode() for name in names)


def test_an_object_above_the_limit_is_listed(node: Node, media: Path) -> None:
    write(media / "large", image(pixels=bytes(3 << 20)))
    result = node.take(media, max_object=2 << 20)
    assert result.accepted == 0
    assert "larger than 2 MiB" in why(result)["large"]


def test_an_archive_is_taken_member_by_member(node: Node, media: Path) -> None:
    nested = io.BytesIO()
    with zipfile.ZipFile(nested, "w") as inner:
        inner.writestr("inner", image(3))
    members = {
        "a/1": image(1),
        "a/2": image(2),
        "../../escape": image(4),
        "a/readme.txt": b"hello",
        "a/more.zip": nested.getvalue(),
    }
    archive = zipped(media / "study.zip", members)
    result = node.take(archive)
    assert result.accepted == 3
    assert [(name.removeprefix(f"{archive}: "), reason) for name, reason in result.bad] == [
        ("a/more.zip", "a zip archive that is not opened here: unpack it and import the folder"),
        ("a/readme.txt", NO_DICOM),
    ]
    assert not (media.parent / "escape").exists()


def test_an_archive_found_in_a_folder_is_opened(node: Node, media: Path) -> None:
    write(media / "below" / "2", image(2))
    zipped(media / "below" / "x.zip", {"1": image(1)})
    assert node.take(media).accepted == 2


def test_an_encrypted_or_damaged_or_strangely_packed_member_is_listed(node: Node, media: Path) -> None:
    plain = zipped(media / "plain.zip", {"secret": image(1), "good": image(2)}).read_bytes()
    # The encryption bit (APPNOTE 4.4.4) of the first member, in its local and central header.
    local, central = plain.index(b"PK\x03\x04"), plain.index(b"PK\x01\x02")
    locked = bytearray(plain)
    locked[local + 6] |= 1
    locked[central + 8] |= 1
    write(media / "plain.zip", bytes(locked))
    damaged = bytearray(zipped(media / "damaged.zip", {"spoilt": image(3)}, zipfile.ZIP_STORED).read_bytes())
    damaged[damaged.index(b"8003412765")] ^= 1
    write(media / "damaged.zip", bytes(damaged))
    zipped(media / "lzma.zip", {"packed": image(4)}, zipfile.ZIP_LZMA)
    result = node.take(media)
    assert result.accepted == 1
    reasons = {name.rpartition(": ")[2]: reason for name, reason in result.bad}
    assert "encrypted" in reasons["secret"]
    assert "Bad CRC-32" in reasons["spoilt"]
    assert "other than deflate" in reasons["packed"]


def test_a_member_that_inflates_like_a_bomb_is_stopped_in_little_memory_and_the_rest_goes_in(
    node: Node, media: Path
) -> None:
    zipped(media / "bomb.zip", {"1-bomb": image(1, pixels=bytes(100 << 20)), "2-good": image(2)})
    assert (media / "bomb.zip").stat().st_size < 200_000
    tracemalloc.start()
    result = node.take(media)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert result.accepted == 1
    ((name, reason),) = result.bad
    assert name.endswith("1-bomb")
    assert "inflates to more than 64 MiB, like a zip bomb" in reason
    assert peak < 30 << 20
    assert not list((node.inbox.directory / "tmp").iterdir())


def test_an_archive_that_inflates_like_a_bomb_as_a_whole_is_left(
    node: Node, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "_ARCHIVE_FLOOR", 4 << 20)
    zipped(media / "bomb.zip", {f"{number:02d}": image(number, pixels=bytes(1 << 20)) for number in range(20)})
    write(media / "good", image(99))
    result = node.take(media)
    assert 0 < result.accepted < 6
    ((name, reason),) = result.bad
    assert name.endswith("bomb.zip")
    assert "the rest of it was not read" in reason


def test_a_member_that_lies_about_its_size_is_cut_at_what_it_said(node: Node, media: Path) -> None:
    content = bytearray(zipped(media / "liar.zip", {"liar": image(1, pixels=bytes(100_000))}).read_bytes())
    central = content.index(b"PK\x01\x02")
    struct.pack_into("<L", content, central + 24, 1000)
    write(media / "liar.zip", bytes(content))
    result = node.take(media)
    assert result.accepted == 0
    assert len(result.bad) == 1


def test_a_medium_is_taken_by_its_dicomdir_and_its_viewer_is_nobodys_business(node: Node, media: Path) -> None:
    write(media / "DICOMDIR", dicomdir("IMAGES/A1", "IMAGES/A2", "IMAGES/LOST"))
    write(media / "images" / "a1", image(1))
    write(media / "images" / "a2", b"spoilt" * 100)
    write(media / "images" / "extra", image(3))
    write(media / "viewer" / "viewer.exe", b"MZ" + bytes(500))
    for given in (media / "DICOMDIR", media):
        result = node.take(given)
        assert result.accepted + result.duplicates == 2
        assert {name.rpartition("/")[2]: reason for name, reason in result.bad} == {
            "a2": NO_DICOM,
            "LOST": "the DICOMDIR names this file, but it is not there",
        }


def test_a_medium_in_an_archive_is_taken_by_its_dicomdir(node: Node, media: Path) -> None:
    zipped(media / "cd.zip", {"CD/DICOMDIR": dicomdir("I/1"), "CD/I/1": image(1), "CD/run.exe": b"MZ" + bytes(500)})
    result = node.take(media / "cd.zip")
    assert (result.accepted, result.bad) == (1, [])


@pytest.mark.parametrize(
    ("named", "there"),
    [
        ("IMAGES\\IM1", "images/im1;1"),
        ("IMAGES\\IM1", "images/im1."),
        ("images\\im1", "IMAGES/IM1.;2"),
        ("IMAGES/IM1", "IMAGES/IM1"),
        ("IMAGES\\SUB/IM1", "IMAGES/SUB/IM1"),
        ("D:\\IMAGES\\IM1", "IMAGES/IM1"),
        ("d:IMAGES/IM1", "IMAGES/IM1"),
        ("\\IMAGES\\IM1", "IMAGES/IM1"),
        (".\\IMAGES\\.\\IM1", "IMAGES/IM1"),
        ("IMAGES\\\\IM1\\", "IMAGES/IM1"),
        ("IMAGES \\IM1 ", "IMAGES/IM1"),
        ("IMAGES\\IM1", "IMAGES/IM1.dcm"),
        ("IMAGES\\IM1.DCM", "IMAGES/im1"),
        ("SÉRIE\\IM1", "se\u0301rie/im1"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_what_a_dicomdir_names_is_found_in_another_spelling(
    node: Node, media: Path, named: str, there: str, packed: bool
) -> None:
    members = {"DICOMDIR": dicomdir_of(named.encode()), there: image(1), "viewer.exe": b"MZ" + bytes(500)}
    if packed:
        zipped(media / "cd.zip", members)
    else:
        for name, content in members.items():
            write(media / name, content)
    result = node.take(media)
    assert (result.accepted, result.bad) == (1, [])


def test_what_a_dicomdir_names_is_missed_when_only_its_neighbour_is_there_and_never_looked_for_outside(
    node: Node, media: Path
) -> None:
    names = ("1.2.3.4", "1.2.3.5", "..\\OTHER\\IM1", "A/../../OTHER/IM1", "IM1", "IM1")
    write(media / "CD" / "DICOMDIR", dicomdir_of(*map(str.encode, names)))
    write(media / "CD" / "1.2.3.4", image(1))
    write(media / "OTHER" / "IM1", image(2))
    result = node.take(media / "CD")
    assert result.accepted == 1
    missing, outside = "the DICOMDIR names this file, but it is not there", "leads out of the medium by '..'"
    assert [name.removeprefix(f"{media}/CD/") for name, reason in result.bad if outside in reason] == [
        "../OTHER/IM1",
        "A/../../OTHER/IM1",
    ]
    assert [Path(name).name for name, reason in result.bad if reason == missing] == ["1.2.3.5", "IM1"]


def test_of_two_files_that_a_name_without_extension_could_mean_the_image_is_meant(node: Node, media: Path) -> None:
    write(media / "DICOMDIR", dicomdir("IM1"))
    write(media / "IM1.dcm", image(1))
    write(media / "IM1.jpg", b"\xff\xd8\xff" + bytes(500))
    result = node.take(media)
    assert (result.accepted, result.bad) == (1, [])


def test_what_a_mac_and_windows_leave_is_no_fault_and_an_object_under_such_a_name_is_taken(
    node: Node, media: Path
) -> None:
    left = {
        "CT/.DS_Store": b"\0\0\0\1Bud1" + bytes(100),
        "CT/._IM1.dcm": b"\0\5\x16\7\0\2\0\0Mac OS X        " + bytes(100),
        "__MACOSX/CT/._IM1.dcm": b"\0\5\x16\7" + bytes(100),
        "__MACOSX/IM1.dcm": b"",
        "CT/Thumbs.db": b"\xd0\xcf\x11\xe0" + bytes(50),
        "CT/Desktop.ini": b"[.ShellClassInfo]",
        "System Volume Information/IndexerVolumeGuid": bytes(76),
    }
    zipped(media / "mac.zip", {**left, "CT/IM1.dcm": image(1)})
    for name, content in left.items():
        write(media / "stick" / name, content)
    write(media / "stick" / "CT" / "._IM2.dcm", image(2))
    result = node.take(media)
    assert (result.accepted, result.bad) == (2, [])


def test_a_dicomdir_that_cannot_be_read_hides_nothing(node: Node, media: Path) -> None:
    write(media / "DICOMDIR", dicomdir("1")[:-4])
    write(media / "1", image(1))
    write(media / "2", b"spoilt" * 100)
    result = node.take(media)
    assert result.accepted == 1
    assert set(why(result)) == {"DICOMDIR", "2"}
    assert "cut short" in why(result)["DICOMDIR"]


def test_a_full_disk_stops_the_import_keeps_what_is_in_and_a_second_run_takes_the_rest(
    node: Node, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        write(media / f"{number}", image(number))
    answers = iter([True] * 8 + [False] * 100)
    with monkeypatch.context() as patch:
        patch.setattr(node.inbox, "has_room", lambda: next(answers))
        with pytest.raises(Temporary, match="objects taken so far stay"):
            node.take(media)
    kept = len(node.objects())
    assert 0 < kept < 6
    assert not list((node.inbox.directory / "tmp").iterdir())
    result = node.take(media)
    assert (result.accepted, result.duplicates) == (6 - kept, kept)


def test_ten_thousand_files_with_fifty_bad_ones(node: Node, media: Path) -> None:
    bad = {number * 200 + 7 for number in range(50)}
    for number in range(10_000):
        content = image(number)
        write(
            media / f"{number % 100:02d}" / f"{number:05d}",
            content[: len(content) * (number % 4) // 4] if number in bad else content,
        )
    result = node.take(media)
    assert result.accepted == 9_950
    assert {int(Path(name).name) for name, _ in result.bad} == bad
    assert len(node.objects()) == 9_950
    assert node.ledger.counts()["ready"] == 9_950
