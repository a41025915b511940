"""What a site or a hub has, how it stands, and what waits for a person: records, not text."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from fidac_node.deidentify.triage.triage import DERIVED, LOCALIZER
from fidac_node.dicom.uids import TRANSFER_SYNTAXES
from fidac_node.errors import Temporary
from fidac_node.hub.keeping.scrub import Progress, Round
from fidac_node.hub.keeping.scrub import read as read_scrub
from fidac_node.operations.index import database_file, opened
from fidac_node.spool.queue import Spool
from fidac_node.system import broken, standing
from fidac_node.system.asking import Asked
from fidac_node.system.disk import room
from fidac_node.system.standing import RUNNING, Alive

if TYPE_CHECKING:
    from fidac_node.config.config import HubConfig, SiteConfig
    from fidac_node.site.ledger import Ledger

__all__ = ["Alive", "HubStatus", "SiteStatus", "StudyStatus", "ask_site", "hub_alive", "hub_status", "site_alive"]
__all__ += ["site_status", "site_studies", "utc"]

T = TypeVar("T")

_HOUR: Final = 3600
# Seconds that a status waits for what it asks: with the start of a program it answers within five.
PATIENCE: Final = 2.5
_ANSWER_SECONDS: Final = 60  # what asking the hub may take, and a busy machine besides


@dataclass(frozen=True)
class Disk:
    """A disk, in bytes; ``room``: more than the reserve is free. ``None``: there is nothing on it yet, or ``error``.

    ``free_inodes`` is ``None`` also where the file system does not count them.
    """

    free_bytes: int | None
    reserve_bytes: int
    room: bool
    free_inodes: int | None = None
    error: str = ""


@dataclass(frozen=True)
class HubLink:
    """The hub as the site's sender last met it, in seconds of the epoch.

    ``reachable`` is ``None`` when nobody asked it lately; ``last_asked`` is when it was tried to talk with it,
    ``last_contact`` when it answered.
    """

    address: str
    reachable: bool | None
    last_contact: float | None
    last_asked: float | None
    error: str | None


@dataclass(frozen=True)
class Sent:
    """What was sent in one transfer syntax: bytes of the files as received, and as sent."""

    transfer_syntax: str
    transfer_syntax_uid: str
    objects: int
    bytes_received: int
    bytes_sent: int

    @property
    def ratio(self) -> float:
        """How much smaller it became."""
        return round(self.bytes_received / self.bytes_sent, 3)


@dataclass(frozen=True)
class LastError:
    """The latest failure to de-identify or to send: when (seconds of the epoch), and what."""

    at: float
    message: str


@dataclass(frozen=True)
class SiteStatus:
    """A site: whether it is ``alive``, ``counts`` of objects by state, ``reasons`` of what waits for a person.

    <<<<<<< HEAD
    Ages are in seconds. ``advice`` says of some reasons what would spare a person the work. ``normalised`` counts
    objects in which values were written right, ``lost`` those in which some could not be understood; ``repeats`` of
    those discarded are such as came again in other bytes; ``held_at_hub`` are the sent ones that wait for a person
    there; ``ledgers_set_aside`` are the files of broken ones, until somebody deletes them.
    =======
    ``advice`` says of some reasons what would spare a person the work. ``normalised`` counts objects in which values
    were written right, ``lost`` those in which some could not be understood; ``repeats`` of those discarded are such as
    came again in other bytes; ``held_at_hub`` are the sent ones that wait for a person there; ``ledgers_set_aside`` are
    the files of broken ones, until somebody deletes them. ``purged_early`` committed copies made room for what arrived
    before their time, the last one at ``purged_early_at`` (seconds of the epoch).
    >>>>>>> main
    """

    site: str
    profile: str
    alive: Alive
    counts: dict[str, int]
    reasons: dict[str, int]
    advice: dict[str, str]
    held_at_hub: int
    sent_last_hour: int
    sent: tuple[Sent, ...]
    oldest_unsent_seconds: int | None
    disk: Disk
    hub: HubLink
    failed_connections: int
    normalised: int
    lost: int
    repeats: int
    last_error: LastError | None
    ledgers_set_aside: tuple[str, ...]
    purged_early: int
    purged_early_at: float | None

    @property
    def degraded(self) -> bool:
        """Whether a person is needed."""
        is_up = self.alive.state == RUNNING and not self.alive.trouble
        return bool(self.counts["held"] or self.counts["refused"] or not self.disk.room or not is_up)

    def as_dict(self) -> dict[str, Any]:
        """As ``site status --json`` has it."""
        received, sent = (sum(getattr(one, name) for one in self.sent) for name in ("bytes_received", "bytes_sent"))
        by_syntax = [{**asdict(one), "ratio": one.ratio} for one in self.sent]
        total = {"bytes_received": received, "bytes_sent": sent, "ratio": round(received / sent, 3) if sent else None}
        error = self.last_error
        asked = {name: utc(at) if (at := getattr(self.hub, name)) else None for name in ("last_contact", "last_asked")}
        return {
            "site": self.site,
            **_shown(self.alive),
            **self.counts,
            "reasons": self.reasons,
            "advice": self.advice,
            "held_at_hub": self.held_at_hub,
            "sent_last_hour": self.sent_last_hour,
            "wire": {**total, "by_transfer_syntax": by_syntax},
            "oldest_unsent_seconds": self.oldest_unsent_seconds,
            "disk": asdict(self.disk),
            "hub": {**asdict(self.hub), **asked},
            "failed_connections": self.failed_connections,
            "normalised": self.normalised,
            "lost": self.lost,
            "repeats": self.repeats,
            "last_error": {"at": utc(error.at), "message": error.message} if error else None,
            "ledgers_set_aside": list(self.ledgers_set_aside),
            "purged_early": self.purged_early,
            "purged_early_at": utc(self.purged_early_at) if self.purged_early_at else None,
        }


@dataclass(frozen=True)
class StudyStatus:
    """One study at a site: ``counts`` of its objects by state; times in seconds of the epoch."""

    study: str
    received: int
    counts: dict[str, int]
    began: float
    changed: float
    labels: str | None
    reasons: str | None
    bytes: int | None
    state: str

    def as_dict(self) -> dict[str, Any]:
        """As ``site studies --json`` has it."""
        return {
            "study": self.study,
            "received": self.received,
            **self.counts,
            "began": utc(self.began),
            "changed": utc(self.changed),
            "labels": self.labels,
            "reasons": self.reasons,
            "bytes": self.bytes,
            "state": self.state,
        }


@dataclass(frozen=True)
class HubStatus:
    """A hub: ``totals`` of its index, how much waits to be filed, whether it is ``alive``, who left with nothing.

    Of what does not answer nothing is told but that: ``index_error``, and ``totals`` empty. ``disk`` is the spool's;
    ``index_disk`` is ``None`` when a server has the index. ``at_several_sites`` counts studies and patients that
    only one site can have; ``wrong_files`` of the archive are not what was filed; ``scrub`` tells how far it was read.
    """

    ae_title: str
    totals: dict[str, int]
    index_error: str
    queued: int | None
    alive: Alive
    disk: Disk
    archive_disk: Disk
    index_disk: Disk | None
    failed_connections: int | None
    at_several_sites: dict[str, int]
    generation: str
    wrong_files: int | None
    scrub: Progress

    @property
    def degraded(self) -> bool:
        """Whether a person is needed."""
        disks = [disk for disk in (self.disk, self.archive_disk, self.index_disk) if disk is not None]
        waiting = self.totals.get("held") or self.wrong_files
        is_up = self.alive.state == RUNNING and not self.alive.trouble
        return bool(self.index_error or waiting or not all(disk.room for disk in disks) or not is_up)

    def as_dict(self) -> dict[str, Any]:
        """As ``hub status --json`` has it."""
        return {
            "ae_title": self.ae_title,
            **_shown(self.alive),
            **self.totals,
            "queued": self.queued,
            "running": self.alive.state == RUNNING,
            "disk": asdict(self.disk),
            "archive_disk": asdict(self.archive_disk),
            "index_disk": asdict(self.index_disk) if self.index_disk else None,
            "index_error": self.index_error,
            "failed_connections": self.failed_connections,
            "at_several_sites": self.at_several_sites,
            "generation": self.generation,
            "wrong_files": self.wrong_files,
            "scrub": {"now": _told(self.scrub.now), "last": _told(self.scrub.last)},
        }


def _shown(alive: Alive) -> dict[str, Any]:
    """Whether a node runs, for programs."""
    return {"state": alive.state, "stages": [asdict(one) for one in alive.stages]}


def _told(scrub: Round | None) -> dict[str, Any] | None:
    """A reading of the archive, for programs."""
    if scrub is None:
        return None
    counts = {name: getattr(scrub, name) for name in ("files", "bytes", "total", "wrong", "strays")}
    return {"began": utc(scrub.began), "ended": utc(scrub.ended) if scrub.ended else None, **counts}


def site_alive(config: SiteConfig) -> Alive:
    """Whether a site runs, as its supervisor says."""
    from fidac_node.site.stages import STAGES

    return standing.ask(config.spool.directory, STAGES)


def hub_alive(config: HubConfig) -> Alive:
    """Whether a hub runs, as its supervisor says."""
    return standing.ask(config.spool.directory, ["hub"])


def site_status(config: SiteConfig, ledger: Ledger, alive: Alive | None = None) -> SiteStatus:
    """How a site stands, from its ledger. Raises ``Temporary``, ``OSError``."""
    from fidac_node.commitment.reasons import HELD_AT_HUB
    from fidac_node.site.ledger import FAILED_CONNECTIONS, FILE, REPEAT
    from fidac_node.site.room import PURGED_EARLY, PURGED_EARLY_AT

    now = time.time()
    error = ledger.last_error()
    oldest = ledger.oldest(("ready", "outgoing"))
    reasons = ledger.reasons()
    return SiteStatus(
        site=config.site.id,
        profile=config.deidentify.profile,
        alive=alive or site_alive(config),
        counts=ledger.counts(),
        reasons=reasons,
        advice={code: advice for code, advice in _advice(config).items() if code in reasons},
        held_at_hub=ledger.with_reason("sent", HELD_AT_HUB),
        sent_last_hour=ledger.sent_since(now - _HOUR),
        sent=tuple(
            Sent(TRANSFER_SYNTAXES.get(row["transfer_syntax_uid"], row["transfer_syntax_uid"]), **row)
            for row in ledger.sent()
        ),
        oldest_unsent_seconds=max(0, round(now - oldest)) if oldest else None,
        disk=_disk(config.spool.directory, config.spool.reserve),
        hub=_link(config, ledger),
        failed_connections=int(ledger.fact(FAILED_CONNECTIONS) or 0),
        last_error=LastError(*error) if error else None,
        **ledger.told(),
        repeats=ledger.with_reason("discarded", REPEAT),
        ledgers_set_aside=tuple(broken.set_aside(config.spool.directory / FILE)),
        purged_early=int(ledger.fact(PURGED_EARLY) or 0),
        purged_early_at=float(ledger.fact(PURGED_EARLY_AT) or 0) or None,
    )


def ask_site(config: SiteConfig) -> SiteStatus:
    """How a site stands, as :func:`site_status`, from what its disk says in time.

    Raises :class:`ConfigError` when the node never ran, ``Temporary``, ``OSError``.
    """
    from fidac_node.operations import ledger

    alive = Asked(lambda: site_alive(config))

    def ask() -> SiteStatus:
        with ledger.opened(config) as rows:
            return site_status(config, rows, alive.within(2 * PATIENCE))

    return Asked(ask).within(2 * PATIENCE)


def site_studies(config: SiteConfig, ledger: Ledger, limit: int = -1) -> list[StudyStatus]:
    """The studies of a site, the latest first, at most ``limit`` unless it is negative."""
    return [_study(row, config.spool.study_idle) for row in ledger.studies(limit=limit)]


def site_study(config: SiteConfig, ledger: Ledger, study: str) -> StudyStatus | None:
    """One study of a site; ``None``: it is not here."""
    rows = ledger.studies(study=study) if study else []
    return _study(rows[0], config.spool.study_idle) if rows else None


def hub_status(config: HubConfig) -> HubStatus:
    """How a hub stands, from its index, its spool and its disks; what is frozen is not waited for.

    Raises :class:`ConfigError` when there is no index yet.
    """
    reserve, file = config.spool.reserve, database_file(config)
    alive = Asked(lambda: hub_alive(config))
    index, spool = Asked(lambda: _index(config)), Asked(lambda: _hub_spool(config))
    archive = Asked(lambda: (_disk(config.archive.directory, reserve), read_scrub(config.archive.directory)))
    index_disk = Asked(lambda: _disk(file.parent, reserve)) if file else None
    counts: dict[str, int] = {}
    several: dict[str, int] = {}
    failed: int | None = None
    wrong: int | None = None
    generated = ""
    trouble = ""
    try:
        counts, failed, several, generated, wrong = index.within(PATIENCE)
    except Temporary as error:
        trouble = str(error)
    frozen = Disk(None, reserve, room=False, error="does not answer")
    queued, disk = _answer(spool, (None, frozen))
    archive_disk, scrub = _answer(archive, (frozen, Progress()))
    return HubStatus(
        ae_title=config.receive.ae_title,
        totals=counts,
        index_error=trouble,
        queued=queued,
        alive=alive.within(2 * PATIENCE),
        disk=disk,
        archive_disk=archive_disk,
        index_disk=_answer(index_disk, frozen) if index_disk else None,
        failed_connections=failed,
        at_several_sites=several,
        generation=generated,
        wrong_files=wrong,
        scrub=scrub,
    )


def _answer(asked: Asked[T], otherwise: T) -> T:
    """What a disk says in time, or ``otherwise``."""
    try:
        return asked.within(PATIENCE)
    except (Temporary, OSError):
        return otherwise


def _index(config: HubConfig) -> tuple[dict[str, int], int, dict[str, int], str, int]:
    from fidac_node.hub.index import at_several_sites, failed_connections, generation, totals
    from fidac_node.hub.index.tallies import count_wrong

    with opened(config, PATIENCE) as db:
        return totals(db), failed_connections(db), at_several_sites(db), generation(db), count_wrong(db)


def _hub_spool(config: HubConfig) -> tuple[int | None, Disk]:
    """How much waits, and the disk that it waits on."""
    directory, reserve = config.spool.directory / "inbox", config.spool.reserve
    if not directory.is_dir():
        return 0, Disk(None, reserve, room=True)
    spool = Spool(directory, reserve=reserve)
    queued = len(spool.entries("new")) + len(spool.entries("work"))
    return queued, _disk(directory, reserve)


def utc(seconds: float) -> str:
    """Seconds of the epoch as ISO 8601."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _advice(config: SiteConfig) -> dict[str, str]:
    """What lets objects pass that wait for a person in their hundreds, by reason."""
    again = f"'fidac-node site queue retry --reason {DERIVED}'"
    option = '[deidentify] derived = "check"'
    return {
        "withdrawn": "the hub was told to keep it no more: 'fidac-node site queue drop --reason withdrawn'",
        LOCALIZER: (
            "localizers are held, as [deidentify] localizers says: 'fidac-node site queue drop --reason localizer'; "
            "\"process\" lets them pass (then 'fidac-node site queue retry --reason localizer')"
        ),
        DERIVED: f"{option} is set since: {again} has them looked at"
        if config.deidentify.derived == "check"
        else f"slices made of others; {option} would look for text in each and pass those without (then {again})",
    }


def _link(config: SiteConfig, ledger: Ledger) -> HubLink:
    contact, asked, reachable = (ledger.fact(name) for name in ("hub_contact", "hub_asked", "hub_reachable"))
    at = asked or contact  # a ledger of an earlier version knows the contact alone
    interval = config.send.echo_interval
    # A clock that was set back makes what was asked lately a thing of the future: then it is not known.
    lately = at is not None and (not interval or abs(time.time() - float(at)) <= 2 * interval + _ANSWER_SECONDS)
    return HubLink(
        config.send.hub,
        reachable == "1" if lately else None,
        float(contact) if contact else None,
        float(at) if at else None,
        ledger.fact("hub_error") if lately and reachable == "0" else None,
    )


def _disk(directory: Path, reserve: int) -> Disk:
    if not directory.is_dir():
        return Disk(None, reserve, room=True)
    free = room(directory)
    return Disk(free.bytes, reserve, free.is_enough(reserve), free.inodes)


def _study(row: dict[str, Any], idle_seconds: float) -> StudyStatus:
    """A study as a whole: complete when idle and everything is committed or discarded."""
    if row["held"] or row["refused"]:
        state = "waiting"
    elif row["committed"] + row["discarded"] + row["dropped"] == row["received"]:
        state = "complete" if not 0 <= time.time() - row["changed"] < idle_seconds else "settling"
    else:
        state = "on its way"
    whole = ("study", "received", "began", "changed", "labels", "reasons", "bytes")
    counts = {name: number for name, number in row.items() if name not in whole}
    return StudyStatus(counts=counts, state=state, **{name: row[name] for name in whole})
