"""The site daemon, top to bottom in the order of the flow: receive, de-identify, send, keep house."""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final, NoReturn

from fidac_node.commitment.answer import report_contexts, report_handlers
from fidac_node.commitment.ask import Committer
from fidac_node.config.config import SiteConfig, load_site
from fidac_node.config.options import select
from fidac_node.deidentify import Deidentifier, Moments, Plan, load_plan, profiles_directory
from fidac_node.deidentify.triage import ocr, triage
from fidac_node.dicom import part10
from fidac_node.dicom.ae import Peer
from fidac_node.dicom.uids import CT_CLASSES, HELD_CLASSES, TRANSFER_SYNTAXES
from fidac_node.errors import ConfigError
from fidac_node.identity import keys as site_keys
from fidac_node.identity.keys import SiteKeys
from fidac_node.identity.originals import DIRECTORY as HEADERS
from fidac_node.identity.originals import Headers, open_headers, purge_headers
from fidac_node.receive import reception
from fidac_node.receive.check import Identity, entry_for
from fidac_node.receive.scp import storage_contexts
from fidac_node.send.associate import Destination
from fidac_node.send.sender import Sender
from fidac_node.site import ledger
from fidac_node.site.compress import Compressor
from fidac_node.site.ledger import Ledger
from fidac_node.site.people import Policy
from fidac_node.site.route import Rules
from fidac_node.site.worker import Worker
from fidac_node.spool.draft import Draft
from fidac_node.spool.entry import Entry
from fidac_node.spool.queue import Spool
from fidac_node.system import safeio, tls
from fidac_node.system.service import Chore, Lifeline, Supervisor

log = logging.getLogger(__name__)

STAGES: Final = ("receive", "deidentify", "send")
_GRACE_SECONDS: Final = 25.0
# More than are between reception and the outbox when all goes well.
_SPARES: Final = 64
_SENDER: Final = "send-0"
_KEY_CHECK: Final = "key_check"
_VAULT_RECORDS: Final = "vault_records"
_RECIPE: Final = "recipe"
_SHORTENED: Final = 56  # of the 64 digits of a digest eight are told


@dataclass(frozen=True)
class Site:
    """The rooms of one site node, built from its configuration when they are first entered."""

    config: SiteConfig
    config_path: Path

    @cached_property
    def inbox(self) -> Spool:
        """Received objects, identifiable."""
        return Spool(self._spool_directory / "inbox", reserve=self.config.spool.reserve, spares=_SPARES)

    @cached_property
    def outbox(self) -> Spool:
        """Anonymous objects on their way to the hub."""
        return Spool(self._spool_directory / "outbox", reserve=self.config.spool.reserve)

    @cached_property
    def ledger(self) -> Ledger:
        """The rows about both."""
        return Ledger(self._spool_directory / ledger.FILE)

    @cached_property
    def reports(self) -> Path:
        """Where storage commitment results wait that a peer brought on its own association."""
        return self._spool_directory / "reports"

    @cached_property
    def keys(self) -> SiteKeys:
        """The site's keys at work, and its vault. Raises :class:`ConfigError` when they cannot be used."""
        return site_keys.open_keys(self.config.programme)

    @cached_property
    def plan(self) -> Plan:
        """The compiled recipe. Raises :class:`ConfigError`."""
        deidentify = self.config.deidentify
        directory = deidentify.profiles_directory or profiles_directory()
        return load_plan(deidentify.profile, directory, layers=deidentify.layers, cache=self._spool_directory / "plans")

    @cached_property
    def pixel_rules(self) -> triage.Rules:
        """What is let through triage. Raises :class:`ConfigError`."""
        return ocr.feasible(select(triage.Rules, self.config.deidentify))

    @cached_property
    def moments(self) -> Moments:
        """What is told of dates and times."""
        return select(Moments, self.config.deidentify)

    @cached_property
    def headers(self) -> Headers | None:
        """Where an original header of each series is kept for a while; ``None``: nowhere."""
        if self.keys.vault is None or not self.config.spool.keep_headers:
            return None
        return open_headers(self._spool_directory, self.config.deidentify.vault_key_file)

    @cached_property
    def destination(self) -> Destination:
        """The hub, as the sender sees it."""
        send = self.config.send
        hub = Peer.parse(send.hub)
        return Destination(
            ae_title=hub.ae_title,
            host=hub.host,
            port=hub.port,
            calling_ae=send.ae_title or self.config.receive.ae_title,
            max_pdu=send.max_pdu,
            connect_timeout=send.connect_timeout,
            acse_timeout=send.acse_timeout,
            dimse_timeout=send.dimse_timeout,
            tls=tls.client_context(send.tls_certificate, send.tls_key, send.tls_ca, hub.host),
        )

    def check_key(self) -> None:
        """Stop when mode, key or vault are not those of this ledger's beginning: patients would fork, or be lost."""
        site = "/".join(filter(None, (self.config.site.id, self.config.site.code)))
        value = f"{self.keys.fingerprint} {site} {self.config.deidentify.programme}"
        known = self.ledger.fact(_KEY_CHECK)
        if known is not None and known != value:
            changed = zip(
                ("mode", "vault", "key", "site id or code", "programme"),
                known.split(" ", 4),
                value.split(" ", 4),
                strict=False,
            )
            what = ", ".join(name for name, old, new in changed if old != new)
            raise ConfigError(
                f"{site_keys.key_files(self.config.programme)[0]} is not the key this node has used so far, or "
                "something else that must not "
                f"change has changed ({what}): every patient would get a second pseudonym. Put the old one back "
                "from your backup; "
                f"to begin anew on purpose, move {self._spool_directory / ledger.FILE} away"
            )
        self._check_vault()
        site_keys.begin(self.config.programme, self.keys)
        self.ledger.remember(_KEY_CHECK, value)
        self.count_vault()

    def tell_recipe(self, *, begun: bool) -> None:
        """Say that the recipe is another than before, and what that means; ``begun``: there was one before."""
        now, before = f"{self.plan.profile} {self.plan.digest}", self.ledger.fact(_RECIPE)
        if begun and before != now:
            log.warning(
                "the recipe has changed from %s to %s: what is de-identified from now on carries the new digest; "
                "pseudonyms, UIDs and shifts of dates stay those of before",
                "that of an earlier version" if before is None else before[:-_SHORTENED],
                now[:-_SHORTENED],
            )
        self.ledger.remember(_RECIPE, now)

    def count_vault(self) -> None:
        """Remember how long the vault is: a shorter one is an older copy."""
        if self.keys.vault is not None:
            self.ledger.remember(_VAULT_RECORDS, str(self.keys.vault.newest()))

    def _check_vault(self) -> None:
        known = int(self.ledger.fact(_VAULT_RECORDS) or 0)
        if self.keys.vault is not None and self.keys.vault.records < known:
            raise ConfigError(
                f"the vault {site_keys.vault_file(self.config.programme)} has {self.keys.vault.records} "
                f"records, {known} were there before: it is "
                f"an older copy, or its end was cut. Put the newest copy back; if there is none, move "
                f"{self._spool_directory / ledger.FILE} away (its rows are made anew from the spool)"
            )

    def reconcile(self) -> None:
        """Make the ledger's rows say what the spool's files say (files decide)."""
        found = {}
        for spool, states in ((self.inbox, ledger.INBOX_STATES), (self.outbox, ledger.OUTBOX_STATES)):
            for directory, state in states.items():
                found.update(dict.fromkeys(spool.entries(directory), state))
        missing = self.ledger.rebuild(found)
        for entry in self.ledger.nameless():
            self.ledger.note(entry, found[entry], **self._facts(entry, found[entry]))
        for entry in missing:
            log.error(
                "object %s is in the ledger but its file is gone from the spool: ask the PACS for study %s again",
                entry,
                entry.study,
            )

    def _facts(self, entry: Entry, state: str) -> dict[str, Any]:
        """What the file itself says of an object whose row was lost."""
        spool = self.inbox if state in ledger.INBOX_STATES.values() else self.outbox
        path = spool.path(entry)
        with path.open("rb") as fp:
            meta, _ = part10.read_meta(fp)
        reason = spool.reason(entry) or {}
        return {
            "received_at": path.stat().st_mtime,
            "bytes": path.stat().st_size,
            "calling_ae": meta.source_ae or None,
            "called_ae": meta.receiving_ae or None,
            "patient": reason.get("patient"),
            "reason": reason.get("code") if state in ("held", "refused") else None,
            "message": reason.get("message") if state in ("held", "refused") else None,
        }

    def ready(self, share: float = 1.0) -> str:
        """Why nothing can be taken now, or nothing; ``share`` of the reserve must be free."""
        return "" if self.inbox.has_room(share=share) else "disk reserve reached, free space on the spool's disk"

    @property
    def _spool_directory(self) -> Path:
        return self.config.spool.directory


def run(config_path: Path, only: Sequence[str] = ()) -> int:
    """Run the node, or just the stages ``only``, until it is told to stop; return the exit code."""
    site = open_site(config_path)
    begun = site.ledger.fact(_KEY_CHECK) is not None
    site.check_key()
    site.tell_recipe(begun=begun)
    _ = (
        site.plan,
        site.pixel_rules,
        Rules.from_config(site.config.route),
        site.destination,
    )  # wrong settings stop here, not in a child
    stages = [stage for stage in STAGES if not only or stage in only]
    if "deidentify" in stages and site.pixel_rules.wants_ocr:
        log.info("looking for burned-in text with %s", ocr.require())
    receive = site.config.receive
    # Before anything is put right: who finds the port taken may have found the daemon that works on this spool.
    listeners = reception.listen(select(reception.Settings, receive)) if reception.STAGE in stages else {}
    _recover(site, stages)
    workers = site.config.deidentify.workers or os.cpu_count() or 1
    processes = {
        reception.STAGE: reception.names(receive.processes),
        "deidentify": [f"deidentify-{number}" for number in range(workers)],
    }
    names = [name for stage in stages for name in processes.get(stage, [stage])]
    children = [(name, ["site", "run", "--config", str(config_path), "--child", name]) for name in names]
    chores = [
        Chore("purging committed objects", 60.0, partial(purge, site)),
        Chore("watching the disk", 5.0, _DiskWatch(site)),
        Chore("counting the records of the vault", 60.0, site.count_vault),
    ]
    log.info(
        "site node %s: %s, recipe %s %s",
        site.config.site.id,
        ", ".join(stages),
        site.plan.profile,
        site.plan.digest[:8],
    )
    code = Supervisor(
        f"site node {site.config.site.id}", children, chores, listeners=listeners, grace=_GRACE_SECONDS
    ).run()
    site.count_vault()
    site.ledger.close()
    return code


def run_child(config_path: Path, name: str, *, after_crash: bool) -> NoReturn:
    """Run one stage in this process until its supervisor or SIGTERM stops it."""
    stop = threading.Event()
    lifeline = Lifeline(stop)
    site = open_site(config_path)
    stage, _, _number = name.partition("-")
    if stage == reception.STAGE:
        _receive(site, stop, lifeline)
    elif stage == "deidentify":
        _deidentify(site, name, stop, lifeline, after_crash=after_crash)
    else:
        _send(site, stop, lifeline)
    site.ledger.close()
    lifeline.end()


def purge(site: Site) -> int:
    """Delete the copies that the hub has answered for longer than the retention time; return how many.

    Without storage commitment the destination's C-STORE Success is its answer (PS3.4 B.2.2).
    """
    state = "committed" if site.config.send.commitment else "sent"
    before = time.time() - site.config.spool.retention_hours * 3600
    purged = 0
    for entry in site.outbox.entries(state):
        path = site.outbox.directory / state / f"{entry}.dcm"
        if path.stat().st_mtime <= before:
            site.ledger.flush()
            site.outbox.remove(entry)
            purged += 1
    kept_since = before if site.headers is not None else time.time()
    purge_headers(site.config.spool.directory / HEADERS, kept_since)
    if purged:
        log.info("purged %d objects that the hub answers for", purged)
    return purged


def check_finished(config: SiteConfig) -> None:
    """Raise :class:`ConfigError` while objects wait at this site that the hub has not answered for."""
    reception.restore_names(_spools(config)[0])  # what has no name but its anchor waits too
    waiting = sum(len(spool.entries(state)) for spool, state in _unfinished(config))
    if waiting:
        raise ConfigError(
            f"{waiting} objects are still at this site: held, or not yet answered for by the hub ('fidac-node "
            "site queue list'); "
            f"start the node and let it finish, or drop them"
        )


def forget(config: SiteConfig) -> None:
    """Delete what could link objects to where they came from, as a programme is closed: local copies, ledger rows."""
    spools = _spools(config)
    for spool in spools:
        spool.sweep()
        spool.drop_spares()
        for note in (spool.directory / "work").glob(".*.current"):
            note.unlink()
    for state in ("sent", "committed"):
        for entry in spools[1].entries(state):
            spools[1].remove(entry)
    path = config.spool.directory / ledger.FILE
    for file in (path, *path.parent.glob(f"{path.name}-*")):
        file.unlink(missing_ok=True)
    Ledger(path).close()


def open_site(config_path: Path) -> Site:
    """Load the settings and open the spool. Raises :class:`ConfigError`."""
    site = Site(load_site(config_path), config_path)
    try:
        _ = site.inbox, site.outbox
        site.reports.mkdir(mode=0o700, exist_ok=True)
    except PermissionError as error:
        raise ConfigError(
            f"no permission on the spool: {error.filename}: give it to the user that runs the node, "
            f"'chown -R USER {site.config.spool.directory}'"
        ) from error
    except OSError as error:
        raise ConfigError(
            f"the spool cannot be used: {error.filename}: {error.strerror}; check [spool] directory"
        ) from error
    return site


def _spools(config: SiteConfig) -> tuple[Spool, Spool]:
    return Spool(config.spool.directory / "inbox"), Spool(config.spool.directory / "outbox")


def _unfinished(config: SiteConfig) -> Iterator[tuple[Spool, str]]:
    """The states of both spools in which an object is not at the hub yet."""
    inbox, outbox = _spools(config)
    yield from ((inbox, state) for state in ledger.INBOX_STATES)
    # Without storage commitment the destination's C-STORE Success is its answer, as for purging.
    answered = {"committed"} if config.send.commitment else {"committed", "sent"}
    yield from ((outbox, state) for state in ledger.OUTBOX_STATES if state not in answered)


def _recover(site: Site, stages: Sequence[str]) -> None:
    """After a crash: what was never acknowledged goes, what was claimed waits again, rows follow files.

    Only what belongs to ``stages``: the others may be running under a supervisor of their own.
    """
    if "receive" in stages or "deidentify" in stages:
        reception.restore_names(site.inbox)
    if "receive" in stages:
        site.inbox.sweep()
    if "deidentify" in stages:
        site.inbox.recover()
        site.outbox.sweep()
        _finish(site)
    if "send" in stages:
        site.outbox.recover()
    site.reconcile()


def _finish(site: Site) -> None:
    """Remove originals whose copy is in the outbox: a power cut may bring one back under its name, and wiped.

    Whoever put a copy may have died before its name was safe, so that is made sure of first. Raises ``OSError``.
    """
    copied = [entry for entry in site.inbox.entries("new") if site.outbox.knows(entry)]
    for directory in {site.outbox.path(entry).parent for entry in copied}:
        safeio.sync_directory(directory)
    for entry in copied:
        site.inbox.remove(entry)


def _receive(site: Site, stop: threading.Event, lifeline: Lifeline) -> None:
    receive = site.config.receive
    handles = site.keys.handles  # now, not when the first object is there

    def accept(draft: Draft, identity: Identity, digest: bytes) -> None:
        entry = entry_for(identity, digest, handles)
        size = os.fstat(draft.fileno()).st_size
        now = time.time()  # a worker may be done with the object before put returns
        if site.inbox.put(draft, entry):
            site.ledger.note(
                entry,
                "ready",
                at=now,
                received_at=now,
                bytes=size,
                calling_ae=identity.meta.source_ae,
                called_ae=identity.meta.receiving_ae,
            )
        else:
            log.info("object %s came again and is kept once", entry)

    classes = [*CT_CLASSES, *(HELD_CLASSES if receive.held_classes else ())]
    policy = reception.policy(
        select(reception.Settings, receive),
        site.config.spool.directory,
        contexts=[
            *storage_contexts(classes, receive.transfer_syntaxes or tuple(TRANSFER_SYNTAXES)),
            *report_contexts(),
        ],
        callers=lambda ae_title: (
            not receive.callers or ae_title in receive.callers or ae_title == site.destination.ae_title
        ),
        called=frozenset({receive.ae_title, *site.config.route.labels}),
        ready=site.ready,
        handlers=report_handlers(site.reports),
    )
    reception.serve(policy, site.inbox, accept, lifeline, stop, _GRACE_SECONDS / 2)


def _deidentify(site: Site, owner: str, stop: threading.Event, lifeline: Lifeline, *, after_crash: bool) -> None:
    keys, programme = site.keys, site.config.deidentify.programme
    deidentifier = Deidentifier(
        site.plan,
        keys.patients,
        site_id=site.config.site.id,
        programme=programme,
        rules=site.pixel_rules,
        moments=site.moments,
    )
    worker = Worker(
        owner,
        site.inbox,
        site.outbox,
        site.ledger,
        Rules.from_config(site.config.route),
        deidentifier,
        keys,
        limit=site.config.receive.max_object,
        policy=Policy(site.config.deidentify.placeholder_ids, site.config.deidentify.test_patients),
        headers=site.headers,
        compressor=Compressor(method) if (method := site.config.send.compression) != "none" else None,
    )
    worker.recover(after_crash=after_crash)
    lifeline.lower_priority()  # the PACS waits for reception, a copy can wait
    lifeline.ready()
    worker.run(stop)


def _send(site: Site, stop: threading.Event, lifeline: Lifeline) -> None:
    send = site.config.send
    site.outbox.recover(_SENDER)
    recent: dict[Entry, part10.FileMeta] = {}
    sender = Sender(
        site.outbox,
        site.ledger,
        site.destination,
        associations=send.associations,
        first=send.retry_first,
        maximum=send.retry_max,
        owner=_SENDER,
        recent=recent,
    )
    committing: threading.Thread | None = None
    if send.commitment:
        committer = Committer(
            site.outbox,
            site.ledger,
            site.destination,
            site.reports,
            timeout=send.commitment_timeout,
            interval=send.commitment_interval,
            first=send.retry_first,
            maximum=send.retry_max,
            recent=recent,
        )
        committing = threading.Thread(target=committer.run, args=(stop,), name="commitment")
        committing.start()
    lifeline.ready()
    sender.run(stop)
    if committing is not None:
        committing.join(_GRACE_SECONDS / 2)


class _DiskWatch:
    """Purges at once when the disk is almost full, and says so once, and once when space is back."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._full = False

    def __call__(self) -> None:
        spool = self._site.inbox
        if not spool.has_room():
            spool.drop_spares()
            purge(self._site)
        full = not spool.has_room()
        if full and not self._full:
            log.error(
                "disk almost full: %d MB free, %d MB are the reserve; associations are rejected until space "
                "returns; nothing taken is lost",
                shutil.disk_usage(spool.directory).free >> 20,
                self._site.config.spool.reserve_mb,
            )
        elif self._full and not full:
            log.warning("the disk has space again: associations are taken")
        self._full = full
