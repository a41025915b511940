"""Proof that an object went through the profile it names: the plan, applied once more, changes nothing.

What a rewriter leaves is what it leaves again: attributes and VRs that the plan lets stay, words of its vocabulary,
published codes, numbers of the size of a measurement. So whoever has the plan can tell an object that somebody only
says is de-identified, whatever he has in it. What cannot be proven so is what only the key knows: that dates moved,
and that a pseudonym stands for the right patient. Standard library alone.
"""

from __future__ import annotations

import datetime
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Final

from fidac_node.deidentify import marking
from fidac_node.deidentify.plan import Plan
from fidac_node.deidentify.rewrite import iod, structured
from fidac_node.deidentify.rewrite.dates import Clock
from fidac_node.deidentify.rewrite.pseudonym import prefix_of
from fidac_node.deidentify.rewrite.rewrite import ElementRule, Rewriter, RewrittenHeader, Subject
from fidac_node.deidentify.source import Source
from fidac_node.deidentify.triage.triage import DOSE_REPORT, IMAGE, KEY_OBJECT
from fidac_node.dicom import marks, tags, uids
from fidac_node.dicom.elements import Unusual
from fidac_node.dicom.encode import Syntax
from fidac_node.dicom.part10 import PIXEL_DATA, Malformed
from fidac_node.dicom.series import Common, whole
from fidac_node.dicom.walk import describe
from fidac_node.errors import Permanent

NOT_DEIDENTIFIED: Final = "not-deidentified"
UNKNOWN_RECIPE: Final = "unknown-recipe"
# Site code, hyphen, 80 bits in base32 (:mod:`.rewrite.pseudonym`).
_PSEUDONYM: Final = re.compile(r"([A-Z0-9-]{1,32})-[A-Z2-7]{16}")
# A neutral code is so long, and a site may have been given one that this hub did not make.
_CODE: Final = 6
_NEW_UID: Final = re.compile(r"2\.25\.\d{1,39}", re.ASCII)
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
# Neither moved nor cut down: which dates may be in an object, and how exact its times are, is the site's to say.
_AS_IT_IS: Final = Clock(0, datetime.date.min, datetime.date.max, 0, 0)
# By kind of object; all others are images.
_KINDS: Final = {uids.DOSE_REPORT: DOSE_REPORT, uids.KEY_OBJECT: KEY_OBJECT}
_SAID: Final = (tags.PATIENT_NAME, *sorted(marking.TAGS))
_MOST_STUDIES: Final = 32
_MOST_PROVEN: Final = 256


class _Uids:
    """Leaves UIDs that a key made, and no other."""

    def uid(self, old: str) -> str:
        """``old``, or nothing."""
        return old if _NEW_UID.fullmatch(old) else ""


def _left(source: Source, rewriter: Rewriter) -> RewrittenHeader:
    try:
        if source.syntax.little:
            return rewriter.header(source.cut)
    except Unusual:
        pass  # the thorough reader takes it
    return rewriter.header(whole(source.canonical()))


class Prover:
    """Proves objects; ``plans`` gives a plan by digest and profile name, ``None`` if nobody here knows it."""

    def __init__(self, plans: Callable[[str, str], Plan | None]) -> None:
        self._plans = plans
        self._rewriters: OrderedDict[tuple[object, ...], Rewriter] = OrderedDict()
        # The same with every slice of a series: what was proven of its marks, and of what it has in common.
        self._marked: set[tuple[object, ...]] = set()
        self._proven: set[tuple[Rewriter, Common]] = set()
        self._rules: dict[tuple[str, Syntax, str], dict[bytes, ElementRule]] = {}

    def prove(self, source: Source, site: str, code: str = "") -> None:
        """Raise :class:`Permanent` unless ``source`` is what its profile leaves of an object of ``site``.

        Its pseudonyms begin with the site's id, or with its neutral ``code``. The reasons: ``not-deidentified``, naming
        an attribute and no value, and ``unknown-recipe``.
        """
        digest, profile = (
            marking.text(source, marks.private_tag(one)) for one in (marks.PROFILE_DIGEST, marks.PROFILE)
        )
        plan = self._plans(digest, profile) if _DIGEST.fullmatch(digest) else None
        if plan is None:
            raise Permanent(
                UNKNOWN_RECIPE,
                f"its profile, {digest[:8] or 'none'}, is not known here: 'fidac-node hub recipe add' with the site's "
                "recipe, then release the object",
            )
        pseudonym = source.get("PatientID")
        form = _PSEUDONYM.fullmatch(pseudonym)
        if form is None or (len(form[1]) > _CODE and form[1] not in {prefix_of(one) for one in (site, code) if one}):
            raise _unproven(tags.PATIENT_ID, "is no pseudonym of this site")
        self._demand_marks(source, plan, site, pseudonym)
        for tag in self._changed(source, plan, pseudonym):
            raise _unproven(tag, f"is not what profile {plan.profile} leaves")

    def _demand_marks(self, source: Source, plan: Plan, site: str, pseudonym: str) -> None:
        key = (plan.digest, site, pseudonym, source.syntax, *map(source.elements.get, _SAID))
        if key in self._marked:
            return
        for tag in marking.differing(source, plan, site, pseudonym):
            raise _unproven(tag, "is not what the node writes")
        if len(self._marked) >= _MOST_PROVEN:
            self._marked.clear()
        self._marked.add(key)

    def _changed(self, source: Source, plan: Plan, pseudonym: str) -> Iterator[int]:
        """The elements that the plan would change."""
        if source.mended or source.tail:
            yield PIXEL_DATA
        kind = _KINDS.get(source.get("SOPClassUID"), IMAGE)
        rewriter = self._rewriter(source, plan, pseudonym, kind)
        try:
            left = _left(source, rewriter)
        except Malformed:
            yield min(source.elements, default=0)
            return
        common = left.common
        steady = common is not None and (rewriter, common) in self._proven
        for tag, encoded in (source.cut.own if steady else source.elements).items():
            if tag not in marking.TAGS and (left.own.get(tag) or left.left.get(tag, b"")) != encoded:
                yield tag
        if common is not None and not steady:
            if len(self._proven) >= _MOST_PROVEN:
                self._proven.clear()
            self._proven.add((rewriter, common))

    def _rewriter(self, source: Source, plan: Plan, pseudonym: str, kind: str) -> Rewriter:
        key = (plan.digest, pseudonym, source.syntax, kind, source.elements.get(tags.SOP_CLASS_UID))
        rewriter = self._rewriters.get(key)
        if rewriter is None:
            rules = self._rules.setdefault((plan.digest, source.syntax, kind), {})
            overrides = structured.actions_of(plan.action(tags.STUDY_DATE, "DA")) if kind != IMAGE else {}
            demands = iod.demands_of(source.get("SOPClassUID"))
            subject = Subject(pseudonym, _AS_IT_IS)
            rewriter = Rewriter(plan, _Uids(), subject, source.syntax, overrides, demands=demands, rules=rules)
            if len(self._rewriters) >= _MOST_STUDIES:
                self._rewriters.popitem(last=False)
            self._rewriters[key] = rewriter
        else:
            self._rewriters.move_to_end(key)
        return rewriter


def _unproven(tag: int, why: str) -> Permanent:
    return Permanent(NOT_DEIDENTIFIED, f"{describe((tag,))} {why}")
