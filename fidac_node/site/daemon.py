"""The site daemon, top to bottom in the order of the flow: receive, de-identify, send, keep house."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, NoReturn

from fidac_node.commitment.answer import report_contexts, report_handlers
from fidac_node.commitment.ask import Committer
from fidac_node.config.options import select
from fidac_node.deidentify import Deidentifier
from fidac_node.deidentify.plan import dump
from fidac_node.deidentify.triage import ocr
from fidac_node.dicom import part10
from fidac_node.dicom.uids import CT_CLASSES, HELD_CLASSES, TRANSFER_SYNTAXES
from fidac_node.receive import reception
from fidac_node.receive.check import Identity, entry_for
from fidac_node.receive.scp import storage_contexts
from fidac_node.send.sender import Sender
from fidac_node.send.verification import Verifier
from fidac_node.site import belonging, portal
from fidac_node.site.compress import Compressor
from fidac_node.site.corrected import by_rule, let_go
from fidac_node.site.damage import is_out_of_date, set_aside_if_damaged
from fidac_node.site.housekeeping import DiskWatch, purge
from fidac_node.site.node import Site, open_site
from fidac_node.site.people import Policy
from fidac_node.site.route import Rules
from fidac_node.site.stages import STAGES
from fidac_node.site.withdrawn import Withdrawn
from fidac_node.site.worker import Worker
from fidac_node.spool.draft import Draft
from fidac_node.spool.entry import Entry
from fidac_node.spool.queue import STATES
from fidac_node.spool.seal import Seals
from fidac_node.system import locks, safeio, standing
from fidac_node.system.service import Chore, Lifeline, Supervisor, start_again, taking_time

log = logging.getLogger(__name__)

_GRACE_SECONDS: Final = 25.0
_SENDER: Final = "send-0"


def run(config_path: Path, only: Sequence[str] = ()) -> int:
    """Run the node, or just the stages ``only``, until it is told to stop; return the exit code."""
    site = open_site(config_path)
    stages = [stage for stage in STAGES if not only or stage in only]
    family = _claim(site, stages)
    belonging.settle(site.config.spool.directory, site.config.deidentify.vault_directory)
    aside = set_aside_if_damaged(site.config.spool.directory)
    site.recall(anew=aside is not None)
    begun = site.has_begun
    site.check_key()
    site.tell_recipe(begun=begun)
    _ = (
        site.plan,
        site.pixel_rules,
        Rules.from_config(site.config.route),
        site.destination,
    )  # wrong settings stop here, not in a child
    if "deidentify" in stages and site.pixel_rules.wants_ocr:
        log.info("looking for burned-in text with %s", ocr.require())
    receive = site.config.receive
    # Before anything is put right: who finds the port taken may have found an earlier version that works on this spool.
    listeners = reception.listen(select(reception.Settings, receive)) if reception.STAGE in stages else {}
    with_portal = bool(site.config.portal.port) and not only
    if with_portal:
        listeners |= portal.listen(select(portal.Settings, site.config.portal))
    with taking_time():
        _recover(site, stages)
    workers = site.config.deidentify.workers or os.cpu_count() or 1
    processes = {
        reception.STAGE: reception.names(receive.processes),
        "deidentify": [f"deidentify-{number}" for number in range(workers)],
    }
    names = [name for stage in stages for name in processes.get(stage, [stage])]
    names += [portal.STAGE] * with_portal
    children = [(name, ["site", "run", "--config", str(config_path), "--child", name]) for name in names]
    chores = [
        Chore("purging committed objects", 60.0, partial(purge, site)),
        Chore("watching the disk", 5.0, DiskWatch(site)),
        Chore("counting the records of the vault", 60.0, site.count_vault),
    ]
    log.info(
        "site node %s: %s, recipe %s %s",
        site.config.site.id,
        ", ".join(stages),
        site.plan.profile,
        site.plan.digest[:8],
    )
    stopped = threading.Event()
    describing = threading.Thread(target=site.describe, args=(stopped,), name="describe", daemon=True)
    describing.start()
    supervisor = Supervisor(
        f"site node {site.config.site.id}",
        children,
        chores,
        listeners=listeners,
        locks=family,
        grace=_GRACE_SECONDS,
        bury=partial(reception.bury, site.inbox),
        pauses={reception.STAGE: reception.PAUSE},
        doors=[standing.door(site.config.spool.directory, stage) for stage in stages],
        patience=site.config.spool.stage_patience,
    )
    chores.append(Chore("looking at the ledger", 5.0, partial(_look_at_ledger, site, supervisor)))
    code = supervisor.run()
    stopped.set()
    describing.join()
    if supervisor.renewing:
        start_again()
    site.count_vault()
    site.ledger.close()
    return code


def _claim(site: Site, stages: Sequence[str]) -> list[int]:
    """Lock this spool's stages for this family of processes. Raises :class:`ConfigError` when another has one."""
    spool = site.config.spool.directory
    remedy = "stop it first, or give this node a [spool] directory of its own"
    return [locks.claim(spool / f"{stage}.lock", f"the spool {spool} (stage {stage})", remedy) for stage in stages]


def _look_at_ledger(site: Site, supervisor: Supervisor) -> None:
    """Start all again when the ledger is broken: a start sets it aside, and makes another of the directories."""
    if is_out_of_date(site.ledger):
        log.error("the ledger is broken or was replaced: this node stops and starts again")
        supervisor.renew()


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
    elif stage == portal.STAGE:
        _show_upload(site, stop, lifeline)
    else:
        _send(site, stop, lifeline)
    site.ledger.close()
    lifeline.end()


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

    Whoever put a copy may have died before its name was safe, so that is made sure of first. One whose copy is corrupt
    came again to replace it. Raises ``OSError``.
    """
    left = {entry for state in STATES for entry in site.outbox.each(state)}
    copied = [entry for entry in site.inbox.each("new") if entry in left and not site.outbox.is_corrupt(entry)]
    for directory in {site.outbox.path(entry).parent for entry in copied}:
        safeio.sync_directory(directory)
    for entry in copied:
        with suppress(FileNotFoundError):
            site.outbox.doubt(entry)  # it came again: as a worker would
        site.inbox.remove(entry)
    for old in site.ledger.superseded():
        by = site.ledger.superseded_by(old)
        if by in left:
            let_go(site.inbox, site.outbox, site.ledger, old, f"{by} stands in its place")


def _receive(site: Site, stop: threading.Event, lifeline: Lifeline) -> None:
    receive = site.config.receive
    handles = site.keys.handles  # now, not when the first object is there

    def accept(draft: Draft, identity: Identity, digest: bytes) -> None:
        entry = entry_for(identity, digest, handles)
        size = os.fstat(draft.fileno()).st_size
        now = site.ledger.now()  # a worker may be done with the object before put returns
        if site.inbox.put(draft, entry):
            site.ledger.note(
                entry,
                "ready",
                at=now,
                received_at=now.at,
                bytes=size,
                calling_ae=identity.meta.source_ae,
                called_ae=identity.meta.receiving_ae,
            )
        else:
            log.info("object %s came again and is kept once", entry, extra={"peer": identity.meta.source_ae})

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
    reception.serve(
        policy, site.inbox, accept, lifeline, stop, _GRACE_SECONDS / 2, failed=site.ledger.connection_failed
    )


def _deidentify(site: Site, owner: str, stop: threading.Event, lifeline: Lifeline, *, after_crash: bool) -> None:
    keys, programme = site.keys, site.config.deidentify.programme
    deidentifier = Deidentifier(
        site.plan,
        keys.patients,
        site_id=site.config.site.id,
        programme=programme,
        rules=site.pixel_rules,
        moments=site.moments,
        own=site.own_words,
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
        withdrawn=Withdrawn(site.config.deidentify.vault_directory),
        corrected=by_rule(site.config.receive.corrected, site.config.receive.corrected_callers),
        headers=site.headers,
        compressor=Compressor(method) if (method := site.config.send.compression) != "none" else None,
        beat=lifeline.loop("de-identifying"),
    )
    worker.recover(after_crash=after_crash)
    lifeline.lower_priority()  # the PACS waits for reception, a copy can wait
    lifeline.ready()
    worker.run(stop)


def _show_upload(site: Site, stop: threading.Event, lifeline: Lifeline) -> None:
    from fidac_node.site.relay import serve  # what it needs is an extra

    settings = select(portal.Settings, site.config.portal)
    listener = lifeline.listener or portal.listen(settings)[portal.STAGE]
    serve(settings, dump(site.plan), listener, stop, lifeline.ready, lifeline.loop("relaying"))


def _send(site: Site, stop: threading.Event, lifeline: Lifeline) -> None:
    send = site.config.send
    site.outbox.recover(_SENDER)
    recent: dict[Entry, part10.FileMeta] = {}
    sender = Sender(
        site.outbox,
        site.ledger,
        site.destination,
        Seals(site.keys.sealing_key).check,
        associations=send.associations,
        first=send.retry_first,
        maximum=send.retry_max,
        owner=_SENDER,
        recent=recent,
        heart=lifeline.loop,
    )
    if send.echo_interval:
        verifier = Verifier(
            site.ledger,
            site.destination,
            send.echo_interval,
            busy=lambda: sender.associated,
            beat=lifeline.loop("verification"),
        )
        # Nobody waits for its end: an answer that is outstanding at the stop interests nobody any more.
        threading.Thread(target=verifier.run, args=(stop,), name="verification", daemon=True).start()
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
            newer=site.ledger.newer_versions,
            beat=lifeline.loop("commitment"),
        )
        committing = threading.Thread(target=committer.run, args=(stop,), name="commitment")
        committing.start()
    lifeline.ready()
    sender.run(stop)
    if committing is not None:
        committing.join(_GRACE_SECONDS / 2)
