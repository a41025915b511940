"""A reason says why, not who.

Names, numbers and dates are refused however they are typed, ordinary sentences are not.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fidac_node.errors import ConfigError
from fidac_node.identity.reasons import check_reason


@pytest.mark.parametrize("reason", ["", "   ", "why", "yearly  \n   ", "x" * 201, "the bell\x07 rings"])
def test_a_use_needs_a_reason_that_can_be_read(reason: str) -> None:
    with pytest.raises(ConfigError, match="10 to 200 characters"):
        check_reason(reason)


def test_a_reason_is_put_on_one_line() -> None:
    assert check_reason(" follow-up\n of the  study ") == "follow-up of the study"


@pytest.mark.parametrize(
    "reason",
    [
        "incident of Mme LEFEVRE",
        "lefèvre called",
        "patient 8003412765",
        "asked for hélène",
        "id 8003412765: query",
        "née Le  Bras-Lefèvre",
    ],
)
def test_a_reason_that_names_the_patient_is_refused_and_not_repeated(reason: str) -> None:
    with pytest.raises(ConfigError, match="the reason names the patient") as raised:
        check_reason(reason, ["8003412765", "Lefèvre^Hélène^^Mme", "19470301", ""])
    assert "efevre" not in str(raised.value) and "8003" not in str(raised.value)


@pytest.mark.parametrize(
    "reason",
    [
        "seen on 01.03.1947",
        "patient of 1947 03 01",
        "born 1/3/47 or so",
        "born on 1 mars 47",
        "born March 1st, 47",
        "id 80 03 41 27 65 asked",
        "80-0341-2765 was called",
    ],
)
def test_a_reason_that_writes_a_number_or_a_birth_date_otherwise_is_refused(reason: str) -> None:
    with pytest.raises(ConfigError, match="the reason names the patient"):
        check_reason(reason, ["8003412765", "19470301"])


@pytest.mark.parametrize(
    "reason",
    [
        "protocol of 12/03/1950",
        "about the id 4711 again",
        "call 03 20 44 59 62 back",
        "asked for Durand^Paul",
        "incident of Mme Durand",
        "the patient Durand called",
        "asked by M. Durand today",
        "DURAND Paul has a finding",
        "finding of Paul DURAND",
    ],
)
def test_a_reason_in_the_shape_of_a_number_a_date_or_a_name_is_refused_whoever_is_meant(reason: str) -> None:
    with pytest.raises(ConfigError, match=r"four digits or more|looks as if it named somebody") as raised:
        check_reason(reason)
    assert not any(
        word in str(raised.value)
        for word in reason.split()
        if len(word) > 3 and word not in ("about", "names", "named")
    )


@pytest.mark.parametrize(
    "reason",
    [
        "Incidental finding, asked by the clinician",
        "Asked by the Ethics Board",
        "Patient withdrew his consent",
        "COVID Study, arm 2 of 3: follow-up after 12 months",
        "demande du médecin traitant du CHU Lille",
    ],
)
def test_ordinary_sentences_are_reasons(reason: str) -> None:
    assert check_reason(reason, ["8003412765", "19470301", "Lefèvre^Hélène"]) == reason


def test_a_reason_without_an_identity_passes_beside_short_and_empty_ones() -> None:
    assert check_reason("asked by the ethics board", ["42", "A^B", "", "19470301"]) == "asked by the ethics board"


@given(st.text(alphabet="abcdéÉ123", min_size=3, max_size=12), st.text(max_size=20), st.text(max_size=20))
def test_no_reason_repeats_an_id_whatever_stands_around_it(patient_id: str, before: str, after: str) -> None:
    around = " " if patient_id.isalpha() and len(patient_id) < 5 else ""
    with pytest.raises(ConfigError):
        check_reason(f"x{before}{around}{patient_id.swapcase()}{around}{after}", [patient_id])


@pytest.mark.parametrize(
    ("reason", "identity"),
    [
        ("question about lecoeur", "LECŒUR^ANNE"),
        ("check of bjorn again", "BJØRN^K"),
        ("check of bjoern again", "BJØRN^K"),
        ("asked about mueller", "Müller^Uwe"),
        ("asked about müller", "MUELLER^UWE"),
        ("asked about kowalski", "KOWALSKI^ŁUKASZ"),
        ("asked about lukasz", "KOWALSKI^ŁUKASZ"),
        ("asked about du pont", "DUPONT^JEAN"),
        ("asked about d.u.pont", "DUPONT^JEAN"),
        ("it is d u p o n t", "DUPONT^JEAN"),
        ("question of l i  n a", "LI^NA"),
        ("question of li na", "LI^NA"),
        ("question of na-li", "LI^NA"),
        ("question of lina", "LI^NA"),
        ("question of li na", "李^娜"),
        ("the question of 李娜的", "李娜"),
        ("question of Li Na", "Li^Na=李^娜"),
        ("question about DUPON\u0422", "DUPONT^JEAN"),
        ("question about nikolay", "Николай"),
        ("question about николай", "NIKOLAY^A"),
        ("question of t h i again", "NGUYEN^THI"),
        ("question of thi again", "NGUYEN^THI"),
        ("il est ne le quatorze juillet", "19610714"),
        ("born on the fourteenth of july", "19610714"),
        ("born on july 14th", "19610714"),
        ("14 juil is the birthday", "19610714"),
        ("ne le trente et un decembre", "19611231"),
    ],
)
def test_a_reason_that_writes_a_name_or_a_date_as_it_may_be_typed_is_refused(reason: str, identity: str) -> None:
    with pytest.raises(ConfigError, match="the reason names the patient"):
        check_reason(reason, [identity])


@pytest.mark.parametrize(
    "reason",
    [
        *(
            "asked by MME DUVAL",
            "ASKED BY MARTIN",
            "asked by MARTIN",
            "asked by Martin",
            "asked by Łukasz",
            "asked by Pr Martin",
            "asked by pr martin",
        ),
        *(
            "le Professeur Martin",
            "le professeur martin",
            "called by monsieur martin",
            "asked by m. martin",
            "ask MADAME MARTIN",
        ),
        *(
            "for doctor martin",
            "Docteur MARTIN asked",
            "asked by Dr. Martin",
            "finding of P. Martin",
            "finding of J.-P. Martin",
        ),
        *("the mail of martin@chu.fr", "finding of Š. Žižek", "finding of DUPON\u0422", "finding of dupon\u0442"),
        *(
            "il est ne le quatorze juillet",
            "seen on the 3rd of March",
            "examen du 1er avril",
            "juillet 14, again",
            "le trente et un mars",
        ),
    ],
)
def test_a_title_an_initial_a_capital_an_address_or_a_day_of_a_month_names_somebody(reason: str) -> None:
    with pytest.raises(ConfigError, match=r"or a date|looks as if it named somebody"):
        check_reason(reason)


@pytest.mark.parametrize(
    "reason",
    [
        "RGPD access request of the patient",
        "The patient asked for a copy of the images",
        "incidental nodule, to be told to the treating doctor",
        "the doctor who asked needs the older examination",
        "Consent was withdrawn, the study has to be deleted",
        "Quality control of the pseudonyms by the steering committee",
        "Two patients were mixed up by the modality",
        "the hub reports a study that it cannot read",
        "Asked by the DPO of the CHU Lille",
        "Follow-up after 18 months, arm 2 of the COVID study",
        "the patient may have been included twice",
        "The SR of the series is missing, 20 ms apart",
        "It is the third object of this series that is held",
        "Demande d'accès RGPD de la personne concernée",
        "demande du médecin traitant, nodule découvert par hasard",
        "Le professeur responsable de l'étude demande le compte rendu",
        "le docteur qui suit le malade a besoin de l'examen",
        "Retrait du consentement, effacement des images demandé",
        "Il n'y a pas de compte rendu pour cet examen",
        "C.H.U. Lille : contrôle de qualité de l'anonymisation",
        "Deux dossiers ont été confondus à l'accueil",
        "Vérification avant l'inclusion dans l'étude, bras 2",
        "Identité à corriger dans le PACS, on ne le trouve pas autrement",
    ],
)
def test_an_ordinary_sentence_in_english_or_french_is_a_reason_beside_short_names(reason: str) -> None:
    assert check_reason(reason, ["IPP8003412765", "19610714", "LI^NA", "NGUYEN^THI", "OLE^PAT", "A1"]) == reason
