"""Two examinations that differ in the person alone come out byte for byte the same.

Whatever differs is a leak, listed or not.

The two are de-identified under pseudonyms that coincide, so that nothing but identity can tell them apart.
What the profile retains on purpose is the same in both: sex, age, size and weight (PS3.15 E.3.7), and the
dates of the examination (E.3.6), not those of the person.
"""

from __future__ import annotations

import io
import struct
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fidac_node.deidentify import Deidentifier, Pseudonymiser, load_plan, profiles_directory
from fidac_node.deidentify.gate.identifying import nature_of
from fidac_node.deidentify.plan import Plan
from fidac_node.deidentify.profile.ps315 import read_table
from fidac_node.deidentify.rewrite import iod
from fidac_node.dicom.marks import CODE_MODIFIED_DATES
from fidac_node.errors import Permanent
from tests import strategies as made
from tests import twins as pairs
from tests.deid_kinds.meanings import MACHINE as MACHINES
from tests.deid_kinds.values import NEEDED
from tests.deid_slices import tag_of
from tests.strategies import Elem, elem
from tests.twins import Person, Slot, Twins, about, always, mixed, nest, repeated, twins_of
from tests.unit.deidentify import build

pytestmark = pytest.mark.thorough

PLAN = load_plan("fidac-chest-ct")
BASIC = load_plan("basic-only")
# What the profile retains of the person, and what the images of a study are sorted by.
RETAINED = {0x00100040, 0x00101010, 0x00101020, 0x00101030}
# Marks of an earlier de-identification stay.
MARKS = {0x00120062, 0x00120063, 0x00120064}
# What a machine says of itself is kept by name; whether a name stands in it, only the gate can tell.
MACHINE = {
    tag
    for tag, action in PLAN.tags.items()
    if action in ("keep", "listed", "contrast", "utf8", "dummy") and tag in made.KNOWN
}
# An item with one of these is a code, and stays or goes as a whole.
CODES = {0x00080100, 0x00080102, 0x00080104, 0x00080119, 0x00080120}
# Stands beside the places for identity in every item, so that the item stays.
ANCHOR = b"77.125"
FREE = ("AE", "LO", "LT", "OB", "OD", "OF", "OL", "OV", "OW", "PN", "SH", "ST", "UC", "UI", "UN", "UR", "UT")


def _rows() -> dict[int, str]:
    """The attributes that Table E.1-1 calls identity and this programme does not retain, with their VR."""
    rows = {row.tag: row for row in read_table(profiles_directory()) if row.tag in made.KNOWN}
    dates = {tag for tag, row in rows.items() if CODE_MODIFIED_DATES in row.options}
    return {tag: made.KNOWN[tag] for tag in rows if tag and tag not in dates | RETAINED | MARKS}


TABLE = _rows()
# Attributes outside of the table whose VR can hold anything.
UNLISTED = {
    tag: vr for tag, vr in made.KNOWN.items() if vr in FREE and tag not in {*TABLE, *MACHINE, *CODES, *RETAINED, *MARKS}
}
SUBJECTS = sorted(TABLE) + sorted(UNLISTED)
# Sequences that are entered.
ENTERED = sorted(
    tag
    for tag, vr in made.KNOWN.items()
    if vr == "SQ" and tag not in TABLE and PLAN.action(tag, "SQ") == "keep" and tag not in MARKS
)


# Their items stand for frames: how many there are is no identity.
FRAMES = (0x52009229, 0x52009230)


class Coinciding(Pseudonymiser):
    """Gives both people of a pair the pseudonyms of the first."""

    def __init__(self, twins: Twins) -> None:
        super().__init__(build.KEY, "FIDAC", "S1")
        self._same = twins.same

    def of(self, issuer: str, patient_id: str) -> Coinciding:
        return self

    def uid(self, old: str) -> str:
        return super().uid(self._same(old.strip(" \0")))

    def patient(self, issuer: str, patient_id: str) -> str:
        return "S1-AAAAAAAAAAAAAAAA"

    def shift_days(self, issuer: str, patient_id: str) -> int:
        return -100


def outcome(twins: Twins, file: bytes, plan: Plan = PLAN) -> tuple[bytes, str]:
    """The output and, if the object is held, the code of the reason instead."""
    engine = Deidentifier(plan, Coinciding(twins), "S1", "FIDAC")
    target = io.BytesIO()
    try:
        engine.deidentify(
            engine.sources.read(file, build.LIMIT), target, label="certain", label_source="called-ae", limit=build.LIMIT
        )
    except Permanent as error:
        print(error)  # it names no value; shown when a test fails
        return b"", error.code
    return target.getvalue(), ""


def difference(one: bytes, other: bytes) -> str:
    """Where two outputs part, for whoever reads a failure."""
    at = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return (
        f"{len(one)} and {len(other)} bytes, at {at}: "
        f"{one[max(0, at - 24) : at + 40]!r} and {other[max(0, at - 24) : at + 40]!r}"
    )


def compare(twins: Twins, plan: Plan = PLAN) -> str:
    """``delivered`` or ``held`` for both, or ``one held``. Fails on any difference."""
    (one, held_one), (other, held_other) = (outcome(twins, file, plan) for file in (twins.first, twins.second))
    if held_one or held_other:
        return "held" if held_one == held_other else "one held"
    assert one == other, difference(one, other)
    assert twins.first.count(ANCHOR) == one.count(ANCHOR), "an item was dropped: whatever was in it proves nothing"
    return "delivered"


def person(**values: Any) -> Person:
    """A person of whom nothing is drawn by chance."""
    first: dict[str, Any] = {
        "charset": pairs.CHARSETS[2], "names": ("QUENOUILLE", "Zéphyrine"), "ids": ("IPP8003412765",),
        "phone": "06 39 98 12 47", "birth": "19610714",
        "root": "1.3.6.1.4.1.99999", "blobs": (b"\1\2\3\4", b"QUENOUILLE"), "bits": 1,
    }  # fmt: skip
    return Person(**{**first, **values})


ONE = person()
OTHERS = [
    person(
        charset=pairs.CHARSETS[12],
        names=("王小东", "誠實"),
        ids=("ZZ4417009",),
        phone="+33612345678",
        birth="19880229",
        root="1.3.6.1.4.1.7",
        bits=2,
    ),
    person(
        charset=pairs.CHARSETS[0],
        names=("XU", "NG"),
        ids=("7001234",),
        phone="01 00 00 00 00",
        root="1.3.6.1.4.1.7",
        blobs=(b"",),
        bits=3,
    ),
    person(
        charset=pairs.CHARSETS[3],
        names=("Vandrouquabix" * 4, "Zelmog"),
        ids=("KKK" + "9" * 11,),
        root="1.3.6.1.4.1.7",
        blobs=(b"\7" * 40,),
        bits=4,
    ),
]
TALLY: Counter[str] = Counter()


@st.composite
def slots(draw: st.DrawFn, depth: int = 3) -> list[Slot]:
    """Places for identity.

    Attributes of the table and others, private, unknown, nested, and sequences of nothing else.
    """
    chosen = draw(st.lists(st.sampled_from(SUBJECTS), max_size=6, unique=True))
    found: dict[int, Slot] = {}
    for tag in chosen:
        vr = TABLE.get(tag) or UNLISTED[tag]
        found[tag] = _identity(draw, tag, vr)
    if draw(st.integers(0, 3)) == 0:
        found |= _private(draw)
    for tag in draw(st.lists(st.sampled_from(ENTERED), max_size=2, unique=True)) if depth else []:
        form = draw(made.FORMS)
        items = draw(st.lists(slots(depth - 1), max_size=2))
        number = draw(st.integers(0, 99))
        if draw(st.integers(0, 3)) == 0 and tag not in FRAMES:  # as many items as it happens: none of them may show
            removed = [
                one for one in chosen if made.KNOWN[one] != "SQ" and PLAN.action(one, made.KNOWN[one]) == "remove"
            ]
            found[tag] = repeated(tag, [about(one, made.KNOWN[one], number) for one in removed], number, form, least=1)
        else:
            found[tag] = nest(tag, [[*item, always(elem(0x00080060, "CS", "CT"))] for item in items], form)
    return list(found.values())


def _identity(draw: st.DrawFn, tag: int, vr: str) -> Slot:
    number = draw(st.integers(0, 99))
    if vr == "SQ" and PLAN.action(tag, vr) == "keep":  # references to images: how many there are is no identity
        return nest(tag, [[about(0x00081155, "UI", number), about(0x00080050, "SH", number + 1)]] * 2, draw(made.FORMS))
    if vr == "SQ":
        return repeated(
            tag,
            [about(0x00100010, "PN", number), about(0x00080050, "SH", number + 1), about(0x00081155, "UI", number)],
            number,
            draw(made.FORMS),
        )
    removed = PLAN.action(tag, vr) == "remove"
    written = draw(st.sampled_from([vr, vr, vr, "UN"])) if removed else vr
    return about(tag, written, number, optional=removed and draw(st.booleans()))


def _private(draw: st.DrawFn) -> dict[int, Slot]:
    """A private block of the person, with or without its creator, and an attribute that PS3.6 does not know."""
    group = draw(st.sampled_from([0x0009, 0x0019, 0x0043, 0x0045, 0x01F1, 0x0F1D]))
    number = draw(st.integers(0, 99))
    block = ((0x0010, "LO"), (0x1023, "LO"), (0x1027, "PN"), (0x1102, "UN"))
    places = [*((group << 16 | element, vr) for element, vr in block), (0x0018FFFE, "LT")]
    return {tag: about(tag, vr, number + n, optional=True) for n, (tag, vr) in enumerate(places)}


@settings(max_examples=150, deadline=None)
@given(
    pair=pairs.PAIRS,
    places=slots(),
    syntax=st.sampled_from([*made.SYNTAXES, made.JPEG_BASELINE]),
    lengths=st.booleans(),
)
def check_twins(pair: tuple[Person, Person], places: list[Slot], syntax: str, lengths: bool) -> None:
    TALLY[compare(twins_of(pair, places, syntax, group_lengths=lengths))] += 1


def test_two_people_leave_the_same_object() -> None:
    TALLY.clear()
    check_twins()
    print(dict(TALLY))
    assert TALLY["one held"] <= TALLY.total() // 20, f"{TALLY}: a hold that depends on the name is rare"
    assert TALLY["delivered"] >= TALLY.total() * 3 // 4, TALLY


@pytest.mark.parametrize("other", OTHERS, ids=["chinese", "short", "long"])
@pytest.mark.parametrize("depth", [0, 1, 3])
@pytest.mark.parametrize("plan", [PLAN, BASIC], ids=lambda plan: plan.profile)
def test_no_attribute_of_the_table_tells_two_people_apart(plan: Plan, depth: int, other: Person) -> None:
    places = {tag: about(tag, vr, n) for n, (tag, vr) in enumerate(TABLE.items()) if vr != "SQ"}
    assert len(places) > 300
    assert compare(twins_of((ONE, other), _nested(places, depth)), plan) == "delivered"


@pytest.mark.parametrize("other", OTHERS, ids=["chinese", "short", "long"])
@pytest.mark.parametrize("depth", [0, 2])
def test_no_attribute_whose_vr_can_hold_a_name_tells_two_people_apart(depth: int, other: Person) -> None:
    places = {tag: about(tag, vr, n) for n, (tag, vr) in enumerate(UNLISTED.items())}
    assert len(places) > 500
    assert compare(twins_of((ONE, other), _nested(places, depth))) == "delivered"


WORDS = st.sampled_from(
    [
        "THORAX",
        "Thorax",
        "poumon",
        "axial",
        "SANS",
        "avec",
        "contraste",
        "LUNG",
        "C+",
        "1.25mm",
        "120 kV",
        "B70f",
        "5",
        "-",
        "inspiration",
    ]
)
SPACED = (" ", "  ", ", ")
# Text of which words may stay; where nobody's words may stay, the gate holds whatever does.
CLEANED = sorted(
    tag
    for tag, vr in made.KNOWN.items()
    if PLAN.action(tag, vr) in ("clean", "listed") and not nature_of((tag,), vr).identity and tag not in CODES
)


@settings(max_examples=150, deadline=None)
@given(
    pair=pairs.PAIRS,
    tag=st.sampled_from(CLEANED),
    words=st.lists(
        st.one_of(WORDS, st.integers(0, 3), st.integers(pairs.ABOUT, pairs.ABOUT + 30)), min_size=1, max_size=7
    ),
    separator=st.sampled_from([*SPACED, "_", "-", "/", "\\", "^"]),
    depth=st.integers(0, 2),
)
def check_text(pair: tuple[Person, Person], tag: int, words: list[str | int], separator: str, depth: int) -> None:
    if separator not in SPACED:
        # What is glued to an e-mail address or a telephone number goes with it: there, names alone.
        words = [word if isinstance(word, str) else word % pairs.ABOUT for word in words]
    place = mixed(tag, made.KNOWN[tag], words, separator)
    TALLY[compare(twins_of(pair, _nested({tag: place}, depth)))] += 1


def test_a_cleaned_text_does_not_show_whose_name_was_in_it() -> None:
    TALLY.clear()
    check_text()
    print(dict(TALLY))
    assert TALLY["one held"] <= TALLY.total() // 20, TALLY
    assert TALLY["delivered"] >= TALLY.total() * 3 // 4, TALLY


@pytest.mark.parametrize("charset", pairs.CHARSETS, ids=lambda charset: f"{(charset.declared or b'none').decode()}")
def test_no_character_set_tells_two_people_apart(charset: pairs.Charset) -> None:
    other = person(charset=charset, names=(*charset.names, "Vandrou"), ids=("ZZ4417009",), root="1.3.6.1.4.1.7", bits=5)
    places = {
        tag: mixed(tag, made.KNOWN[tag], ["THORAX", 0, "axial", 1])
        for tag in CLEANED
        if made.KNOWN[tag] in ("LO", "LT", "SH")
    }
    places |= {
        tag: about(tag, vr, n)
        for n, (tag, vr) in enumerate(TABLE.items())
        if vr in made.TEXT | {"PN"} and tag not in places
    }
    assert compare(twins_of((ONE, other), _nested(places, 0))) == "delivered"
    assert compare(twins_of((ONE, other), _nested(places, 2))) == "delivered"


@pytest.mark.parametrize("length", [1, 2, 15, 16, 17, 63, 64, 65, 254, 1023, 20_000])
def test_the_length_of_a_name_moves_nothing(length: int) -> None:
    other = person(
        names=("V" * length,), ids=("ZZ4417009",), root="1.3.6.1.4.1.7654321", blobs=(b"\7" * length,), bits=9
    )
    places: dict[int, Slot] = {0x00100010: lambda one: elem(0x00100010, "PN", one.charset.encode(one.name(0)))}
    for tag in (0x00104000, 0x00204000, 0x00081030, 0x00100021, 0x00101040, 0x00080090, 0x00291001):
        vr = made.KNOWN.get(tag, "LO")
        places[tag] = lambda one, tag=tag, vr=vr: elem(tag, vr, one.charset.encode(one.name(0)))  # type: ignore[misc]
    assert compare(twins_of((ONE, other), _nested(places, 0), group_lengths=True)) == "delivered"
    assert compare(twins_of((ONE, other), _nested(places, 2), group_lengths=True)) == "delivered"


@pytest.mark.parametrize("form", ["", "s", "i", "si", "usi"])
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_how_many_people_a_sequence_names_does_not_show(depth: int, form: str) -> None:
    item = [
        about(tag, vr, n)
        for n, (tag, vr) in enumerate(TABLE.items())
        if vr != "SQ" and PLAN.action(tag, vr) == "remove"
    ]
    removed = [tag for tag, vr in TABLE.items() if vr == "SQ" and PLAN.action(tag, vr) != "keep"]
    places = {tag: repeated(tag, item[n : n + 9], n, form) for n, tag in enumerate(removed)}
    # A sequence that is entered, of which nothing is left: an item of identity alone is no item.
    places[0x00189302] = repeated(0x00189302, item, 3, form, least=1)
    for other in OTHERS:
        assert compare(twins_of((ONE, other), _nested(places, depth))) == "delivered"


@pytest.mark.parametrize("depth", [0, 2])
def test_whether_an_attribute_of_identity_was_there_does_not_show(depth: int) -> None:
    """The attributes are of those that may go.

    The table asks for others to be emptied (Z) or replaced (D), and an IOD for some to be there (Type 2).
    """
    chosen = {
        tag: vr for tag, vr in (TABLE | UNLISTED).items() if vr != "SQ" and PLAN.action(tag, vr) in ("remove", "clean")
    }
    chosen = {tag: vr for tag, vr in chosen.items() if tag not in iod.TYPE_1 | iod.TYPE_2}
    places = {tag: about(tag, vr, n, optional=True) for n, (tag, vr) in enumerate(chosen.items())}
    for other in OTHERS:
        assert compare(twins_of((ONE, other), _nested(places, depth))) == "delivered"


@pytest.mark.parametrize("depth", [0, 2])
def test_whether_an_attribute_of_identity_was_empty_does_not_show(depth: int) -> None:
    """Nothing is left of an empty value, and nothing of one that was all identity: the two must look the same.

    But for what the table replaces (D), which no conforming object has empty (Type 1), and whether an agent was given.
    """
    chosen = {
        tag: vr
        for tag, vr in (TABLE | UNLISTED).items()
        if PLAN.action(tag, vr) in ("remove", "clean", "blank", "pid") and vr != "SQ"
    }

    def empty_or_not(tag: int, vr: str, number: int) -> Slot:
        return lambda who: about(tag, vr, number)(who) if who.bit(number, 2) else Elem(tag, vr)

    places = {tag: empty_or_not(tag, vr, n) for n, (tag, vr) in enumerate(chosen.items())}
    for other in OTHERS:
        assert compare(twins_of((ONE, other), _nested(places, depth))) == "delivered"


def test_an_item_whose_own_character_set_is_that_of_a_name_does_not_show_it() -> None:
    def item(who: Person) -> list[Slot]:
        declared = [always(elem(0x00080005, "CS", who.charset.declared))] if who.charset.declared else []
        return [*declared, about(0x00101001, "PN", 1), always(elem(0x00080060, "CS", "CT"))]

    for other in OTHERS:
        assert compare(twins_of((ONE, other), [lambda who: nest(0x00189302, [item(who)])(who)])) == "delivered"


def test_a_code_of_the_hospitals_own_does_not_show() -> None:
    def code(scheme: str) -> list[Slot]:
        return [about(0x00080100, "SH", 1), always(elem(0x00080102, "SH", scheme)), about(0x00080104, "LO", 2)]

    place = nest(0x00081032, [code("99HOPITAL"), code("L")])
    for other in OTHERS:
        assert compare(twins_of((ONE, other), [place])) == "delivered"


def _word(who: Person) -> str:
    """A word of up to 16 capital letters and digits that is about a person."""
    return "".join(char for char in who.names[0].upper() if char.isascii() and char.isalpha())[:16] or who.ids[0][:16]


def _number(who: Person) -> int:
    """A number of at least eight digits that fits in four bytes with a sign."""
    return 10_000_000 + int("".join(filter(str.isdigit, who.ids[0]))) % 2_000_000_000


def _slot(tag: int, vr: str, value: Callable[[Person], bytes | str]) -> Slot:
    return lambda who: elem(tag, vr, value(who))


def _as_codes() -> dict[int, Slot]:
    """A name as the value of a code, alone or behind one that has a meaning."""
    tags = sorted(tag for tag in NEEDED if made.KNOWN.get(tag) == "CS")
    return {tag: _slot(tag, "CS", lambda who, tag=tag: ("AXIAL\\" if tag % 2 else "") + _word(who)) for tag in tags}  # type: ignore[misc]


def _as_makers() -> dict[int, Slot]:
    """A name beside what makers write."""
    known = {tag_of(keyword): value for keyword, value in MACHINES}
    return {
        tag: _slot(tag, made.KNOWN.get(tag, "LO"), lambda who, value=value: f"{value} {_word(who)}")
        for tag, value in known.items()
    }  # type: ignore[misc]


def _as_published() -> dict[int, Slot]:
    """A name, and a number, as a code of a published scheme, its version and its meaning."""
    sequences = (0x00082218, 0x00081032, 0x00540220, 0x0040A170, 0x00082228)
    own = [
        [
            _slot(0x00080100, "SH", lambda who: str(_number(who))),
            always(elem(0x00080102, "SH", "SCT")),
            _slot(0x00080104, "LO", _word),
        ],
        [_slot(0x00080100, "SH", _word), always(elem(0x00080102, "SH", "DCM")), _slot(0x00080103, "SH", _word)],
        [
            *(always(elem(tag, "SH", value)) for tag, value in ((0x00080100, "51185008"), (0x00080102, "SCT"))),
            *(_slot(tag, vr, _word) for tag, vr in ((0x00080103, "SH"), (0x00080104, "LO"))),
        ],
    ]
    return {tag: nest(tag, own) for tag in sequences}


def _as_numbers() -> dict[int, Slot]:
    """A number of a person where a measurement may stand."""
    codes = {"UL": "<L", "SL": "<l", "FD": "<d", "FL": "<f"}
    found: dict[int, Slot] = {}
    for tag in sorted(tag for tag in NEEDED if made.KNOWN.get(tag) in {"IS", "DS", *codes}):
        vr = made.KNOWN[tag]
        form = codes.get(vr)
        found[tag] = _slot(
            tag,
            vr,
            lambda who, form=form: struct.pack(form, _number(who)) if form else str(_number(who)),  # type: ignore[misc]
        )
    return found


def _as_dates() -> dict[int, Slot]:
    """A birthday where a moment of the examination may stand, and as the day of a device."""
    timed = {tag: vr for tag, vr in made.KNOWN.items() if vr in ("DA", "DT")}
    return {
        tag: _slot(tag, vr, lambda who, vr=vr: who.birth + ("1015+0100" if vr == "DT" else ""))
        for tag, vr in timed.items()
    }  # type: ignore[misc]


@pytest.mark.parametrize("other", OTHERS, ids=["chinese", "short", "long"])
@pytest.mark.parametrize("depth", [0, 1])
@pytest.mark.parametrize(
    "places", [_as_codes, _as_makers, _as_published, _as_numbers, _as_dates], ids=lambda places: places.__name__
)
def test_what_stays_for_its_meaning_does_not_tell_two_people_apart(
    places: Callable[[], dict[int, Slot]], depth: int, other: Person
) -> None:
    found = places()
    assert len(found) >= 5
    assert compare(twins_of((ONE, other), _nested(found, depth))) == "delivered"


@settings(max_examples=60, deadline=None)
@given(
    pair=pairs.PAIRS,
    tags=st.lists(st.sampled_from(sorted(MACHINE - CODES)), min_size=1, max_size=3, unique=True),
    depth=st.integers(0, 2),
)
def test_the_name_of_the_patient_where_a_machine_names_itself_is_never_delivered(
    pair: tuple[Person, Person], tags: list[int], depth: int
) -> None:
    """What is kept for its shape may hold a name: there the gate holds the object, whoever it is."""
    names: list[Slot] = [about(0x00100010, "PN", 0), about(0x00080090, "PN", 1)]
    hidden: dict[int, Slot] = {
        tag: lambda one, tag=tag: elem(tag, made.KNOWN[tag], one.charset.encode(one.name(0)))  # type: ignore[misc]
        for tag in tags
        if made.KNOWN[tag] in made.TEXT
    }
    compare(twins_of(pair, [*names, *_nested(hidden, depth)]))


def _nested(places: dict[int, Slot], depth: int) -> list[Slot]:
    found = list(places.values())
    for tag in (0x00189321, 0x52009230, 0x00189301)[:depth]:
        found = [nest(tag, [[*found, always(elem(0x00180060, "DS", ANCHOR))]])]
    return found
