"""Words: folding them so that spellings meet, and telling harmless words from the rest.

``fold`` is how two spellings of one name become the same text: compatibility decomposition, no accents,
no case. The *vocabulary* is a closed list of words that images of the chest are described with; what
consists of such words alone says nothing of a person. ``clean`` takes a text apart and keeps only what
is on the list, or has the shape of a thickness, an exposure or a kernel (PS3.15 E.3.5).
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import pairwise, takewhile
from pathlib import Path
from string import ascii_lowercase
from typing import Final

from fidac_node.errors import ConfigError

# Letters that have no decomposition, as French, German, Nordic and Polish names are typed without them.
_LETTERS: Final = str.maketrans(
    {"œ": "oe", "æ": "ae", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "\u0131": "i", "þ": "th"}
)
_WORD: Final = re.compile(r"[^\W_]+")
# What machines write as make, model, kernel, software: letters of any script, digits, a few signs.
_PLAIN: Final = re.compile(r"[^\W_]|[ ._/+()\[\],:^*&|=#<>%'-]")
_LONG_NUMBER: Final = re.compile(r"\d[\d .,/_-]{4,}\d")
_PLAIN_LENGTH: Final = 64
# A word list has words, and pairs of words joined by an underscore: neither word is kept without the other. In place of
# the second, ``*`` is any word of letters that is kept, and ``'`` says that the first has its accent (crâne; Crane is a
# surname).
_ENTRY: Final = re.compile(r"[^\W_]*[^\W\d_][^\W_]*(?:_(?:[^\W_]+|[*']))?")

# What a dimension of an Enhanced CT is called in DimensionDescriptionLabel (PS3.3 C.7.6.17): by the name of its
# attribute in PS3.6, here its keyword. A whole value, as those below.
_DIMENSIONS: Final = frozenset(
    _WORD.findall(
        """
        StackID InStackPositionNumber TemporalPositionIndex TemporalPositionIdentifier TemporalPositionTimeOffset DimensionIndexValues
        FrameAcquisitionNumber FrameAcquisitionDateTime FrameReferenceDateTime FrameType FrameLabel FrameComments
        ImagePositionPatient ImageOrientationPatient SliceLocation SliceThickness SpacingBetweenSlices TablePosition
        NominalCardiacTriggerDelayTime ActualCardiacTriggerDelayTime NominalPercentageOfCardiacPhase IntervalsAcquired IntervalsRejected
        NominalRespiratoryTriggerDelayTime NominalPercentageOfRespiratoryPhase ActualRespiratoryTriggerDelayTime
        StartingRespiratoryPhase StartingRespiratoryAmplitude RespiratoryIntervalTime CardiacCyclePosition RespiratoryCyclePosition
        ContrastBolusAgentNumber ContrastBolusAgentPhase AcquisitionNumber InstanceNumber
        ConvolutionKernel ConvolutionKernelGroup ReconstructionAlgorithm ReconstructionDiameter ReconstructionAngle
        KVP XRayTubeCurrentInmA ExposureInmAs ExposureTimeInms FilterMaterial RescaleType WindowCenter LUTExplanation
        RealWorldValueMappingSequence EnergyWeightingFactor MultienergyCTAcquisition XRaySourceIndex XRayDetectorIndex
        ReferencedSegmentNumber SegmentNumber
        """.lower()  # noqa: E501
    )
)
# RescaleType (PS3.3 C.11.1.1.2) and PositionReferenceIndicator (C.7.4.1.1.2): a whole value, never a word
# of a text, because Hu and Xi are also surnames.
_DEFINED_TERMS: Final = frozenset(
    {"hu", "us", "od", "pct", "mgml", "hu_mod", "z_eff", "ed", "edw", "sn", "om", "ic", "xy", "xi"}
)
_SHORT_NUMBER: Final = re.compile(r"[0-9]{1,3}")

# One token of a text, first match first. Combining marks belong to the letter before them. What is repeated
# possessively, so that a token of megabytes takes no memory, looks ahead before it takes anything: before Python
# 3.11.5, and Debian 12 has 3.11.2, what a failed repetition had taken by then stays taken (CPython gh-100061).
_ALNUM: Final = "[^\\W_]"
_MARKED: Final = "(?:[^\\W_]|[\u0300-\u036f])"
_ALONE: Final = r"(?<![^\s_/(&+,])"
# How long ago, or until when; and units that no name is, so that a blank or hyphen may stand before them. What a
# measure is of: per second, per ml.
_SPAN: Final = "mois|semaines?|sem|jours?|months?|weeks?|wks?|days?"
_SPACED: Final = f"mm|cm|kvp?|kev|ml|cc|mgy|msv|mg|mgi|sec|kg|hu|uh|bpm|{_SPAN}"
_PER: Final = rf"(?:/(?i:s|sec|ml|kg|min)|[.*](?i:cm))(?!{_ALNUM})"
_TOKEN: Final = re.compile(
    "("
    # Words; those with a sign or dots (C-, w/o, C.A.P.) first tried as such.
    rf"{_ALONE}(?i:r/o|s/p|h/o|f/u|w/u|d/t|c/c|s/c|[jm]\+\d{{1,2}})(?!{_ALNUM})"
    rf"|{_ALONE}(?:[Ww]/(?:[Ww]?[Oo](?!{_ALNUM}))?|(?i:c|iv|ivc|pdc|pc|pci|inj)(?:\+/-|[+-])(?!{_ALNUM}))"
    rf"|(?<!\S)[+-][Cc](?!{_ALNUM})"
    rf"|[A-Za-z](?:(?=[./-][A-Za-z])[./-].){{2,}}+\.?(?!{_ALNUM})"
    rf"|(?:[dDlL]['\u2019])?[^\W\d_]{_MARKED}*+"
    # Numbers with what is glued to them, such as 17.03.2020; a unit that is also a name (Mas, Min) must be.
    rf"|\d++(?:[.,]\d++)?(?:[xX]\d++(?:[.,]\d++)?)?[ -](?:%|(?:mA|mAs|s|(?i:{_SPACED}))(?!{_ALNUM}))(?:{_PER})?"
    rf"|\d++(?:[.,]\d++)?[ ]?[xX*/][ ]?\d++(?:[.,]\d++)?(?!{_ALNUM})"
    rf"|\d(?:{_MARKED}|(?=[.,]\d)[.,])*+%?(?:{_PER})?"
    "|@+)"
)
# At most four digits: 0.625, 120, 7.5, 274.9; no 06. The decimals of a bare number are those of thicknesses.
_NUMBER: Final = r"(?!0[0-9])(?:[0-9]{1,3}(?:[.,][0-9])?|[0-9]{1,2}[.,][0-9]{2}|[0-9][.,][0-9]{3})"
_BARE_NUMBER: Final = r"(?:[0-9](?:[.,](?:[0-9]|[0-9]{0,2}[05]))?|0[.,](?:33|6[37])|1[.,]33|1[0-5][.,][05])"
_THICKNESS: Final = re.compile(r"[0-9][.,][0-9]{1,3}")
_UNIT: Final = rf"(?:%|mm|cm|kvp?|kev|mas?|ms|s|sec|min|ml|cc|mgy|msv|mg|mgi|hu|uh|kg|bpm|{_SPAN})"
_ENDS_WITH_UNIT: Final = re.compile(rf"[0-9][ -]?({_UNIT})(?:[/.*][a-z]+)?\Z")
_ENDS_WITH_SPAN: Final = re.compile(rf"[0-9][ -]?(?:{_SPAN})\Z")
# Units of one kind of measure; the others are kinds of their own.
_SAME: Final = {
    "cm": "mm",
    "kvp": "kv",
    "kev": "kv",
    "mas": "ma",
    "ms": "s",
    "sec": "s",
    "min": "s",
    "cc": "ml",
    "mg": "mgy",
    "mgi": "mgy",
    "msv": "mgy",
    "uh": "hu",
}
_MEASURE: Final = re.compile(rf"(?:{_NUMBER}x)?{_NUMBER}[ -]?{_UNIT}(?:{_PER})?")
_BARE: Final = re.compile(
    rf"(?:(?:[0-9]{{1,3}}|{_BARE_NUMBER}) ?[x*] ?)?{_BARE_NUMBER}|{_BARE_NUMBER} ?[x*] ?[1-9][0-9]{{0,2}}"
    r"|(?:256|512|768|1024) ?[x*] ?(?:256|512|768|1024)"
    rf"|{_BARE_NUMBER}/[0-9]?[.,][0-9]{{1,2}}"  # thickness and increment, 1.0/0.7
    r"|[1-9](?:st|nd|rd|th|er|ere|e|eme)"
)
# The sign is the meaning: without it "contrast" would be left of "w/o contrast".
_SIGNS: Final = frozenset(
    {"w/", "w/o", "w/wo", "+c", "-c", "r/o", "s/p", "h/o", "f/u", "w/u", "d/t", "c/c", "s/c"}
    | {f"{word}{sign}" for word in ("c", "iv", "ivc", "pdc", "pc", "pci", "inj") for sign in ("+", "-", "+/-")}
)
# Reconstruction kernels: Siemens B70f, Br40d, Qr59; Canon FC08; how much of GE's ASIR. With no letter behind it B70
# could be a room, so that of those only the numbers of Siemens' kernels are.
_KERNEL: Final = re.compile(
    r"[bdehijqtu][0-9]{2}[a-z]"
    r"|(?:ar|av|bf|bl|bp|bq|br|bs|bv|fc|fl|hc|hf|hn|hr|hv|qr|qv|sa|sd|sf|sr|ss|tr|ub|um|ur)[0-9]{2}[a-z]?"
    r"|b(?:10|18|19|2[0-69]|3[015-9]|4[013-6]|50|60|65|70|75|80)|h(?:10|19|2[0-39]|3[0-279]|4[0125-8]|50|60|70)"
    r"|d(?:20|26|3[0346]|4[056])|i(?:26|3[0146]|4[01469]|50|70)|t(?:20|80|81)|u(?:30|40|70|75|80|90)"
)
# What follows a kernel: how strongly the image was reconstructed iteratively (I70f 3, where S3 would do as well).
_ITERATIVE: Final = re.compile(r"[a-z]{1,2}[0-9]{2}[a-z]")
_STRENGTH: Final = re.compile(r"[1-5]")
# Strengths (S3, Q3), and days and months after something (J3, M6).
_STEP: Final = re.compile(r"[jm]\+?(?:[1-9]|1[0258]|2[148]|3[06])|[apqs][1-9]|lv[1-9]")
# What is counted by one digit, whatever number is elsewhere: Recon 2, phase 1.
_COUNTED: Final = frozenset(
    {"recon", "serie", "series", "phase", "helice", "helix", "level", "niveau", "stade", "grade", "type", "lot", "part"}
)
_COUNT: Final = re.compile(r"[1-9]")
# What has an amount that everybody knows the unit of: FOV 350, DLP 250, mono 70.
_AMOUNTED: Final = frozenset(
    {
        "asir",
        "asirv",
        "v",
        "delai",
        "dfov",
        "dlp",
        "filter",
        "filtre",
        "fov",
        "matrice",
        "matrix",
        "mono",
        "fc",
        "monoe",
    }
    | {"resolution", "retard", "sfov", "ssf", "wl", "ww"}
)
_AMOUNT: Final = re.compile(r"[1-9][0-9]{0,2}|1024")
# Behind these a number says where somebody lies.
_LYING: Final = frozenset({"lit", "bed", "box"})
# The word behind is somebody's name, even if it is on the lists; with these between, the word behind them.
_TITLES: Final = frozenset(
    {"dr", "drs", "dre", "pr", "prof", "docteur", "doctor", "professeur", "professor", "mr", "mrs", "miss", "mme"}
    | {"mmes", "mlle", "monsieur", "madame", "mademoiselle", "epoux", "epouse", "veuve", "nee"}
)
_OF_NAMES: Final = frozenset({"de", "du", "des", "la", "le", "les", "van", "von", "el", "al", "da", "di", "l", "d"})
_LONGEST_NAME: Final = 4  # words: M. de la Plèvre
_MOST_OF_A_KIND: Final = 2  # measures of one kind, kernels, steps, counts: three would hold a date
_HUMPS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
# Between two tokens that are kept; anything else becomes a space.
_BETWEEN: Final = re.compile(r"[^ _/+.,:&-]")
_AROUND: Final = re.compile(r"[^\w %/+.,:&()'\u2019-]")
_LONGEST_RUN: Final = 4
# The month of 6.IV.1950; iv alone is how contrast is given.
_ROMAN: Final = frozenset({"i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii"})
_DOTS: Final = str.maketrans("", "", "./-")
_CHUNK: Final = re.compile(r"\S+")
# A word with a sign in it that nobody sees is not what it looks like.
_UNSEEN: Final = r"\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff"
_BROKEN: Final = re.compile(rf"[^\s{_UNSEEN}]*+[{_UNSEEN}]\S*+")
_CACHED_LENGTH: Final = 1024

# ``_FIXED``: the second word of a pair. Its digits are those of the list, so that they say nothing with others.
_DROPPED, _NUMERAL, _SAFE, _FIXED = 0, 1, 2, 3


def fold(text: str) -> str:
    """``text`` without accents, case or compatibility forms: ``LEFÈVRE`` and ``lefevre`` become one."""
    return text.lower() if text.isascii() else _fold_accents(text)


# Bounded, and values are at most as long as an attribute: the same few come with every slice.
@lru_cache(maxsize=2048)
def _fold_accents(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    return "".join(char for char in decomposed if not unicodedata.combining(char)).casefold()


def words(text: str) -> list[str]:
    """The runs of letters and digits in ``text``, folded."""
    return _WORD.findall(fold(text))


def clean(text: str, vocabulary: frozenset[str]) -> str:
    """Keep of ``text``, one decoded value, the words of ``vocabulary`` and what measures or names a kernel.

    The rule is an allow-list, word by word (PS3.15 E.3.5), so it does not matter what the rest is: a
    name, a date, an address, another language. Kept words keep their spelling. Numbers are kept with a
    unit; one without is kept if it is the only one and stands beside kept words alone. Of measures of one
    kind and of kernels there may be two, or none is kept. Never are five digits left without a letter
    between them. The result is never longer than ``text``, cleaning it again changes nothing, and it is
    empty if no letter is left.
    """
    return _cleaned(text, vocabulary) if len(text) <= _CACHED_LENGTH else _clean(text, vocabulary)


def is_listed(text: str, vocabulary: frozenset[str]) -> bool:
    """Say whether ``text`` is a term of the standard, a number of 1 to 3 digits, or nothing :func:`clean` drops."""
    text = " ".join(text.split())
    if fold(text) in _DEFINED_TERMS or "".join(words(text)) in _DIMENSIONS or _SHORT_NUMBER.fullmatch(text):
        return True
    _, kinds = _judge(text, vocabulary)
    return bool(kinds) and _DROPPED not in kinds


@lru_cache(maxsize=4096)
def _cleaned(text: str, vocabulary: frozenset[str]) -> str:
    return _clean(text, vocabulary)


def _clean(text: str, vocabulary: frozenset[str]) -> str:
    parts, kinds = _judge(text, vocabulary)
    whole = _DROPPED not in kinds and text.isascii()
    found = _AROUND.sub(" ", "".join(parts)) if whole else "".join(_kept(parts, kinds))
    found = " ".join(found.split())
    return found if any(map(str.isalpha, found)) else ""


def _kept(parts: list[str], kinds: list[int]) -> Iterator[str]:
    """The tokens that are kept; what stands between two of them stays if it is a common sign."""
    follows = False
    for index, kind in enumerate(kinds):
        if kind == _DROPPED:
            follows = False
            continue
        between = parts[2 * index]
        yield between if follows and not _BETWEEN.search(between) else " "
        yield parts[2 * index + 1]
        follows = True


def _judge(text: str, vocabulary: frozenset[str]) -> tuple[list[str], list[int]]:
    """Take ``text`` apart: what is between tokens and the tokens in turn; and what becomes of each token."""
    text = " ".join(text.split())
    if "@" in text or "://" in text:
        text = _CHUNK.sub(_hide_address, text)
    if not text.isascii():
        text = _BROKEN.sub(lambda chunk: "@" * len(chunk[0]), text)
    parts = _TOKEN.split(text)
    tokens = parts[1::2]
    plain = text.isascii()
    folded = list(map(str.lower if plain and "'" not in text else _bare, tokens))
    kinds = [
        _SAFE if word in vocabulary and (plain or token.isascii()) else _kind(token, word, vocabulary)
        for token, word in zip(tokens, folded, strict=True)
    ]
    many_digits = sum(map(str.isdigit, text)) > _LONGEST_RUN
    if many_digits:
        _drop_rows(folded, kinds)
    named = _named(parts, folded)
    if named or _DROPPED in kinds or _NUMERAL in kinds:
        _settle(tokens, folded, kinds, vocabulary, named)
    if many_digits:
        _break_runs(tokens, kinds)
        _keep_small_words(tokens, folded, kinds, vocabulary, named)
    return parts, kinds


def _bare(token: str) -> str:
    """A token folded, without the article before it (l'abdomen).

    Empty if it has marks that no word has: they would be a hiding place.
    """
    if not token.isascii() and any(map(unicodedata.combining, unicodedata.normalize("NFC", token))):
        return ""
    return fold(token[2:] if token[1:2] in ("'", "\u2019") else token)


def _hide_address(chunk: re.Match[str]) -> str:
    """An e-mail or web address is dropped whole, whatever words are in it."""
    return "@" * len(chunk[0]) if "@" in chunk[0] or "://" in chunk[0] else chunk[0]


def _kind(token: str, folded: str, vocabulary: frozenset[str]) -> int:
    """What a token that is no plain vocabulary word is by itself: safe, a number without a unit, or to be dropped."""
    if folded in _SIGNS:
        return _SAFE
    if not folded:
        return _DROPPED
    if folded in vocabulary or _STEP.fullmatch(folded):
        return _SAFE
    if not token.isascii():
        accented = f"{folded} '" in vocabulary and not unicodedata.normalize("NFKC", token).isascii()
        return _SAFE if accented else _DROPPED
    if folded[0].isdigit():
        return _kind_of_number(folded)
    if token.isalnum():
        return _kind_of_word(token, folded, vocabulary)
    return _SAFE if folded.translate(_DOTS) in vocabulary else _DROPPED


def _kind_of_word(token: str, folded: str, vocabulary: frozenset[str]) -> int:
    """A word not on the list may be several that are (ThoraxRoutine), one with a number (Lung5mm), or a kernel."""
    if token.isalpha():
        return _SAFE if _is_glued(token, vocabulary) else _DROPPED
    if _KERNEL.fullmatch(folded):
        return _SAFE
    number = folded.lstrip(ascii_lowercase)
    letters = token[: -len(number)]
    known = letters.lower() in vocabulary or _is_glued(letters, vocabulary)
    return _kind_of_number(number) if known else _DROPPED


def _is_glued(letters: str, vocabulary: frozenset[str]) -> bool:
    """Say whether letters are several words that are on the list, each with a capital, or pairs of them."""
    if letters.isupper() or letters[1:].islower():
        return False
    humps = [hump.lower() for hump in _HUMPS.findall(letters)]
    firsts = [index for index, pair in enumerate(pairwise(humps)) if " ".join(pair) in vocabulary]
    paired = {*firsts, *(index + 1 for index in firsts)}
    return all(hump in vocabulary or index in paired for index, hump in enumerate(humps))


def _kind_of_number(folded: str) -> int:
    if _MEASURE.fullmatch(folded):
        return _SAFE
    return _NUMERAL if _BARE.fullmatch(folded) else _DROPPED


def _drop_rows(folded: list[str], kinds: list[int]) -> None:
    """Drop all measures of a kind, and all kernels, of which there are more than a text about an image has.

    Such as 19 mm 61 mm 07 mm.
    """
    found = [_measured(word) if kind == _SAFE else "" for word, kind in zip(folded, kinds, strict=True)]
    many = {one for one, times in Counter(filter(None, found)).items() if times > _MOST_OF_A_KIND}
    kinds[:] = [_DROPPED if one in many else kind for one, kind in zip(found, kinds, strict=True)]


def _measured(folded: str) -> str:
    """Which kind of measure a token is, or that it is a kernel or a step; empty if none."""
    if folded.isalpha():
        return ""
    if _KERNEL.fullmatch(folded):
        return "kernel"
    if _STEP.fullmatch(folded):
        return "step"
    unit = _ENDS_WITH_UNIT.search(folded)
    return _SAME.get(unit[1], unit[1]) if unit else ""


def _named(parts: list[str], folded: list[str]) -> set[int]:
    """The tokens that a form of address says to be somebody's name: ``Dr Poumon``, ``M. de la Plèvre``."""
    found: set[int] = set()
    for index, word in enumerate(folded):
        if word in _TITLES or (word == "m" and parts[2 * index + 2].startswith(".")):
            name = folded[index + 1 : index + 1 + _LONGEST_NAME]
            small = list(takewhile(lambda one: one in _OF_NAMES or len(one) == 1, name))
            found.update(range(index, index + 1 + min(len(small) + 1, len(name))))
    return found


def _settle(
    tokens: list[str], folded: list[str], kinds: list[int], vocabulary: frozenset[str], named: set[int]
) -> None:
    """Keep what is on the list as a pair; decide on small words and on numbers without a unit by their neighbours.

    ``named`` are tokens that go whatever they are.
    """
    before = kinds[:]
    _pair(folded, kinds, vocabulary, named)
    months = {index for index, word in enumerate(folded) if word in _ROMAN and _is_month(index, folded, kinds)}
    if months:
        kinds[:] = before
        _pair(folded, kinds, vocabulary, named | months)
    _keep_small_words(tokens, folded, kinds, vocabulary, named | months)
    _settle_numbers(folded, kinds)


def _pair(folded: list[str], kinds: list[int], vocabulary: frozenset[str], gone: set[int]) -> None:
    """Keep the pairs of words that are on the list as pairs; a digit may count the first (hélice 2 portal)."""
    for index in gone:
        kinds[index] = _DROPPED
    for index in range(1, len(folded)):
        first = index - 1
        if index > 1 and kinds[index - 2] >= _SAFE and _COUNT.fullmatch(folded[first]):
            first = index - 2
        if f"{folded[first]} {folded[index]}" in vocabulary and gone.isdisjoint((first, index)):
            kinds[first], kinds[index] = max(kinds[first], _SAFE), _FIXED


def _keep_small_words(
    tokens: list[str], folded: list[str], kinds: list[int], vocabulary: frozenset[str], gone: set[int]
) -> None:
    """Keep the small words before a word that is kept (le thorax, à 3 mois), and no others."""
    for index in range(len(folded) - 1, -1, -1):
        if f"{folded[index]} *" in vocabulary and folded[index] not in vocabulary and kinds[index] != _FIXED:
            behind = folded[index + 1] if index + 1 < len(folded) else ""
            stays = kinds[index + 1 : index + 2] not in ([], [_DROPPED]) and index not in gone
            kinds[index] = _SAFE if stays and _goes_with(tokens[index], behind) else _DROPPED


def _goes_with(small: str, behind: str) -> bool:
    """Say whether a small word may stand before what is ``behind``: a single letter is an initial, but for ``à``."""
    if _ENDS_WITH_SPAN.search(behind):
        return True
    return (len(small) > 1 or not small.isascii()) and not any(map(str.isdigit, behind))


def _settle_numbers(folded: list[str], kinds: list[int]) -> None:
    """Keep what counts something; of other numbers without a unit one, if it stands among words that are kept.

    It is the only one, or the only one that has decimals, as thicknesses have.
    """
    counts = [
        index
        for index in range(1, len(folded))
        if kinds[index - 1] >= _SAFE and _counts(folded[index - 1], folded[index])
    ]
    for index in counts if len(counts) <= _MOST_OF_A_KIND else ():
        kinds[index] = _SAFE
    numerals = [index for index, kind in enumerate(kinds) if kind == _NUMERAL]
    thick = [index for index in numerals if _THICKNESS.fullmatch(folded[index])]
    chosen = numerals if len(numerals) == 1 else thick if len(thick) == 1 else []
    beside = {index: kinds[max(index - 1, 0) : index + 2] for index in chosen}
    for index in numerals:
        lies = index > 0 and folded[index - 1] in _LYING
        kinds[index] = _DROPPED if lies or _DROPPED in beside.get(index, [_DROPPED]) else _SAFE


def _counts(before: str, number: str) -> bool:
    """Say whether a number is the strength behind a kernel, or that of a thing that is counted."""
    if _KERNEL.fullmatch(before) and _ITERATIVE.fullmatch(before):
        return _STRENGTH.fullmatch(number) is not None
    wanted = _COUNT if before in _COUNTED else _AMOUNT if before in _AMOUNTED else None
    return wanted is not None and wanted.fullmatch(number) is not None


def _is_month(index: int, folded: list[str], kinds: list[int]) -> bool:
    """Say whether a Roman numeral stands behind a day or before a year."""
    behind_day = index > 0 and kinds[index - 1] < _SAFE and folded[index - 1][:1].isdigit()
    return behind_day or (kinds[index + 1 : index + 2] == [_DROPPED] and folded[index + 1][:1].isdigit())


def _break_runs(tokens: list[str], kinds: list[int]) -> None:
    """Drop what would make a run of five digits or more with no letter in between."""
    run = 0
    for index, token in enumerate(tokens):
        if kinds[index] == _DROPPED:
            continue
        if token.isalpha() or kinds[index] == _FIXED:
            run = 0
            continue
        before, longest = run, 0
        for char in token:
            run = 0 if char.isalpha() else run + char.isdigit()
            longest = max(longest, run)
        if longest > _LONGEST_RUN:
            kinds[index], run = _DROPPED, before


def is_plain(text: str) -> bool:
    """Say whether ``text`` has the shape of what a machine says of itself.

    One line of at most 64 letters, digits and common signs, and no number of six digits or more, in
    one piece or in groups: that would be a date, a telephone or an identifier.
    """
    return (
        0 < len(text) <= _PLAIN_LENGTH
        and all(_PLAIN.match(char) for char in text)
        and not any(sum(char.isdigit() for char in run) >= 6 for run in _LONG_NUMBER.findall(text))
    )


def read_vocabulary(files: Iterable[Path]) -> frozenset[str]:
    """Read word lists: words separated by blanks, ``#`` starts a comment.

    Two words joined by an underscore are kept only together: ``basse_dose`` (Basse alone is a surname).
    Raises :class:`ConfigError` for a file that cannot be read, or an entry that is no word.
    """
    found: set[str] = set()
    for file in files:
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{file}: the word list cannot be read: {error}") from error
        for number, line in enumerate(lines, start=1):
            for entry in line.partition("#")[0].split():
                if not _ENTRY.fullmatch(fold(entry)):
                    problem = "is no word: write letters and digits, or two words joined by an underscore"
                    raise ConfigError(f"{file}:{number}: {entry!r} {problem}")
                found.add(fold(entry).replace("_", " "))
    return frozenset(found)
