"""Everything that can be wrong with a site or a hub before it starts, each with its remedy.

A check is a generator of findings: it says what it found, in the words of who has to mend it, and an
exception of ours is a finding too. Nothing is changed and nothing is left behind.
"""

from __future__ import annotations

import datetime
import errno
import os
import shutil
import socket
import ssl
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeAlias

# What the checks need is imported here and not by them: they run side by side, and two threads that import parts of one
# package at a time may deadlock.
from peewee import PeeweeException

from fidac_node.config.config import HubConfig, SiteConfig, kind_of, load_hub, load_site
from fidac_node.config.own_words import read_own_words
from fidac_node.config.sections import MEBIBYTE, Deidentify, Receive, Spools
from fidac_node.deidentify import load_plan
from fidac_node.deidentify.rewrite.text import words
from fidac_node.deidentify.triage import ocr
from fidac_node.deidentify.triage.triage import SERIES
from fidac_node.dicom.ae import Peer
from fidac_node.dicom.uids import CT_CLASSES, STORAGE_COMMITMENT, TRANSFER_SYNTAXES
from fidac_node.errors import ConfigError, FidacError, Temporary
from fidac_node.hub.index.sites import site_titles
from fidac_node.hub.index.tallies import count_wrong
from fidac_node.hub.keeping.belonging import Belonging
from fidac_node.hub.keeping.scrub import read as read_scrub
from fidac_node.identity.keyfile import read_key
from fidac_node.identity.keys import NO_VAULT, key_files, open_keys
from fidac_node.send.echo import Rejected, ask
from fidac_node.site import belonging
from fidac_node.site import room as room_of_site
from fidac_node.site.compress import Compressor
from fidac_node.site.history import FILE as HISTORY
from fidac_node.site.ledger import FILE as LEDGER
from fidac_node.site.stages import STAGES
from fidac_node.system import broken, installation, locks, remedies, standing, tls
from fidac_node.system.asking import Asked
from fidac_node.system.database import connect, sqlite_path
from fidac_node.system.disk import RESERVED_INODES, room

_RENEW: Final = datetime.timedelta(days=14)
# Seconds that a peer is waited for, and any check that waits for others: with the start of a program, five in all.
_ASK_SECONDS: Final = 2.5
_PATIENCE: Final = 3.0
# Checks that need the processor and wait for nobody.
_THINKING: Final = ("recipe", "own words")


@dataclass(frozen=True)
class Finding:
    """What one check found; ``remedy`` is empty when all is well.

    With ``ok`` it is a choice: the node runs without it, too.
    """

    check: str
    ok: bool
    message: str
    remedy: str = ""


Check: TypeAlias = Callable[[], Iterator[Finding]]


def examine(path: Path) -> Iterator[Finding]:
    """Yield the findings for the settings file ``path`` of a site or a hub, as they come."""
    try:
        config: SiteConfig | HubConfig = load_hub(path) if kind_of(path) == "hub" else load_site(path)
    except ConfigError as error:
        message, separator, remedy = str(error).partition("; run: ")
        remedy = remedy if separator else "correct that line"
        yield Finding("settings", False, message, f"{remedy}; nothing else can be checked before")
        return
    yield Finding("settings", True, f"{path}: every option is understood")
    checks = _hub_checks(config) if isinstance(config, HubConfig) else _site_checks(config)
    asked = {name: _asked(name, check) for name, check in checks.items() if name not in _THINKING}
    for name, check in checks.items():
        yield from _guarded(name, check) if name in _THINKING else _answered(name, asked[name])


def _asked(name: str, check: Check) -> Asked[list[Finding]]:
    return Asked(lambda: list(_guarded(name, check)))


def _answered(name: str, asked: Asked[list[Finding]]) -> list[Finding]:
    """What a check found in time: a disk, a database or a peer that is frozen must not keep the others."""
    try:
        return asked.within(_PATIENCE)
    except Temporary as error:
        return [Finding(name, False, str(error), "look at the disk, the server or the network that it needs")]


def _guarded(name: str, check: Check) -> Iterator[Finding]:
    try:
        yield from check()
    except FidacError as error:
        message, _, remedy = str(error).partition("; ")
        yield Finding(name, False, message, remedy)
    except OSError as error:
        remedy = remedies.of_file(error) or "let the user that runs the node use it"
        yield Finding(name, False, f"{error.filename or 'system'}: {error.strerror}", remedy)


def _site_checks(config: SiteConfig) -> dict[str, Check]:
    return {
        "key": lambda: _key(config),
        "vault": lambda: _vault(config),
        "recipe": lambda: _recipe(config),
        "own words": lambda: _own_words(config),
        "burned-in text": lambda: _burned_in(config),
        "spool": lambda: _folder("spool", config.spool.directory),
        "alive": lambda: _alive(config.spool.directory, STAGES),
        "right folder": lambda: _site_belonging(config),
        "ledger": lambda: _ledger(config),
        "disk": lambda: _site_disk(config),
        "tls": lambda: _tls(
            "receive", config.receive.tls_certificate, config.receive.tls_key, config.receive.tls_ca, listens=True
        ),
        "port": lambda: _port(config.receive),
        "tls to the hub": lambda: _tls(
            "send", config.send.tls_certificate, config.send.tls_key, config.send.tls_ca, listens=False
        ),
        "tls of the portal": lambda: _tls(
            "portal", config.portal.tls_certificate, config.portal.tls_key, None, listens=True
        ),
        "hub": lambda: _hub(config),
        "compression": lambda: _compression(config),
        "clock": lambda: _clock(config.path),
    }


def _hub_checks(config: HubConfig) -> dict[str, Check]:
    return {
        "spool": lambda: _folder("spool", config.spool.directory),
        "alive": lambda: _alive(config.spool.directory, ["hub"]),
        "archive": lambda: _folder("archive", config.archive.directory),
        "index": lambda: _index(config),
        "right folders": lambda: _hub_belonging(config),
        "fixity": lambda: _fixity(config),
        "disk": lambda: _disk(config.spool, config.archive.directory, *_index_directory(config)),
        "tls": lambda: _tls(
            "receive", config.receive.tls_certificate, config.receive.tls_key, config.receive.tls_ca, listens=True
        ),
        "port": lambda: _port(config.receive),
        "clock": lambda: _clock(config.path),
    }


def _alive(directory: Path, stages: Sequence[str]) -> Iterator[Finding]:
    """Whether what runs moves; what is stopped may be started."""
    alive, name = standing.ask(directory, stages), "alive"
    hung = [one for one in alive.stages if one.state == standing.HUNG]
    for one in (one for one in hung if one.loop):
        remedy = (
            "its supervisor kills it and starts it again by itself; when that comes again and again, "
            "look at the log, the disk and the database"
        )
        yield Finding(name, False, str(one), remedy)
    for holder in dict.fromkeys(locks.holder(directory / f"{one.stage}.lock") for one in hung if not one.loop):
        message = f"the supervisor does not answer ({holder or 'nobody knows its process'})"
        yield Finding(
            name, False, message, "kill it: 'kill -9' its process; systemd starts it again, and nothing is lost"
        )
    if not hung:
        shown = ", ".join(map(str, alive.trouble)) or f"{len(alive.stages)} processes, all of them move"
        yield Finding(name, True, shown)


def _key(config: SiteConfig) -> Iterator[Finding]:
    for path in key_files(config.programme):
        read_key(path)
        yield Finding("key", True, f"{path}: long enough, and nobody else can read it")


def _vault(config: SiteConfig) -> Iterator[Finding]:
    keys = open_keys(config.programme)
    keys.close()
    yield Finding("vault", True, f"{keys.vault.records} records, all as they were written" if keys.vault else NO_VAULT)


def _recipe(config: SiteConfig) -> Iterator[Finding]:
    plan = load_plan(config.deidentify.profile, config.deidentify.profiles_directory, layers=config.deidentify.layers)
    yield Finding("recipe", True, f"{config.deidentify.profile}: every line is understood ({plan.digest[:8]})")


def _own_words(config: SiteConfig) -> Iterator[Finding]:
    """How many words of the site's own are looked for, and which describe images: they would hold everything."""
    deidentify, name = config.deidentify, "own words"
    own = read_own_words(deidentify.own_words, deidentify.own_words_file)
    plan = load_plan(deidentify.profile, deidentify.profiles_directory, layers=deidentify.layers)
    harmless = [word for word in own if plan.are_harmless(words(word))]
    shown = [repr(word) for word in harmless if word in deidentify.own_words]
    if len(shown) < len(harmless):  # the file may name people
        shown.append(f"{len(harmless) - len(shown)} in {deidentify.own_words_file}")
    if harmless:
        message = f"{', '.join(shown)}: all images or hospitals have such words, so no text keeps them and nothing more"
        yield Finding(name, True, message, "name what only your hospital is called by; these are not looked for")
    elif own:
        yield Finding(name, True, f"{len(own)} are looked for in every output")


def _burned_in(config: SiteConfig) -> Iterator[Finding]:
    """Whether something looks for text in the pixels of CT slices, whose header cannot tell (PS3.15 E.3.1)."""
    rules, name = config.deidentify, "burned-in text"
    sample, checked = rules.ocr_sample, "check" in (rules.secondary_captures, rules.derived)
    if sample or checked:
        if checked or sample != SERIES or ocr.available():
            yield Finding(name, True, f"{ocr.require()} looks at {_looked_at(rules)}")
            return
        message = (
            f"{ocr.PROGRAM} is not installed, "
            "so nothing looks for text in the pixels of CT slices: what is burned in leaves with them"
        )
        yield Finding(
            name,
            True,
            message,
            "sudo apt-get install tesseract-ocr, then start the node again; ocr_sample = 0 accepts the risk",
        )
        return
    yield Finding(name, True, "nothing looks for it in CT slices, as [deidentify] ocr_sample = 0 says")


def _looked_at(rules: Deidentify) -> str:
    """In what text is looked for, in words."""
    looked = {
        "the first slice of each series" if rules.ocr_sample == "series" else f"one CT image in {rules.ocr_sample}": (
            rules.ocr_sample != 0
        ),
        "every slice that says DERIVED or SECONDARY": rules.derived == "check",
        "Secondary Captures": rules.secondary_captures == "check",
    }
    return ", ".join(name for name, wanted in looked.items() if wanted)


def _folder(name: str, directory: Path) -> Iterator[Finding]:
    try:
        with tempfile.TemporaryFile(dir=directory):
            yield Finding(name, True, f"{directory}: can be written")
    except FileNotFoundError:
        yield Finding(
            name,
            False,
            f"{directory} does not exist",
            f"create it: mkdir -p {directory}, as the user that runs the node",
        )
    except OSError as error:
        remedy = remedies.of_file(error) or f"give it to the user that runs the node: chown -R USER {directory}"
        yield Finding(name, False, f"{directory}: cannot be written: {error.strerror}", remedy)


def _disk(spool: Spools, *others: Path) -> Iterator[Finding]:
    for directory in (spool.directory, *others):
        free = room(directory)
        ok = free.is_enough(spool.reserve)
        inodes = "" if free.inodes is None else f" and {free.inodes} inodes"
        message = (
            f"{directory}: {free.bytes // MEBIBYTE} MiB{inodes} free, "
            f"{spool.reserve_mb} MiB and {RESERVED_INODES} inodes are the reserve"
        )
        remedy = "free or add space, or lower [spool] reserve_mb; until then new associations are rejected"
        yield Finding("disk", ok, message, "" if ok else remedy)


def _site_belonging(config: SiteConfig) -> Iterator[Finding]:
    """Whether the spool is the one that the node has worked with, and no empty folder below an unmounted disk."""
    name = belonging.demand(config.spool.directory, config.deidentify.vault_directory)
    whose = f"belongs to installation {name[:8]}" if name else "is new"
    yield Finding("right folder", True, f"{config.spool.directory}: {whose}")


def _ledger(config: SiteConfig) -> Iterator[Finding]:
    """Whether the ledger is there and well; what a start does about it is said."""
    path, name = config.spool.directory / LEDGER, "ledger"
    begun = installation.read(config.deidentify.vault_directory)
    if why := broken.look(path):
        message, what = f"{path}: it is broken ({why})", "it is set aside"
    elif begun and not path.exists():
        message, what = f"{path}: it is gone", "no object is lost"
    else:
        yield Finding(name, True, f"{path}: {'well' if path.exists() else 'made at the first start'}")
        return
    remedy = (
        f"start the node: {what}, and it makes another from the spool's directories and {HISTORY}; look at the disk"
    )
    yield Finding(name, False, message, remedy)


def _hub_belonging(config: HubConfig) -> Iterator[Finding]:
    """Whether spool, archive and index belong together, and none of them is an empty folder below an unmounted disk."""
    db = connect(config.index.database, config.path.parent, patience=_ASK_SECONDS)
    with suppress(PeeweeException):  # the check of the index says so
        name = Belonging(config.spool.directory, config.archive.directory, db).demand()
        whose = f"belong to installation {name[:8]}" if name else "are new"
        yield Finding("right folders", True, f"spool, archive and index {whose}")


def _site_disk(config: SiteConfig) -> Iterator[Finding]:
    """As :func:`_disk`, and what is kept there only as long as there is room."""
    (found,) = _disk(config.spool)
    directory = config.spool.directory / "outbox" / room_of_site.answered(commitment=config.send.commitment)
    copies = room_of_site.kept(directory)
    hours = f"{config.spool.retention_hours:g} hours ([spool] retention_hours)"
    yield replace(
        found,
        message=f"{found.message}; {copies.objects} copies that the hub answers for are kept for {hours}, and would "
        f"free {copies.bytes // MEBIBYTE} MiB: the oldest go by themselves when the reserve is touched",
        remedy=f"'fidac-node site purge --all' frees {copies.bytes // MEBIBYTE} MiB; {found.remedy}"
        if found.remedy and copies.objects
        else found.remedy,
    )


def _port(receive: Receive) -> Iterator[Finding]:
    family = socket.AF_INET6 if ":" in receive.host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((receive.host, receive.port))
    except PermissionError:
        yield Finding(
            "port",
            False,
            f"port {receive.port} may not be opened",
            "choose one above 1023, and let the firewall redirect",
        )
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            yield Finding("port", False, f"cannot listen on {receive.host}: {error.strerror}", "correct [receive] host")
            return
        yield _taken(receive)
    else:
        yield Finding("port", True, f"port {receive.port} is free for {receive.ae_title}")


def _taken(receive: Receive) -> Finding:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(receive.host, receive.host)
    remedy = f"stop what uses it ('ss -ltnp sport = :{receive.port}' shows it), or change [receive] port"
    try:
        context = tls.client_context(receive.tls_certificate, receive.tls_key, receive.tls_ca, host)
        answer = ask(Peer(receive.ae_title, host, receive.port), receive.ae_title, timeout=_ASK_SECONDS, tls=context)
    except Rejected:
        # A daemon that knows its callers and networks turns a check from this machine away, as it should.
        return Finding(
            "port", True, f"port {receive.port}: a DICOM application is running and rejects us; right if it is this one"
        )
    except Temporary as error:
        return Finding("port", False, f"port {receive.port} is taken by another program: {error}", remedy)
    if answer.is_fidac:
        return Finding("port", True, f"port {receive.port}: {receive.ae_title} is running and answers")
    return Finding("port", False, f"port {receive.port} is taken by another DICOM application", remedy)


def _hub(config: SiteConfig) -> Iterator[Finding]:
    peer, send = config.send.hub_address, config.send
    context = tls.client_context(send.tls_certificate, send.tls_key, send.tls_ca, peer.host)
    wanted = dict(CT_CLASSES)
    if send.commitment:
        wanted[STORAGE_COMMITMENT] = "Storage Commitment"
    answer = ask(peer, config.calling_ae, timeout=_ASK_SECONDS, tls=context, sop_classes=wanted)
    yield Finding("hub", True, f"{peer} answers {config.calling_ae} ({answer.seconds * 1000:.0f} ms)")
    for sop_class, name in wanted.items():
        if sop_class not in answer.sop_classes:
            remedy = (
                "set [send] commitment = false to count a sent copy as kept"
                if sop_class == STORAGE_COMMITMENT
                else "allow it at the hub"
            )
            yield Finding("hub", False, f"{peer} does not accept {name}", remedy)


def _compression(config: SiteConfig) -> Iterator[Finding]:
    if config.send.compression == "none":
        return

    compressor, send, peer = Compressor(config.send.compression), config.send, config.send.hub_address
    yield Finding("compression", True, f"{compressor.name} can be used")
    context = tls.client_context(send.tls_certificate, send.tls_key, send.tls_ca, peer.host)
    syntaxes = [compressor.transfer_syntax_uid]
    answer = ask(
        peer, config.calling_ae, timeout=_ASK_SECONDS, tls=context, sop_classes=CT_CLASSES, transfer_syntaxes=syntaxes
    )
    for sop_class, name in CT_CLASSES.items():
        if sop_class not in answer.sop_classes:
            message = f"{peer} does not accept {name} in {TRANSFER_SYNTAXES[compressor.transfer_syntax_uid]}"
            yield Finding("compression", False, message, 'allow it at the hub, or set [send] compression = "none"')


def _index_directory(config: HubConfig) -> list[Path]:
    file = sqlite_path(connect(config.index.database, config.path.parent))
    return [file.parent] if file else []


def _index(config: HubConfig) -> Iterator[Finding]:
    db = connect(config.index.database, config.path.parent, patience=_ASK_SECONDS)
    path = sqlite_path(db)
    if path is not None and (why := broken.look(path) if path.exists() else "it is gone"):
        remedy = "'fidac-node hub reindex' makes it anew from the archive, with sites and AE titles; look at the disk"
        if not path.exists() and not any(config.archive.directory.glob("[!.]*")):
            remedy = "'fidac-node hub init' makes one for a new hub; after a loss, mount the archive's disk first"
        yield Finding("index", False, f"{path}: {why}", remedy)
        return
    try:
        with db.connection_context():
            sites = site_titles(db)
    except PeeweeException as error:
        yield Finding(
            "index",
            False,
            f"the database does not answer ({type(error).__name__})",
            "run 'fidac-node hub init', or start its server",
        )
        return
    yield Finding("index", True, "the database answers")
    remedy = "" if sites else "'fidac-node hub site add ID --ae-title TITLE' for each site; nobody else may store"
    yield Finding("sites", bool(sites), f"{len(sites)} registered", remedy)


def _fixity(config: HubConfig) -> Iterator[Finding]:
    """Whether the archive has what was filed, as far as it was read through."""
    name, last = "fixity", read_scrub(config.archive.directory).last
    with suppress(PeeweeException):  # the check of the index says so
        db = connect(config.index.database, config.path.parent, patience=_ASK_SECONDS)
        with db.connection_context():
            wrong = count_wrong(db)
        if wrong:
            message = f"{wrong} files of the archive are not what was filed"
            yield Finding(
                name, False, message, "look at its disk; 'fidac-node hub verify --repair' lets sites send again"
            )
            return
        read = (
            f"read through on {time.strftime('%Y-%m-%d', time.gmtime(last.ended))}" if last else "not read through yet"
        )
        off = "" if config.archive.scrub_days else ", and never will be ([archive] scrub_days = 0)"
        yield Finding(name, True, f"no file of the archive is known to be wrong; {read}{off}")


def _tls(name: str, certificate: Path | None, key: Path | None, ca: Path | None, *, listens: bool) -> Iterator[Finding]:
    if not certificate and not ca:
        return
    context: ssl.SSLContext | None = (
        tls.server_context(certificate, key, ca) if listens else tls.client_context(certificate, key, ca)
    )
    assert context is not None
    yield Finding("tls", True, f"[{name}] certificate, key and CA can be used together")
    if key and stat.S_IMODE(key.stat().st_mode) & 0o007:
        yield Finding("tls", False, f"{key} can be read by everybody", f"chmod o= {key}")
    if certificate:
        end = tls.expiry(certificate)
        left = end - datetime.datetime.now(datetime.UTC)
        remedy = "" if left > _RENEW else "renew it; without it there is no connection"
        yield Finding(
            "tls", left > _RENEW, f"{certificate}: {'ended' if left.days < 0 else 'valid until'} {end:%Y-%m-%d}", remedy
        )


def _clock(config: Path) -> Iterator[Finding]:
    """A clock that lies spoils retention, retries and certificates: compare it with what is known to be past."""
    remedy = "set the clock and keep it so: timedatectl set-ntp true"
    now, past = time.time(), max(config.stat().st_mtime, Path(__file__).stat().st_mtime)
    if now < past - 60:
        yield Finding(
            "clock",
            False,
            f"the clock says {datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC, before this was installed",
            remedy,
        )
        return
    synchronised = _ntp()
    words = {"yes": ", synchronised", "no": ", not synchronised"}.get(synchronised, "")
    message = f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC{words}"
    yield Finding("clock", synchronised != "no", message, remedy if synchronised == "no" else "")


def _ntp() -> str:
    """Ask systemd whether the clock is kept by NTP: "yes", "no", or nothing where it cannot say."""
    program = shutil.which("timedatectl")
    if program is None or not Path("/run/systemd/system").is_dir():
        return ""
    command = [program, "show", "--property=NTPSynchronized", "--value"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=_ASK_SECONDS, check=False, env={**os.environ, "LC_ALL": "C"}
    )
    return done.stdout.strip() if done.returncode == 0 else ""
