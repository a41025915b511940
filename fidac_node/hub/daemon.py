"""The hub daemon, top to bottom in the order of the flow: receive, file, answer for what is filed, by HTTP too."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NoReturn

from peewee import Database, PeeweeException

from fidac_node.audit.syslog import teller
from fidac_node.audit.trail import FILE, Trail
from fidac_node.commitment.answer import CommitmentScp, request_contexts
from fidac_node.config.config import HubConfig, load_hub
from fidac_node.config.options import select
from fidac_node.dicom.ae import Peer
from fidac_node.dicom.uids import CT_CLASSES, TRANSFER_SYNTAXES
from fidac_node.errors import ConfigError, Temporary
from fidac_node.hub.archive import Archive
from fidac_node.hub.arrivals import Arrivals
from fidac_node.hub.examination import Examination, Prove
from fidac_node.hub.failures import FailedConnections
from fidac_node.hub.filing import CommitmentCheck, Filer
from fidac_node.hub.index import Registry, prepare
from fidac_node.hub.index.clients import Clients
from fidac_node.hub.index.generation import told_to
from fidac_node.hub.index.journal import note_answers
from fidac_node.hub.index.ownership import Ownership
from fidac_node.hub.index.withdrawn import Refusals
from fidac_node.hub.intake import Intake
from fidac_node.hub.keeping.fixity import Fixity
from fidac_node.hub.keeping.scrub import INTERVAL as SCRUB_SECONDS
from fidac_node.hub.keeping.scrub import Scrub
from fidac_node.hub.keeping.superseded import INTERVAL as SUPERSEDED_SECONDS
from fidac_node.hub.keeping.superseded import OlderVersions
from fidac_node.hub.keeping.watermarks import Watermarks
from fidac_node.hub.keeping.withdrawal import INTERVAL as WITHDRAWAL_SECONDS
from fidac_node.hub.keeping.withdrawal import Withdrawals
from fidac_node.hub.later import Later
from fidac_node.hub.likeness import INTERVAL as LIKENESS_SECONDS
from fidac_node.hub.likeness import Likeness
from fidac_node.hub.query.find import FindScp, find_contexts
from fidac_node.hub.query.retrieve import RetrieveScp, retrieve_contexts
from fidac_node.hub.web import listening as web
from fidac_node.receive import reception
from fidac_node.receive.check import Identity, PlainHandles, entry_for
from fidac_node.receive.scp import storage_contexts
from fidac_node.send.wire import Destination
from fidac_node.spool.draft import Draft
from fidac_node.spool.queue import Spool
from fidac_node.system import disk, locks, remedies, safeio, standing
from fidac_node.system.database import borrowed, connect, sqlite_path
from fidac_node.system.service import Chore, Lifeline, Supervisor, taking_time

log = logging.getLogger(__name__)

_HEADER: Final = 64 << 10  # bytes that filing reads
_GRACE_SECONDS: Final = 25.0


@dataclass(frozen=True)
class Hub:
    """The rooms of one hub, built from its configuration when they are first entered."""

    config: HubConfig

    @cached_property
    def spool(self) -> Spool:
        """What arrived and is not filed yet."""
        return Spool(self.config.spool.directory / "inbox", reserve=self.config.spool.reserve)

    @cached_property
    def archive(self) -> Archive:
        """What is filed."""
        return Archive(self.config.archive.directory)

    @cached_property
    def db(self) -> Database:
        """The index."""
        return connect(self.config.index.database, self.config.path.parent)

    @cached_property
    def registry(self) -> Registry:
        """Which site stands behind a calling AE title."""
        return Registry(self.db)

    @cached_property
    def refusals(self) -> Refusals:
        """What was withdrawn and may not come again."""
        return Refusals(self.db)

    @cached_property
    def trail(self) -> Trail:
        """The record of who asks, and what."""
        tell = teller(self.config.audit.syslog, self.config.receive.ae_title)
        return Trail(self.config.spool.directory / FILE, tell)

    def ready(self, share: float = 1.0) -> str:
        """Why nothing can be taken now, or nothing; ``share`` of the reserve must be free."""
        return "" if self.spool.has_room(share=share) else "disk reserve reached, free space on the hub's disk"

    def accept(self, draft: Draft, identity: Identity, digest: bytes) -> None:
        """Make an object that is there whole safe in the spool.

        Raises ``OSError``, and :class:`~fidac_node.errors.Permanent` for what was withdrawn.
        """
        self.refusals.demand(self.registry.site_of(identity.meta.source_ae) or "", identity.study_instance_uid)
        entry = entry_for(identity, digest, PlainHandles())
        draft.finish(str(entry))
        safeio.forget(draft.fileno(), _HEADER)
        self.spool.put(draft, entry)

    @property
    def transfer_syntaxes(self) -> tuple[str, ...]:
        """What objects may be encoded in, the most wanted first."""
        return self.config.receive.transfer_syntaxes or tuple(TRANSFER_SYNTAXES)


def run(config_path: Path) -> int:
    """Run the hub until it is told to stop; return the exit code."""
    hub = _open(config_path)
    ownership = Ownership(hub.db)
    family = [*ownership.locks, *_claim(hub)]
    prepare(hub.db)
    withdrawals = Withdrawals(
        hub.archive,
        hub.db,
        hub.spool,
        hub.config.spool.directory,
        days=hub.config.archive.withdrawal_days,
        limit=hub.config.receive.max_object,
    )
    withdrawals.settle()
    watermarks = Watermarks(hub.db, hub.archive.directory, hub.spool.directory)
    _look(watermarks)
    receive = hub.config.receive
    listeners = reception.listen(select(reception.Settings, receive))
    with taking_time():
        reception.restore_names(hub.spool)
        hub.spool.sweep()
    names = [*reception.names(receive.processes), "file"]
    if hub.config.web.port:
        # What is missing is told before a child is started in vain.
        _ = _provider(hub.config), web.secret_in(hub.config.spool.directory)
        listeners |= web.listen(select(web.Settings, hub.config.web))
        names.append(web.STAGE)
    children = [(name, ["hub", "run", "--config", str(config_path), "--child", name]) for name in names]
    chores = [
        Chore("watching the disk", 30.0, partial(_watch_disk, hub)),
        Chore("looking whether index and archive are those of before", 60.0, partial(_look, watermarks)),
        Chore("keeping the index", 30.0, ownership.keep),
        Chore("looking after withdrawals", WITHDRAWAL_SECONDS, withdrawals.settle),
    ]
    older = OlderVersions(hub.archive, hub.config.archive.withdrawal_days)
    chores.append(Chore("looking after older versions", SUPERSEDED_SECONDS, older.purge))
    likeness = Likeness(hub.archive, hub.db)
    chores.append(Chore("looking at pixels", LIKENESS_SECONDS, likeness.turn))
    scrub = _scrub(hub)
    if hub.config.archive.scrub_days:
        chores.append(Chore("reading the archive through", SCRUB_SECONDS, scrub.turn))
    supervisor = Supervisor(
        f"hub {receive.ae_title}",
        children,
        chores,
        listeners=listeners,
        locks=family,
        grace=_GRACE_SECONDS,
        bury=partial(reception.bury, hub.spool),
        pauses={reception.STAGE: reception.PAUSE},
        doors=[standing.door(hub.config.spool.directory, "hub")],
        patience=hub.config.spool.stage_patience,
    )
    try:
        return supervisor.run()
    finally:
        scrub.stop()
        likeness.stop()


def _scrub(hub: Hub) -> Scrub:
    settings = hub.config.archive
    fixity = Fixity(hub.archive, hub.db, hub.spool)
    return Scrub(fixity, hub.db, hub.archive.directory, days=settings.scrub_days, rate=settings.scrub_rate)


def _look(watermarks: Watermarks) -> None:
    """Look whether index and archive are those of before; a damaged or frozen index is a trouble that waits."""
    try:
        watermarks.look()
    except (PeeweeException, Temporary) as error:
        log.error("the index cannot be asked whether it is the one of before: %s", error)


def run_child(config_path: Path, name: str) -> NoReturn:
    """Run one stage in this process until its supervisor or SIGTERM stops it."""
    stop = threading.Event()
    lifeline = Lifeline(stop, batch=name != web.STAGE)
    hub = _open(config_path)
    if name.startswith(reception.STAGE):
        _receive(hub, stop, lifeline)
    elif name == web.STAGE:
        _answer(hub, stop, lifeline)
    else:
        _file(hub, stop, lifeline)
    lifeline.end()


def _receive(hub: Hub, stop: threading.Event, lifeline: Lifeline) -> None:
    receive = hub.config.receive
    answers = Later(hub.db, note_answers, "answers about commitment")
    handle = PlainHandles().instance_handle
    check = CommitmentCheck(hub.spool, hub.archive, hub.db, hub.registry, handle, note=answers.note)
    commitment = CommitmentScp(check, partial(_generation, hub))
    clients = Clients(hub.db)
    arrivals = Arrivals(hub.db, hub.registry.site_of)
    retrieve = RetrieveScp(
        hub.db,
        hub.archive,
        clients,
        hub.trail,
        {peer.ae_title: _destination(hub.config, peer) for peer in hub.config.query.peers},
        hub.config.spool.directory,
        receive.dimse_timeout,
    )
    policy = reception.policy(
        select(reception.Settings, receive),
        hub.config.spool.directory,
        contexts=[
            *storage_contexts(tuple(CT_CLASSES), hub.transfer_syntaxes, both_ways=True),
            *request_contexts(),
            *find_contexts(),
            *retrieve_contexts(),
        ],
        callers=hub.registry.knows,
        called=frozenset({receive.ae_title}),
        ready=hub.ready,
        handlers=[*commitment.handlers(), *arrivals.handlers()],
        guests=clients.networks_of,
    )
    policy = replace(policy, services=FindScp(hub.db, clients, hub.trail).services() | retrieve.services())
    failures = FailedConnections(hub.db)
    reception.serve(policy, hub.spool, hub.accept, lifeline, stop, _GRACE_SECONDS / 2, failed=failures.add)
    commitment.close()
    for one in (failures, arrivals, answers):
        one.close(_GRACE_SECONDS / 12)


def _generation(hub: Hub, calling_ae: str) -> str:
    with borrowed(hub.db):
        return told_to(hub.db, hub.registry.site_of(calling_ae) or "")


def _destination(config: HubConfig, peer: Peer) -> Destination:
    query = config.query
    return Destination(
        *peer,
        config.receive.ae_title,
        query.max_pdu,
        query.connect_timeout,
        query.acse_timeout,
        query.dimse_timeout,
        what="destination",
        setting="[query] destinations",
        register="register that title there",
    )


def _file(hub: Hub, stop: threading.Event, lifeline: Lifeline) -> None:
    filer = Filer(
        hub.spool,
        hub.archive,
        hub.db,
        hub.registry,
        safe_creators=hub.config.verify.safe_private_creators,
        limit=hub.config.receive.max_object,
        prove=_proof(hub),
        difference=_difference(hub),
        days=hub.config.archive.withdrawal_days,
        beat=lifeline.loop("filing"),
    )
    filer.recover()
    lifeline.ready()
    filer.run(stop)


def _answer(hub: Hub, stop: threading.Event, lifeline: Lifeline) -> None:
    from fidac_node.hub.web.server import serve  # what it needs is an extra

    settings = select(web.Settings, hub.config.web)
    receive = hub.config.receive
    intake = Intake(
        hub.spool,
        hub.accept,
        hub.ready,
        hub.registry.title_of,
        called=receive.ae_title,
        sop_classes=CT_CLASSES,
        transfer_syntaxes=hub.transfer_syntaxes,
        limit=receive.max_object,
    )
    scratch, safe = hub.config.spool.directory, hub.config.verify.safe_private_creators
    examine = Examination(hub.registry, safe, receive.max_object, partial(_proof, hub))
    answers = Later(hub.db, note_answers, "answers about commitment")
    handle = PlainHandles().instance_handle
    commit = CommitmentCheck(hub.spool, hub.archive, hub.db, hub.registry, handle, note=answers.note)
    secret = web.secret_in(scratch)
    rooms = web.Rooms(
        *(hub.db, hub.archive, hub.trail, intake, scratch, receive.max_object, examine, commit),
        secret=secret,
        provider=_provider(hub.config),
        config=hub.config,
    )
    threading.Thread(target=_compile, name="recipe", daemon=True).start()
    listener = lifeline.listener or web.listen(settings)[web.STAGE]
    serve(settings, rooms, listener, stop, lifeline.ready, lifeline.loop("answering"))
    answers.close(_GRACE_SECONDS / 12)
    hub.spool.close()


def _difference(hub: Hub) -> Callable[[Path, Path], str]:
    from fidac_node.hub.recipes import difference_by

    return difference_by(hub.config.receive.max_object)


def _compile() -> None:
    """Make the plan that the upload page is given, before somebody waits for it."""
    from fidac_node.hub.recipes import in_force

    in_force()


def _provider(config: HubConfig) -> web.Provider | None:
    """Who else says who a person is; raises :class:`ConfigError`, also when the extra is missing."""
    oidc = config.oidc
    if not oidc.issuer:
        return None
    if missing := [name for name in ("authlib", "httpx") if find_spec(name) is None]:
        raise ConfigError(f"[oidc] issuer is set, but {missing[0]} cannot be found: pip install 'fidac-node[oidc]'")
    secret = oidc.client_secret_file.read_text("utf-8").strip() if oidc.client_secret_file else ""
    return web.Provider(oidc.issuer, oidc.client_id, secret, oidc.scope, oidc.acr_values, oidc.name)


def _proof(hub: Hub) -> Prove:
    from fidac_node.hub.recipes import proof  # the deidentifier, which nobody needs before an object is looked at

    return proof(hub.config.spool.directory, hub.config.receive.max_object)


def _open(config_path: Path) -> Hub:
    hub = Hub(load_hub(config_path))
    try:
        _ = hub.spool, hub.archive
    except OSError as error:
        raise ConfigError(
            f"{remedies.described(error)}; check [spool] directory and [archive] directory, "
            "and that the user who runs the hub owns them"
        ) from error
    return hub


def _claim(hub: Hub) -> list[int]:
    """Lock spool and archive for this family of processes. Raises :class:`ConfigError` when another has one of them."""
    remedy = "stop it first, or give this hub a {} directory of its own"
    return [
        locks.claim(directory / "hub.lock", f"the {what} {directory}", remedy.format(f"[{what}]"))
        for what, directory in (("spool", hub.config.spool.directory), ("archive", hub.archive.directory))
    ]


def _watch_disk(hub: Hub) -> None:
    index = sqlite_path(hub.db)
    places = {
        **({index.parent: "what the index has no room for waits in the spool"} if index else {}),
        hub.archive.directory: "what it has no room for waits in the spool",
        hub.spool.directory: "sites are asked to wait",
    }
    for directory, consequence in places.items():
        if not (room := disk.room(directory)).is_enough(hub.config.spool.reserve):
            log.error(
                "disk of %s almost full: %s, %d MiB and %d inodes are the reserve; %s",
                directory,
                room,
                hub.config.spool.reserve_mb,
                disk.RESERVED_INODES,
                consequence,
            )
