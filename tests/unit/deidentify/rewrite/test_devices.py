"""Of what a scanner says of itself, words and shapes of makers stay, and nothing else."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fidac_node.deidentify import load_plan
from fidac_node.deidentify.rewrite.devices import known, known_values

WORDS = load_plan("fidac-chest-ct").devices
SCANNERS = """
SIEMENS|Siemens Healthineers|Philips|GE MEDICAL SYSTEMS|TOSHIBA|\
Canon Medical Systems|Hitachi|UIH|SOMATOM Definition AS+|SOMATOM Force
NAEOTOM Alpha|Sensation 10|Ingenuity CT|iCT 256|LightSpeed16|\
LightSpeed VCT|HiSpeed CT/i|Optima CT660|Revolution CT|Brilliance16
Aquilion ONE|Aquilion PRIME SP|uCT 760|syngo CT 2006G|syngo CT 2012B|\
SOMARIS/7 syngo CT VA48A|VB20A|VA48A_02_P12|06MW03.5|07MW18.4
vct_zeta.4|sles_hde.151|V4.51ER010|V8.32ER009|3.6.6|4.1|4.5.0.30020|\
05|B70f|Br59d|I70f|Qr40|FC08|FC08-H|STANDARD|BONEPLUS|L|UB|YA
B_SHARP_C|BODY FILTER|LARGE BOWTIE FILTER|WEDGE_3|0|HELICAL MODE|HELICAL_CT|HELIX|Z MODULATION|XYZ_EC|3D|AIDR 3D STD
revo_ct_21b.32|rev_ct_18a_bj.6|dm14wxp.14|qin.3|LightSpeedverrel|\
kl_lx.64|SL10P58|TSX-101A|TSX-305A|Spectral CT 7500|CT 5100|Gemini TF 64
Emotion 16 (2007)|MX 16-slice|SinoVision|DVOLUME_CT|NORMAL_CT|X_ACQ|\
EE|ORTHO|SURE_CARDIO|SNAPSHOT SEG|FL03|FL04|SMART MA|AUTO_MA|FIXED
"""


@pytest.mark.parametrize("value", re.split(r"[|\n]", SCANNERS.strip()))
def test_what_makers_write_stays_as_it_is(value: str) -> None:
    assert known(value, WORDS) == value
    assert known_values([value], WORDS) == [value]


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
        ("SOMATOM 17 03 2007", "SOMATOM"),
        ("Emotion 16 (2007) 17 03", "Emotion"),
        ("Emotion 16 (1961)", "Emotion"),
        ("CT salle 101A", "CT"),
        ("TSX-DUPONT", ""),
        ("MA", ""),
        ("MA SMART", "SMART"),
        ("06.12b.34", ""),
        ("LILLE 4.2", ""),
        ("syngo CT VA48A LILLE", "syngo CT VA48A"),
        ("Revolution EVO SALLE 2", "Revolution EVO"),
        ("iCT_256_CHU", "iCT"),
        ("Scanner 3", ""),
        ("Aquilion ONE Foix", "Aquilion ONE"),
        ("", ""),
        ("SOMATOM " * 9, ""),
    ],
)
def test_what_a_hospital_put_beside_it_goes(value: str, left: str) -> None:
    assert known(value, WORDS) == left


@pytest.mark.parametrize(
    ("values", "left"),
    [
        ("v19 v61 v07 v14", ""),
        ("VA19 VB61 VC07 VD14", ""),
        ("b19a|b61a|b07a|b14a", ""),
        ("SOMATOM VA19|VB61|VC07", "SOMATOM||"),
        ("19|61|07|14", ""),
        ("CT19|CT61|CT07|CT14", ""),
        ("4.5.0.30020|17", ""),
        ("CT V4.51ER010|V8.32ER009", "CT|"),
        ("I70f|3", "I70f|3"),
        ("Br40d|Br59d", "Br40d|Br59d"),
        ("HELICAL MODE|DUPONT", "HELICAL MODE|"),
        ("DUPONT|MARTIN", ""),
        ("", ""),
    ],
)
def test_all_values_together_spell_no_date_and_no_telephone_number(values: str, left: str) -> None:
    assert "|".join(known_values(values.split("|"), WORDS)) == left


@pytest.mark.parametrize(
    ("values", "names", "left"),
    [
        ("BIG SMART", "smart big", ""),
        ("SMART", "smart big", ""),
        ("BIG|SMART", "smart big", ""),
        ("SMART.3", "smart big", ""),
        ("SMART3 16", "smart big", ""),
        ("BIG SMART", "smart", "BIG SMART"),
        ("Philips Medical Systems", "philips marie", "Philips Medical Systems"),
        ("Br40d", "smart big", "Br40d"),
        ("B", "b", "B"),
    ],
)
def test_a_value_that_is_nothing_but_names_of_this_object_goes(values: str, names: str, left: str) -> None:
    assert "|".join(known_values(values.split("|"), WORDS, frozenset(names.split()))) == left


_VERSIONS = ("B70f", "VA48A", "TSX-101A", "16 (2007)", "4.1", "zeta.4")
_OTHERS = (*_VERSIONS, "64", "A", "L", "17", "03", "1945", "Dupont", "CHU", "é", "0612345678")
_PIECES = st.sampled_from([*sorted(WORDS)[::9], *_OTHERS])
_SIGNS = st.sampled_from([" ", "_", "-", "/", ".", "@", "\\", "", "  "])


@given(
    st.lists(st.tuples(_PIECES, _SIGNS), max_size=8).map(lambda pairs: "".join(map("".join, pairs)))
    | st.text(max_size=30)
)
def test_nothing_else_survives_and_doing_it_again_changes_nothing(text: str) -> None:
    left = known(text, WORDS)
    assert known(left, WORDS) == left and len(left) <= len(text) and left.isascii()
    assert sum(map(str.isdigit, left)) <= 9
    for token in re.findall(r"[^\W_]+", left.lower()):  # few shapes have more than two letters in a row
        assert token in WORDS or set(re.findall("[a-z]{3,}", token)) <= WORDS | {"qin", "tsx", "wxp"}


@given(st.lists(st.lists(_PIECES, max_size=4).map(" ".join), max_size=5))
def test_of_all_values_two_shapes_and_nine_digits_are_left_at_most_and_doing_it_again_changes_nothing(
    values: list[str],
) -> None:
    left = known_values(values, WORDS)
    assert known_values(left, WORDS) == left and len(left) in (0, len(values))
    assert sum(char.isdigit() for one in left for char in one) <= 9
    assert len(re.findall(r"[A-Za-z]+[0-9]{2}", " ".join(left))) <= 2
