"""A profile made ready to apply: plain data, the same for everybody who has the same recipe.

The SHA-256 of a plan's canonical JSON is the *profile digest* that goes into every object and into the index.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from fidac_node.deidentify import actions
from fidac_node.dicom.marks import CODE_MODIFIED_DATES

FORMAT: Final = 3


@dataclass(frozen=True)
class Plan:
    """What becomes of each attribute. ``tags`` goes before ``groups``, ``groups`` before ``vrs``.

    Actions are the words of :mod:`fidac_node.deidentify.actions`. Private attributes and what PS3.6
    does not know are removed by whoever applies the plan, whatever it says; of the private ones those of
    ``private`` may stay: group, creator and last byte of the element, with the VR they must have.
    ``vocabulary`` holds the words that a text may be kept for, ``devices`` those that makers of scanners use for
    what a machine is and does, ``common`` further words that identify nobody. ``options`` are the codes of CID 7050
    that hold besides the Basic Profile, ascending; ``kept`` the attributes that identify a device and are kept as they
    are under Retain Device Identity (E.3.8).
    """

    profile: str
    tags: dict[int, str]
    groups: dict[int, str]
    vrs: dict[str, str]
    vocabulary: frozenset[str]
    devices: frozenset[str]
    common: frozenset[str]
    private: dict[tuple[int, str, int], str]
    options: tuple[str, ...]
    kept: frozenset[int]
    digest: str

    def are_harmless(self, words: Iterable[str]) -> bool:
        """Say whether all of some folded words describe images, scanners or any hospital: nobody looks for them."""
        return all(any(word in some for some in (self.vocabulary, self.common, self.devices)) for word in words)

    def action(self, tag: int, vr: str) -> str:
        """The action for an attribute of PS3.6; what no line covers is removed."""
        return self.tags.get(tag) or self.groups.get(tag >> 16) or self.vrs.get(vr, actions.REMOVE)

    @property
    def dates(self) -> str:
        """LongitudinalTemporalInformationModified (0028,0303): ``MODIFIED`` or ``REMOVED``."""
        return "MODIFIED" if CODE_MODIFIED_DATES in self.options or self.vrs.get("DA") == "shift" else "REMOVED"


def make(  # noqa: PLR0913  # what a plan is made of
    profile: str,
    tags: dict[int, str],
    groups: dict[int, str],
    vrs: dict[str, str],
    vocabulary: frozenset[str],
    common: frozenset[str],
    *,
    devices: frozenset[str] = frozenset(),
    private: dict[tuple[int, str, int], str] | None = None,
    options: tuple[str, ...] = (),
    kept: frozenset[int] = frozenset(),
) -> Plan:
    """A plan with its digest."""
    unsigned = Plan(
        profile, tags, groups, vrs, vocabulary, devices, common, private or {}, tuple(sorted(options)), kept, ""
    )
    return replace(unsigned, digest=hashlib.sha256(_canonical(unsigned)).hexdigest())


def dump(plan: Plan) -> str:
    """A plan as canonical JSON, with its digest."""
    body = json.loads(_canonical(plan))
    return json.dumps({**body, "digest": plan.digest}, sort_keys=True, separators=(",", ":"))


def parse(text: str) -> Plan:
    """The plan that :func:`dump` wrote. Raises :class:`ValueError` if it is not whole."""
    try:
        body = json.loads(text)
        plan = make(
            body["profile"],
            {int(tag, 16): action for tag, action in body["tags"].items()},
            {int(group, 16): action for group, action in body["groups"].items()},
            dict(body["vrs"]),
            frozenset(body["vocabulary"]),
            frozenset(body["common"]),
            devices=frozenset(body["devices"]),
            private={
                (int(group, 16), creator, int(element, 16)): vr for group, creator, element, vr in body["private"]
            },
            options=tuple(body["options"]),
            kept=frozenset(int(tag, 16) for tag in body["kept"]),
        )
        whole = body["digest"] == plan.digest
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a plan: {error!r}") from error
    if not whole:
        raise ValueError("the digest of the plan is not that of its content")
    return plan


def _canonical(plan: Plan) -> bytes:
    body = {
        "format": FORMAT,
        "profile": plan.profile,
        "tags": {f"{tag:08X}": action for tag, action in plan.tags.items()},
        "groups": {f"{group:04X}": action for group, action in plan.groups.items()},
        "vrs": plan.vrs,
        "vocabulary": sorted(plan.vocabulary),
        "devices": sorted(plan.devices),
        "common": sorted(plan.common),
        "private": [
            [f"{group:04X}", creator, f"{element:02X}", vr]
            for (group, creator, element), vr in sorted(plan.private.items())
        ],
        "options": plan.options,
        "kept": [f"{tag:08X}" for tag in sorted(plan.kept)],
    }
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")
