"""From the hub's spool into the archive and the index, and the answer whether an object is there.

An object is verified, archived, indexed, and only then removed from the spool; each step may be repeated
after a crash and changes nothing the second time.
"""

from __future__ import annotations

import logging
import math
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import Final

from peewee import Database, PeeweeException
from pydicom._private_dict import private_dictionaries

from fidac_node.commitment.reasons import CLASS_CONFLICT, NO_SUCH_INSTANCE, PROCESSING_FAILURE
from fidac_node.dicom import marks, part10, tags
from fidac_node.dicom.part10 import format_tag
from fidac_node.dicom.statuses import HELD_FOR_A_PERSON, WITHDRAWN
from fidac_node.errors import Permanent, Temporary
from fidac_node.hub.archive import Archive, Place
from fidac_node.hub.digests import Filed
from fidac_node.hub.index.header import Header, opened
from fidac_node.hub.index.held import HeldObject, note_held, rebuild_held
from fidac_node.hub.index.journal import Answered
from fidac_node.hub.index.labels import Said, note_labels
from fidac_node.hub.index.record import (
    Description,
    describe,
    describe_header,
    kept,
    owners,
    record,
    version_in,
    whereabouts,
    withdrawals,
)
from fidac_node.hub.index.sites import Registry
from fidac_node.hub.index.superseded import Replacement, record_newer
from fidac_node.hub.index.withdrawn import note_instances, withdrawn_instances
from fidac_node.hub.keeping.answerable import Answerable
from fidac_node.hub.keeping.superseded import OlderVersions
from fidac_node.hub.pixels import Read, read_through
from fidac_node.spool.bell import Bell
from fidac_node.spool.entry import Entry
from fidac_node.spool.queue import CORRUPT, Spool
from fidac_node.system import locks
from fidac_node.system.database import borrowed, exclusive, refuses_values, utc_now

log = logging.getLogger(__name__)

_BATCH: Final = 200
_OWNER: Final = "file"
# Objects whose metadata may wait until nothing else does.
_MOST_NEW: Final = 10_000
# Seconds after a small batch, in which the next one gathers: alone, an object costs three times as much as among ten.
_BREATH: Final = 0.02
# Longer sequences (bytes) are not kept in memory.
_REMEMBERED: Final = 4096
# In the spool: rung after every batch, for those who wait to commit.
FILED: Final = "filed"
# Why an object is held that is an older version than the one which is filed.
SUPERSEDED: Final = "superseded"
_IDLE_SECONDS: Final = 1.0
# What a step may wait for a database, longer than for anything else.
_DATABASE_SECONDS: Final = 240.0
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 15.0
# What is the machine's fault, and no object's.
TROUBLE: Final = (Temporary, OSError, PeeweeException, MemoryError)


def verify(header: Header, site: str, safe_creators: Collection[str] = ()) -> None:
    """Check that an object is marked as de-identified, by us, for ``site``.

    PatientIdentityRemoved is YES, DeidentificationMethod has our text, ClinicalTrialSiteID is ``site``, and no
    private block at any depth belongs to a creator outside ``safe_creators`` and our own (PS3.15 E.3.10).
    Raises :class:`~fidac_node.errors.Permanent` with code ``not-deidentified``.
    """
    if header.text(tags.PATIENT_IDENTITY_REMOVED).upper() != "YES":
        raise _not_deidentified("PatientIdentityRemoved (0012,0062) is not YES")
    if not any(
        value.strip().startswith(marks.METHOD_PREFIX) for value in header.text(tags.DEIDENTIFICATION_METHOD).split("\\")
    ):
        raise _not_deidentified("DeidentificationMethod (0012,0063) does not name a FIDAC profile")
    if header.text(tags.CLINICAL_TRIAL_SITE_ID) != site:
        raise _not_deidentified(f"ClinicalTrialSiteID (0012,0030) is not {site}, the site of the calling AE title")
    allowed = frozenset(creator.strip() for creator in safe_creators)
    _verify_private(header, allowed)
    for tag in header.sequences():
        encoded, syntax, encoding = header.alone(tag)
        check = _verify_sequence if len(encoded) <= _REMEMBERED else _verify_sequence.__wrapped__
        check(encoded, syntax, encoding, allowed)


def unexpected(error: Exception) -> Permanent:
    """What an error that nobody foresaw says of an object; its text may quote the object, so it is not repeated."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(where.filename).name}:{where.lineno}"
    return Permanent("error", f"unexpected {type(error).__name__} at {place}; report it with the hub's version")


@dataclass
class _Case:
    """What is known so far about an object on its way."""

    entry: Entry
    path: Path | None = None
    site: str = ""
    sop: str = ""
    description: Description | None = None
    pixels: str = ""
    is_new: bool = False
    said: Said | None = None  # of an object that is filed with another label
    # Where the older version was that it replaces, and the digest of that.
    old: Place | None = None
    old_digest: str = ""


class Filer:
    """Files what arrives in ``spool``; one per hub, which a lock on the spool ensures.

    ``safe_creators`` are the private creators that may stay; ``limit`` (bytes) bounds what a deflated
    object may inflate to; ``prove(path, site, code)`` raises :class:`~fidac_node.errors.Permanent` for one that is not
    what the profile leaves that it names (without it marks are believed); ``difference(path, other)`` says in what two
    versions of an instance differ, but for recipe and label (without it every byte counts); what a newer version of its
    site replaces is kept aside for so many ``days``. ``beat`` is called with each step of an object, and whenever the
    loop comes round.
    """

    def __init__(  # noqa: PLR0913  # one room hands it everything
        self,
        spool: Spool,
        archive: Archive,
        db: Database,
        registry: Registry,
        *,
        safe_creators: Collection[str] = (),
        limit: int = 4 << 30,
        prove: Callable[[Path, str, str], None] | None = None,
        difference: Callable[[Path, Path], str] | None = None,
        days: float = 30.0,
        beat: Callable[[float], object] = lambda _longer: None,
    ) -> None:
        self._older = OlderVersions(archive, days)
        self._beat = beat
        self._spool = spool
        self._archive = archive
        self._db = db
        self._registry = registry
        self._safe_creators = safe_creators
        self._limit = limit
        self._prove = prove
        self._difference = difference
        self._filed = Bell(spool.directory / FILED)
        self._lock: int | None = None
        self._tries: dict[Entry, int] = {}
        self._due: dict[Entry, float] = {}
        self._trouble: Counter[str] = Counter()
        self._new: dict[Place, str] = {}  # filed, with the digests of their data sets, and not described yet

    def recover(self) -> None:
        """Take up after a stop or crash: claims go back, rows about held objects follow the files.

        Raises :class:`ConfigError` when another process files from this spool.
        """
        if self._lock is None:
            taken = (
                f"another hub files from {self._spool.directory} already: "
                "stop it first, or give this one a [spool] directory of its own"
            )
            self._lock = locks.take(self._spool.directory / locks.FILING, taken)
        self._spool.recover(_OWNER)
        self._archive.sweep()
        with borrowed(self._db):
            rebuild_held(self._db, (_held_row(self._spool, entry) for entry in self._spool.entries("held")))

    def run(self, stop: threading.Event) -> None:
        """File until ``stop``. Trouble of disk or database is retried, ever more slowly, for as long as it lasts."""
        if self._lock is None:
            self.recover()
        pause = 0.0
        while not stop.is_set():
            self._beat(_DATABASE_SECONDS)
            if again := self._again():
                self.file(again)
            batch = self._claim()
            if batch == []:
                if not self._describe():
                    self._spool.wait(self._idle())
            elif batch and self.file(batch):
                pause = 0.0
                if len(batch) < _BATCH:
                    self._spool.wait_for_more(_BATCH, _BREATH, stop)
            else:
                # Most likely nothing else can be filed either: claiming on would only fail faster.
                pause = min(max(_FIRST_PAUSE, 2 * pause), _LONGEST_PAUSE)
                log.error("nothing can be filed: next try in %.0f s; all objects are safe in the spool", pause)
                stop.wait(pause)
        for entry in self._due:
            with suppress(OSError):  # then the next start takes it back
                self._spool.unclaim(entry)
        self._due.clear()
        self.close()

    def _claim(self) -> list[Entry] | None:
        """What is to be filed next; ``None``: the spool does not give it."""
        try:
            return self._spool.claim(_OWNER, _BATCH)
        except OSError as error:
            log.error("nothing can be claimed from the spool: %s", error.strerror)
            return None

    def close(self) -> None:
        """Let another filer begin."""
        self._db.close()
        if self._lock is not None:
            locks.release(self._lock)
            self._lock = None

    def file(self, batch: Sequence[Entry]) -> int:
        """File claimed objects and return how many are settled: filed or held. The others wait to be tried again."""
        cases = [_Case(entry) for entry in batch]
        ready = [case for case in cases if self._attempt(case, self._examine)]
        ready = self._without_withdrawn(ready)
        places: dict[tuple[str, str], Place] = {}
        pseudonyms: dict[tuple[str, str], str] = {}
        try:
            described = [case.description.place for case in ready if case.description]
            places, pseudonyms = whereabouts(self._db, described), owners(self._db, described)
        except PeeweeException as error:
            self._postpone(ready, error)
            ready = []
        archived = [
            case for case in ready if self._attempt(case, lambda case: self._archive_one(case, places, pseudonyms))
        ]
        self._index(archived)
        for message, number in self._trouble.items():
            log.error("%d objects cannot be filed now and are tried again: %s", number, message)
        self._trouble.clear()
        self._filed.ring()
        self._note_new(archived)
        return sum(case.entry not in self._due for case in cases)

    def _without_withdrawn(self, cases: list[_Case]) -> list[_Case]:
        """Let go of what may not come again, for good; its site is told so when it asks."""
        try:
            gone = withdrawals(self._db, [case.description for case in cases if case.description])
        except PeeweeException as error:
            self._postpone(cases, error)
            return []
        left = []
        for case in cases:
            withdrawal = gone.get(case.description.of_whom) if case.description else None
            if withdrawal is None:
                left.append(case)
            else:
                self._attempt(case, partial(self._drop, withdrawal))
        return left

    def _drop(self, withdrawal: str, case: _Case) -> None:
        with exclusive(self._db):
            note_instances(self._db, withdrawal, case.site, [case.sop])
        self._spool.remove(case.entry)
        self._tries.pop(case.entry, None)
        log.warning("dropped %s of site %s: it was withdrawn (%s)", case.entry, case.site, withdrawal)

    def _again(self) -> list[Entry]:
        """The postponed objects whose time has come."""
        now = time.monotonic()
        due = [entry for entry, at in self._due.items() if at <= now][:_BATCH]
        for entry in due:
            del self._due[entry]
        return due

    def _idle(self) -> float:
        soonest = min(self._due.values(), default=math.inf) - time.monotonic()
        return max(0.0, min(_IDLE_SECONDS, soonest))

    def _attempt(self, case: _Case, step: Callable[[_Case], None]) -> bool:
        """Take one step with one object.

        What is wrong with it holds it, what is wrong with the machine postpones it.
        """
        self._beat(_DATABASE_SECONDS)
        try:
            try:
                step(case)
            except Permanent as error:
                self._hold(case, error.code, str(error))
                return False
            except TROUBLE:
                raise
            except Exception as error:  # any doubt holds
                self._hold(case, "error", str(unexpected(error)))
                return False
        except TROUBLE as error:
            self._postpone([case], error)
            return False
        return True

    def _examine(self, case: _Case) -> None:
        case.path = path = self._spool.path(case.entry)
        read = _read_through(path)
        if read is None or read.digest != case.entry.digest:  # the hub is about to answer for it
            raise Permanent(CORRUPT, "its file is not as it was received: look at the disk; the site sends it again")
        case.pixels = read.pixels
        with opened(path, limit=self._limit) as (meta, header):
            case.sop = meta.sop_instance_uid
            site = self._registry.site_of(meta.source_ae)
            if site is None:
                raise Permanent(
                    "unknown-site",
                    f"no site has the AE title {meta.source_ae!r}; "
                    "register it with 'fidac-node hub site add', then release the object",
                )
            case.site = site
            verify(header, site, self._safe_creators)
            if self._prove is not None:
                self._prove(path, site, self._registry.code_of(site))
            case.description = describe_header(path, site, meta, header)

    def _archive_one(
        self, case: _Case, places: dict[tuple[str, str], Place], pseudonyms: dict[tuple[str, str], str]
    ) -> None:
        """Put one object into the archive; ``places`` and ``pseudonyms`` learn of it for the rest of the batch."""
        assert case.description is not None and case.path is not None
        place, pseudonym = case.description.place, case.description.pseudonym
        known = places.get((place.site, place.sop), place)
        if known != place and not self._is_newer(case, known):
            raise Permanent("conflict", "this SOPInstanceUID is filed in another study or series already")
        if pseudonyms.get((place.site, place.study), pseudonym) != pseudonym:
            raise Permanent("conflict", "this study is filed under another patient already")
        if known != place:
            self._set_aside(case, known)
        filed = self._put(case, place)
        # A file of this name that is another one by now is read when the site asks for it.
        seen = self._archive.fingerprint(place) if filed.digest == case.entry.digest else 0
        case.description = replace(
            case.description, digest=filed.digest, bytes=filed.size, seen=seen, pixels=case.pixels
        )
        places[place.site, place.sop] = place
        pseudonyms[place.site, place.study] = pseudonym

    def _put(self, case: _Case, place: Place) -> Filed:
        """Put one object into the archive, and say what is filed under its name now."""
        assert case.description is not None and case.path is not None
        new = Filed(case.entry.digest, case.description.bytes)
        outcome = self._archive.put_if_absent(case.path, place, sync=False)
        case.is_new = outcome == "new"
        if outcome == "conflict":
            if self._was_filed(place, new.digest):
                log.warning("archive: %s was not what was filed any more; it came again and is whole", place.sop)
            elif self._is_newer(case, place):
                self._set_aside(case, place)
            else:
                self._demand_same(case.path, place)
                return self._as_filed(case, place)
            self._archive.replace(case.path, place)
        elif outcome == "same":
            kept = self._kept(place) if case.description.version > 1 else None
            if kept is not None and kept != new and self._older.has(place, kept.digest):
                case.old, case.old_digest = place, kept.digest  # a crash came before the index
                return new
            return self._archive.filed(place) or self._archive.measured(place)
        return new

    def _demand_same(self, path: Path, place: Place) -> None:
        """Raise ``conflict`` unless what came is what is filed, but for the recipe and the label that it came with.

        Who has a study by a node and brings it by the portal, too, has one object, of which two things are said.
        """
        why = self._difference(self._archive.path(place), path) if self._difference else "bytes"
        if why:
            in_what = f": {why}" if self._difference else ""
            raise Permanent(
                "conflict",
                f"this SOPInstanceUID is filed with other content already{in_what}; the first version is kept",
            )

    def _as_filed(self, case: _Case, place: Place) -> Filed:
        """Let the case be what is filed, and remember what else is said of it, if it is."""
        assert case.description is not None
        came, filed = case.description, describe(self._archive.path(place), case.site, limit=self._limit)
        if (came.label, came.label_source) != (filed.label, filed.label_source):
            said = (came.label, came.label_source, case.entry.digest, utc_now())
            case.said = Said(place.site, place.study, place.sop, *said)
        case.description = filed
        return self._archive.filed(place) or self._archive.measured(place)

    def _is_newer(self, case: _Case, place: Place) -> bool:
        """Whether an object is a newer version of what is filed at ``place``: its site counts.

        Raises :class:`Permanent` ``superseded`` for an older one that says something else.
        """
        assert case.description is not None and case.path is not None
        with opened(self._archive.path(place), limit=self._limit) as (_, header):
            filed, version = version_in(header), case.description.version
        if version < filed and (self._difference is None or self._difference(self._archive.path(place), case.path)):
            raise Permanent(
                SUPERSEDED, f"version {version} of an instance of which version {filed} is filed already: drop it"
            )
        return version > filed

    def _set_aside(self, case: _Case, place: Place) -> None:
        """Keep the version at ``place`` aside, which is to be replaced."""
        assert case.description is not None
        case.old, case.old_digest = place, self._archive.measured(place).digest
        self._older.keep(place, case.old_digest)
        log.warning("archive: version %d takes the place of %s", case.description.version, place.sop)

    def _was_filed(self, place: Place, digest: str) -> bool:
        """Whether an object is what was filed under its name, by the archive or by the index."""
        said = (self._archive.filed(place), self._kept(place))
        return any(one is not None and one.digest == digest for one in said)

    def _kept(self, place: Place) -> Filed | None:
        known = kept(self._db, [(place.site, place.sop)]).get((place.site, place.sop))
        return known and known.filed

    def _index(self, cases: list[_Case]) -> None:
        """Index archived objects in one transaction and let the spool go of them."""
        descriptions = [case.description for case in cases if case.description]
        if not descriptions:
            return
        try:
            self._archive.note({new.place: Filed(new.digest, new.bytes) for new in descriptions})
            self._archive.sync(description.place for description in descriptions)
            record(self._db, [case.description for case in cases if case.description and not case.old])
            self._record_newer(cases)
            self._leave_out(descriptions)
            if said := [case.said for case in cases if case.said]:
                note_labels(self._db, said)
        except Exception as error:
            if not refuses_values(error):
                self._postpone(cases, error)
                return
            if len(cases) == 1:
                log.exception("object %s cannot be indexed", cases[0].entry)
                self._attempt(cases[0], _refuse)
                return
            # One of them is bad: the others must not wait for it.
            for case in cases:
                self._index([case])
            return
        for case in cases:
            self._attempt(case, lambda case: self._spool.remove(case.entry))
            self._tries.pop(case.entry, None)

    def _record_newer(self, cases: list[_Case]) -> None:
        """Index what replaces an older version; what was elsewhere goes from there."""
        newer = [
            Replacement(case.description, case.old, case.old_digest) for case in cases if case.description and case.old
        ]
        if newer:
            record_newer(self._db, newer, self._older.days)
        for new, old, _ in newer:
            if old != new.place:
                self._archive.discard(old)

    def _leave_out(self, descriptions: list[Description]) -> None:
        """Keep nothing of what was withdrawn while it was being filed: it has no row."""
        gone = withdrawals(self._db, descriptions)
        for new in descriptions if gone else ():
            if new.of_whom in gone:
                self._archive.discard(new.place)

    def _note_new(self, cases: list[_Case]) -> None:
        """Remember whose metadata is to be kept when nothing waits to be filed; of too many at once, keep it now."""
        new = [
            case.description
            for case in cases
            if (case.is_new or case.old) and case.description and case.entry not in self._due
        ]
        self._new |= {one.place: one.digest for one in new}
        if len(self._new) > _MOST_NEW:
            self._describe()

    def _describe(self) -> bool:
        """Keep what some new objects say; ``False``: there are none. What is not kept is made when it is asked for."""
        some = dict(islice(self._new.items(), _BATCH))
        for place in some:
            del self._new[place]
        try:
            self._archive.describe(some, limit=self._limit)
        except OSError as error:
            log.warning("archive: what %d objects say is not kept: %s", len(some), error.strerror)
        return bool(some)

    def _hold(self, case: _Case, code: str, message: str) -> None:
        row = HeldObject(str(case.entry), code, message, case.site, case.sop, utc_now())
        self._spool.hold(
            case.entry,
            code,
            message,
            site=row.site,
            sop_instance_uid=row.sop_instance_uid,
            at=row.at.isoformat(timespec="seconds"),
        )
        self._tries.pop(case.entry, None)
        log.warning("held %s of site %s (%s): %s", case.entry, case.site or "unknown", code, message)
        try:
            note_held(self._db, row)
        except PeeweeException as error:
            log.error(
                "the row about held object %s could not be written; the next start writes it: %s", case.entry, error
            )

    def _postpone(self, cases: Iterable[_Case], error: Exception) -> None:
        for case in cases:
            tries = self._tries[case.entry] = self._tries.get(case.entry, 0) + 1
            self._due[case.entry] = time.monotonic() + min(_FIRST_PAUSE * 2.0 ** (tries - 1), _LONGEST_PAUSE)
            self._trouble[error.strerror if isinstance(error, OSError) and error.strerror else _said(error)] += 1
        if isinstance(error, PeeweeException):
            self._db.close()  # a broken connection is not healed by using it again


class CommitmentCheck:
    """Answers storage commitment requests (PS3.4 J.3): which objects the hub answers for.

    ``instance_handle`` names a SOPInstanceUID as the spool does; ``patience`` is how many seconds an answer
    may wait for objects that are received but not filed yet; ``note`` hears of each study what was answered.
    """

    def __init__(
        self,
        spool: Spool,
        archive: Archive,
        db: Database,
        registry: Registry,
        instance_handle: Callable[[str], str],
        *,
        patience: float = 10.0,
        note: Callable[[Answered], None] = lambda _: None,
    ) -> None:
        self._note = note
        self._spool = spool
        self._archive = archive
        self._db = db
        self._registry = registry
        self._handle = instance_handle
        self._patience = patience
        self._filed = Bell(spool.directory / FILED)
        self._answerable = Answerable(archive)

    def __call__(
        self, calling_ae: str, references: Sequence[tuple[str, str]]
    ) -> tuple[list[tuple[str, str]], list[tuple[str, str, int]]]:
        """Return the (SOP class, SOP instance) pairs that are safe here, and the others with their Failure Reason.

        Safe is what is archived and indexed for the caller's site, with that class and with the size and digest that
        it was filed with, while no other version of it waits (those get 0110, which means ask again) or is held (those
        get a reason of ours: a person looks at it). What the archive has lost, or has no more as it was, gets 0112:
        send it again; what was withdrawn gets another reason of ours. Raises
        :class:`~fidac_node.errors.Temporary` while nothing can be said.
        """
        site = self._registry.site_of(calling_ae)
        if site is None:
            return [], [(*reference, NO_SUCH_INSTANCE) for reference in references]
        asked_at = utc_now()
        handles = {sop: self._handle(sop) for _, sop in references}
        wanted = set(handles.values())
        waiting, held = self._await_filing(wanted), self._held(site, wanted)
        try:
            with borrowed(self._db):
                places = whereabouts(self._db, (Place(site, "", "", sop) for sop in handles))
                known = kept(self._db, ((site, sop) for sop in handles))
                missing = [sop for sop in handles if (site, sop) not in places]
                withdrawn = withdrawn_instances(self._db, site, missing) if missing else set()
        except PeeweeException as error:
            raise Temporary(f"the index cannot be read: {error}") from error
        ok: list[tuple[str, str]] = []
        failed: list[tuple[str, str, int]] = []
        for sop_class, sop in references:
            place = places.get((site, sop))
            if handles[sop] in waiting:
                failed.append((sop_class, sop, PROCESSING_FAILURE))
            elif sop in withdrawn:
                failed.append((sop_class, sop, WITHDRAWN))
            elif handles[sop] in held:
                failed.append((sop_class, sop, HELD_FOR_A_PERSON))
            elif place is None or not self._answerable.is_right(place, known[site, sop]):
                failed.append((sop_class, sop, NO_SUCH_INSTANCE))
            elif known[site, sop].sop_class_uid != sop_class:
                failed.append((sop_class, sop, CLASS_CONFLICT))
            else:
                ok.append((sop_class, sop))
        self._note_each(site, asked_at, references, places, {sop for _, sop in ok})
        return ok, failed

    def _note_each(
        self,
        site: str,
        asked_at: datetime,
        references: Sequence[tuple[str, str]],
        places: Mapping[tuple[str, str], Place],
        committed: Collection[str],
    ) -> None:
        """Tell of each study that is known how many of its objects were asked for, and how many committed to."""
        known = [(places[site, sop].study, sop) for _, sop in references if (site, sop) in places]
        safe = Counter(study for study, sop in known if sop in committed)
        for study, objects in Counter(study for study, _ in known).items():
            self._note(Answered(site, study, asked_at, utc_now(), objects, safe[study]))

    def _await_filing(self, handles: set[str]) -> set[str]:
        """Give the filing a moment, and return which of ``handles`` still wait for it."""
        if not self._waiting(handles):
            return set()
        deadline = time.monotonic() + self._patience
        with self._filed.listening() as heard:
            waiting = self._waiting(handles)  # what was filed before nobody listened for
            while waiting and (left := deadline - time.monotonic()) > 0:
                if self._waits(waiting[-1]):
                    heard(left)
                else:
                    waiting.pop()
        return {entry.instance for entry in waiting if self._waits(entry)}

    def _waiting(self, handles: set[str]) -> list[Entry]:
        return [entry for state in ("new", "work") for entry in self._spool.entries(state) if entry.instance in handles]

    def _waits(self, entry: Entry) -> bool:
        try:
            return self._spool.state(entry) in ("new", "work")
        except FileNotFoundError:
            return False

    def _held(self, site: str, handles: set[str]) -> set[str]:
        """Which of ``handles`` have a version of that site among the held objects.

        One that is corrupt is none, nor one that is older than what is filed.
        """
        held = [entry for entry in self._spool.entries("held") if entry.instance in handles]
        reasons = {entry: self._spool.reason(entry) or {} for entry in held}
        return {
            entry.instance
            for entry, reason in reasons.items()
            if reason.get("site") in (site, "") and reason.get("code") not in (CORRUPT, SUPERSEDED)
        }


def _read_through(path: Path) -> Read | None:
    """A file read once; ``None`` for one that is none any more. Raises ``OSError``."""
    try:
        return read_through(path)
    except part10.Malformed:
        return None


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__


def _held_row(spool: Spool, entry: Entry) -> HeldObject:
    reason = {key: str(value) for key, value in (spool.reason(entry) or {}).items()}
    try:
        at = datetime.fromisoformat(reason["at"])
    except (KeyError, ValueError):
        at = datetime.fromtimestamp(spool.path(entry).stat().st_mtime, UTC).replace(tzinfo=None)
    code, message, site, sop = (reason.get(key, "") for key in ("code", "message", "site", "sop_instance_uid"))
    return HeldObject(str(entry), code, message, site, sop, at)


def _refuse(_case: _Case) -> None:
    raise Permanent("error", "it is archived, but the index does not take its description; see the hub's log")


@lru_cache(maxsize=512)
def _verify_sequence(encoded: bytes, syntax: str, encoding: str, allowed: frozenset[str]) -> None:
    """Check what is in one sequence.

    Most come again, byte for byte, with every slice of a series: they are read once.
    """
    for data_set in Header(encoded, 0, len(encoded), syntax, encoding).everywhere():
        _verify_private(data_set, allowed)


def _verify_private(header: Header, allowed: Collection[str]) -> None:
    """Check the private blocks of one data set (PS3.5 7.8.1)."""
    for tag in header.private_tags():
        group, number = tag >> 16, tag & 0xFFFF
        block = number if number <= 0xFF else number >> 8
        creator = header.text(group << 16 | block) if block >= 0x10 else ""
        if creator in allowed or (creator == marks.PRIVATE_CREATOR and group == marks.PRIVATE_GROUP):
            continue
        # Only a name that the world knows may be printed: the rest might be anybody's text.
        whose = f"creator {creator}" if creator in private_dictionaries else "a creator" if creator else "no creator"
        raise _not_deidentified(
            f"private element {format_tag(tag)} of {whose} "
            "that is not on the safe list ([verify] safe_private_creators)"
        )


def _not_deidentified(message: str) -> Permanent:
    return Permanent("not-deidentified", message)
