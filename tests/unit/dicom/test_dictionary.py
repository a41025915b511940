"""The table of attributes says what PS3.6 says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from pydicom.datadict import DicomDictionary, dictionary_VM, dictionary_VR, tag_for_keyword

from fidac_node.dicom import dictionary

ROOT = Path(__file__).resolve().parents[3]


def test_the_tables_of_the_standard_are_what_their_script_writes() -> None:
    done = subprocess.run(
        [sys.executable, "profiles/dictionary.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_attribute_has_the_vr_the_multiplicity_and_the_keyword_of_ps3_6() -> None:
    for tag, (vr, vm, _, _, keyword) in DicomDictionary.items():
        assert dictionary.vrs_of(tag) == tuple(one for one in vr.split(" or ") if one != "NONE")
        assert dictionary.keyword_of(tag) == keyword
        assert dictionary.most_values(tag) == (int(vm.rpartition("-")[2]) if vm.rpartition("-")[2].isdigit() else None)
        assert not keyword or dictionary.tag_of(keyword) == tag_for_keyword(keyword) == tag


@given(
    st.sampled_from([0x0020, 0x0028, 0x1000, 0x1010, 0x5002, 0x601E, 0x7F04, 0x0009, 0x6001]), st.integers(0, 0xFFFF)
)
def test_attributes_of_repeating_groups_are_found_by_their_pattern(group: int, number: int) -> None:
    tag = group << 16 | number
    try:
        known = () if group % 2 else tuple(one for one in dictionary_VR(tag).split(" or ") if len(one) == 2)
        assert not known or dictionary.most_values(tag) in (
            None,
            int("0" + dictionary_VM(tag).rpartition("-")[2].replace("n", "")),
        )
    except KeyError:
        known = ()
    assert dictionary.vrs_of(tag) == known
