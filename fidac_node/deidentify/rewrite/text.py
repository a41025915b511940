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
# A word list has words, and pairs of words joined by an underscore: neither word is kept without the other.
_ENTRY: Final = re.compile(r"[^\W_]*[^\W\d_][^\W_]*(?:_[^\W_]+)?")

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
_TOKEN: Final = re.compile(
    "("
    # Words; those with a sign or dots (C-, w/o, C.A.P.) first tried as such.
    rf"{_ALONE}(?:[Ww]/(?:[Ww]?[Oo](?!{_ALNUM}))?|(?i:c|iv|pdc|inj)(?:\+/-|[+-])(?!{_ALNUM}))"
    rf"|(?<!\S)[+-][Cc](?!{_ALNUM})"
    rf"|[A-Za-z](?:(?=[./-][A-Za-z])[./-].){{2,}}+\.?(?!{_ALNUM})"
    rf"|(?:[dDlL]['\u2019])?[^\W\d_]{_MARKED}*+"
    # Numbers with what is glued to them, such as 17.03.2020; a unit that is also a name (Mas, Min) must be.
    rf"|\d++(?:[.,]\d++)?(?:[xX]\d++(?:[.,]\d++)?)?[ ](?:%|(?:mA|mAs|(?i:mm|cm|kvp?|kev|ml|cc|mgy|sec))(?!{_ALNUM}))"
    rf"|\d(?:{_MARKED}|(?=[.,]\d)[.,])*+%?"
    "|@+)"
)
# At most four digits: 0.625, 120, 7.5, 274.9; no 06. The decimals of a bare number are those of thicknesses.
_NUMBER: Final = r"(?!0[0-9])(?:[0-9]{1,3}(?:[.,][0-9])?|[0-9]{1,2}[.,][0-9]{2}|[0-9][.,][0-9]{3})"
_BARE_NUMBER: Final = r"(?:[0-9](?:[.,](?:[0-9]|[0-9]{0,2}[05]))?|1[0-5][.,][05])"
_UNIT: Final = r"(?:%|mm|cm|kvp?|kev|mas?|ms|s|sec|min|ml|cc|mgy|mgi|hu)"
_ENDS_WITH_UNIT: Final = re.compile(rf"[0-9] ?({_UNIT})\Z")
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
    "mgi": "mgy",
}
_MEASURE: Final = re.compile(rf"(?:{_NUMBER}x)?{_NUMBER} ?{_UNIT}")
_BARE: Final = re.compile(
    rf"(?:(?:[0-9]{{1,3}}|{_BARE_NUMBER})x)?{_BARE_NUMBER}|(?:256|512|768|1024)x(?:256|512|768|1024)"
)
# The sign is the meaning: without it "contrast" would be left of "w/o contrast".
_SIGNS: Final = frozenset(
    {"w/", "w/o", "w/wo", "+c", "-c"}
    | {f"{word}{sign}" for word in ("c", "iv", "pdc", "inj") for sign in ("+", "-", "+/-")}
)
# Reconstruction kernels: Siemens B70f, Br40d, Qr59; Canon FC08; how much of GE's ASIR.
_KERNEL: Final = re.compile(
    r"[bdehijqtu][0-9]{2}[a-z]|(?:ar|bf|bl|br|bv|fc|fl|hc|hf|hr|hv|qr|sa|sd|ss|tr|ur)[0-9]{2}[a-z]?"
)
_MOST_OF_A_KIND: Final = 2  # measures of one kind, and kernels: three would hold a date
_HUMPS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
# Between two tokens that are kept; anything else becomes a space.
_BETWEEN: Final = re.compile(r"[^ _/+.,:&-]")
_AROUND: Final = re.compile(r"[^\w %/+.,:&()'\u2019-]")
_LONGEST_RUN: Final = 4
# The month of 6.IV.1950; iv alone is how contrast is given.
_ROMAN: Final = frozenset({"i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii"})
_DOTS: Final = str.maketrans("", "", "./-")
_CHUNK: Final = re.compile(r"\S+")
_CACHED_LENGTH: Final = 1024

_DROPPED, _NUMERAL, _SAFE = 0, 1, 2


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
    parts = _TOKEN.split(text)
    tokens = parts[1::2]
    plain = text.isascii()
    folded = list(map(str.lower if plain else fold, tokens))
    kinds = [
        _SAFE if word in vocabulary and (plain or token.isascii()) else _kind(token, word, vocabulary)
        for token, word in zip(tokens, folded, strict=True)
    ]
    if sum(map(str.isdigit, text)) > _LONGEST_RUN:
        _drop_rows(folded, kinds)
    if _DROPPED in kinds or _NUMERAL in kinds:
        _settle(folded, kinds, vocabulary)
    if sum(map(str.isdigit, text)) > _LONGEST_RUN:
        _break_runs(tokens, kinds)
    return parts, kinds


def _hide_address(chunk: re.Match[str]) -> str:
    """An e-mail or web address is dropped whole, whatever words are in it."""
    return "@" * len(chunk[0]) if "@" in chunk[0] or "://" in chunk[0] else chunk[0]


def _kind(token: str, folded: str, vocabulary: frozenset[str]) -> int:
    """What a token that is no plain vocabulary word is by itself: safe, a number without a unit, or to be dropped."""
    if folded in _SIGNS:
        return _SAFE
    if folded[1:2] in ("'", "\u2019"):
        folded = folded[2:]  # l'abdomen
    if not token.isascii():
        # Marks that no word has would be a hiding place.
        composed = unicodedata.normalize("NFC", token)
        return _SAFE if folded in vocabulary and not any(map(unicodedata.combining, composed)) else _DROPPED
    if folded in vocabulary:
        return _SAFE
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
    one = letters.isupper() or letters[1:].islower()
    return not one and all(hump.lower() in vocabulary for hump in _HUMPS.findall(letters))


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
    """Which kind of measure a token is, or that it is a kernel; empty if neither."""
    if folded.isalpha():
        return ""
    if _KERNEL.fullmatch(folded):
        return "kernel"
    unit = _ENDS_WITH_UNIT.search(folded)
    return _SAME.get(unit[1], unit[1]) if unit else ""


def _settle(folded: list[str], kinds: list[int], vocabulary: frozenset[str]) -> None:
    """Keep the pairs of words that are on the list as pairs; decide on numbers without a unit by their neighbours."""
    for index in range(1, len(folded)):
        if f"{folded[index - 1]} {folded[index]}" in vocabulary:
            kinds[index - 1] = kinds[index] = _SAFE
    for index, word in enumerate(folded):
        if word in _ROMAN and _is_month(index, folded, kinds):
            kinds[index] = _DROPPED
    if _NUMERAL in kinds:
        alone = kinds.count(_NUMERAL) == 1
        for index, kind in enumerate(kinds):
            if kind == _NUMERAL:
                kinds[index] = _SAFE if alone and _DROPPED not in kinds[max(index - 1, 0) : index + 2] else _DROPPED


def _is_month(index: int, folded: list[str], kinds: list[int]) -> bool:
    """Say whether a Roman numeral stands behind a day or before a year."""
    behind_day = index > 0 and kinds[index - 1] != _SAFE and folded[index - 1][0].isdigit()
    return behind_day or (kinds[index + 1 : index + 2] == [_DROPPED] and folded[index + 1][0].isdigit())


def _break_runs(tokens: list[str], kinds: list[int]) -> None:
    """Drop what would make a run of five digits or more with no letter in between."""
    run = 0
    for index, token in enumerate(tokens):
        if kinds[index] == _DROPPED:
            continue
        if token.isalpha():
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
