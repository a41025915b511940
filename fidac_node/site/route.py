"""Which objects are in scope, and what they are labelled: rules over header fields, first match wins.

A rule is a table of DICOM keyword and regular expression; accents and case do not count. Where a site
wrote no rule, one built-in rule decides: CT whose body part, study description or protocol says chest,
thorax or lung in English or French, or says nothing. What no rule accepts is held, never dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

from fidac_node.deidentify.rewrite.text import fold
from fidac_node.dicom.marks import LABELS
from fidac_node.errors import ConfigError

ACCEPT: Final = "accept"
HOLD: Final = "hold"
DISCARD: Final = "discard"
DECISIONS: Final = (ACCEPT, HOLD, DISCARD)
OUT_OF_SCOPE: Final = "out-of-scope"

BUILT_IN: Final = "chest-ct"
# What says where an image was taken. Series descriptions rather name a reconstruction.
_SCOPE: Final = ("BodyPartExamined", "StudyDescription", "ProtocolName")
# Folded text. TAP: thoraco-abdomino-pelvien; CAP: chest, abdomen, pelvis; HRCT is of the lung.
_CHEST: Final = re.compile(
    r"thora[xc]|chest|poumon|pulmon|\blung|parenchym|bronch|mediastin|pleur|pneumo|\b[tc] ?a ?p\d*\b|\bhrct|covid"
)
# Underscores and digits join words in protocol names: "lung_lowdose", "thorax1".
_JOINED: Final = re.compile(r"[_\W]+")


class Attributes(Protocol):
    """What rules ask: a pydicom ``Dataset`` or a ``deidentify.Source``."""

    def get(self, key: str, default: Any = ..., /) -> Any:
        """The value of a keyword, ``default`` if it is absent."""


class Decision(NamedTuple):
    """What to do with an object, and why.

    ``action`` is accept, hold or discard; ``code`` and ``reason`` go with a hold; ``rule`` names the rule
    that decided (``""``: none did); ``label`` and ``label_source`` travel with the object.
    """

    action: str
    code: str
    reason: str
    rule: str
    label: str
    label_source: str


@dataclass(frozen=True)
class Rule:
    """One rule: it applies when every ``when`` matches and no ``unless`` does."""

    name: str
    decision: str
    label: str = ""
    when: Mapping[str, re.Pattern[str]] = field(default_factory=dict)
    unless: Mapping[str, re.Pattern[str]] = field(default_factory=dict)

    def applies(self, ds: Attributes) -> bool:
        """Say whether the rule applies to an object."""
        return all(pattern.search(text_of(ds, keyword)) for keyword, pattern in self.when.items()) and not any(
            pattern.search(text_of(ds, keyword)) for keyword, pattern in self.unless.items()
        )


class Rules:
    """The rules of one site.

    ``rules`` are tables as the configuration has them; ``labels`` maps a called AE title to a label;
    ``default_label`` is what an object gets when nothing else labels it.
    """

    def __init__(
        self, rules: Iterable[Mapping[str, Any]], labels: Mapping[str, str], default_label: str = "unknown"
    ) -> None:
        self._rules = tuple(_compile(rule) for rule in rules)
        self._labels = {called.strip(): label for called, label in labels.items()}
        self._default_label = default_label
        for label in (*self._labels.values(), default_label):
            if label not in LABELS:
                raise ConfigError(f"[route] {label!r} is not a label (allowed: {', '.join(LABELS)})")

    @classmethod
    def from_config(cls, route: Any) -> Rules:
        """The rules of a ``[route]`` section: anything with ``rules``, ``labels`` and ``default_label``."""
        return cls(route.rules, route.labels, route.default_label)

    @property
    def keywords(self) -> frozenset[str]:
        """All keywords whose values a decision may rest on."""
        return frozenset(keyword for rule in self._rules for keyword in (*rule.when, *rule.unless)) or frozenset(_SCOPE)

    def decide(
        self,
        ds: Attributes,
        *,
        called_ae: str = "",
        note: Mapping[str, Any] | None = None,
        note_label: str = "",
    ) -> Decision:
        """Decide on one object by its header ``ds``.

        ``called_ae`` is the AE title that the sender called; ``note`` what an import left with the object
        (its ``label`` goes before all others), ``note_label`` that label alone.
        """
        imported = note_label or str((note or {}).get("label") or "")
        action, name, ruled, reason = self._apply(ds)
        label, source = self._label(imported, called_ae.strip(), name, ruled)
        code = OUT_OF_SCOPE if action == HOLD else ""
        return Decision(action, code, reason, name, label, source)

    def _apply(self, ds: Attributes) -> tuple[str, str, str, str]:
        """Action, name of the rule, its label, and the reason."""
        if not self._rules:
            if in_scope(ds):
                return ACCEPT, BUILT_IN, "", "a chest CT"
            return (
                HOLD,
                "",
                "",
                (
                    "neither body part, study description nor protocol says chest, thorax or lung; "
                    "widen [route] rules or drop it"
                ),
            )
        for rule in self._rules:
            if rule.applies(ds):
                said = {ACCEPT: "accepted", HOLD: "held", DISCARD: "discarded"}[rule.decision]
                return rule.decision, rule.name, rule.label, f"{said} by rule {rule.name!r}"
        return HOLD, "", "", "no rule of [route] matches; widen the rules or drop it"

    def _label(self, imported: str, called_ae: str, rule: str, ruled: str) -> tuple[str, str]:
        if imported in LABELS:
            return imported, "import"
        if called_ae in self._labels:
            return self._labels[called_ae], "called-ae"
        if ruled:
            return ruled, f"rule:{rule}"
        return self._default_label, "default"


def in_scope(ds: Attributes) -> bool:
    """The built-in rule: the header says chest, thorax or lung, or says nothing of where it was taken."""
    said = [text for keyword in _SCOPE if (text := _JOINED.sub(" ", text_of(ds, keyword)).strip())]
    return not said or any(_CHEST.search(text) for text in said)


def text_of(ds: Attributes, keyword: str) -> str:
    """The value of a keyword as folded text, several values joined by a backslash; ``""`` if it has none."""
    try:
        value = ds.get(keyword, "")
    except Exception:  # pydicom raises many kinds on a value it cannot read; such a value matches no rule
        return ""
    if value is None:
        return ""
    if not isinstance(value, str) and isinstance(value, Iterable) and not hasattr(value, "components"):
        value = "\\".join(str(one) for one in value)
    return fold(str(value))


def _compile(rule: Mapping[str, Any]) -> Rule:
    name, decision, label = (str(rule.get(key) or "") for key in ("name", "decision", "label"))
    decision = decision or ACCEPT
    if not name:
        raise ConfigError("[route] a rule has no name")
    if decision not in DECISIONS:
        raise ConfigError(f"[route] rule {name!r}: {decision!r} is not a decision (allowed: {', '.join(DECISIONS)})")
    if label and label not in LABELS:
        raise ConfigError(f"[route] rule {name!r}: {label!r} is not a label (allowed: {', '.join(LABELS)})")
    return Rule(name, decision, label, _patterns(name, rule.get("when")), _patterns(name, rule.get("unless")))


def _patterns(name: str, table: Mapping[str, str] | None) -> dict[str, re.Pattern[str]]:
    try:
        return {
            keyword: re.compile(_fold_pattern(pattern), re.IGNORECASE) for keyword, pattern in (table or {}).items()
        }
    except re.error as error:
        raise ConfigError(f"[route] rule {name!r}: {error.pattern!r} is not a regular expression: {error}") from error


def _fold_pattern(pattern: str) -> str:
    """Fold the letters of a pattern, as values are folded, but no escape: ``S`` after a backslash is not ``s``."""
    return re.sub(
        r"\\.|[^\\]+",
        lambda part: part[0] if part[0].startswith("\\") else "".join(map(_fold_letter, part[0])),
        pattern,
    )


def _fold_letter(char: str) -> str:
    return char if char.isascii() else fold(char)
