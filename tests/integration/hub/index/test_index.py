"""The index on a real database: its tables, what it reads from a header, what it answers."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import os
import random
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from peewee import Database, OperationalError
from pydicom import dcmread
from pydicom.dataset import Dataset

from fidac_node.cli.rows import plain
from fidac_node.deidentify import actions
from fidac_node.dicom.part10 import read_meta
from fidac_node.dicom.uids import DEFLATED_EXPLICIT_VR_LE, EXPLICIT_VR_BE, EXPLICIT_VR_LE, IMPLICIT_VR_LE
from fidac_node.errors import ConfigError, Permanent, Temporary
from fidac_node.hub.archive import Archive, Place
from fidac_node.hub.index import (
    COLUMNS,
    LEVELS,
    Registry,
    StudyFilter,
    add_site,
    check,
    find,
    prepare,
    received_per_site,
    site_code,
    site_titles,
    totals,
)
from fidac_node.hub.index import record as index_record
from fidac_node.hub.index.aliases import aliases, enter
from fidac_node.hub.index.header import opened
from fidac_node.hub.index.migrations import STEPS
from fidac_node.hub.index.models import MODELS, Instance, Patient, Series, Study
from fidac_node.hub.index.rebuild import reindex
from fidac_node.hub.index.record import Description, describe, describe_header, record
from fidac_node.hub.index.rows import Row
from fidac_node.hub.index.superseded import Replacement, corrections, record_newer
from fidac_node.system.database import connect, exclusive, migrate
from tests.hub_objects import CT, DIGEST, data_set, encoded, enhanced, uid
from tests.integration.conftest import SCHEMA
from tests.unit.deidentify import build


@pytest.fixture
def db(empty: Database) -> Database:
    prepare(empty)
    add_site(empty, "LILLE", "LILLE_NODE")
    add_site(empty, "PARIS", "PARIS_NODE")
    return empty


@pytest.fixture
def described(tmp_path: Path) -> Callable[..., Description]:
    numbers = itertools.count()

    def describe_one(
        ds: Dataset, transfer_syntax: str = EXPLICIT_VR_LE, *, site: str = "LILLE", received: str = "2026-01-02"
    ) -> Description:
        path = tmp_path / f"{next(numbers)}.dcm"
        path.write_bytes(encoded(ds, transfer_syntax))
        moment = datetime.datetime.fromisoformat(f"{received}T12:00:00+00:00").timestamp()
        os.utime(path, (moment, moment))
        return describe(path, site)

    return describe_one


def rows(db: Database, level: str = "studies", **wanted: Any) -> list[dict[str, Any]]:
    """The rows as commands print them."""
    return [shown(row) for row in find(db, level, StudyFilter(**wanted))]


def shown(row: Row) -> dict[str, Any]:
    return {name: plain(value) for name, value in row._asdict().items() if (name, value) != ("received_at", None)}


def snapshot(db: Database) -> dict[str, list[dict[str, Any]]]:
    """Everything that can be asked, in an order that does not depend on row numbers."""
    return {level: sorted(rows(db, level), key=str) for level in COLUMNS} | {"totals": [totals(db)]}


# --- tables ---------------------------------------------------------------------------------------------


def fresh_database(url: str, directory: Path, number: int = 0) -> Database:
    """Another empty database of the same kind; with PostgreSQL the same one, emptied."""
    if url.startswith("sqlite"):
        return connect(f"sqlite:///fresh{number}.db", directory)
    db = connect(url, directory)
    db.execute_sql(f"DROP SCHEMA {SCHEMA} CASCADE")
    db.execute_sql(f"CREATE SCHEMA {SCHEMA}")
    return db


def schema(db: Database) -> dict[str, Any]:
    """Tables, columns and indexes as the database itself tells them."""
    return {
        table: (
            sorted(
                (column.name, column.data_type.lower(), column.null, column.primary_key)
                for column in db.get_columns(table)
            ),
            sorted(
                (index.name, (index.sql or "").lower(), index.columns, index.unique) for index in db.get_indexes(table)
            ),
            sorted((key.column, key.dest_table, key.dest_column) for key in db.get_foreign_keys(table)),
        )
        for table in db.get_tables()
    }


@pytest.mark.parametrize("already", range(len(STEPS)))
def test_an_upgraded_index_is_like_a_fresh_one_and_keeps_its_rows(
    database_url: str, tmp_path: Path, already: int
) -> None:
    old = connect(database_url, tmp_path)
    migrate(old, STEPS[:already])
    if already:
        old.execute_sql(
            "INSERT INTO site (id, ae_title, added_at) VALUES ('LILLE', 'LILLE_NODE', '2020-03-01 00:00:00')"
        )
    with pytest.raises(ConfigError, match="start the hub once"):
        check(old)
    prepare(old)
    check(old)
    upgraded = schema(old)
    assert site_titles(old) == ({"LILLE_NODE": "LILLE"} if already else {})
    assert not already or (site_code(old, "LILLE") == "" and not add_site(old, "LILLE", "LILLE_NODE"))
    old.close()
    fresh = fresh_database(database_url, tmp_path)
    prepare(fresh)
    assert schema(fresh) == upgraded
    fresh.close()
    old.close()


def test_the_tables_are_what_the_models_say(db: Database) -> None:
    for model in MODELS:
        meta = model._meta
        columns = {column.name: column for column in db.get_columns(meta.table_name)}
        assert {field.column_name: field.null for field in meta.sorted_fields} == {
            name: column.null for name, column in columns.items()
        }
        keys = [field.column_name for field in meta.get_primary_keys()]
        assert [name for name, column in columns.items() if column.primary_key] == keys
        unique = {tuple(index.columns) for index in db.get_indexes(meta.table_name) if index.unique}
        declared = {
            tuple(meta.fields[name].column_name for name in names) for names, is_unique in meta.indexes if is_unique
        }
        assert declared <= unique


# --- sites -------------------------------------------------------------------------------------------------


def test_a_site_is_known_by_its_ae_title_within_a_second(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("fidac_node.hub.index.sites.time.monotonic", lambda: clock[0])
    registry = Registry(db)
    assert registry.site_of("LILLE_NODE") == "LILLE"
    assert not registry.knows("LYON_NODE")
    add_site(db, "LYON", "LYON_NODE")
    clock[0] += 1.1
    assert registry.site_of("LYON_NODE") == "LYON"
    assert not registry.knows("lyon_node")


def test_known_sites_go_on_while_the_database_is_away(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("fidac_node.hub.index.sites.time.monotonic", lambda: clock[0])
    registry = Registry(db)
    assert registry.knows("LILLE_NODE")
    monkeypatch.setattr("fidac_node.hub.index.sites.site_titles", _away)
    clock[0] += 5
    assert registry.knows("LILLE_NODE")
    with pytest.raises(Temporary, match="index cannot be read"):
        Registry(db).knows("LILLE_NODE")


def _away(_db: Database) -> dict[str, str]:
    raise OperationalError("server closed the connection unexpectedly")


def test_registering_twice_is_harmless_and_contradictions_are_refused(db: Database) -> None:
    assert not add_site(db, "LILLE", "LILLE_NODE")
    with pytest.raises(ConfigError, match="registered already, with AE title LILLE_NODE"):
        add_site(db, "LILLE", "OTHER")
    with pytest.raises(ConfigError, match="AE title PARIS_NODE belongs to site PARIS"):
        add_site(db, "LYON", "PARIS_NODE")
    assert site_titles(db) == {"LILLE_NODE": "LILLE", "PARIS_NODE": "PARIS"}


# --- describing --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transfer_syntax", [EXPLICIT_VR_LE, IMPLICIT_VR_LE, EXPLICIT_VR_BE])
def test_everything_a_researcher_filters_on_is_read_in_every_encoding(
    described: Callable[..., Description], transfer_syntax: str
) -> None:
    description = described(data_set(ContrastBolusAgent="IOMERON 400", StudyDate="20040229"), transfer_syntax)
    acquisition = description.acquisition
    assert description.place == Place("LILLE", uid(1, 1), uid(1, 1, 1), uid(1, 1, 1, 1))
    assert (description.pseudonym, description.sex, description.patient_age, description.age_years) == (
        "PSEUDO0001",
        "F",
        "054Y",
        54,
    )
    assert description.date == datetime.date(2004, 2, 29)
    assert (description.label, description.label_source) == ("certain", "called-ae")
    assert (description.programme, description.profile, description.profile_digest) == (
        "FIDAC",
        "fidac-chest-ct",
        DIGEST,
    )
    assert (acquisition.modality, acquisition.body_part) == ("CT", "CHEST")
    assert (acquisition.manufacturer, acquisition.model, acquisition.kernel) == ("SIEMENS", "Sensation 16", "B70f")
    assert (acquisition.kvp, acquisition.slice_thickness) == (120.0, 1.5)
    assert (acquisition.row_spacing, acquisition.column_spacing, acquisition.rows, acquisition.columns) == (
        0.7,
        0.8,
        4,
        4,
    )
    assert (acquisition.contrast, acquisition.contrast_agent) == (True, "IOMERON 400")
    assert (description.sop_class_uid, description.transfer_syntax_uid, description.number) == (CT, transfer_syntax, 1)
    assert description.received_at == datetime.datetime(2026, 1, 2, 12)


def test_an_enhanced_image_is_read_from_its_functional_groups(described: Callable[..., Description]) -> None:
    for transfer_syntax in (EXPLICIT_VR_LE, IMPLICIT_VR_LE):
        description = described(enhanced(), transfer_syntax)
        acquisition = description.acquisition
        assert (acquisition.kvp, acquisition.kernel, acquisition.slice_thickness) == (100.0, "FC51", 0.5)
        assert (acquisition.row_spacing, acquisition.column_spacing, description.frames) == (0.6, 0.65, 2)


def test_our_private_block_is_found_in_another_block_and_when_a_hop_made_it_un(
    described: Callable[..., Description],
) -> None:
    ds = data_set()
    for tag in [element.tag for element in ds.group_dataset(0x0F1D)]:
        del ds[tag]
    ds.add_new(0x0F1D0010, "LO", "SOMEBODY ELSE")
    ds.add_new(0x0F1D1001, "CS", "NEGATIVE")
    for number, value in (
        (0x0042, b"FIDAC NODE 1"),
        (0x4201, b"POSSIBLE"),
        (0x4202, b"rule:x"),
        (0x4203, b"p1"),
        (0x4204, b"CD" * 32),
        (0x4205, b"KVP\\PatientAge"),
    ):
        ds.add_new(0x0F1D0000 | number, "UN", value + b" " * (len(value) % 2))
    description = described(ds)
    assert (description.label, description.label_source) == ("possible", "rule:x")
    assert (description.profile, description.profile_digest) == ("p1", "cd" * 32)
    assert description.lost == {"KVP", "PatientAge"}


@pytest.mark.parametrize("label", ["", "PERHAPS"])
def test_a_label_that_is_none_of_ours_is_unknown(described: Callable[..., Description], label: str) -> None:
    assert described(data_set(label=label)).label == "unknown"


@pytest.mark.parametrize(
    ("values", "field", "expected"),
    [
        ({"SliceThickness": ""}, "slice_thickness", None),
        ({"KVP": None}, "kvp", None),
        ({"PixelSpacing": None}, "column_spacing", None),
        ({"Rows": None}, "rows", None),
        ({"Manufacturer": "GE\x00 \x1b[31m"}, "manufacturer", "GE [31m"),
        (
            {"SpecificCharacterSet": "ISO_IR 192", "Manufacturer": "Société Générale"},
            "manufacturer",
            "Société Générale",
        ),
        ({"SpecificCharacterSet": "ISO_IR 100", "Manufacturer": "Société"}, "manufacturer", "Société"),
    ],
    ids=str,
)
def test_a_value_that_is_absent_or_odd_does_no_harm(
    described: Callable[..., Description], values: dict[str, Any], field: str, expected: object
) -> None:
    assert getattr(described(data_set(**values)).acquisition, field) == expected


def with_raw(data: bytes, tag: bytes, raw: bytes) -> bytes:
    """Put ``raw`` into the first short Explicit VR Little Endian element ``tag`` of a file, whatever its VR allows."""
    raw += b" " * (len(raw) % 2)
    start = data.index(tag, data.index(b"DICM"))
    length = int.from_bytes(data[start + 6 : start + 8], "little")
    return data[: start + 6] + len(raw).to_bytes(2, "little") + raw + data[start + 8 + length :]


def described_raw(tmp_path: Path, tag: bytes, raw: bytes) -> Description:
    path = tmp_path / "raw.dcm"
    path.write_bytes(with_raw(encoded(data_set()), tag, raw))
    return describe(path, "LILLE")


@pytest.mark.parametrize("raw", [b"1e999", b"nan", b"wide", b"\xff\xff", b""])
def test_a_number_that_is_none_reads_as_absent(tmp_path: Path, raw: bytes) -> None:
    assert described_raw(tmp_path, b"\x18\x00\x50\x00DS", raw).acquisition.slice_thickness is None


@pytest.mark.parametrize("raw", [b"", b"2004", b"20041301", b"20040230", b"2004.01.01", b"yesterday"])
def test_a_study_date_that_is_none_reads_as_absent(tmp_path: Path, raw: bytes) -> None:
    assert described_raw(tmp_path, b"\x08\x00\x20\x00DA", raw).date is None


@pytest.mark.parametrize(
    ("raw", "years"),
    [(b"054Y", 54), (b"018M", 1), (b"011M", 0), (b"060W", 1), (b"010D", 0), (b"", None), (b"54", None)],
)
def test_an_age_counts_in_whole_years(tmp_path: Path, raw: bytes, years: int | None) -> None:
    assert described_raw(tmp_path, b"\x10\x00\x10\x10AS", raw).age_years == years


@pytest.mark.parametrize(
    ("tag", "raw", "field", "expected"),
    [
        (b"\x08\x00\x20\x00DA", b"19000101", "date", None),
        (b"\x10\x00\x10\x10AS", b"000Y", "patient_age", ""),
        (b"\x10\x00\x10\x10AS", b"000Y", "age_years", None),
        (b"\x10\x00\x10\x10AS", b"000M", "age_years", 0),
        (b"\x10\x00\x40\x00CS", b"ANONYMOUS", "sex", ""),
        (b"\x18\x00\x60\x00DS", b"0", "kvp", None),
        (b"\x18\x00\x50\x00DS", b"0", "slice_thickness", None),
        (b"\x18\x00\x50\x00DS", b"0.000", "slice_thickness", None),
        (b"\x28\x00\x30\x00DS", b"0", "row_spacing", None),
        (b"\x18\x00\x10\x12SH", b"ANONYMOUS", "kernel", ""),
        (b"\x18\x00\x10\x12SH", b"ANONYMOUS2", "kernel", "ANONYMOUS2"),
        (b"\x08\x00\x70\x00LO", b"ANONYMOUS", "manufacturer", ""),
        (b"\x08\x00\x90\x10LO", b"ANONYMOUS", "model", ""),
        (b"\x18\x00\x15\x00CS", b"ANONYMOUS", "body_part", ""),
        (b"\x20\x00\x13\x00IS", b"0", "number", 0),  # scanners that count from 0; no object must have one
    ],
)
def test_a_dummy_is_no_fact(tmp_path: Path, tag: bytes, raw: bytes, field: str, expected: object) -> None:
    description = described_raw(tmp_path, tag, raw)
    holder = description if hasattr(description, field) else description.acquisition
    assert getattr(holder, field) == expected


def test_the_dummies_of_de_identification_are_those_that_the_index_leaves_out() -> None:
    dummies = actions.DUMMIES
    assert {dummies[vr] for vr in ("AS", "CS", "LO", "SH")} == index_record._NOT_SAID
    assert dummies["DA"] == f"{index_record._NO_DAY:%Y%m%d}" and float(dummies["DS"]) == float(dummies["IS"]) == 0


@pytest.mark.parametrize("transfer_syntax", [EXPLICIT_VR_LE, IMPLICIT_VR_LE])
def test_what_was_not_understood_of_an_enhanced_ct_is_no_fact(tmp_path: Path, transfer_syntax: str) -> None:
    ds = build.enhanced()
    ds.Manufacturer, ds.ManufacturerModelName = "Quenouille & Quenouille", "Quenouille"
    ds.SoftwareVersions, ds.BodyPartExamined = "Quenouille", "QUENOUILLE"
    ds.SharedFunctionalGroupsSequence[0].CTReconstructionSequence = [Dataset()]
    ds.SharedFunctionalGroupsSequence[0].CTReconstructionSequence[0].ConvolutionKernel = "Quenouille"
    del ds.ConvolutionKernel, ds.SliceThickness, ds.KVP
    path = tmp_path / "out.dcm"
    path.write_bytes(build.run(build.write(tmp_path / "in.dcm", ds, transfer_syntax))[0])
    out = dcmread(path)
    kernel = out.SharedFunctionalGroupsSequence[0].CTReconstructionSequence[0].ConvolutionKernel
    assert {out.Manufacturer, out.ManufacturerModelName, kernel} == {"ANONYMOUS"}, "its IOD demands a value"
    found = describe(path, "LILLE")
    said = (found.acquisition.manufacturer, found.acquisition.model, found.acquisition.kernel)
    assert said == ("", "", "") and found.acquisition.body_part == ""
    assert (found.acquisition.kvp, found.acquisition.slice_thickness) == (None, None)
    assert found.date is not None and found.date.year > 2000


@pytest.mark.parametrize("raw", [b"99999999999", b"-99999999999", b"x"])
def test_an_instance_number_that_fits_no_column_reads_as_absent(tmp_path: Path, raw: bytes) -> None:
    assert described_raw(tmp_path, b"\x20\x00\x13\x00IS", raw).number is None


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda data: data[:-40], "malformed"),
        (lambda data: data[:100], "malformed"),
        (lambda data: with_raw(data, b"\x20\x00\x0d\x00UI", b"../../etc"), "malformed"),
        (lambda data: with_raw(data, b"\x20\x00\x0e\x00UI", b""), "malformed"),
        (lambda data: with_raw(data, b"\x10\x00\x20\x00LO", b"  "), "not-deidentified"),
    ],
    ids=["pixels cut", "meta cut", "study no UID", "series missing", "no pseudonym"],
)
def test_an_object_that_cannot_be_filed_is_refused_with_its_code(
    tmp_path: Path, spoil: Callable[[bytes], bytes], code: str
) -> None:
    ds = data_set()
    path = tmp_path / "bad.dcm"
    path.write_bytes(spoil(encoded(ds)))
    with pytest.raises(Permanent) as caught:
        describe(path, "LILLE")
    assert caught.value.code == code


def test_a_data_set_that_says_another_uid_than_its_meta_is_malformed(tmp_path: Path) -> None:
    data = encoded(data_set())
    place = data.rindex(b"2.25.1.1.1.1.1")
    path = tmp_path / "other.dcm"
    path.write_bytes(data[:place] + b"2.25.1.1.1.1.9" + data[place + 14 :])
    with pytest.raises(Permanent, match=r"\(0008,0018\) differs"):
        describe(path, "LILLE")


# --- recording ---------------------------------------------------------------------------------------------


def batch(described: Callable[..., Description]) -> list[Description]:
    """Two sites, three patients, series that disagree within themselves."""
    objects = [
        described(
            data_set(patient, study, series, instance, label=label, SliceThickness=thickness),
            received=f"2026-01-{10 + instance}",
        )
        for patient, study, series, instance, label, thickness in [
            (1, 1, 1, 1, "UNKNOWN", "1"),
            (1, 1, 1, 2, "CERTAIN", "2"),
            (1, 1, 1, 3, "NEGATIVE", "3"),
            (1, 1, 2, 1, "UNKNOWN", "5"),
            (1, 2, 1, 1, "POSSIBLE", "5"),
            (2, 1, 1, 1, "OTHER", "5"),
        ]
    ]
    scout = described(
        data_set(1, 1, 1, 0, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"], SliceThickness="600", PatientSex="M")
    )
    return [*objects, scout, described(data_set(1, 1, 1, 1, site="PARIS"), site="PARIS")]


def test_counts_are_exact_and_sizes_add_up(db: Database, described: Callable[..., Description]) -> None:
    descriptions = batch(described)
    assert record(db, descriptions) == 8
    counted = totals(db)
    assert {
        name: counted[name] for name in ("instances", "studies", "series", "patients", "sites", "held", "conflicts")
    } == {
        "instances": 8,
        "studies": 4,
        "series": 5,
        "patients": 3,
        "sites": 2,
        "held": 0,
        "conflicts": 0,
    }
    assert counted["bytes"] == sum(description.bytes for description in descriptions)
    study = rows(db, site="LILLE", study_uid=uid(1, 1))[0]
    assert (study["series"], study["instances"], study["received_week"]) == (2, 5, "2026-W03")
    assert received_per_site(db)[0].instances == 7


def test_repeats_in_a_batch_or_later_change_nothing(db: Database, described: Callable[..., Description]) -> None:
    descriptions = batch(described)
    record(db, descriptions)
    before = snapshot(db)
    assert record(db, descriptions) == 0
    assert record(db, descriptions[:3] + descriptions[:3]) == 0
    assert snapshot(db) == before


def test_the_rows_do_not_depend_on_the_order_of_arrival(
    database_url: str, tmp_path: Path, described: Callable[..., Description]
) -> None:
    descriptions = batch(described)
    shuffle = random.Random(5)
    seen = []
    for number in range(6):
        db = fresh_database(database_url, tmp_path, number)
        prepare(db)
        add_site(db, "LILLE", "LILLE_NODE")
        add_site(db, "PARIS", "PARIS_NODE")
        shuffle.shuffle(descriptions)
        for size in range(0, len(descriptions), 3):
            record(db, descriptions[size : size + 3])
        seen.append(snapshot(db))
        db.close()
    assert all(other == seen[0] for other in seen)
    series = next(
        row for row in seen[0]["series"] if row["SeriesInstanceUID"] == uid(1, 1, 1) and row["site"] == "LILLE"
    )
    assert (series["SliceThickness"], series["label"], series["instances"]) == (1.0, "certain", 4)


def test_a_batch_that_fails_halfway_leaves_nothing(db: Database, described: Callable[..., Description]) -> None:
    good = described(data_set())
    of_nobody = dataclasses.replace(good, place=good.place._replace(site="NOBODY"))
    with pytest.raises(Exception, match=r"(?i)foreign key"):
        record(db, [good, of_nobody])
    assert totals(db)["instances"] == totals(db)["patients"] == 0


def test_readers_see_the_old_state_while_a_batch_is_written(
    db: Database, described: Callable[..., Description], database_url: str, tmp_path: Path
) -> None:
    record(db, [described(data_set())])
    with exclusive(db):
        record(db, [described(data_set(2))])
        with connect(database_url, tmp_path) as other:
            assert totals(other)["instances"] == 1
    with connect(database_url, tmp_path) as other:
        assert totals(other)["instances"] == 2


# --- asking ------------------------------------------------------------------------------------------------


@pytest.fixture
def asked(db: Database, described: Callable[..., Description]) -> Database:
    """Four studies that differ in everything; each filter below picks out some of them."""
    objects = [
        described(data_set(1, instance=1), received="2026-01-01"),
        described(data_set(1, instance=2), received="2026-01-05"),
        described(
            data_set(
                2,
                label="NEGATIVE",
                Manufacturer="GE MEDICAL SYSTEMS",
                ManufacturerModelName="LightSpeed_VCT",
                ConvolutionKernel="LUNG",
                SliceThickness="0.625",
                StudyDate="20050601",
                PatientSex="M",
                PatientAge="090Y",
                ContrastBolusAgent="yes",
                StudyTime="1030",
                SeriesNumber=4,
            ),
            received="2026-02-01",
        ),
        described(
            data_set(
                3,
                label="UNKNOWN",
                Manufacturer="Philips",
                SliceThickness=None,
                StudyDate=None,
                BodyPartExamined="ABDOMEN",
                PatientAge="006M",
                lost=["SliceThickness", "StudyDate"],
            ),
            received="2026-03-01",
        ),
        described(
            data_set(3, 1, 2, lost=["KVP"], ConvolutionKernel="LUNG", SliceThickness="0.5", Manufacturer="Philips"),
            received="2026-03-01",
        ),
    ]
    record(db, [*objects, described(data_set(4, site="PARIS"), site="PARIS", received="2026-04-01")])
    return db


@pytest.mark.parametrize(
    ("wanted", "patients"),
    [
        ({}, "1234"),
        ({"site": "PARIS"}, "4"),
        ({"site": "NOWHERE"}, ""),
        ({"site": "lil*"}, "123"),
        ({"site": "?ARIS"}, "4"),
        ({"site": "%"}, ""),
        ({"patient": "PSEUDO0002"}, "2"),
        ({"patient": "pseudo0002"}, "2"),
        ({"patient": "PSEUDO*"}, "1234"),
        ({"patient": "*3"}, "3"),
        ({"patient": "PSEUDO?"}, ""),
        ({"patient": "PSEUDO000_"}, ""),
        ({"study_uid": uid(3, 1)}, "3"),
        ({"study_uid": f"{uid(3)}.*"}, "3"),
        ({"study_uid": f"{uid(3)}.?", "patient": "*3", "site": "*"}, "3"),
        ({"study_uid": uid(3)}, ""),
        ({"since": datetime.date(2005, 6, 1)}, "2"),
        ({"until": datetime.date(2003, 12, 31)}, "14"),
        ({"since": datetime.date(2003, 12, 31), "until": datetime.date(2005, 6, 1)}, "124"),
        ({"received_since": datetime.date(2026, 1, 26)}, "234"),
        ({"received_since": datetime.date(2026, 2, 1)}, "234"),
        ({"received_since": datetime.date(2026, 2, 2)}, "34"),
        ({"received_since": datetime.date(2026, 3, 1)}, "34"),
        ({"received_since": datetime.date(2026, 1, 26), "received_until": datetime.date(2026, 1, 26)}, "2"),
        ({"label": "certain"}, "134"),
        ({"label": "negative"}, "2"),
        ({"sex": "m"}, "2"),
        ({"sex": "?"}, "1234"),
        ({"min_age": 55}, "2"),
        ({"max_age": 1}, "3"),
        ({"modality": "ct"}, "1234"),
        ({"modality": "MR"}, ""),
        ({"body_part": "chest"}, "1234"),
        ({"body_part": "abdomen"}, "3"),
        ({"manufacturer": "siemens"}, "14"),
        ({"manufacturer": "ge*"}, "2"),
        ({"manufacturer": "GE"}, ""),
        ({"manufacturer": "*i*s"}, "1234"),
        ({"manufacturer": "%"}, ""),
        ({"model": "LightSpeed?VCT"}, "2"),
        ({"model": "Light_peed*"}, ""),
        ({"kernel": "lung"}, "23"),
        ({"kernel": "b7?f"}, "134"),
        ({"max_slice_thickness": 1.0}, "23"),
        ({"max_slice_thickness": 0.5}, "3"),
        ({"contrast": True}, "2"),
        ({"contrast": False}, "134"),
        ({"min_instances": 2}, "13"),
        ({"complete": True}, "124"),
        ({"study_uid": f"{uid(1, 1)}\\{uid(3, 1)}"}, "13"),
        ({"series_uid": uid(3, 1, 2)}, "3"),
        ({"series_number": 4}, "2"),
        ({"time_since": "103000", "time_until": "103059"}, "2"),
        ({"time_until": "235959"}, "2"),
        ({"time_since": "103001"}, ""),
        ({"name": "pseudo000?", "age": "054Y", "case_sensitive": True}, "14"),
        ({"patient": "pseudo0002", "case_sensitive": True}, ""),
        ({"patient": "PSEUDO*2", "case_sensitive": True}, "2"),
        ({"model": "lightspeed*", "case_sensitive": True}, ""),
        ({"kernel": "LUNG", "case_sensitive": True}, "23"),
        ({"kernel": "lung", "case_sensitive": True}, ""),
        ({"programme": "fid*"}, "1234"),
        ({"confined_to": "FIDAC"}, "1234"),
        ({"confined_to": "fidac"}, ""),
        ({"complete": True, "max_slice_thickness": 0.5}, ""),
        ({"kernel": "lung", "manufacturer": "philips"}, "3"),
        ({"kernel": "lung", "body_part": "abdomen"}, ""),
        ({"kernel": "lung", "label": "negative", "min_instances": 1, "max_slice_thickness": 0.7, "site": "LILLE"}, "2"),
    ],
    ids=str,
)
def test_each_filter_picks_the_studies_it_says(asked: Database, wanted: dict[str, Any], patients: str) -> None:
    assert [row["PatientID"] for row in rows(asked, **wanted)] == [f"PSEUDO000{number}" for number in patients]


@pytest.mark.parametrize(
    ("kernel", "patients"),
    [
        ("Br64d", "1"),
        ("3", "12"),
        ("br6*", "13"),
        ("b??64d", ""),
        ("?", "12"),
        ("Br64d\\3", "1"),
        ("br64?\\3", "1"),
        ("2", ""),
        ("64", ""),
        ("*64*", "13"),
        ("*", "123"),
        ("100%", "2"),
        ("100_", ""),
        ("1!00%", ""),
        ("\\", ""),
    ],
)
def test_a_kernel_of_several_values_is_found_by_each_and_by_all(
    db: Database, described: Callable[..., Description], kernel: str, patients: str
) -> None:
    """Its value is one of several, as with any attribute that has more (PS3.4 C.2.2.2.1)."""
    kernels = (["Br64d", "3"], ["100%", "3 "], "Br64f")
    record(db, [described(data_set(number, ConvolutionKernel=each)) for number, each in enumerate(kernels, 1)])
    assert [row["PatientID"] for row in rows(db, kernel=kernel)] == [f"PSEUDO000{number}" for number in patients]


@pytest.mark.parametrize(
    ("wanted", "series", "instances"),
    [
        ({}, 5, 6),
        ({"min_instances": 2}, 1, 2),
        ({"label": "certain"}, 3, 4),
        ({"max_slice_thickness": 0.7}, 2, 2),
        ({"received_since": datetime.date(2026, 1, 6)}, 5, 5),
        ({"kernel": "lung"}, 2, 2),
        ({"site": "LILLE", "manufacturer": "siemens"}, 1, 2),
    ],
    ids=str,
)
def test_series_and_instances_are_filtered_for_themselves(
    asked: Database, wanted: dict[str, Any], series: int, instances: int
) -> None:
    assert (len(rows(asked, "series", **wanted)), len(rows(asked, "instances", **wanted))) == (series, instances)


def test_a_patient_sums_up_the_studies_that_match(asked: Database) -> None:
    assert [
        (row["PatientID"], row["studies"], row["series"], row["instances"])
        for row in rows(asked, "patients", site="LILLE")
    ] == [("PSEUDO0001", 1, 1, 2), ("PSEUDO0002", 1, 1, 1), ("PSEUDO0003", 1, 2, 2)]
    assert [row["PatientID"] for row in rows(asked, "patients", kernel="lung", label="negative")] == ["PSEUDO0002"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"sop_uid": uid(1, 1, 1, 2)}, [uid(1, 1, 1, 2)]),
        ({"sop_uid": f"{uid(2, 1, 1, 1)}\\{uid(1, 1, 1, 2)}\\9.9"}, [uid(1, 1, 1, 2), uid(2, 1, 1, 1)]),
        ({"number": 2}, [uid(1, 1, 1, 2)]),
        ({"sop_class": CT, "patient": "*2"}, [uid(2, 1, 1, 1)]),
        ({"sop_class": "9.9"}, []),
    ],
    ids=str,
)
def test_an_instance_is_found_by_what_it_alone_says(asked: Database, wanted: dict[str, Any], found: list[str]) -> None:
    assert [row["SOPInstanceUID"] for row in rows(asked, "instances", **wanted)] == found


def test_a_study_lists_every_value_of_its_series(asked: Database) -> None:
    study = rows(asked, patient="PSEUDO0003")[0]
    assert study["BodyPartExamined"] == "ABDOMEN\\CHEST"
    assert (study["Modality"], study["Manufacturer"], study["ManufacturerModelName"]) == (
        "CT",
        "Philips",
        "Sensation 16",
    )
    assert (study["PatientAge"], study["StudyDate"], study["label"], study["series"]) == ("006M", None, "certain", 2)
    assert study["lost"] == "KVP\\SliceThickness\\StudyDate"


def test_a_series_names_what_any_of_its_instances_lost_whenever_that_came(
    db: Database, described: Callable[..., Description]
) -> None:
    long = [f"NobodyUnderstood{number:02d}" for number in range(40)]
    batches = [data_set(instance=1)], [data_set(instance=2, lost=["KVP"]), data_set(instance=3, lost=["KVP", *long])]
    for batch in (*batches, [data_set(instance=4, lost=["PatientAge"])], [data_set(instance=5)]):
        record(db, [described(ds) for ds in batch])
    (series,) = rows(db, "series")
    assert series["lost"].split("\\") == sorted(["KVP", "PatientAge", *long])
    assert {row["lost"] for row in rows(db, "instances")} == {series["lost"]}
    assert rows(db, "series", complete=True) == rows(db, "instances", complete=True) == []


def test_what_is_no_keyword_is_not_named_as_lost(described: Callable[..., Description]) -> None:
    assert described(data_set(lost=["KVP", "", "Mme Quenouille", "x" * 65, "\x1b[2J"])).lost == {"KVP"}


def test_a_row_says_all_under_dicom_keywords(asked: Database) -> None:
    assert rows(asked, "instances", patient="PSEUDO0002") == [
        {
            "site": "LILLE",
            "PatientID": "PSEUDO0002",
            "PatientSex": "M",
            "PatientAge": "090Y",
            "StudyInstanceUID": uid(2, 1),
            "StudyDate": "2005-06-01",
            "StudyTime": "103000",
            "programme": "FIDAC",
            "SeriesInstanceUID": uid(2, 1, 1),
            "SeriesNumber": 4,
            "Modality": "CT",
            "BodyPartExamined": "CHEST",
            "Manufacturer": "GE MEDICAL SYSTEMS",
            "ManufacturerModelName": "LightSpeed_VCT",
            "ConvolutionKernel": "LUNG",
            "KVP": 120.0,
            "SliceThickness": 0.625,
            "PixelSpacing": [0.7, 0.8],
            "Rows": 4,
            "Columns": 4,
            "contrast": True,
            "ContrastBolusAgent": "yes",
            "SOPInstanceUID": uid(2, 1, 1, 1),
            "SOPClassUID": CT,
            "TransferSyntaxUID": EXPLICIT_VR_LE,
            "InstanceNumber": 1,
            "NumberOfFrames": 1,
            "bytes": rows(asked, "series", patient="PSEUDO0002")[0]["bytes"],
            "label": "negative",
            "label_source": "called-ae",
            "lost": "",
            "profile": "fidac-chest-ct",
            "profile_digest": DIGEST,
            "received_week": "2026-W05",
        }
    ]
    for level, columns in COLUMNS.items():
        assert all(tuple(row) == columns for row in rows(asked, level))


def test_only_who_asks_for_exact_times_is_told_them(asked: Database) -> None:
    exact = [
        [shown(row) for row in find(asked, level, StudyFilter(patient="PSEUDO0002"), exact_times=True)]
        for level in LEVELS
    ]
    assert [row.pop("received_at") for (row,) in exact] == ["2026-02-01T12:00:00Z"] * len(LEVELS)
    assert exact == [rows(asked, level, patient="PSEUDO0002") for level in LEVELS]


@pytest.mark.parametrize("level", LEVELS)
def test_the_order_of_an_answer_says_nothing_of_the_order_of_filing(
    db: Database, described: Callable[..., Description], level: str
) -> None:
    objects = [
        described(data_set(patient, 1, series, instance))
        for patient in (1, 2)
        for series in (1, 2)
        for instance in (1, 2, 3)
    ]
    answers = []
    for order in (objects, objects[::-1], objects[5:] + objects[:5]):
        for model in (Instance, Series, Study, Patient):
            model.delete().execute(db)
        for description in order:
            record(db, [description])
        answers.append(rows(db, level))
    assert answers[0] == answers[1] == answers[2]


def test_a_limit_is_kept_and_pages_join_without_a_seam(asked: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = rows(asked)
    monkeypatch.setattr("fidac_node.hub.index.query._PAGE", 2)
    assert rows(asked) == everything
    assert [shown(row) for row in find(asked, "studies", StudyFilter(), 3)] == everything[:3]
    assert len(list(find(asked, "instances", StudyFilter(), 4))) == 4


@pytest.mark.parametrize(
    "wanted",
    [
        *({text: "x"} for text in ("modality", "body_part", "manufacturer", "model", "kernel", "study_uid")),
        {"site": "LILLE", "study_uid": "x"},
        {"patient": "x"},
        {"patient": "x", "case_sensitive": True},
        {"kernel": "x", "case_sensitive": True},
        {"name": "x"},
        {"study_uid": "1.2\\1.3"},
        {"study_uid": "1.2", "series_uid": "1.2.3"},
    ],
    ids=str,
)
def test_no_filter_reads_a_whole_table_where_an_index_would_do(tmp_path: Path, wanted: dict[str, Any]) -> None:
    with connect("sqlite:///index.db", tmp_path) as db:
        prepare(db)
        execute, asked = db.execute_sql, []

        def overheard(sql: str, values: Any = ()) -> Any:
            asked.append((sql, values))
            return execute(sql, values)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(db, "execute_sql", overheard)
            list(find(db, "series", StudyFilter(**wanted)))
        sql, values = next((sql, values) for sql, values in asked if sql.startswith("SELECT"))
        plan = [row[3] for row in execute(f"EXPLAIN QUERY PLAN {sql}", values).fetchall()]
    sites = "sqlite_autoindex_site_1"  # they are few
    assert not [step for step in plan if step.startswith("SCAN") and sites not in step], plan


# --- rebuilding --------------------------------------------------------------------------------------------


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "archive")


def archived(archive: Archive, tmp_path: Path, ds: Dataset, site: str = "LILLE", **place: str) -> Path:
    path = tmp_path / "object.dcm"
    path.write_bytes(encoded(ds))
    where = describe(path, site).place._replace(**place)
    archive.put_if_absent(path, where)
    path.unlink()
    return archive.path(where)


def test_the_index_is_rebuilt_from_the_archive_as_it_was(db: Database, archive: Archive, tmp_path: Path) -> None:
    paths = [
        archived(archive, tmp_path, data_set(patient, instance=instance, lost=["KVP"] if instance == 3 else []))
        for patient in (1, 2)
        for instance in (1, 2, 3)
    ]
    record(db, [describe(path, "LILLE") for path in paths])
    before = snapshot(db)
    steps: list[int] = []
    result = reindex(archive, db, steps.append)
    assert (result.indexed, result.skipped, result.unregistered, steps) == (6, [], [], [6])
    assert snapshot(db) == before
    assert site_titles(db) == {"LILLE_NODE": "LILLE", "PARIS_NODE": "PARIS"}


def test_what_is_rebuilt_from_an_archive_of_before_tells_the_week_alone(
    db: Database, archive: Archive, tmp_path: Path
) -> None:
    path = archived(archive, tmp_path, data_set(1))
    moment = datetime.datetime(2026, 2, 1, 12, tzinfo=datetime.UTC).timestamp()
    os.utime(path, (moment, moment))
    reindex(archive, db)
    assert [plain(row.received_at) for row in find(db, "studies", StudyFilter(), exact_times=True)] == [
        "2026-01-26T00:00:00Z"
    ]
    assert path.stat().st_mtime == datetime.datetime(2026, 1, 26, tzinfo=datetime.UTC).timestamp()


def test_a_row_without_a_file_goes_and_a_file_without_a_row_comes(
    db: Database, archive: Archive, tmp_path: Path
) -> None:
    archived(archive, tmp_path, data_set(1))
    stray = tmp_path / "stray.dcm"
    stray.write_bytes(encoded(data_set(2)))
    record(db, [describe(stray, "LILLE")])
    reindex(archive, db)
    assert [row["PatientID"] for row in rows(db)] == ["PSEUDO0001"]


def test_after_the_loss_of_the_database_sites_come_back_without_the_right_to_store(
    empty: Database, archive: Archive, tmp_path: Path
) -> None:
    archived(archive, tmp_path, data_set(1))
    prepare(empty)
    assert reindex(archive, empty).unregistered == ["LILLE"]
    assert totals(empty)["instances"] == 1
    assert not Registry(empty).knows("LILLE_NODE")
    assert add_site(empty, "LILLE", "LILLE_NODE")
    assert Registry(empty).knows("LILLE_NODE")


def test_what_is_wrong_in_the_archive_is_listed_and_the_rest_indexed(
    db: Database, archive: Archive, tmp_path: Path
) -> None:
    archived(archive, tmp_path, data_set(1))
    misplaced = archived(archive, tmp_path, data_set(2), study="1.2.3")
    cut = archived(archive, tmp_path, data_set(3))
    cut.write_bytes(cut.read_bytes()[:-10])
    twice = data_set(1, SeriesInstanceUID=uid(77))
    second = archived(archive, tmp_path, twice)
    result = reindex(archive, db)
    assert result.indexed == 1
    reasons = dict(result.skipped)
    assert reasons.keys() == {misplaced, cut, second}
    assert "UIDs are not those" in reasons[misplaced]
    assert "cut short" in reasons[cut]
    assert "indexed from another" in reasons[second]


def test_a_rebuild_that_fails_leaves_the_index_as_it_was(db: Database, archive: Archive, tmp_path: Path) -> None:
    path = archived(archive, tmp_path, data_set(1))
    record(db, [describe(path, "LILLE")])

    def killed(_done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reindex(archive, db, killed)
    assert totals(db)["instances"] == 1


def test_deflated_objects_are_read_within_the_limit(tmp_path: Path) -> None:
    plain = encoded(data_set(), DEFLATED_EXPLICIT_VR_LE)
    _, start = read_meta(BytesIO(plain))
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    path = tmp_path / "deflated.dcm"
    path.write_bytes(plain[:start] + deflater.compress(plain[start:]) + deflater.flush())
    assert describe(path, "LILLE").label == "certain"
    with pytest.raises(Permanent, match="inflates to more"):
        describe(path, "LILLE", limit=100)


@pytest.mark.parametrize(
    "folder",
    [
        "philips_chest_5mm",
        "siemens_chest_b70f",
        "ge_lidc0003_small",
        "covid_nysbu_slices",
        "philips_phantom_raw_header",
        "ge_chest_15_syntaxes",
    ],
)
def test_scanners_headers_are_read_as_pydicom_reads_them(shared_data: Callable[[str], Path], folder: str) -> None:
    for path in sorted(path for path in shared_data(folder).rglob("*") if path.is_file())[:16]:
        ds = dcmread(path, stop_before_pixels=True)
        with opened(path, limit=1 << 26) as (meta, header):
            description = describe_header(path, "LILLE", meta, header)
        acquisition = description.acquisition
        assert description.place == ("LILLE", ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID)
        assert (acquisition.modality, acquisition.manufacturer) == (ds.Modality, ds.Manufacturer)
        assert (acquisition.rows, acquisition.columns) == (ds.Rows, ds.Columns)
        assert [acquisition.row_spacing, acquisition.column_spacing] == list(ds.PixelSpacing)
        assert (acquisition.slice_thickness, acquisition.kvp) == (ds.get("SliceThickness"), ds.get("KVP"))
        assert acquisition.kernel == str(ds.get("ConvolutionKernel", ""))


# --- what was corrected, and who is one person ----------------------------------------------------------


def test_a_newer_version_leaves_the_rows_as_if_it_had_been_the_first(
    empty: Database, described: Callable[..., Description], database_url: str, tmp_path: Path
) -> None:
    prepare(empty)
    add_site(empty, "LILLE", "LILLE_NODE")
    older, other = described(data_set(label="CERTAIN")), described(data_set(instance=2, label="NEGATIVE"))
    newer = described(data_set(label="NEGATIVE", KVP="100", SliceThickness="1"))
    record(empty, [older, other])
    record_newer(empty, [Replacement(newer, older.place, "a" * 16)], 14.0)
    after = snapshot(empty)
    (found,) = corrections(empty, "LILLE", newer.place.study)
    assert (found.instances, found.until - found.at) == (1, datetime.timedelta(days=14))
    fresh = fresh_database(database_url, tmp_path)
    prepare(fresh)
    add_site(fresh, "LILLE", "LILLE_NODE")
    record(fresh, [newer, other])
    assert snapshot(fresh) == after
    fresh.close()


def test_pseudonyms_that_are_one_person_are_known_by_one_whoever_was_known_by_another_before(empty: Database) -> None:
    prepare(empty)
    enter(empty, "LILLE", "B", ["C"])
    enter(empty, "LILLE", "A", ["B"])
    enter(empty, "LILLE", "B", ["D"])
    enter(empty, "PARIS", "B", ["C"])
    assert [one[:3] for one in aliases(empty)] == [
        ("LILLE", "B", "A"),
        ("LILLE", "C", "A"),
        ("LILLE", "D", "A"),
        ("PARIS", "C", "B"),
    ]
