"""A code is kept because somebody published it, with the meaning that was published."""

from __future__ import annotations

import pytest
from pydicom.sr.codedict import codes

from fidac_node.deidentify.rewrite import templates
from fidac_node.deidentify.rewrite.codes import meaning_of, phrases, published_version
from fidac_node.dicom import marks


@pytest.mark.parametrize(
    ("scheme", "value", "meaning"),
    [
        ("DCM", "113701", "X-Ray Radiation Dose Report"),
        ("SCT", "39607008", "Lung"),
        ("SRT", "T-28000", "Lung"),
        ("SNM3", "T-28000", "Lung"),
        ("99SDM", "T-28000", "Lung"),
        ("UCUM", "mGy.cm", "mGy.cm"),
        ("UCUM", "[hnsf'U]", "Hounsfield unit"),
        ("LN", "24627-2", "CT Chest"),
        ("RADLEX", "RID1243", "thorax"),
        ("CCAM", "ZBQK001", "Scanographie du thorax, sans injection IV"),
        ("dcm ", "113014 ", "Study"),
    ],
)
def test_a_published_code_has_its_meaning(scheme: str, value: str, meaning: str) -> None:
    assert meaning_of(scheme, value) == meaning and meaning in phrases()


@pytest.mark.parametrize(
    ("scheme", "value"),
    [
        ("DCM", "999999"),
        ("99CHU", "113701"),
        ("CCAM", "DUPO001"),
        ("SRT", "39607008"),
        ("UCUM", "Dupont"),
        ("LN", "12345-6"),
        ("", ""),
    ],
)
def test_what_nobody_published_has_none(scheme: str, value: str) -> None:
    assert meaning_of(scheme, value) is None


def test_the_meanings_are_those_of_the_standard() -> None:
    for code in (codes.SCT.Lung, codes.SCT.Mediastinum, codes.DCM.Study, codes.UCUM.Millimeter):
        assert meaning_of(code.scheme_designator, code.value) == code.meaning
    assert all(meaning_of("DCM", code) for code in marks.METHOD_CODES)


def test_every_code_that_a_dose_report_may_hold_is_published() -> None:
    for scheme, value in {(scheme, value) for _, scheme, value in templates.DOSE_ITEMS} | {
        code for values in templates.VALUES.values() for code in values
    }:
        assert meaning_of(scheme, value)


def test_every_meaning_fits_its_attribute() -> None:
    assert all(0 < len(phrase) <= 64 and phrase.isascii() for phrase in phrases())


def test_a_version_is_published_or_it_may_be_anything() -> None:
    assert published_version("DCM", "01") and published_version("UCUM", "1.4")
    assert not published_version("DCM", "20240312") and not published_version("CCAM", "01")
