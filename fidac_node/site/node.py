"""The rooms of one site node, and whether its keys, its vault and its ledger belong together."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from fidac_node.config.config import SiteConfig, load_site
from fidac_node.config.options import select
from fidac_node.config.own_words import read_own_words
from fidac_node.deidentify import Moments, Plan, load_plan, profiles_directory
from fidac_node.deidentify.triage import ocr, triage
from fidac_node.dicom import part10
from fidac_node.dicom.ae import Peer
from fidac_node.errors import ConfigError, Temporary
from fidac_node.identity import keys as site_keys
from fidac_node.identity.keys import SiteKeys
from fidac_node.identity.originals import Headers, open_headers
from fidac_node.send.associate import Destination
from fidac_node.site import belonging, history, ledger
from fidac_node.site.ledger import Ledger
from fidac_node.site.room import Room, answered
from fidac_node.spool.entry import Entry
from fidac_node.spool.queue import Spool
from fidac_node.system import remedies, tls

log = logging.getLogger(__name__)

# More than are between reception and the outbox when all goes well.
_SPARES: Final = 64
_AT_ONCE: Final = 500  # rows described in one transaction
_KEY_CHECK: Final = "key_check"
_VAULT_RECORDS: Final = "vault_records"
_RECIPE: Final = "recipe"
_RECALLED: Final = "recalled"
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
    def room(self) -> Room:
        """Room for what arrives."""
        return Room(self.inbox, self.outbox, answered(commitment=self.config.send.commitment), self.ledger)

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
    def own_words(self) -> tuple[str, ...]:
        """What the site has named itself. Raises :class:`ConfigError`."""
        return read_own_words(self.config.deidentify.own_words, self.config.deidentify.own_words_file)

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

    @property
    def has_begun(self) -> bool:
        """Whether this node has run before."""
        return self.ledger.fact(_KEY_CHECK) is not None

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
                f"to begin anew on purpose, move {self._spool_directory / ledger.FILE} and {history.FILE} away"
            )
        self._check_vault()
        site_keys.begin(self.config.programme, self.keys)
        self.ledger.remember(_KEY_CHECK, value, told=known != value)
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

    def recall(self, *, anew: bool) -> None:
        """Take in what the history says, once for each ledger; ``anew``: also for one that was made of a broken one."""
        if self.ledger.fact(_RECALLED) is None or anew:
            if number := self.ledger.recall():
                log.warning(
                    "the ledger was lost: the rows of %d objects are there again, with labels, journal and what was "
                    "discarded, from %s; their states are made anew from the spool's directories",
                    number,
                    self._spool_directory / history.FILE,
                )
            self.ledger.remember(_RECALLED, "1")

    def reconcile(self) -> None:
        """Make the ledger's rows say what the spool's files say (files decide).

        What the files themselves say of objects whose rows were lost, :meth:`describe` adds while the node serves;
        here only of those with a reason, which names the patient: it decides what may leave.
        """
        missing = self.ledger.rebuild(self._on_disk())
        if nameless := set(self.ledger.nameless()):
            self._describe(nameless.intersection(self.inbox.reasoned() | self.outbox.reasoned()))
        for entry in missing:
            log.error(
                "object %s is in the ledger but its file is gone from the spool: ask the PACS for study %s again",
                entry,
                entry.study,
            )

    def describe(self, stop: threading.Event) -> None:
        """Add to rows that were lost what the files say, some at a time, until all is said or ``stop``."""
        after, number = "", 0
        try:
            while not stop.is_set() and (entries := self.ledger.nameless(after, _AT_ONCE)):
                self._describe(entries)
                after = str(entries[-1])
                number += len(entries)
        except Temporary as error:
            log.warning("rows that were lost are described at the next start: %s", error)
        if number:
            log.info("the rows of %d objects were lost and are there again", number)

    def _on_disk(self) -> Iterator[tuple[Entry, str]]:
        """Each object in the spool and its state; one that moves on meanwhile comes again, as what it is by then."""
        for spool, states in ((self.inbox, ledger.INBOX_STATES), (self.outbox, ledger.OUTBOX_STATES)):
            for directory, state in states.items():
                yield from ((entry, state) for entry in spool.each(directory))

    def _describe(self, entries: Iterable[Entry]) -> None:
        facts = {}
        for entry in entries:
            with suppress(FileNotFoundError):  # it has moved on, and who moved it has noted so
                facts[entry] = self._facts(entry)
        self.ledger.describe(facts)

    def _facts(self, entry: Entry) -> dict[str, Any]:
        """What the file itself says of an object whose row was lost. Raises ``FileNotFoundError``."""
        spool = self.inbox if self.inbox.knows(entry) else self.outbox
        path = spool.path(entry)
        with path.open("rb") as fp:
            meta, _ = part10.read_meta(fp)
            known = os.fstat(fp.fileno())
        reason = spool.reason(entry) or {}
        held = spool.holds(entry, "held")
        return {
            "received_at": known.st_mtime,
            "bytes": known.st_size,
            "calling_ae": meta.source_ae or None,
            "called_ae": meta.receiving_ae or None,
            "patient": reason.get("patient"),
            "reason": reason.get("code") if held else None,
            "message": reason.get("message") if held else None,
        }

    def ready(self, share: float = 1.0) -> str:
        """Why nothing can be taken now, or nothing; ``share`` of the reserve must be free."""
        return "" if self.room.has(share) else "disk reserve reached, free space on the spool's disk"

    @property
    def _spool_directory(self) -> Path:
        return self.config.spool.directory


def open_site(config_path: Path) -> Site:
    """Load the settings and open the spool. Raises :class:`ConfigError`."""
    site = Site(load_site(config_path), config_path)
    belonging.demand(site.config.spool.directory, site.config.deidentify.vault_directory)
    try:
        _ = site.inbox, site.outbox
        site.reports.mkdir(mode=0o700, exist_ok=True)
    except PermissionError as error:
        raise ConfigError(
            f"no permission on the spool: {error.filename}: give it to the user that runs the node, "
            f"'chown -R USER {site.config.spool.directory}'"
        ) from error
    except OSError as error:
        raise ConfigError(f"the spool cannot be used: {remedies.described(error)}; check [spool] directory") from error
    return site
