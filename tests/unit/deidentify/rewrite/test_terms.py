"""Words that PS3.3 defines for a code attribute, and no others."""

from __future__ import annotations

import pytest

from fidac_node.deidentify.rewrite.ps33 import TERMS
from fidac_node.deidentify.rewrite.shapes import is_valid
from fidac_node.deidentify.rewrite.terms import terms_of
from fidac_node.dicom.dictionary import keyword_of, tag_of, vrs_of


@pytest.mark.parametrize(
    ("keyword", "terms"),
    [
        ("ImageType", "ORIGINAL DERIVED PRIMARY SECONDARY AXIAL LOCALIZER VOLUME NONE RESAMPLED VMI"),
        ("FrameType", "ORIGINAL PRIMARY VOLUME NONE MIXED"),
        ("BodyPartExamined", "CHEST CHESTABDPELVIS LUNG WHOLEBODY"),
        ("PatientPosition", "HFS FFP HFDL"),
        ("PatientOrientation", "L P R A H F LP AFR"),
        ("RotationDirection", "CW CC"),
        ("AcquisitionType", "SPIRAL SEQUENCED CONSTANT_ANGLE"),
        ("PhotometricInterpretation", "MONOCHROME1 MONOCHROME2"),
        ("SmokingStatus", "YES NO UNKNOWN"),
        ("ContextIdentifier", "7050 10013"),
    ],
)
def test_an_attribute_has_the_terms_of_the_standard(keyword: str, terms: str) -> None:
    assert set(terms.split()) <= terms_of(tag_of(keyword) or 0)


def test_an_attribute_without_terms_has_none() -> None:
    assert not terms_of(0x00100010) and not terms_of(0x00180022) and not terms_of(0x00091001)
    assert "DUPONT" not in terms_of(0x00080008)


def test_every_term_is_a_value_of_a_code_attribute() -> None:
    for tag in {int(line[:8], 16) for line in TERMS.splitlines()}:
        assert keyword_of(tag) and vrs_of(tag) == ("CS",)
        assert all(term and is_valid("CS", term) for term in terms_of(tag))
