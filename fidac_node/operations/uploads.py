"""What a person brings to the hub by its portal: a session, its objects, and a receipt for what is safe.

Objects go through the checks of C-STORE before anything is kept of them, and then through the same inbox. What the hub
answers for it answers by the check of storage commitment: nothing else is called committed.
"""

from __future__ import annotations

import datetime
import hashlib
import logging
import secrets
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from fidac_node.dicom.statuses import HELD_FOR_A_PERSON, WITHDRAWN
from fidac_node.errors import ConfigError, NotFound, Permanent
from fidac_node.hub import signing
from fidac_node.hub.index import uploads as rows
from fidac_node.hub.index.generation import generation
from fidac_node.hub.index.record import Description, kept
from fidac_node.hub.index.sites import site_code
from fidac_node.hub.index.uploads import Brought, Receipt, Result, Session
from fidac_node.hub.intake import Intake, Refused, Taken, Upload
from fidac_node.operations.uses import hub_uses
from fidac_node.system import signed
from fidac_node.system.database import utc_now

if TYPE_CHECKING:
    from peewee import Database

    from fidac_node.audit.trail import Trail, Who
    from fidac_node.config.config import HubConfig

__all__ = ["Incoming", "Outcome", "Receipt", "Refused", "Result", "Session", "Uploads", "Wish", "forget_key"]

log = logging.getLogger(__name__)

# (SOP class, SOP instance) pairs of a site by its AE title: those that are safe, and the others with Failure Reasons.
Commit: TypeAlias = Callable[[str, Sequence[tuple[str, str]]], tuple[list[tuple[str, str]], list[tuple[str, str, int]]]]

OTHER_KEY: Final = "other-key"
EXPIRED: Final = "expired"
TOO_MANY: Final = "too-many"
CONFLICT: Final = "conflict"
_IDLE: Final = datetime.timedelta(hours=24)
_DAY: Final = datetime.timedelta(days=1)
_MOST_SESSIONS: Final = 200  # that one person begins in a day
_MOST_OBJECTS: Final = 50_000  # of a session: a hospital's day
_MOST_REFUSED: Final = 500  # of a session in a day: who brings so many has no de-identified ones
_TOUCH_SECONDS: Final = 60.0
_GATHERED: Final = 50
_GATHER_SECONDS: Final = 1.0
_MOST_KNOWN: Final = 1000  # sessions in memory
_SESSION_BYTES: Final = 16
_DECIDED_SECONDS: Final = 5.0  # the filer has a second version in hand; what it has not decided then, `complete` tells


class Wish(NamedTuple):
    """What a session is begun with: programme, check value of the key, the browser, the digest of what it runs."""

    programme: str
    check_value: str
    user_agent: str
    assets: str


class Begun(NamedTuple):
    """A session; whether its key is a new one, and whether the site has patients already: then by another way."""

    session: Session
    profile_digest: str
    first_use: bool
    has_patients: bool


class Standing(NamedTuple):
    """Whether the check value of a site's key is known, whether the site has patients already, its neutral code.

    Pseudonyms begin with the code, as those that its node makes do.
    """

    key_known: bool
    has_patients: bool
    code: str


class Turned(NamedTuple):
    """An object that is not safe here, and why, by a word and in a sentence."""

    sha256: str
    reason: str
    message: str


@dataclass(frozen=True)
class Outcome:
    """What a session came to: how many objects are committed, how many wait, which others there are."""

    committed: int
    waiting: int
    others: tuple[Turned, ...]
    receipt: Receipt | None = None


@dataclass
class _Known:
    """A session as this process knows it; ``noted`` is when its use was last written down, by the monotonic clock."""

    session: Session
    noted: float
    objects: int = 0
    refused: int = 0


class Uploads:
    """The uploads of one hub: called from any thread, each with a connection to ``db`` of its own.

    ``examine`` returns what a file of a site says of itself, or raises :class:`Permanent`; ``commit`` says what is
    safe; the key of the receipts is in ``directory``.
    """

    def __init__(
        self,
        db: Database,
        trail: Trail,
        intake: Intake,
        examine: Callable[[Path, str], Description],
        commit: Commit,
        directory: Path,
    ) -> None:
        self.intake = intake
        self._db, self._trail, self._examine, self._commit, self._directory = db, trail, examine, commit, directory
        self._one = threading.Lock()
        self._known: dict[str, _Known] = {}
        self._gathered: list[Brought] = []
        self._since = time.monotonic()

    def begin(self, who: Who, site: str, wish: Wish) -> Begun:
        """Begin a session; it is written down first.

        Raises :class:`Permanent` ``other-key``, ``site`` and ``too-many``, ``OSError``.
        """
        from fidac_node.hub.recipes import in_force  # the deidentifier, which a hub without uploads need not load

        self._title(site)
        self.flush()
        now = utc_now()
        if rows.sessions_since(self._db, who.name, now - _DAY) >= _MOST_SESSIONS:
            raise Permanent(TOO_MANY, f"{_MOST_SESSIONS} uploads were begun within a day: go on tomorrow")
        patients = rows.patients_of(self._db, site)
        first = rows.key_of(self._db, site, wish.programme) is None
        what = f"site {site}, programme {wish.programme}"
        self._trail.note(who, "upload", f"{what}, begun", reason=f"key {wish.check_value}, assets {wish.assets or '-'}")
        new = Session(secrets.token_urlsafe(_SESSION_BYTES), who.name, site, *wish, now, now)
        if other := rows.begin_session(self._db, new):
            self._trail.note(who, "upload", what, reason="refused: another key than before")
            raise Permanent(
                OTHER_KEY,
                f"this is not the key with which {site} has brought studies of {wish.programme} since "
                f"{other.at:%Y-%m-%d} (check value {other.check_value}, this one has {wish.check_value}): every "
                "patient would get a second pseudonym. Choose the key file of before. If it is lost for good, an "
                f"administrator of the hub lets another one in: 'fidac-node hub site key-forget {site}'",
            )
        self._remember(new)
        plan = in_force()
        return Begun(new, plan.digest if plan else "", first, bool(patients))

    def standing(self, site: str, programme: str) -> Standing:
        """What the hub knows of a site before its first session."""
        is_known = rows.key_of(self._db, site, programme) is not None
        return Standing(is_known, bool(rows.patients_of(self._db, site)), site_code(self._db, site))

    def assets(self, files: Mapping[str, str]) -> str:
        """The SHA-256 of what the page runs, by name, signed. Raises ``OSError``, :class:`ConfigError`."""
        return signed.sign(signing.seed(self._directory), signed.ASSETS, {"files": dict(files)}).decode("ascii")

    def session(self, name: str, who: str, site: str) -> Session:
        """The session of this name, if it is theirs. Raises :class:`NotFound`, :class:`Permanent` ``expired``."""
        known = self._look_up(name)
        if known is None or (known.session.who, known.session.site) != (who, site):
            raise NotFound("there is no such session of yours: begin one")
        if utc_now() - known.session.used_at > _IDLE:
            raise Permanent(
                EXPIRED, "this session has rested for more than a day: begin another, nothing is sent twice"
            )
        if time.monotonic() - known.noted > _TOUCH_SECONDS:
            rows.touch_session(self._db, name)
            known.noted, known.session = time.monotonic(), known.session._replace(used_at=utc_now())
        return known.session

    def missing(self, session: Session, digests: Sequence[str]) -> list[str]:
        """Those of ``digests`` (SHA-256) that the hub has not, in their order; what it holds it has."""
        self.flush()
        there = self._there(rows.brought(self._db, session.site, digests))
        return [one for one in dict.fromkeys(digests) if one not in there]

    def receive(self, session: Session) -> Incoming:
        """Begin to take an object.

        Raises :class:`Permanent` ``too-many``, ``other-key`` when another key was let in meanwhile.
        """
        known = self._remember(session)
        if known.objects >= _MOST_OBJECTS or known.refused >= _MOST_REFUSED:
            what = f"{known.objects} objects were brought and {known.refused} refused"
            raise Permanent(TOO_MANY, f"{what} in this session, more it does not take: begin another tomorrow")
        return Incoming(self, session)

    def complete(self, session: Session, who: Who, wanted: Completion) -> Outcome:
        """Say what is safe of what was brought; when nothing waits any more, with a receipt, which is kept.

        Raises :class:`Permanent` ``pcr`` for a result of a study that is not among them, ``Temporary``, ``OSError``.
        """
        self.flush()
        asked = wanted.digest()
        known = {one.sha256: one for one in rows.brought(self._db, session.site, wanted.objects)}
        others = [
            Turned(one, "missing", "the hub has not got it: send it") for one in wanted.objects if one not in known
        ]
        if strangers := {one.study for one in wanted.results} - {one.study for one in known.values()}:
            raise Permanent("pcr", f"{len(strangers)} results are of studies of which nothing was brought")
        safe, waiting, turned = self._settled(session.site, list(known.values()))
        others += turned
        outcome = Outcome(len(safe), waiting, tuple(others))
        if waiting or any(one.reason == "missing" for one in others):
            return outcome
        if receipt := rows.receipt_for(self._db, session.id, asked):
            return Outcome(len(safe), 0, tuple(others), receipt)
        name = secrets.token_hex(8)
        statement = self._statement(name, session, safe, outcome, wanted)
        content = signed.sign(signing.seed(self._directory), signed.RECEIPT, statement).decode("ascii")
        what = f"site {session.site}, programme {session.programme}, receipt {name}"
        self._trail.note(who, "upload", what, number=len(safe), reason=f"{len(others)} not taken" if others else "")
        receipt = Receipt(name, session.id, session.site, session.who, asked, utc_now(), content)
        return Outcome(len(safe), 0, tuple(others), rows.keep_receipt(self._db, receipt, wanted.results))

    def receipt(self, name: str, site: str) -> Receipt:
        """A receipt that was kept, of this site; of any if none is said. Raises :class:`NotFound`."""
        found = rows.receipt_of(self._db, name)
        if found is None or site not in ("", found.site):
            raise NotFound("there is no such receipt of yours")
        return found

    def results(self, receipt: Receipt) -> list[Result]:
        """The results of PCR that came with a receipt; it does not state them, for they go when a study does."""
        return rows.results_with(self._db, receipt.id)

    def candidates(self, site: str, pseudonyms: Sequence[str]) -> list[str]:
        """Those of ``pseudonyms`` that are patients of the site here."""
        return rows.known_pseudonyms(self._db, site, pseudonyms)

    def flush(self) -> None:
        """Write down what was brought."""
        with self._one:
            some, self._gathered, self._since = self._gathered, [], time.monotonic()
        try:
            for site in {one.site for one in some}:
                rows.note_objects(self._db, [one for one in some if one.site == site])
        except BaseException:  # the index is away: they are written down with the next
            with self._one:
                self._gathered = [*some, *self._gathered]
            raise

    def note(self, one: Brought) -> None:
        """Note that an object is safe in the spool: with others of the same moment, for one flush of the disk.

        What a kill costs is asked for by ``missing`` and answered when it comes again.
        """
        with self._one:
            self._gathered.append(one)
            is_due = len(self._gathered) >= _GATHERED or time.monotonic() - self._since > _GATHER_SECONDS
        if is_due:
            self.flush()

    def taken(self, session: Session) -> None:
        """Count an object that was taken."""
        self._remember(session).objects += 1

    def refused(self, session: Session, who: Who, why: Refused) -> None:
        """Write down that an object was not taken."""
        self._remember(session).refused += 1
        self._trail.note(who, "upload", f"site {session.site}, an object", reason=f"refused: {why.code or 'error'}")

    def now(self, site: str, sop: str) -> str | None:
        """The digest of what is filed of a site as ``sop``; ``None``: nothing."""
        found = kept(self._db, [(site, sop)]).get((site, sop))
        return None if found is None else found.filed.digest

    def look(self, session: Session, path: Path, site: str) -> Description:
        """What an object of a session says of itself. Raises as ``examine``, and ``programme``, ``other-key``."""
        description = self._examine(path, site)
        if description.programme != session.programme:
            raise Permanent("programme", f"it is of another programme than the session, {session.programme}")
        return description

    def demand_key(self, session: Session) -> None:
        """Raise :class:`Permanent` ``other-key`` when another key than the session's was let in since it began."""
        if rows.check_value_of(self._db, session.site, session.programme) != session.check_value:
            raise Permanent(OTHER_KEY, "another key was let in for this site since this session began: begin another")

    def _remember(self, session: Session) -> _Known:
        with self._one:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            return self._known.setdefault(session.id, _Known(session, time.monotonic()))

    def _look_up(self, name: str) -> _Known | None:
        if known := self._known.get(name):
            return known
        session = rows.session_of(self._db, name)
        return self._remember(session) if session else None

    def _title(self, site: str) -> str:
        """The AE title with which a site may store. Raises :class:`Permanent` ``site`` when it may not."""
        if title := self.intake.title_of(site):
            return title
        raise Permanent("site", f"site {site} may not store now: ask the hub's administrator")

    def _there(self, some: Collection[Brought]) -> set[str]:
        """Which of what was brought is in the spool or filed, by SHA-256."""
        filed = {sop for _, sop in kept(self._db, {(one.site, one.sop_instance_uid) for one in some})}
        entries = {entry.digest for state in ("new", "work", "held") for entry in self.intake.spool.each(state)}
        return {one.sha256 for one in some if one.sop_instance_uid in filed or one.digest in entries}

    def _settled(self, site: str, some: list[Brought]) -> tuple[list[Brought], int, list[Turned]]:
        """Of what was brought: what is safe, how much waits, and what is neither."""
        if not some:
            return [], 0, []
        title = self._title(site)
        references = sorted({(one.sop_class_uid, one.sop_instance_uid) for one in some})
        ok, failed = self._commit(title, references)
        safe = {sop for _, sop in ok}
        why = {sop: reason for _, sop, reason in failed}
        waiting = [one for one in some if why.get(one.sop_instance_uid) == _BUSY]
        left = [one for one in some if one.sop_instance_uid not in safe and one not in waiting]
        turned = [Turned(one.sha256, *self._why(one, why[one.sop_instance_uid])) for one in left]
        return [one for one in some if one.sop_instance_uid in safe], len(waiting), turned

    def _why(self, one: Brought, reason: int) -> tuple[str, str]:
        """Why an object is not committed to, by a word and in a sentence."""
        if reason == HELD_FOR_A_PERSON:
            held = (entry for entry in self.intake.spool.each("held") if entry.digest == one.digest)
            if said := next(map(self.intake.spool.reason, held), None):
                return str(said.get("code")), f"held for a person at the hub: {said.get('message')}"
        return _WHY.get(reason, _LOST)

    def _statement(
        self, name: str, session: Session, safe: list[Brought], outcome: Outcome, wanted: Completion
    ) -> dict[str, Any]:
        studies: dict[tuple[str, str], list[Brought]] = {}
        for one in safe:
            studies.setdefault((one.pseudonym, one.study), []).append(one)
        digests = "".join(sorted(one.sha256 for one in safe)).encode("ascii")
        return {
            "receipt": name,
            "at": utc_now().isoformat(timespec="seconds"),
            "by": session.who,
            "site": session.site,
            "programme": session.programme,
            "session": session.id,
            "key": session.check_value,
            "assets": session.assets,
            "index": generation(self._db),
            "committed": len(safe),
            "objects_sha256": hashlib.sha256(digests).hexdigest(),
            "studies": [
                {
                    "pseudonym": pseudonym,
                    "study": study,
                    "series": len({one.series for one in some}),
                    "objects": len(some),
                    "labels": sorted({one.label for one in some}),
                }
                for (pseudonym, study), some in sorted(studies.items())
            ],
            "not_taken": _counted(one.reason for one in outcome.others),
            "not_sent": dict(sorted(wanted.held.items())),
            "hub_key": signed.public_key(signing.seed(self._directory)),
        }


class Incoming:
    """One object on its way: write what comes, then :meth:`finish` or :meth:`discard`."""

    def __init__(self, uploads: Uploads, session: Session) -> None:
        self._uploads, self._session = uploads, session
        self._digest = hashlib.sha256()
        self._description: Description | None = None
        self._upload: Upload = uploads.intake.upload(session.site, examine=self._look)

    def write(self, data: bytes) -> None:
        """Take the next bytes. Nothing is raised: what is wrong is said at the end."""
        self._digest.update(data)
        self._upload.write(data)

    def finish(self, sha256: str, who: Who) -> tuple[bool, Refused | None]:
        """Keep it, if it is what was announced: whether it is new here, and why it is not taken, if it is not."""
        if self._digest.hexdigest() != sha256:
            self.discard()
            return self._refused(
                who, Refused("", "", 0, "its SHA-256 is not the one that it was announced with", "digest")
            )
        outcome = self._upload.finish()
        if isinstance(outcome, Refused):
            return self._refused(who, outcome)
        assert self._description is not None  # or it would not have been let in
        uploads, said = self._uploads, self._description
        before = uploads.now(self._session.site, outcome.sop_instance_uid)
        is_new = before is None and not outcome.again
        # The filer decides whether it is the same object as another that is filed; what it holds it has decided.
        if before not in (None, outcome.entry.digest) or uploads.intake.spool.holds(outcome.entry, "held"):
            held, _ = uploads.intake.settled([outcome], _DECIDED_SECONDS)
            if held:
                return self._refused(who, held[0])
        uploads.taken(self._session)
        uploads.note(_brought(self._session, sha256, outcome, said))
        return is_new, None

    def discard(self) -> None:
        """Leave nothing of it; harmless twice."""
        self._upload.discard()

    def _look(self, path: Path, site: str) -> None:
        self._uploads.demand_key(self._session)
        self._description = self._uploads.look(self._session, path, site)

    def _refused(self, who: Who, why: Refused) -> tuple[bool, Refused]:
        self._uploads.refused(self._session, who, why)
        return False, why


@dataclass(frozen=True)
class Completion:
    """What a person says at the end: which objects (SHA-256) he sent, how many not and why, results of PCR."""

    objects: tuple[str, ...]
    held: dict[str, int]
    results: tuple[Result, ...] = ()

    def digest(self) -> str:
        """One text for the same said again."""
        text = repr((sorted(set(self.objects)), sorted(self.held.items()), sorted(self.results, key=repr)))
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def plan() -> str:
    """The plan in force, as text. Raises :class:`ConfigError` when it cannot be made here."""
    from fidac_node.deidentify.plan import dump
    from fidac_node.hub.recipes import in_force

    found = in_force()
    if found is None:
        raise ConfigError("the profile in force cannot be compiled here; the log says why")
    return dump(found)


def forget_key(config: HubConfig, db: Database, site: str, programme: str, reason: str) -> int:
    """Let another key in for a site's uploads, in this programme or in any; it is written down first.

    Return how many keys were known. Raises ``OSError``.
    """
    hub_uses(config).write("hub site key-forget", f"{site}{f', {programme}' if programme else ''}", reason)
    return rows.forget_key(db, site, programme)


# Failure Reasons of storage commitment (PS3.3 C.14.1.1) as a browser is told them.
_OTHER_DIGEST: Final = Refused("", "", 0, "its SHA-256 is not the one that it was announced with", "digest")
_BUSY: Final = 0x0110
_NOT_SENT: Final = ("missing", "the hub has not got it: send it")
_LOST: Final = ("missing", "the hub has it no more: send it again")
_WHY: Final = {
    HELD_FOR_A_PERSON: ("held", "the hub holds it, or another version of it, for a person there to decide"),
    WITHDRAWN: ("withdrawn", "its study was withdrawn at the hub, which takes it no more"),
    0x0119: ("conflict", "the hub has it under another SOP class"),
}


def _brought(session: Session, sha256: str, taken: Taken, said: Description) -> Brought:
    return Brought(
        session.site,
        sha256,
        session.id,
        said.pseudonym,
        taken.study_instance_uid,
        taken.series_instance_uid,
        taken.sop_instance_uid,
        taken.sop_class_uid,
        taken.entry.digest,
        said.label,
        utc_now(),
    )


def _counted(reasons: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for reason in reasons:
        counts[reason] = counts.get(reason, 0) + 1
    return dict(sorted(counts.items()))
