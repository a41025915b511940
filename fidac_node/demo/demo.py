"""The main job on one machine: a hub, a site node and a PACS stand-in on loopback, and one study through them.

The daemons are the real commands with their defaults, in folders of their own. This module drives and
watches them; :mod:`fidac_node.cli.demo` shows what it sees.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from pydicom import dcmread
from pydicom.datadict import dictionary_description, tag_for_keyword
from pydicom.dataset import Dataset

from fidac_node.demo.asking import Asked, ask
from fidac_node.dicom.marks import PRIVATE_GROUP
from fidac_node.dicom.uids import MEDIA_STORAGE_DIRECTORY
from fidac_node.errors import FidacError, Permanent, Temporary
from fidac_node.receive.digest import digest_of
from fidac_node.send.associate import Parcel
from fidac_node.send.classify import classify
from fidac_node.send.upper_layer import MAX_CONTEXTS, Association, Destination, Unavailable, encode_command
from fidac_node.site import ledger
from fidac_node.site.ledger import Ledger
from fidac_node.system.base32 import base32
from fidac_node.system.logs import describe

SITE_ID: Final = "DEMO"
SITE_AE: Final = "FIDACNODE"
HUB_AE: Final = "FIDACHUB"
PACS_AE: Final = "DEMOPACS"
CLIENT_AE: Final = "VIEWER"
ROLES: Final = ("administrator", "contributor", "researcher", "auditor")

_FIDAC: Final = (sys.executable, "-m", "fidac_node")
_READY_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 30.0
_STALL_SECONDS: Final = 180.0
# The ledger may lag half a second behind the files; objects that came twice make its sum smaller than ours.
_SETTLED_SECONDS: Final = 2.0
_LOOK_SECONDS: Final = 0.1
_LAST_WORDS: Final = 12
# A demo must run on a laptop that is nearly full, and must not make its reader wait.
_SETTINGS: Final = {"FIDAC_NODE_RECEIVE_HOST": "127.0.0.1", "FIDAC_NODE_SPOOL_RESERVE_MB": "64"}
_SITE_SETTINGS: Final = {"FIDAC_NODE_SEND_COMMITMENT_INTERVAL": "0.5"}


# What shows a reader that the patient is gone, and what shows that the image is not.
_IDENTIFYING: Final = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "OtherPatientIDsSequence",
    "PatientAddress",
    "PatientTelephoneNumbers",
    "AccessionNumber",
    "StudyID",
    "StudyDate",
    "StudyDescription",
    "InstitutionName",
    "StationName",
    "ReferringPhysicianName",
    "OperatorsName",
    "StudyInstanceUID",
    "SOPInstanceUID",
)
_KEPT: Final = (
    "PatientSex",
    "PatientAge",
    "Modality",
    "BodyPartExamined",
    "Manufacturer",
    "ManufacturerModelName",
    "ConvolutionKernel",
    "SliceThickness",
    "PixelSpacing",
)


class DemoError(FidacError):
    """The demo cannot go on; the message says what stopped and where to look."""


@dataclass(frozen=True)
class Counts:
    """Objects by how far they have come.

    ``deidentified``, ``sent`` and ``committed`` include those that are further on.
    """

    received: int = 0
    deidentified: int = 0
    sent: int = 0
    committed: int = 0
    held: int = 0
    discarded: int = 0

    @property
    def settled(self) -> bool:
        """Nothing moves any more: each object is committed, waits for a person, or was discarded by a rule."""
        return self.received == self.committed + self.held + self.discarded


@dataclass(frozen=True)
class Difference:
    """One attribute before and after; ``None`` where it is absent. ``kept``: research needs it as it is."""

    name: str
    before: str | None
    after: str | None
    kept: bool


@dataclass
class Delivery:
    """What the PACS stand-in sees: how many objects it was to send, and what each was answered."""

    total: int
    stored: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)
    done: bool = False
    failure: str = ""


class Daemon:
    """One ``run`` command as a child process in a session of its own; ``log`` gets all it says."""

    def __init__(self, title: str, kind: str, config: Path, port: int) -> None:
        self.title = title
        self.kind = kind
        self.config = config
        self.port = port
        self.log = config.parent / f"{kind}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; Ctrl-C does not reach it, its end is :meth:`stop`. To be called from the main thread."""
        with self.log.open("ab") as log, _undisturbed():
            argv = [*_FIDAC, self.kind, "run", "--config", str(self.config)]
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=_environment(self.kind),
            )

    def check(self) -> None:
        """Raise :class:`DemoError` with its last words when it has stopped."""
        if self._process is not None and self._process.poll() is not None:
            raise DemoError(
                f"the {self.title} stopped by itself (exit code {self._process.returncode}). {self.last_words()}"
            )

    def serves(self) -> bool:
        """Say whether all its processes are ready; its port is open before, and who connects waits."""
        return "is ready" in self.log.read_text(errors="replace")

    def last_words(self) -> str:
        """The end of its log, and what to do with it."""
        lines = self.log.read_text(errors="replace").splitlines()[-_LAST_WORDS:] if self.log.exists() else []
        said = "".join(f"\n  | {line}" for line in lines) or " nothing"
        return (
            f"It said last:{said}\n"
            f"The whole log is {self.log}; 'fidac-node doctor -c {self.config}' checks its settings."
        )

    def ask_to_stop(self) -> None:
        """Send SIGTERM, as systemd would."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def stop(self) -> None:
        """Wait for its end; kill the whole family when it takes too long."""
        if self._process is None:
            return
        try:
            self._process.wait(_STOP_SECONDS)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


class Network:
    """A hub and a site node in ``directory``, both on loopback. A context manager that always stops them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        hub_port, site_port = _free_ports()
        self.hub = Daemon("hub", "hub", directory / "hub" / "hub.toml", hub_port)
        self.web_port = _free_ports()[0] if all(map(find_spec, ("starlette", "uvicorn", "jinja2"))) else 0
        self.site = Daemon("site node", "site", directory / "site" / "site.toml", site_port)

    def __enter__(self) -> Network:
        return self

    def __exit__(self, *_: object) -> None:
        for daemon in (self.site, self.hub):
            daemon.ask_to_stop()
        for daemon in (self.site, self.hub):
            daemon.stop()

    def set_up(self) -> None:
        """Write both configurations and register the site. Raises :class:`DemoError`."""
        if self.hub.config.exists() or self.site.config.exists():
            raise DemoError(f"{self.directory} holds an earlier demo: name another --workdir, or delete this one first")
        hub, site = self.hub, self.site
        fidac("hub", "init", hub.config.parent, "--ae-title", HUB_AE, "--host", "127.0.0.1", "--port", hub.port)
        fidac("hub", "site", "add", SITE_ID, "--ae-title", SITE_AE, "--config", hub.config)
        fidac("hub", "client", "add", CLIENT_AE, "--config", hub.config)
        if self.web_port:
            _answer_by_http(hub.config, self.web_port)
        address = f"{HUB_AE}@127.0.0.1:{hub.port}"
        fidac(
            "site",
            "init",
            site.config.parent,
            "--site-id",
            SITE_ID,
            "--hub",
            address,
            "--ae-title",
            SITE_AE,
            "--port",
            site.port,
        )

    def people(self) -> dict[str, str]:
        """Make an account of each role for the hub's pages; return their passwords by name, which is the role's."""
        passwords = {}
        for role in ROLES:
            passwords[role] = secrets.token_urlsafe(9)
            place = ("--site", SITE_ID) if role == "contributor" else ()
            how = ("--role", role, *place, "--password-stdin", "--config", self.hub.config)
            fidac("hub", "user", "add", role, *how, typed=passwords[role])
        return passwords

    def start(self) -> None:
        """Start both and return when both are ready. Raises :class:`DemoError`."""
        for daemon in (self.hub, self.site):
            daemon.start()
        pause, deadline = threading.Event(), time.monotonic() + _READY_SECONDS
        for daemon in (self.hub, self.site):
            while not daemon.serves():
                self.check()
                if time.monotonic() > deadline:
                    raise DemoError(
                        f"the {daemon.title} is not ready after {_READY_SECONDS:.0f} s. {daemon.last_words()}"
                    )
                pause.wait(_LOOK_SECONDS)

    def check(self) -> None:
        """Raise :class:`DemoError` when one of the daemons has stopped."""
        self.hub.check()
        self.site.check()

    def counts(self) -> Counts:
        """How far the objects have come, as the site's ledger says."""
        with self._ledger() as rows:
            states = rows.counts()
        sent = states["sent"] + states["committed"]
        return Counts(
            received=states["received"] - states["dropped"],
            deidentified=states["outgoing"] + states["refused"] + sent,
            sent=sent,
            committed=states["committed"],
            held=states["held"] + states["refused"],
            discarded=states["discarded"],
        )

    def waiting(self) -> list[tuple[str, str, int]]:
        """What waits for a person: reason code, its plain words, how many objects."""
        with self._ledger() as rows:
            found = Counter((str(row["reason"]), str(row["message"])) for row in rows.rows(states=("held", "refused")))
        return [(reason, message, number) for (reason, message), number in found.most_common()]

    def hub_status(self) -> dict[str, Any]:
        """The answer of ``hub status --json``."""
        return dict(json.loads(fidac("hub", "status", "--json", "--config", self.hub.config)))

    def studies(self) -> list[dict[str, Any]]:
        """The answer of ``hub find studies --format json``, as far as this site sent them."""
        asked = ("hub", "find", "studies", "--site", SITE_ID, "--format", "json", "--config", self.hub.config)
        return list(json.loads(fidac(*asked)))

    def ask(self) -> Asked:
        """One question to the hub in DICOM, and its answer."""
        return ask(HUB_AE, self.hub.port, CLIENT_AE)

    @property
    def portal(self) -> str:
        """Where the hub's pages are; nowhere without the extra for them."""
        return f"http://127.0.0.1:{self.web_port}/" if self.web_port else ""

    @property
    def web(self) -> str:
        """Where the hub answers DICOMweb; nowhere without the extra for it."""
        return f"{self.portal}dicom-web" if self.portal else ""

    def archived(self, parcel: Parcel) -> Path | None:
        """The hub's file of an object that was sent to the site, if it is there.

        Found without the site's secret key: a spool names an object by the digest of its data set.
        """
        digest = base32(digest_of(parcel.path, parcel.offset), 16)
        for forwarded in (self.site.config.parent / "spool" / "outbox").glob(f"*/*-{digest}.dcm"):
            uid = Parcel.read(forwarded).meta.sop_instance_uid
            return next((self.hub.config.parent / "archive").rglob(f"{uid}.dcm"), None)
        return None

    def _ledger(self) -> closing[Ledger]:
        return closing(Ledger(self.site.config.parent / "spool" / ledger.FILE, read_only=True))


def objects_in(source: Path) -> tuple[list[Parcel], list[tuple[str, str]]]:
    """Find the DICOM files under ``source``; return them, and ``(name, why)`` for each file that is none."""
    parcels, skipped = [], []
    for path in sorted(file for file in source.rglob("*") if file.is_file()) if source.is_dir() else [source]:
        try:
            parcel = Parcel.read(path)
        except Permanent as error:
            skipped.append((path.name, str(error)))
        except OSError as error:
            skipped.append((path.name, f"cannot be read: {error.strerror}"))
        else:
            if parcel.meta.sop_class_uid != MEDIA_STORAGE_DIRECTORY:
                parcels.append(parcel)
    return parcels, skipped


def deliver(parcels: Sequence[Parcel], port: int, delivery: Delivery) -> None:
    """Be the PACS: send each object as it is stored, once, and write down what it was answered."""
    destination = Destination(SITE_AE, "127.0.0.1", port, PACS_AE)
    try:
        for batch in _batches(parcels):
            _send(destination, batch, delivery)
    except Exception as error:  # whoever watches the delivery says it
        delivery.failure = f"the PACS stand-in gave up: {describe(error)}"
    finally:
        delivery.done = True


def watch(network: Network, delivery: Delivery, look: Callable[[Counts], None]) -> Counts:
    """Call ``look`` with the counts until nothing moves any more, and return the last ones.

    Raises :class:`DemoError`.
    """
    pause = threading.Event()
    counts, changed = Counts(), time.monotonic()
    while True:
        network.check()
        if delivery.failure:
            raise DemoError(f"{delivery.failure}. The site node: {network.site.last_words()}")
        before, counts = counts, _look(network, counts)
        if counts != before:
            changed = time.monotonic()
        look(counts)
        quiet = time.monotonic() - changed
        if delivery.done and counts.settled and (counts.received == delivery.stored or quiet > _SETTLED_SECONDS):
            return counts
        if quiet > _STALL_SECONDS:
            raise DemoError(f"nothing has moved for {quiet:.0f} s. The site node: {network.site.last_words()}")
        pause.wait(_LOOK_SECONDS)


def compare(before: Path, after: Path) -> list[Difference]:
    """Set the header of one object beside that of its anonymous version in the archive."""
    old, new = dcmread(before, defer_size=1024), dcmread(after, defer_size=1024)
    rows = []
    for keyword in (*_IDENTIFYING, *_KEPT):
        if keyword in old or keyword in new:
            tag = tag_for_keyword(keyword) or 0
            rows.append(
                Difference(
                    dictionary_description(tag), _shown(old, keyword), _shown(new, keyword), kept=keyword in _KEPT
                )
            )
    rows.append(Difference("Private elements", str(_private(old)), str(_private(new)), kept=False))
    if "PixelData" in old and "PixelData" in new:
        same = hashlib.sha256(old.PixelData).digest() == hashlib.sha256(new.PixelData).digest()
        rows.append(
            Difference(
                "Pixel Data", f"{len(old.PixelData):,} bytes", "the same bytes" if same else "DIFFERENT", kept=True
            )
        )
    return rows


def _shown(ds: Dataset, keyword: str) -> str | None:
    """An attribute's value as people read it; nothing when it is absent."""
    element = ds.get(keyword) if keyword not in ds else ds[keyword]
    if element is None:
        return None
    if element.VR == "SQ":
        return f"{len(element.value)} item" + ("s" if len(element.value) > 1 else "")
    return "" if element.value is None else str(element.value).replace("['", "").replace("']", "")


def _private(ds: Dataset) -> int:
    """Private elements at any depth, apart from creators and from our own block."""
    return sum(
        1
        for element in ds.iterall()
        if element.tag.is_private and not element.tag.is_private_creator and element.tag.group != PRIVATE_GROUP
    )


def fidac(*arguments: object, typed: str = "") -> str:
    """Run one ``fidac-node`` command, with ``typed`` as its input, and return what it printed.

    Raises :class:`DemoError`.
    """
    done = subprocess.run(
        [*_FIDAC, *map(str, arguments)],
        input=typed,
        capture_output=True,
        text=True,
        check=False,
        env=_environment(str(arguments[0])),
    )
    if done.returncode not in (0, 3):
        raise DemoError(f"'fidac-node {' '.join(map(str, arguments))}' failed: {(done.stderr or done.stdout).strip()}")
    return done.stdout


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Put Ctrl-C and SIGTERM off to the end: in the midst of a start nobody knows yet whom to stop."""
    came: list[int] = []
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    caught = {number: handler for number, handler in handlers.items() if callable(handler)}
    for number in caught:
        signal.signal(number, lambda number, _frame: came.append(number))
    try:
        yield
    finally:
        for number, handler in caught.items():
            signal.signal(number, handler)
        for late in came:
            signal.raise_signal(late)


def _look(network: Network, before: Counts) -> Counts:
    try:
        return network.counts()
    except Temporary:
        return before  # a writer holds the ledger: look again


def _batches(parcels: Sequence[Parcel]) -> Iterator[list[Parcel]]:
    """Objects in their order, as many kinds at a time as one association can propose."""
    batch: list[Parcel] = []
    for parcel in parcels:
        if len({other.pair for other in batch} | {parcel.pair}) > MAX_CONTEXTS:
            yield batch
            batch = []
        batch.append(parcel)
    yield batch


def _send(destination: Destination, batch: Sequence[Parcel], delivery: Delivery) -> None:
    proposals = [(sop_class, [syntax]) for sop_class, syntax in sorted({parcel.pair for parcel in batch})]
    association = Association.request(destination, proposals)
    for number, parcel in enumerate(batch, start=1):
        try:
            refusal = _store(association, parcel, number % 0x10000)
        except (Unavailable, OSError, EOFError) as error:
            refusal = describe(error)
            association.abort()
            association = Association.request(destination, proposals)
        if refusal:
            delivery.refused.append((parcel.path.name, refusal))
        else:
            delivery.stored += 1
    association.release()


def _store(association: Association, parcel: Parcel, message_id: int) -> str:
    """C-STORE one object (PS3.7 9.3.1); return nothing for Success, else the refusal in words."""
    context = association.context(*parcel.pair)
    if context is None:
        return "the site node takes no such objects, or not in this transfer syntax"
    meta = parcel.meta
    command = encode_command(
        [
            (0x0002, meta.sop_class_uid),
            (0x0100, 0x0001),
            (0x0110, message_id),
            (0x0700, 0),
            (0x0800, 1),
            (0x1000, meta.sop_instance_uid),
        ]
    )
    with parcel.path.open("rb") as fp:
        size = fp.seek(0, 2) - parcel.offset
        fp.seek(parcel.offset)
        association.send(context, command, fp, size)
    answer = association.receive(association.destination.dimse_timeout)
    status = answer.number(0x0900) if answer else None
    if answer is None or status is None:
        association.abort()
        raise Unavailable("the site node did not answer")
    if status == 0:
        return ""
    return f"status {status:04X}H, {answer.text(0x0902) or classify(status).meaning}"


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]


def _answer_by_http(config: Path, port: int) -> None:
    """Have the hub answer whoever asks on this machine, as its settings allow on a loopback address."""
    text = config.read_text("utf-8")
    config.write_text(text.replace("[web]\n", f"[web]\nport = {port}\nopen_on_loopback = true\n", 1), "utf-8")


def _environment(kind: str) -> dict[str, str]:
    """What a command for a ``hub`` or ``site`` sees: nobody's own FIDAC_NODE settings, but the demo's."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("FIDAC_NODE_")}
    return own | _SETTINGS | (_SITE_SETTINGS if kind == "site" else {})
