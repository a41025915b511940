"""The weeks before the demo began: made-up studies of five sites, so that the hub's pages have something to show.

They are written where objects wait that came while nobody filed, each with the time at which it is said to have come;
the hub's filer takes them when it starts, through all its checks. What a site does to them first the same engine does.
"""

from __future__ import annotations

import datetime
import hashlib
import io
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pydicom.filewriter import dcmwrite

from fidac_node.deidentify.engine import Deidentifier
from fidac_node.deidentify.profile.load import load_plan
from fidac_node.deidentify.rewrite.pseudonym import Pseudonymiser
from fidac_node.deidentify.source import Sources
from fidac_node.demo.demo import HUB_AE, DemoError, fidac
from fidac_node.dicom.uids import CT_CLASSES, TRANSFER_SYNTAXES
from fidac_node.hub.intake import Intake, Refused
from fidac_node.phantom import IDENTITIES, VENDORS, Identity, series
from fidac_node.receive.check import Identity as Named
from fidac_node.receive.check import PlainHandles, entry_for
from fidac_node.spool.draft import Draft
from fidac_node.spool.queue import Spool

WEEKS: Final = 8
STUDIES: Final = 30
PROGRAMME: Final = "FIDAC"
# Sites as France had them, none of which sent this; how much of the work each does.
SITES: Final = {"LILLE": 9, "STRASBOURG": 8, "BORDEAUX": 6, "LYON": 5, "BREST": 2}
_LABELS: Final = ("certain", "certain", "possible", "negative", "negative", "other")
_SLICES: Final = 6
_PIXELS: Final = 160  # rows and columns
_LIMIT: Final = 1 << 24  # bytes of an object
# One patient of four comes again.
_AGAIN: Final = 4


@dataclass(frozen=True)
class Exam:
    """One study: whose it is, where it was made, how many days before today it came, and what it is called."""

    number: int
    site: str
    who: Identity
    days_ago: int
    label: str
    vendor: str


def exams(count: int = STUDIES) -> Iterator[Exam]:
    """Yield the studies, the oldest first, always the same ones: a wave that rises and falls."""
    dice = random.Random(2020)
    ages = sorted((round(dice.triangular(0, WEEKS * 7 - 1, WEEKS * 2.5)) for _ in range(count)), reverse=True)
    before: list[Exam] = []
    for number, days_ago in enumerate(ages):
        site = dice.choices([*SITES], [*SITES.values()])[0]
        seen = [exam for exam in before if exam.site == site]
        who = dice.choice(seen).who if seen and number % _AGAIN == 0 else _somebody(number, dice)
        exam = Exam(number, site, who, days_ago, dice.choice(_LABELS), dice.choice([*VENDORS]))
        before.append(exam)
        yield exam


def fill(hub: Path, spool: Path) -> int:
    """Register the sites at the hub of the settings ``hub`` and leave the studies in its ``spool``.

    Returns how many objects. The hub must not run. Raises :class:`DemoError`.
    """
    for site in SITES:
        fidac("hub", "site", "add", site, "--ae-title", f"{site}_CT", "--config", hub)
    intake = _intake(Spool(spool))
    plan, sources = load_plan("fidac-chest-ct"), Sources()
    now, objects = datetime.datetime.now(), 0
    for exam in exams():
        keys = Pseudonymiser(hashlib.sha256(exam.site.encode()).digest(), PROGRAMME, exam.site)
        engine = Deidentifier(plan, keys, exam.site, PROGRAMME)
        came = now - datetime.timedelta(days=exam.days_ago, hours=exam.number % 9)
        for content in _slices(exam, now.date()):
            anonymous = io.BytesIO()
            source = sources.read(content, _LIMIT)
            engine.deidentify(source, anonymous, label=exam.label, label_source="import", limit=_LIMIT)
            _leave(intake, exam.site, anonymous.getvalue(), came)
            objects += 1
    intake.spool.close()
    return objects


def _somebody(number: int, dice: random.Random) -> Identity:
    """A patient of his own."""
    base = IDENTITIES[number % len(IDENTITIES)]
    born = datetime.date(dice.randint(1935, 1995), dice.randint(1, 12), dice.randint(1, 28))
    return replace(base, patient_id=f"80{number:08d}", accession=f"RX24{number:06d}", birth_date=born)


def _slices(exam: Exam, today: datetime.date) -> Iterator[bytes]:
    """The objects of a study as the scanner writes them."""
    for ds in series(
        exam.number + 1,
        slices=_SLICES,
        rows=_PIXELS,
        columns=_PIXELS,
        identity=exam.who,
        vendor=exam.vendor,
        study_date=today - datetime.timedelta(days=exam.days_ago),
        ground_glass=exam.label in ("certain", "possible"),
        contrast=exam.number % 5 == 0,
    ):
        content = io.BytesIO()
        dcmwrite(content, ds, enforce_file_format=True)
        yield content.getvalue()


def _intake(spool: Spool) -> Intake:
    """What takes objects into the hub's inbox."""

    def accept(draft: Draft, identity: Named, digest: bytes) -> None:
        entry = entry_for(identity, digest, PlainHandles())
        draft.finish(str(entry))
        spool.put(draft, entry)

    return Intake(
        spool,
        accept,
        lambda _share: "",
        lambda site: f"{site}_CT",
        called=HUB_AE,
        sop_classes=CT_CLASSES,
        transfer_syntaxes=TRANSFER_SYNTAXES,
        limit=_LIMIT,
    )


def _leave(intake: Intake, site: str, content: bytes, came: datetime.datetime) -> None:
    """Put an object into the inbox as one that came at that time: a file's own time is that of its arrival."""
    upload = intake.upload(site)
    upload.write(content)
    taken = upload.finish()
    if isinstance(taken, Refused):
        raise DemoError(f"the hub's intake refuses a made-up study: {taken.why}")
    os.utime(intake.spool.path(taken.entry), (came.timestamp(), came.timestamp()))
