"""Of what a scanner says of itself, words and shapes of makers stay, and nothing else."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fidac_node.deidentify import load_plan
from fidac_node.deidentify.devices import known

WORDS = load_plan("fidac-chest-ct").devices
SCANNERS = """
SIEMENS|Siemens Healthineers|Philips|GE MEDICAL SYSTEMS|TOSHIBA|Canon Medical Systems|Hitachi|UIH|SOMATOM Definition AS+|SOMATOM Force
NAEOTOM Alpha|Sensation 10|Ingenuity CT|iCT 256|LightSpeed16|LightSpeed VCT|HiSpeed CT/i|Optima CT660|Revolution CT|Brilliance16
Aquilion ONE|Aquilion PRIME SP|uCT 760|syngo CT 2006G|syngo CT 2012B|SOMARIS/7 syngo CT VA48A|VB20A|VA48A_02_P12|06MW03.5|07MW18.4
vct_zeta.4|sles_hde.151|V4.51ER010|V8.32ER009|3.6.6|4.1|4.5.0.30020|05|B70f|Br59d|I70f|Qr40|FC08|FC08-H|STANDARD|BONEPLUS|L|UB|YA
B_SHARP_C|BODY FILTER|LARGE BOWTIE FILTER|WEDGE_3|0|HELICAL MODE|HELICAL_CT|HELIX|Z MODULATION|XYZ_EC|3D|AIDR 3D STD
"""


@pytest.mark.parametrize("value", re.split(r"[|\n]", SCANNERS.strip()))
def test_what_makers_write_stays_as_it_is(value: str) -> None:
    assert known(value, WORDS) == value


@pytest.mark.parametrize(
    ("value", "left"),
    [
        ("SOMATOM CHU LILLE", "SOMATOM"),
        ("CHU-LILLE-4.2", ""),
        ("DUPONT", ""),
        ("Jean A", ""),
        ("A B", ""),
        ("Scanner Martin 64", ""),
        ("LightSpeed VCT salle 2", "LightSpeed VCT"),
        ("SOMATOM Définition", "SOMATOM"),
        ("0612345678", ""),
        ("06 12 34 56 78", ""),
        ("06.12.34.56.78", ""),
        ("CT061 CT234 CT567 CT8", ""),
        ("19450317", ""),
        ("17.03.1945", ""),
        ("17.03.45", ""),
        ("17/03/45", ""),
        ("1703.45", ""),
        ("SOMATOM 17 03 45", "SOMATOM"),
        ("", ""),
        ("SOMATOM " * 9, ""),
    ],
)
def test_what_a_hospital_put_beside_it_goes(value: str, left: str) -> None:
    assert known(value, WORDS) == left


_OTHERS = ("B70f", "VA48A", "4.1", "64", "A", "L", "17", "03", "1945", "Dupont", "CHU", "é", "zeta.4", "0612345678")
_PIECES = st.sampled_from([*sorted(WORDS)[::9], *_OTHERS])
_SIGNS = st.sampled_from([" ", "_", "-", "/", ".", "@", "\\", "", "  "])


@given(st.lists(st.tuples(_PIECES, _SIGNS), max_size=8).map(lambda pairs: "".join(map("".join, pairs))) | st.text(max_size=30))
def test_nothing_else_survives_and_doing_it_again_changes_nothing(text: str) -> None:
    left = known(text, WORDS)
    assert known(left, WORDS) == left and len(left) <= len(text) and left.isascii()
    assert sum(map(str.isdigit, left)) <= 9
    for token in re.findall(r"[^\W_]+", left.lower()):  # no shape has more than two letters in a row
        assert token in WORDS or set(re.findall("[a-z]{3,}", token)) <= WORDS
