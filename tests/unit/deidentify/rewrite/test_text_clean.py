"""The text cleaner keeps words of the lists and measures; nothing else, however it is written."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.datadict import DicomDictionary

from fidac_node.deidentify.profile.programmes import profiles_directory
from fidac_node.deidentify.rewrite import text
from fidac_node.errors import ConfigError

VOCABULARY = text.read_vocabulary(
    [
        path
        for path in sorted((profiles_directory() / "vocabulary").glob("*.txt"))
        if not path.name.startswith(("common", "devices"))
    ]
)
WORDS = sorted(word for word in VOCABULARY if " " not in word)

# Surnames and first names that many people in France or England bear, those that are also words above all.
NAMES = text.words("""
abdel abdo adam albert alexandre ali alice allen alpha amand andre \
anne arnaud art aubert aubry bailly barbier baron barre basse bell
benard benoit bernard berthe bertrand best black blanc blanchard \
bonneau bonnet boucher bouvier boyer bras brown brun brunet camille canon
carina caron carpentier cave chan charles charpentier chevalier clair \
claire clark clement cohen colin collet colon constant cook cordier
coste cote courant court cousin couturier cox crane cross daniel \
david day delattre delorme denis deschamps diallo diop do droit dubois
dufour dumas dumont dupont dupuis dupuy durand duval early emma fabre \
faure fernandez fleischner fleury fontaine foot ford fort fournier
francois frank free gaillard garcia garnier gauthier gautier gay \
georges gerard germain gilbert girard glass gonzalez good grand gray
green gros guerin guillaume guillot guy hall han hand hardy hart \
hebert henri henry hilaire hilary hill ho hu hubert huet humbert hunt
iris jack jacob jacquet james jean jeanne joly jones julien kelly \
kerley king klein ko lacroix lambert lane laurent le leblanc lebrun
leclerc lecomte lefebvre lefevre leger legrand legros lemaire lemoine \
leroux leroy lesage leveque lewis li light lin long lopez louis
louise low lu lucas ly mallet manuel marc marchand marechal marie \
marin marion martin martinez mas masse mathieu max maxime mercier
meunier meyer michel miller min monnier moore moreau morel morin mou \
moulin muller nguyen nicolas noel noir nunez olivier page pain paris
parker pascal paul pelletier per perez perret perrin perrot petit \
philip philippe philips pierre poirier portal porte power prevost price
prime ray rein renard renaud rene rey rich richard riviere robert \
robin roche rocher roger rolland rosa rose ross rousseau roussel roux
roy royer sam sanchez sans sarah scott sharp short silva simon small \
smart smith sophie still stone strong tardif tessier tete thomas thor
tran vallet van vasseur vidal vincent vital vo walker wall \
ward weber white willis wise wood wright wu xi xu young yu zoe
""")
TIMES = text.words("""
aout apr april aug august avr avril dec december decembre dimanche \
feb february fev fevrier fri friday jan january janvier jeudi juillet
juin jul july jun june lundi mai mar march mardi mars may mercredi \
mon monday nov november novembre oct october octobre samedi sat
saturday sep sept september septembre sun sunday thu thursday tue tuesday vendredi wed wednesday
""")
PLACES = text.words("""
angers auch bastia bichat bordeaux bourges brest bretonneau caen \
calais cannes chartres cochin colmar contres creil crest dijon dole eu
foix gray grenoble guise lens lille lyon macon marseille mende metz \
nancy nantes necker nice nimes orange orleans paris pau poitiers
pompidou redon reims rennes rodez rouen salpetriere sens sete strasbourg \
tenon toulon toulouse tours trousseau troyes vannes vichy vienne
vitre
""")

# A stretch of digits that no letter interrupts: what a date, a telephone number or an identifier would be.
_RUN = re.compile(r"[^a-z]+")


def digits(value: str) -> list[int]:
    """How many digits there are in each stretch without a letter."""
    return [
        sum(char.isdigit() for char in run) for run in _RUN.findall(text.fold(unicodedata.normalize("NFKD", value)))
    ]


def clean(value: str) -> str:
    return text.clean(value, VOCABULARY)


identities = st.one_of(
    st.sampled_from(NAMES + TIMES + PLACES),
    st.sampled_from(
        [
            "Lefèvre",
            "GÉRAUD-DELAÎTRE",
            "D'Angelo",
            "O'Brien",
            "Le Goff",
            "M.",
            "Mme",
            "J.-P.",
            "J. D.",
            "Nguyễn",
            "王小东",
            "Иванов",
        ]
    ),
    st.dates().map(lambda day: f"{day:%d/%m/%Y}"),
    st.dates().map(lambda day: f"{day:%Y%m%d}"),
    st.dates().map(lambda day: f"{day:%d %m %Y}"),
    st.dates().map(lambda day: f"{day.day} mars {day.year}"),
    st.integers(0, 99999999).map(lambda number: f"06 {number:08d}"),
    st.lists(st.integers(0, 99), min_size=4, max_size=5).map(
        lambda pairs: "0" + " ".join(f"{pair:02d}" for pair in pairs)
    ),
    st.lists(st.integers(0, 99), min_size=4, max_size=5).map(lambda pairs: ".".join(f"{pair:02d}" for pair in pairs)),
    st.integers(1000, 10**15).map(str),
    st.from_regex(r"[A-Z]{2}[0-9]{6,9}", fullmatch=True),
    st.from_regex(r"[a-z]{3,8}\.(lung|thorax|petit)@(chest|chu)-[a-z]{3}\.fr", fullmatch=True),
    st.integers(1, 99).map(lambda number: f"{number} rue du Thorax"),
    st.integers(10000, 97999).map(lambda code: f"{code} TOURS"),
    st.integers(0, 120).map(lambda age: f"{age} ans"),
    st.just("1.2.840.113619.2.55.3"),
)
harmless = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(["5mm", "1.25 mm", "120kV", "B70f", "Br40d\\3", "C-", "LUNG", "Médiastin", "C.A.P.", "1.0"]),
)
separators = st.sampled_from(
    [" ", "  ", "_", "-", "/", "+", ".", ", ", " (", ") ", "\r\n", "\t", "^", "\u00a0", "\\", "\x1b", ";"]
)
letters = st.text(
    st.sampled_from("cCiIvVwWoOxX+-/.,' _0123456789mMsSlLuUnNgG%@éÉ\u0301\u200b\uff11\u2019"), max_size=24
)


@st.composite
def mixtures(draw: st.DrawFn) -> str:
    """Words of the lists and identities, in any order, joined in any way."""
    parts = draw(st.lists(st.one_of(harmless, identities), min_size=1, max_size=7))
    return "".join(part + draw(separators) for part in parts)


anything = st.one_of(mixtures(), letters, st.text(max_size=60))


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("CT CHEST PULMONARY ANGIO WITH IV CON", "CT CHEST PULMONARY ANGIO WITH IV CON"),
        (
            "Scanner thoracique sans injection de produit de contraste",
            "Scanner thoracique sans injection de produit de contraste",
        ),
        ("ThoraxRoutine  8.0.0  B70f", "ThoraxRoutine B70f"),
        ("THORAX 1.0 B70F SANS INJ", "THORAX 1.0 B70F SANS INJ"),
        ("5.1 ROUTINE CHEST NON CONTRAST LOW DOSE", "5.1 ROUTINE CHEST NON CONTRAST LOW DOSE"),
        ("THORAX_SANS_IV low-dose C.A.P. T1/T2", "THORAX_SANS_IV low-dose C.A.P. T1/T2"),
        ("Chest HCT 5mm  -C", "Chest 5mm -C"),
        ("TAP C+/C- 1.25x0.8 Lung3mm", "TAP C+/C- 1.25x0.8 Lung3mm"),
        ("TDM (XENETIX 350) COVID-19, basse dose", "TDM (XENETIX 350) COVID-19, basse dose"),
        ("CT chest w/o contrast", "CT chest w/o contrast"),
        ("Angioscanner de l'aorte, l\u2019épaule", "Angioscanner de l'aorte, l\u2019épaule"),
        ("Médiastin ME\u0301DIASTIN", "Médiastin ME\u0301DIASTIN"),
        ("\uff34\uff28\uff2f\uff32\uff21\uff38", "\uff34\uff28\uff2f\uff32\uff21\uff38"),
        ("120 kV 50 mAs 75%", "120 kV 50 mAs 75%"),
        ("Thorax 1.25mm 120kV 80ml Br40d 3mm", "Thorax 1.25mm 120kV 80ml Br40d 3mm"),
        ("0.625mm 0 mm thorax Br40d B70f", "0.625mm 0 mm thorax Br40d B70f"),
        ("CHEST_TO_PELVIS TORAX", "CHEST_TO_PELVIS TORAX"),
        ("Lung 1.0 I70f 3", "Lung 1.0 I70f 3"),
        ("OMNIPAQUE 350 80ML thorax", "OMNIPAQUE 350 80ML thorax"),
        ("Contrôle à 3 mois", "Contrôle à 3 mois"),
        ("Crâne et thorax", "Crâne et thorax"),
        ("Hélice 2 portal, poumon droit", "Hélice 2 portal, poumon droit"),
        ("Post-op J+7, R/O EP", "Post-op J+7, R/O EP"),
        ("débit 4 ml/s, 512 x 512", "débit 4 ml/s, 512 x 512"),
    ],
)
def test_what_describes_an_image_stays_as_it_is_written(value: str, kept: str) -> None:
    assert clean(value) == kept


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("Thorax de QUENOUILLE", "Thorax de"),
        ("Mme Quenouille, née le 14/07/1961", ""),
        ("thorax 17 03 2020", "thorax"),
        ("thorax 17 X 03 Y 20", "thorax"),
        ("lung 06 39 98 12 47 lung", "lung lung"),
        ("lung 06.39.98.12.47", "lung"),
        ("lung 12-34-56", "lung"),
        ("Thorax 95 ans", "Thorax"),
        ("chambre 5 thorax", "thorax"),
        ("J.D. thorax J. C-", "thorax C-"),
        ("J.C- thorax", "thorax"),
        ("M. BASSE basse dose", "basse dose"),
        ("lung 1 2 3 chest", "lung chest"),
        ("lung 1 chest 2", "lung chest"),
        ("lung.thorax@chest.fr lung", "lung"),
        ("https://lung/chest lung", "lung"),
        ("12 Mas Jean thorax", "thorax"),
        ("ThoraxDupont LungPetit thorax", "thorax"),
        ("Br40 120kV", "Br40"),
        ("\uff11\uff12\uff13\uff14\uff15 thorax \u0661\u0662\u0663", "thorax"),
        ("tho\u200brax lung", "lung"),
        ("l\u0336ung lung", "lung"),
        ("l\u057dng", ""),
        ("06 mm 39 mm 98 mm 12 mm 47 mm", ""),
        ("19 mm 61 mm 07 mm 14 mm", ""),
        ("19mm 61cm 7mm thorax", "thorax"),
        ("Lung19mm lung61mm LUNG7mm 120kV", "120kV"),
        ("b80a b03a b41a b27a b65a", ""),
        ("Br19 hr61 b07a thorax", "thorax"),
        ("thorax 06mm", "thorax"),
        ("to the thorax", "the thorax"),
        ("Dr Poumon thorax", "thorax"),
        ("M. de la Plèvre thorax", "thorax"),
        ("thorax Mme Coeur", "thorax"),
        ("thorax CRANE 5mm", "thorax 5mm"),
        ("Lit 3 thorax", "Lit thorax"),
        ("le 3 du 4 thorax", "thorax"),
        ("A. thorax", "thorax"),
        ("recon 1 recon 9 recon 6 recon 1", "recon recon recon recon"),
        ("J1 M4 S6 A1 19", ""),
        ("tho\u200brax tho\u00adrax lung", "lung"),
        ("5", ""),
        ("---", ""),
        ("", ""),
    ],
)
def test_what_does_not_is_dropped(value: str, kept: str) -> None:
    assert clean(value) == kept


@pytest.mark.parametrize("name", [*NAMES, *TIMES, *PLACES])
def test_no_name_month_day_or_town_is_on_the_lists(name: str) -> None:
    assert name not in VOCABULARY and clean(f"bronchus {name.upper()} 5mm") == "bronchus 5mm"


@given(mixtures())
def test_of_identities_among_words_only_words_and_measures_are_left(value: str) -> None:
    pairs = {half for word in VOCABULARY if " " in word for half in word.split()}
    for token in re.findall(r"[^\W\d_]{2,}", text.fold(clean(value).replace("'", " ").replace("\u2019", " "))):
        assert token in VOCABULARY or token in pairs or token in {"mm", "kv", "br", "mas", "cap"}


@given(anything)
def test_no_five_digits_are_left_without_a_letter_between_them(value: str) -> None:
    assert max(digits(clean(value)), default=0) <= 4


@given(
    st.lists(
        st.one_of(
            st.integers(0, 9).map(str),
            st.integers(0, 9999).map(str),
            st.sampled_from(["06", "17/03", "1.2", "5mm", "lung", "T12", "Br40", "75%"]),
        ),
        max_size=9,
    ),
    separators,
)
def test_numbers_in_pieces_are_never_put_together(parts: list[str], separator: str) -> None:
    cleaned = clean(separator.join(parts))
    assert max(digits(cleaned), default=0) <= 4
    assert len(re.findall(r"(?<![\w.])[0-9.]+(?![\w.%])", cleaned)) <= 1


@given(anything)
def test_cleaning_twice_is_cleaning_once_and_never_makes_longer(value: str) -> None:
    cleaned = clean(value)
    assert clean(cleaned) == cleaned
    assert len(cleaned) <= len(value)


@given(anything)
def test_every_token_that_is_left_was_in_the_text(value: str) -> None:
    there = re.findall(r"[^\W_]+", value)
    for token in re.findall(r"[^\W_]+", clean(value)):
        assert token in there


@given(anything)
def test_what_is_left_is_one_line_of_letters_digits_and_common_signs(value: str) -> None:
    cleaned = clean(value)
    assert re.fullmatch(r"(?:[^\W]|[\u0300-\u036f]|[ %/+.,:&()'\u2019-])*", cleaned)
    assert not cleaned or any(char.isalpha() for char in cleaned)
    assert cleaned == " ".join(cleaned.split())


@given(st.sampled_from(WORDS), st.sampled_from(NAMES), st.sampled_from(NAMES))
def test_who_is_named_does_not_change_what_is_left(word: str, one: str, other: str) -> None:
    assert clean(f"{word} M. {one} 1961 {word}") == clean(f"{word} M. {other.upper()} 1974 {word}")


@given(anything)
def test_a_text_is_listed_if_cleaning_drops_nothing(value: str) -> None:
    if text.is_listed(value, VOCABULARY) and clean(value):
        assert re.findall(r"[^\W_]+", clean(value)) == re.findall(r"[^\W_]+", value)


@pytest.mark.parametrize(
    ("value", "listed"),
    [("HU", True), ("12", True), ("XI", True), ("thorax Hu", False), ("06 39 98 12 47", False), ("LUNG 5mm", True)],
)
def test_terms_of_the_standard_are_listed_as_whole_values_only(value: str, listed: bool) -> None:
    assert text.is_listed(value, VOCABULARY) is listed


@pytest.mark.parametrize(
    "label", ["Stack ID", "In-Stack Position Number", "Temporal Position Index", "Image Position (Patient)", "StackID"]
)
def test_a_dimension_is_called_by_the_name_of_its_attribute_and_by_no_other(label: str) -> None:
    assert text.is_listed(label, VOCABULARY)
    assert not text.is_listed(f"{label} Dupont", VOCABULARY)


def test_the_names_of_dimensions_are_those_of_the_standard() -> None:
    assert {keyword.lower() for _, _, _, _, keyword in DicomDictionary.values()} >= text._DIMENSIONS


def test_long_texts_are_cleaned_in_linear_time() -> None:
    for unit in (
        "thorax Dupont 17/03/2020 ",
        "1.",
        "a.",
        "1",
        "C-",
        "w/",
        "@",
        "d'",
        "é\u0301",
        "5 ",
        "5mm ",
        "m. ",
        "5 x ",
    ):
        assert len(clean(unit * 40_000)) <= 40_000 * len(unit)


def test_a_list_has_words_and_pairs_and_names_what_is_neither(tmp_path: Path) -> None:
    path = tmp_path / "own.txt"
    path.write_text("Rétrocœur basse_dose # both or neither\niomeron_400\n", encoding="utf-8")
    assert text.read_vocabulary([path]) == {"retrocoeur", "basse dose", "iomeron 400"}
    for wrong in ("lung\n12", "lung\ndupont,", "lung\na_b_c", "lung\n_", "lung\n2020_lung"):
        path.write_text(wrong, encoding="utf-8")
        with pytest.raises(ConfigError, match=r"own\.txt:2: .* is no word"):
            text.read_vocabulary([path])


def test_the_lists_hold_no_single_letter_and_no_word_twice() -> None:
    files = [
        path
        for path in sorted((profiles_directory() / "vocabulary").glob("*.txt"))
        if not path.name.startswith(("common", "devices"))
    ]
    entries = [
        entry
        for path in files
        for line in path.read_text(encoding="utf-8").splitlines()
        for entry in line.partition("#")[0].split()
    ]
    assert len(entries) == len(set(entries)) and len(entries) > 2000
    assert all(len(entry) > 1 and entry == text.fold(entry) for entry in entries)
    assert all(pair.split()[0] in VOCABULARY for pair in VOCABULARY if pair[-1].isdigit() and " " in pair)
