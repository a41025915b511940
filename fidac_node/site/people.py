"""One study, one patient; one number, one person: whose an object is, decided before anything of it leaves.

A study whose objects name two patients would leave under two pseudonyms, and the vault would name the wrong person for
some of them. So each process writes down whose a study is, in the ledger and under keyed handles, before it makes the
first copy of it; who meets another patient holds the whole study: what comes, what waits for the sender, and what
another process has in hand. Only a person can settle it (:meth:`fidac_node.site.ledger.Ledger.forget_patients`).
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

from fidac_node.deidentify import Source
from fidac_node.deidentify.triage.placeholders import STANDS_FOR_NOBODY, is_placeholder, matches
from fidac_node.dicom import charset, tags
from fidac_node.errors import Permanent
from fidac_node.identity.keys import SiteKeys
from fidac_node.site.ledger import LEFT_STATES, Ledger
from fidac_node.spool.entry import Entry
from fidac_node.spool.queue import Spool

log = logging.getLogger(__name__)

TWO_PATIENTS: Final = "two-patients"

_IDENTIFYING: Final = (
    tags.PATIENT_ID,
    tags.ISSUER_OF_PATIENT_ID,
    tags.PATIENT_NAME,
    tags.SPECIFIC_CHARACTER_SET,
)
_MOST_PATIENTS: Final = 64  # a PACS sends a few side by side


@dataclass(frozen=True)
class Policy:
    """Ids that stand for nobody, and test patients by id or name.

    They are this site's own, with ``*`` and ``?`` as wild cards.
    """

    placeholder_ids: Sequence[str] = ()
    test_patients: Sequence[str] = ()


@dataclass(frozen=True)
class _Whose:
    """The patient that an object names, by handle; or why it names none that can be told: a reason code and text."""

    handle: str = ""
    refusal: tuple[str, str] | None = None


class People:
    """Decides for one worker whose objects are. ``outbox`` is where a study that names two patients is stopped."""

    def __init__(self, keys: SiteKeys, ledger: Ledger, outbox: Spool, policy: Policy) -> None:
        self._keys, self._ledger, self._outbox, self._policy = keys, ledger, outbox, policy
        self._gate = os.open(outbox.directory, os.O_RDONLY | os.O_CLOEXEC)
        self._whose: dict[tuple[bytes, ...], _Whose] = {}
        self._claims: dict[str, frozenset[str]] = {}
        self._named: dict[Entry, str] = {}
        self._stopped: set[str] = set()  # studies whose objects this process took out of the outbox

    def __del__(self) -> None:
        os.close(self._gate)

    def look(self, entries: Sequence[Entry]) -> None:
        """Ask the ledger whose the studies of a batch are. Raises ``Temporary``."""
        self._named = {}
        self._claims = self._ledger.patients({entry.study for entry in entries})

    def patient(self, entry: Entry) -> str | None:
        """The handle of the patient that an object of the batch names, as far as it was met."""
        return self._named.get(entry)

    def meet(self, entry: Entry, source: Source, profile: str) -> None:
        """Note whose an object is, whatever becomes of it. Raises ``Temporary``, ``OSError``.

        Raises :class:`Permanent` ``two-patients`` when others of its study name another patient; then nothing more of
        it leaves.
        """
        whose = self._find(source)
        if whose.refusal is not None:
            return
        self._named[entry] = whose.handle
        if self._claims.get(entry.study) != frozenset({whose.handle}):
            self._claim(entry, source, whose.handle, profile)
        self._stopped.discard(entry.study)

    def demand(self, source: Source) -> None:
        """Raise :class:`Permanent` when an object names nobody: no id, an id that stands for nobody, a test patient."""
        whose = self._find(source)
        if whose.refusal is not None:
            raise Permanent(*whose.refusal)

    @contextmanager
    def leaving(self, entries: Sequence[Entry]) -> Iterator[set[Entry]]:
        """While objects go to the outbox; yields those that must not.

        Of their studies another process found a second patient meanwhile. Who finds one first writes it down and then
        waits for all who are here: so nothing slips by (:meth:`_stop`).
        """
        fcntl.flock(self._gate, fcntl.LOCK_SH)
        try:
            claims = self._ledger.patients({entry.study for entry in entries})
            yield {entry for entry in entries if claims.get(entry.study) != frozenset({self._named[entry]})}
        finally:
            fcntl.flock(self._gate, fcntl.LOCK_UN)

    @staticmethod
    def wait_for_leaving(outbox: Spool) -> None:
        """Wait for all who are in :meth:`leaving`: who comes after knows what was written down before."""
        gate = os.open(outbox.directory, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(gate, fcntl.LOCK_EX)
        finally:
            os.close(gate)

    def why(self, entry: Entry, new_uids: Sequence[str] = ()) -> str:
        """What to say of an object whose study names two patients, and what to do."""
        study, named = entry.study, self._ledger.patients([entry.study]).get(entry.study, frozenset())
        left = len(self._left(study))
        at_hub = f" {' and '.join(new_uids)}" if new_uids else ""
        gone = (
            f"{left} of them have left: have the operator of the hub withdraw that study{at_hub}"
            if left
            else "none of them has left"
        )
        return (
            f"the objects of study {study} name {len(named)} patients: {', '.join(sorted(named))}; {gone}. "
            f"Drop those of the wrong one ('site queue drop --study {study} --patient HANDLE'), "
            f"then 'site queue retry --study {study}'"
        )

    def _find(self, source: Source) -> _Whose:
        key = tuple(source.value(tag) for tag in _IDENTIFYING)
        whose = self._whose.get(key)
        if whose is None:
            whose = self._read(source)
            if len(self._whose) >= _MOST_PATIENTS:
                self._whose.clear()
            self._whose[key] = whose
        return whose

    def _read(self, source: Source) -> _Whose:
        try:
            patient_id = charset.decode(source.raw("PatientID"), source.charset)
            handle = self._keys.handles.patient_handle(
                charset.likely(source.raw("IssuerOfPatientID"), source.charset), patient_id
            )
        except charset.Undecodable:
            return _Whose(
                refusal=("undecodable", "PatientID (0010,0020) cannot be read in the declared SpecificCharacterSet")
            )
        except Permanent as error:
            return _Whose(refusal=(error.code, str(error)))
        if any(matches(text, self._policy.test_patients) for text in (patient_id, source.get("PatientName"))):
            return _Whose(refusal=("test-patient", "[deidentify] test_patients names this patient; drop it"))
        if is_placeholder(patient_id, self._policy.placeholder_ids):
            return _Whose(refusal=("placeholder-id", STANDS_FOR_NOBODY))
        return _Whose(handle)

    def _claim(self, entry: Entry, source: Source, handle: str, profile: str) -> None:
        study = entry.study
        named, new = self._ledger.claim(study, handle, lambda: self._keys.patients_of(study))
        self._claims[study] = named
        if len(named) == 1:
            return
        with suppress(Permanent):  # held anyway
            self._keys.enter(study, source, profile)  # so that the vault says who both are
        why = self.why(entry, self._keys.new_study_uids(study, source.get("StudyInstanceUID")))
        if new or study not in self._stopped:
            self._stop(study, why)
            self._stopped.add(study)
        raise Permanent(TWO_PATIENTS, why)

    def _stop(self, study: str, why: str) -> None:
        """Hold what waits for the sender; what is in his hands may still leave."""
        fcntl.flock(self._gate, fcntl.LOCK_EX)  # whoever was putting has put
        fcntl.flock(self._gate, fcntl.LOCK_UN)
        for state in ("new", "work"):
            for entry in self._outbox.entries(state):
                if entry.study == study:
                    with suppress(FileNotFoundError):  # dropped by a person
                        self._outbox.hold(entry, TWO_PATIENTS, why)
                        self._ledger.note(entry, "refused", reason=TWO_PATIENTS, message=why)
        log.error("study %s is held whole: %s", study, why)

    def _left(self, study: str) -> set[str]:
        """The objects of a study that have left: rows may lag behind the files that wait for the hub's answer."""
        rows = {str(row["entry"]) for row in self._ledger.rows(states=LEFT_STATES, study=study)}
        return rows | {str(entry) for entry in self._outbox.entries("sent") if entry.study == study}
