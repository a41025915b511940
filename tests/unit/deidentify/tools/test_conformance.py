"""What dciodvfy says of an output and did not say of its input, without a word of either's values."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fidac_node.deidentify.tools import conformance
from fidac_node.dicom.part10 import Malformed
from fidac_node.dicom.uids import DEFLATED_EXPLICIT_VR_LE
from fidac_node.errors import ConfigError
from tests.unit.deidentify import build
from tests.unit.deidentify.build import ct, dataset, deidentifier, enhanced, insert, raw_element, run, traces, write

needs_dciodvfy = pytest.mark.interop("dciodvfy")
UNCLEAR = "an error that is not understood"


def stand_in(directory: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a program named dciodvfy first: what the real one rarely does must be dealt with too."""
    path = directory / "bin" / "dciodvfy"
    path.parent.mkdir()
    path.write_text(f"#!{shutil.which('sh')}\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{path.parent}{os.pathsep}{os.environ['PATH']}")


@needs_dciodvfy
def test_an_object_has_no_error_that_it_had_not(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", ct())
    assert conformance.available()
    assert conformance.new_errors(path, path) == []


@needs_dciodvfy
def test_a_new_error_is_told_by_attribute_and_rule(tmp_path: Path) -> None:
    before = write(tmp_path / "before.dcm", ct(SeriesNumber="1"))
    after = write(tmp_path / "after.dcm", ct(SliceThickness=None))
    assert conformance.new_errors(before, after) == [
        "(0018,0050) SliceThickness: Missing attribute for Type 2 Required (ImagePlane)",
        "(0020,0011) SeriesNumber: Missing attribute for Type 2 Required (GeneralSeries)",
    ]
    assert conformance.new_errors(after, before) == []


@needs_dciodvfy
def test_the_items_of_a_sequence_are_one_place(tmp_path: Path) -> None:
    before, after = enhanced(3), enhanced(3)
    for frame in after.PerFrameFunctionalGroupsSequence:
        del frame.FrameContentSequence[0].FrameReferenceDateTime
    added = conformance.new_errors(write(tmp_path / "before.dcm", before), write(tmp_path / "after.dcm", after))
    assert added == [
        (
            "(5200,9230).(0020,9111).(0018,9151) FrameReferenceDateTime: "
            "Missing attribute for Type 1C Conditional (FrameContentMacro)"
        )
    ]


@needs_dciodvfy
@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's, about the values that are wrong on purpose
def test_values_stay_behind_whatever_they_look_like(tmp_path: Path) -> None:
    hostile = ct(
        PatientSex="QUENOUILLE",
        ImageType=["QUENOUILLE", "B> - </PatientName(0010,0010)> - Zephyrine", "C"],
        StudyDate="QUENOUIL",
        ReferringPhysicianName="X\nError - Quenouille was here\nError - </Q(0010,0010,QUENOUILLE)> - 06 39 98",
        PatientBirthDate="1961-07-14 ",
        KVP=None,
        ReferencedImageSequence=[dataset(ReferencedSOPClassUID="1.2.3", PatientName="QUENOUILLE")],
    )
    path = write(tmp_path / "after.dcm", hostile)
    path.write_bytes(insert(path.read_bytes(), raw_element(0x00091010, "DS", b"QUENOUILLE")))
    path.write_bytes(insert(path.read_bytes(), raw_element(0x00090010, "LO", b"Zephyrine Quenouille")))
    found = conformance.new_errors(write(tmp_path / "before.dcm", ct()), path)
    assert "(0010,0040) PatientSex: Unrecognized enumerated value" in found
    assert "(0008,0020) StudyDate: Value invalid for this VR DA, character" in found
    assert UNCLEAR in found
    assert traces(" ".join(found).encode()) == []


@given(
    value=st.text(
        st.characters(codec="latin-1", exclude_characters="\n\r\x0b\x0c\x1c\x1d\x1e\x85"), min_size=1, max_size=40
    )
)
@example(value="/Quenouille(0010,0010)")
@example(value='Q")/Quenouille(0010,0010')
@example(value="> - Quenouille")
def test_no_value_of_an_error_line_comes_through(value: str) -> None:
    named = (
        f"Error - </PatientName(0010,0010)[1]> - Value invalid for this VR [PN] = <{value}> - Retired Person Name form"
    )
    assert conformance._class(named) == "(0010,0010) PatientName: Value invalid for this VR PN"
    private = conformance._class(f'Error - </(0009,1010,"{value}")> - Unrecognized enumerated value = <{value}>')
    assert private in ("(0009,1010): Unrecognized enumerated value", UNCLEAR) or private.endswith(
        "(0010,0010) PatientName: Unrecognized enumerated value"
    )


@needs_dciodvfy
def test_a_deflated_object_is_inflated_for_the_check(tmp_path: Path) -> None:
    before = write(tmp_path / "before.dcm", ct(), DEFLATED_EXPLICIT_VR_LE)
    after = write(tmp_path / "after.dcm", ct(KVP=None), DEFLATED_EXPLICIT_VR_LE)
    assert conformance.new_errors(before, after) == ["(0018,0060) KVP: Missing attribute for Type 2 Required (CTImage)"]


@needs_dciodvfy
@pytest.mark.parametrize("ds", [ct(), enhanced()], ids=["CT", "Enhanced CT"])
def test_de_identification_adds_no_error(tmp_path: Path, ds: build.Dataset) -> None:
    before = write(tmp_path / "before.dcm", ds)
    after = tmp_path / "after.dcm"
    after.write_bytes(run(before, deidentifier())[0])
    assert conformance.new_errors(before, after) == []


@needs_dciodvfy
@pytest.mark.parametrize(
    "study", ["siemens_chest_b70f", "philips_chest_5mm", "ge_lidc0003_small", "covid_nysbu_slices"]
)
def test_de_identification_adds_no_error_to_real_slices(
    tmp_path: Path, shared_data: Callable[[str], Path], study: str
) -> None:
    engine = deidentifier()
    for before in sorted(shared_data(study).iterdir())[:3]:
        after = tmp_path / before.name
        after.write_bytes(run(before, engine)[0])
        assert conformance.new_errors(before, after) == [], before.name


def test_what_is_no_dicom_file_is_malformed(tmp_path: Path) -> None:
    path = tmp_path / "letter.dcm"
    path.write_text("Mme Quenouille")
    with pytest.raises(Malformed):
        conformance.new_errors(path, path)


def test_without_the_program_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not conformance.available()
    with pytest.raises(ConfigError, match="apt-get install dicom3tools"):
        conformance.require()


def test_a_check_that_dies_on_the_output_alone_is_an_error_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, monkeypatch, 'case "$2" in *after*) kill -9 $$;; esac')
    before, after = write(tmp_path / "before.dcm", ct()), write(tmp_path / "after.dcm", ct())
    assert conformance.new_errors(before, after) == ["dciodvfy was ended by signal 9"]
    assert conformance.new_errors(after, after) == []


def test_a_check_that_does_not_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, monkeypatch, 'case "$2" in *after*) while :; do :; done;; esac')
    monkeypatch.setattr(conformance, "TIMEOUT_SECONDS", 0.3)
    before, after = write(tmp_path / "before.dcm", ct()), write(tmp_path / "after.dcm", ct())
    assert conformance.new_errors(before, after) == ["dciodvfy does not end within 0 s"]
