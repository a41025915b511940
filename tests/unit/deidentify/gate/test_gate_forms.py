"""Every form in which an identity may hide in an output, one by one, without the engine."""

from __future__ import annotations

import struct
import unicodedata

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fidac_node.dicom.uids import EXPLICIT_VR_LE
from fidac_node.errors import Permanent
from tests.unit.deidentify.gate_objects import (
    HARMLESS,
    NEW_UID,
    OLD_UID,
    OTHER_UID,
    PSEUDONYM,
    SYNTAXES,
    WRITTEN,
    Case,
    case,
    element,
)

DESCRIPTION = 0x0008103E
LUT_DATA = 0x00283006
TEXTS = [
    (0x0008103E, "LO"),
    (0x00181210, "SH"),
    (0x00204000, "LT"),
    (0x0040A160, "UT"),
    (0x00082111, "ST"),
    (0x00189371, "UC"),
]
CASE = case()


def leaks(asked: Case, match: str = "leak|left in the output|cannot be checked") -> str:
    with pytest.raises(Permanent, match=match) as caught:
        asked.check()
    assert caught.value.code == "leak"
    return str(caught.value)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_an_honest_output_passes_in_every_encoding(syntax: str) -> None:
    case(syntax).check()


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("depth", [0, 1, 3])
@pytest.mark.parametrize(
    "codec", ["utf-8", "latin-1", "cp1252", "cp850", "mac_roman", "utf-16", "utf-16-le", "utf-16-be", "utf-7"]
)
@pytest.mark.parametrize("name", ["QUENOUILLE", "Zéphyrine", "zephyrine"])
def test_a_name_is_found_in_text_of_any_character_set(syntax: str, depth: int, codec: str, name: str) -> None:
    message = leaks(case(syntax).left(DESCRIPTION, "LO", f"vu {name}.".encode(codec), depth))
    assert "SeriesDescription" in message and "ZEPH" not in message.upper() and "QUEN" not in message


@pytest.mark.parametrize("vr", ["OB", "OW", "US"])
@pytest.mark.parametrize("codec", ["utf-8", "latin-1", "cp1252", "cp850", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", ["QUENOUILLE", "Zéphyrine", "zephyrine", "ZÉPHYRINE"])
@pytest.mark.parametrize("offset", [0, 1, 4, 7])
def test_a_name_is_found_in_bytes_of_any_character_set(vr: str, codec: str, name: str, offset: int) -> None:
    value = bytes(range(1, 1 + offset)) + name.encode(codec) + b"\x90\x01\xff\xfe"
    leaks(CASE.left(LUT_DATA, "OW" if vr == "OB" else vr, value + b"\0" * (len(value) % 2)), "PatientName is left")


def test_a_name_is_found_in_floating_point_numbers() -> None:
    leaks(CASE.left(0x00189318, "FD", b"QUENOUILLE\0\0\0\0\0\0"), "PatientName is left")
    CASE.left(0x00189318, "FD", struct.pack("<3d", 0.3, -1.7, 4e9)).check()


def _wide(text: str) -> str:
    return "".join(chr(ord(char) + 0xFEE0) for char in text)


@pytest.mark.parametrize(
    "text",
    [
        unicodedata.normalize("NFD", "Zéphyrine"),
        _wide("QUENOUILLE"),
        "Q.U.E.N.O.U.I.L.L.E",
        "Q U E N O U I L L E",
        "QUENOU\u200bILLE",
        "QUENOU\u00adILLE",
        "QUE-NOUILLE",
        "xQUENOUILLEx1",
        "quenouille_zephyrine",
        "ZÃ©phyrine",
        "Zephyrine\\QUENOUILLE",
        "QUEN\\OUILLE",
        _wide("ZEPHYRINE"),
    ],
)
def test_a_name_is_found_however_its_letters_are_spelled(text: str) -> None:
    leaks(CASE.left(DESCRIPTION, "LO", text.encode()), "PatientName is left")


@pytest.mark.parametrize("text", ["QUEN\x1b(BOUILLE", "QUENOUI\0LLE", "THORAX\x1b", "QUEN\x07OUILLE", "QUEN\x7fOUILLE"])
def test_no_escape_sequence_and_no_control_character_passes_in_text(text: str) -> None:
    leaks(CASE.left(DESCRIPTION, "LO", text.encode()), "control character")


@pytest.mark.parametrize("value", [b"\xe9", b"\xff\xfeT\0H\0", "東京".encode("shift_jis"), b"\xc3", b"\xa4\xa4"])
def test_text_that_is_not_utf_8_does_not_pass(value: bytes) -> None:
    leaks(CASE.left(DESCRIPTION, "LO", value), "not UTF-8")


@pytest.mark.parametrize(
    "text", ["8003412765", "IPP 8003412765", "ipp-8003.412.765", "IPP80034\\12765", "XIPP8003412765", "n°8 003 412 765"]
)
def test_an_identifier_is_found_with_any_separators_and_without_its_letters(text: str) -> None:
    leaks(CASE.left(DESCRIPTION, "LO", text.encode()), "PatientID is left")


@pytest.mark.parametrize(("vr", "tag"), [("DS", 0x00180050), ("IS", 0x00181152)])
@pytest.mark.parametrize("value", [b"8003412765", b"+8003412765", b"08003412765 ", b"1\\8003412765", b"80034\\12765"])
def test_an_identifier_is_found_as_a_number(vr: str, tag: int, value: bytes) -> None:
    leaks(CASE.left(tag, vr, value), "left in the output")


@pytest.mark.parametrize("value", [b"8003412765.0", b"80034.12765", b"800.34\\-12.765\\0"])
def test_an_identifier_is_found_in_decimal_numbers(value: bytes) -> None:
    leaks(CASE.left(0x00200032, "DS", value), "left in the output")


@pytest.mark.parametrize(
    ("tag", "vr", "value"),
    [
        (0x00180050, "DS", b"1.2 mm"), (0x00200013, "IS", b"7a"), (0x00101010, "AS", b"061ans"),
        (0x00080021, "DA", b"17/03/2021"), (0x00080021, "DA", b"20210317-20210318"), (0x00080031, "TM", b"102413 QUEN"),
        (0x0008002A, "DT", b"2021 QUEN"), (0x00080031, "TM", b"06399812470639"),
        (0x0008002A, "DT", b"20210317102413.1234567890"), (0x00080021, "DA", b"06399812"),
    ],
)  # fmt: skip
def test_a_numeric_value_that_its_vr_does_not_allow_does_not_pass(tag: int, vr: str, value: bytes) -> None:
    leaks(CASE.left(tag, vr, value), "does not allow")


@pytest.mark.parametrize(
    "text",
    [
        "19610714", "14/07/1961", "1961-07-14", "14.07.61", "14 07 1961", "14/7/1961", "14 juillet 1961", "14 JUL 61",
        "14-juil.-1961", "July 14, 1961", "July 14th 1961", "1961 July 14", "née le 14071961", "07/14/1961", "610714",
    ],
)  # fmt: skip
def test_a_date_of_birth_is_found_as_people_and_machines_write_it(text: str) -> None:
    leaks(CASE.left(DESCRIPTION, "LO", text.encode()), "PatientBirthDate is left")


def test_the_original_date_of_the_study_is_found_in_text() -> None:
    leaks(CASE.left(DESCRIPTION, "LO", b"THORAX 17/03/2024"), "StudyDate is left")
    leaks(CASE.left(DESCRIPTION, "LO", b"le 17 mars 2024"), "StudyDate is left")
    CASE.left(DESCRIPTION, "LO", b"THORAX 05/07/2021").check()


@pytest.mark.parametrize(
    "spelling",
    ["0639981247", "06 39 98 12 47", "06.39.98.12.47", "+33 6 39 98 12 47", "0033639981247", "(0)6-39-98-12-47"],
)
@pytest.mark.parametrize("said", [b"06 39 98 12 47", b"+33639981247", b"02 47 11 22 33 / 0639981247 (bureau)"])
def test_a_telephone_number_is_found_however_it_is_grouped(spelling: str, said: bytes) -> None:
    asked = CASE.told((0x00102154, "SH", said))
    leaks(asked.left(DESCRIPTION, "LO", f"tel {spelling}".encode()), "PatientTelephoneNumbers is left")


@pytest.mark.parametrize(
    "text",
    [OLD_UID, f"uid={OLD_UID};", f"v{OLD_UID}.1", OLD_UID.replace(".", "_"), OLD_UID[:24], f"http://pacs/{OLD_UID}/x"],
)
@pytest.mark.parametrize(("tag", "vr"), TEXTS[:4])
def test_an_original_uid_is_found_in_text(tag: int, vr: str, text: str) -> None:
    leaks(CASE.left(tag, vr, text.encode()), "an original UID")


@pytest.mark.parametrize(
    "uid", [OLD_UID, "1.2.3.4", "2.25.8003412765", f"{NEW_UID}\\{OLD_UID}", "1.2.840.10008.5.1.20240317102413"]
)
def test_a_uid_that_is_neither_new_nor_the_standards_does_not_pass(uid: str) -> None:
    leaks(CASE.left(0x00200052, "UI", uid.encode()), "an original UID")


def test_a_uid_of_the_input_is_found_although_it_looks_new() -> None:
    leaks(
        CASE.told((0x00081155, "UI", OTHER_UID.encode())).left(0x00200052, "UI", OTHER_UID.encode()), "an original UID"
    )
    CASE.left(0x00200052, "UI", OTHER_UID.encode()).check()


def test_a_number_is_found_in_the_digits_of_a_uid() -> None:
    asked = CASE.told((0x00101000, "LO", b"261079912345643"))
    leaks(asked.left(0x00200052, "UI", b"2.25.99999999992610799123456437777777777"), "an identifying number")
    leaks(CASE.left(0x00200052, "UI", b"1.2.840.10008.8003.4127.65"), "an original UID")


@pytest.mark.parametrize(
    "name", ["Yamada^Tarou=山田^太郎=やまだ^たろう", "Wang^XiaoDong=王^小东", "=김희중", "Иванов^Пётр"]
)
def test_every_group_of_a_name_is_found_in_its_script(name: str) -> None:
    asked = CASE.told((0x00100010, "PN", name.encode()))
    for group in name.split("="):
        for word in [word for word in group.split("^") if len(word) > 1]:
            leaks(asked.left(DESCRIPTION, "LO", f"vu {word}".encode()), "PatientName is left")
            if not word.isascii():  # four letters of ours are too few among bytes
                leaks(
                    asked.left(LUT_DATA, "OW", b"\1\2" + word.upper().encode("utf-8").ljust(32, b"\3")),
                    "PatientName is left",
                )
    family = name.rpartition("=")[2].split("^")
    leaks(asked.left(DESCRIPTION, "LO", " ".join(reversed(family)).encode()), "PatientName is left")


@pytest.mark.parametrize(
    ("declared", "codec"),
    [
        ("ISO_IR 100", "latin-1"),
        ("ISO_IR 192", "utf-8"),
        ("", "latin-1"),
        ("", "cp1252"),
        ("ISO_IR 6", "utf-8"),
        ("ISO_IR 101", "iso8859_2"),
    ],
)
def test_a_name_of_the_input_is_understood_in_the_character_set_it_was_meant_in(declared: str, codec: str) -> None:
    told = ((0x00080005, "CS", declared.encode()), (0x00080090, "PN", "GÉRAUD^Benoît".encode(codec, "replace")))
    asked = CASE.told(*told)
    leaks(asked.left(DESCRIPTION, "LO", "GÉRAUD".encode()), "is left in the output")
    leaks(asked.left(DESCRIPTION, "LO", b"geraud"), "is left in the output")


def test_a_name_behind_escape_sequences_is_understood() -> None:
    told = (
        (0x00080005, "CS", b"\\ISO 2022 IR 87"),
        (0x00100010, "PN", "Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B".encode("ascii")),
    )
    leaks(CASE.told(*told).left(DESCRIPTION, "LO", "山田".encode()), "PatientName is left")


@pytest.mark.parametrize("text", ["LI NA", "na^li", "Na, Li", "LINA", "nali"])
def test_short_names_are_found_together_in_either_order(text: str) -> None:
    asked = CASE.told((0x00100010, "PN", b"LI^NA"))
    leaks(asked.left(DESCRIPTION, "LO", text.encode()), "PatientName is left")


@pytest.mark.parametrize(
    ("text", "found"),
    [("Force LEE", True), ("Sleeve", False), ("XLEEX", False), ("force-lee-2", True), ("L.E.E", False)],
)
def test_a_name_of_three_letters_is_found_as_a_word_alone(text: str, found: bool) -> None:
    asked = CASE.told((0x00100010, "PN", b"LEE^A")).left(DESCRIPTION, "LO", text.encode())
    if found:
        leaks(asked, "PatientName is left")
    else:
        asked.check()


# Where an identity may stand in an input besides the patient's own attributes.
SOURCES = [
    (0x00101005, "PN", b"BEAUREGARD^Odile"), (0x00101060, "PN", b"BEAUREGARD"), (0x00102297, "PN", b"BEAUREGARD"),
    (0x00081050, "PN", b"Dr BEAUREGARD"), (0x00081070, "LO", b"BEAUREGARD"), (0x0040A123, "PN", b"BEAUREGARD"),
    (0x00080080, "LO", b"Hopital BEAUREGARD"), (0x00080081, "ST", b"12 rue BEAUREGARD"),
    (0x00081010, "SH", b"BEAUREGARD"), (0x00081040, "LO", b"BEAUREGARD"), (0x00080055, "AE", b"BEAUREGARD"),
    (0x00100021, "LO", b"BEAUREGARD"), (0x00102155, "LT", b"mailto:odile.beauregard@example.org"),
    (0x00380300, "LO", b"BEAUREGARD 12"), (0x0074100C, "LO", b"BEAUREGARD"), (0x0040E001, "ST", b"BEAUREGARD"),
    (0x00291010, "PN", b"BEAUREGARD"), (0x00400031, "UT", b"BEAUREGARD"),
]  # fmt: skip


@pytest.mark.parametrize(("tag", "vr", "value"), SOURCES)
@pytest.mark.parametrize("depth", [0, 2])
def test_what_any_identifying_attribute_of_the_input_says_is_looked_for(
    tag: int, vr: str, value: bytes, depth: int
) -> None:
    asked = Case(before=(*CASE.before, element(tag, vr, value, depth=depth)))
    leaks(asked.left(DESCRIPTION, "LO", b"THORAX Beauregard"), "is left in the output")
    asked.check()


@pytest.mark.parametrize("sequence", [0x00401101, 0x00080082, 0x0040A088, 0x00404009, 0x00404028])
def test_the_codes_of_people_and_places_are_looked_for(sequence: int) -> None:
    from fidac_node.dicom.encode import Syntax

    syntax = Syntax.of(EXPLICIT_VR_LE)
    item = (
        element(0x00080100, "SH", b"RPPS10003412765")
        + element(0x00080102, "SH", b"99X")
        + element(0x00080104, "LO", b"BEAUREGARD")
    )
    asked = Case(before=(*CASE.before, syntax.sequence(sequence, [item])))
    for text in (b"RPPS10003412765", b"10003412765", b"beauregard"):
        leaks(asked.left(DESCRIPTION, "LO", text), "is left in the output")
    left = Case(after=(*CASE.after, syntax.sequence(sequence, [element(0x00080104, "LO", b"CHEST")])))
    leaks(left, "an identifying attribute")


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_name_of_the_input_that_hides_in_unknown_bytes_as_a_sequence_is_looked_for(syntax: str) -> None:
    hidden = element(0x00081050, "PN", b"BEAUREGARD", SYNTAXES[1])
    item = struct.pack("<HHL", 0xFFFE, 0xE000, len(hidden)) + hidden
    asked = case(syntax)
    asked = Case(before=(*asked.before, element(0x00291020, "UN", item, syntax)), after=asked.after, syntax=syntax)
    if syntax != SYNTAXES[2]:
        leaks(asked.left(DESCRIPTION, "LO", b"beauregard"), "is left in the output")
    asked.check()


def test_an_identity_too_long_to_be_looked_for_holds_the_object() -> None:
    syntax = SYNTAXES[1]
    asked = case(syntax).told((0x00081050, "PN", b"BEAUREGARD " * 7000))
    assert "PerformingPhysicianName of the input is longer than 64 kB" in leaks(asked, "cannot be looked for")


def test_the_sender_of_the_input_is_looked_for() -> None:
    leaks(CASE.left(DESCRIPTION, "LO", b"scanurg2", sender="SCANURG2"), r"\(0002,0016\)")
    CASE.left(DESCRIPTION, "LO", b"THORAX", sender="SIEMENS").check()


def test_identity_inside_safe_private_elements_is_found() -> None:
    private = frozenset({0x00190010, 0x00191023})
    safe = Case(
        after=(*CASE.after, element(0x00190010, "LO", b"GEMS_ACQU_01"), element(0x00191023, "DS", b"55.5")),
        private=private,
    )
    safe.check()
    for vr, value in (
        ("DS", b"8003412765"),
        ("LO", b"QUENOUILLE"),
        ("OB", b"QUENOUILLE"),
        ("UN", b"QUENOUILLE"),
        ("DS", b"QUEN"),
    ):
        leaks(Case(after=(*CASE.after, element(0x00191023, vr, value)), private=private), "left in the output")
    leaks(Case(after=(*CASE.after, element(0x00191024, "DS", b"1")), private=private), "a private attribute")
    leaks(Case(after=(*CASE.after, element(0x00191023, "DS", b"1", depth=1)), private=private), "a private attribute")


@pytest.mark.parametrize("syntax", SYNTAXES[:2])
def test_a_private_element_without_a_vr_is_searched_as_text_and_as_bytes(syntax: str) -> None:
    asked = case(syntax)
    for value in (b"QUENOUILLE", b"\1QUENOUILLE\2", b"Lea\0"):
        held = Case(
            before=(*asked.before, element(0x00101001, "PN", b"LEA", syntax)),
            after=(*asked.after, element(0x00191023, "UN", value, syntax)),
            syntax=syntax,
            private=frozenset({0x00191023}),
        )
        if value.startswith(b"Lea") and syntax == EXPLICIT_VR_LE:
            continue  # three letters in bytes that say they are no text
        leaks(held, "left in the output")


KEPT = frozenset({0x00181000, 0x00081010})


def test_what_the_profile_keeps_by_name_is_neither_looked_for_nor_refused() -> None:
    told = ((0x00181000, "LO", b"SN-64012-77"), (0x00081010, "SH", b"SCANURG2"), (0x00080055, "AE", b"SCANURG2"))
    asked = CASE.told(*told, sender="SCANURG2")
    left = asked.left(0x00181000, "LO", b"SN-64012-77", kept=KEPT)
    left.check()
    leaks(asked.left(0x00181000, "LO", b"SN-64012-77"), "an identifying attribute")
    asked.left(0x00081010, "SH", b"SCANURG2", kept=KEPT).check()
    leaks(asked.left(DESCRIPTION, "LO", b"SCANURG2", kept=KEPT), "is left in the output")


def test_a_person_is_found_in_what_the_profile_keeps_by_name() -> None:
    leaks(CASE.left(0x00081010, "SH", b"CT QUENOUILLE", kept=KEPT), "PatientName is left")
    leaks(CASE.left(0x00181000, "LO", b"8003412765", kept=KEPT), "PatientID is left")


def test_a_short_date_is_no_code() -> None:
    asked = CASE.told((0x00100030, "DA", b"19581012"))
    asked.left(0x00080100, "SH", b"121058", depth=2).check()
    leaks(asked.left(0x00080100, "SH", b"12101958", depth=2), "PatientBirthDate is left")
    leaks(asked.left(DESCRIPTION, "LO", b"121058"), "PatientBirthDate is left")


def test_a_published_phrase_is_no_name_where_a_code_means_it() -> None:
    asked = CASE.told((0x00100010, "PN", b"BACK^Odile"))
    asked.left(0x00080104, "LO", b"Filtered Back Projection", depth=1).check()
    leaks(asked.left(DESCRIPTION, "LO", b"Filtered Back Projection"), "PatientName is left")
    leaks(asked.left(0x00080104, "LO", b"Filtered Back", depth=1), "PatientName is left")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("THORAX^LUNG", "THORAX 1.0 B70F SANS INJ"), ("DR LUNG", "LUNG 1.0"), ("ANGI^X", "ANGIO THORACIQUE"),
        ("HORA^X", "ThoraxRoutine 1.25"), ("ROUT^X", "ThoraxRoutine"), ("PHILIPS^Q", "PHILIPS"),
    ],
)  # fmt: skip
def test_a_name_within_words_of_the_vocabulary_stops_nothing(name: str, text: str) -> None:
    CASE.told((0x00100010, "PN", name.encode())).left(DESCRIPTION, "LO", text.encode()).check()


@pytest.mark.parametrize(
    ("name", "text"),
    [("SANSIV^X", "SansIv"), ("SANSIV^X", "SANS IV x sansiv"), ("LUNGRI^X", "LungRi"), ("RAXR^X", "THORAXROUTINE")],
)
def test_a_name_is_not_excused_by_pieces_of_vocabulary_that_nobody_wrote(name: str, text: str) -> None:
    leaks(CASE.told((0x00100010, "PN", name.encode())).left(DESCRIPTION, "LO", text.encode()), "PatientName is left")


@pytest.mark.parametrize("value", ["0", "0000000", "000123", "120", "99999999", "12", "CT", "1234"])
def test_an_identifier_that_says_little_holds_no_measurement(value: str) -> None:
    asked = CASE.told((0x00100020, "LO", value.encode()), (0x00080050, "SH", value.encode()))
    asked.left(0x00200032, "DS", b"0\\-120.000123\\1234567.0001").check()
    asked.left(DESCRIPTION, "LO", b"CT 12.34 120 0.0").check()


def test_a_patient_who_is_called_like_a_mark_is_found_outside_of_it() -> None:
    asked = CASE.told((0x00100010, "PN", b"CERTAIN^Odile"), written=WRITTEN | {"CERTAIN"})
    asked.left(0x0F1D1001, "CS", b"CERTAIN").check()
    leaks(asked.left(DESCRIPTION, "LO", b"CERTAIN"), "PatientName is left")
    leaks(asked.left(0x00081070, "PN", b"CERTAIN"), "an identifying attribute")


def test_the_pseudonym_does_not_excuse_another_value_beside_it() -> None:
    leaks(CASE.left(0x00100020, "LO", f"{PSEUDONYM}\\42".encode()), "an identifying attribute")


ALPHABET = st.characters(whitelist_categories=("Lu", "Ll"), max_codepoint=0xFF, blacklist_characters="ªºµ")
NAMES = st.text(ALPHABET, min_size=6, max_size=14)


@settings(max_examples=150, deadline=None)
@given(
    name=NAMES,
    carrier=st.sampled_from(TEXTS),
    codec=st.sampled_from(["utf-8", "latin-1", "utf-16-le", "cp850"]),
    data=st.data(),
)
def test_any_name_is_found_in_any_text_in_any_encoding(
    name: str, carrier: tuple[int, str], codec: str, data: st.DataObject
) -> None:
    folded = unicodedata.normalize("NFKD", name.casefold())
    assume(not any(word in folded for word in {*HARMLESS, "anonymous", "contrast", "fidac"}))
    syntax = data.draw(st.sampled_from(SYNTAXES))
    spelled = data.draw(
        st.sampled_from(
            [name, name.upper(), name.lower(), unicodedata.normalize("NFD", name), f"x{name}y", f"{name}, vue"]
        )
    )
    asked = case(syntax).told((0x00100010, "PN", name.encode()))
    leaks(
        asked.left(
            *carrier,
            spelled.encode(codec, "ignore" if codec == "latin-1" else "replace"),
            depth=data.draw(st.integers(0, 2)),
        )
    )


@settings(max_examples=150, deadline=None)
@given(
    name=NAMES,
    codec=st.sampled_from(["utf-8", "latin-1", "utf-16-le", "utf-16-be"]),
    before=st.binary(max_size=9),
    after=st.binary(max_size=9),
)
def test_any_name_is_found_in_any_bytes_in_any_encoding(name: str, codec: str, before: bytes, after: bytes) -> None:
    assume(sum(char.isascii() for char in name) >= 4 and not any(word in name.casefold() for word in HARMLESS))
    value = before + name.encode(codec) + after
    asked = CASE.told((0x00100010, "PN", name.encode()))
    leaks(asked.left(LUT_DATA, "OW", value + b"\1" * (len(value) % 2)))


@settings(max_examples=150, deadline=None)
@given(
    words=st.lists(st.sampled_from(sorted(HARMLESS)), min_size=1, max_size=6),
    numbers=st.lists(st.decimals(-999, 999, places=2).map(str), max_size=3),
    name=st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=9),
    number=st.integers(0, 10**11),
)
def test_any_text_of_the_vocabulary_and_any_measurement_passes_whatever_the_patient_is_called(
    words: list[str], numbers: list[str], name: str, number: int
) -> None:
    assume(name not in words)
    asked = CASE.told((0x00100010, "PN", name.encode()), (0x00100020, "LO", str(number).encode()))
    sums = {"".join(words[start:end]) for start in range(len(words)) for end in range(start + 1, len(words) + 1)}
    if name not in sums:
        asked.left(DESCRIPTION, "LO", " ".join(words).upper().encode()).check()
    asked.left(0x00200032, "DS", "\\".join(numbers).encode()).check()
