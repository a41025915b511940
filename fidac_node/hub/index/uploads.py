"""What people brought by the portal: their sessions, the objects of each, receipts, results, and check values of keys.

No file of the archive tells it again; what is rebuilt keeps these rows.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from peewee import Database, chunked

from fidac_node.hub.index.labels import claim_labels
from fidac_node.hub.index.models import (
    LabelHistory,
    UploadKey,
    UploadObject,
    UploadReceipt,
    UploadResult,
    UploadSession,
)
from fidac_node.system.database import ask, exclusive, insert, utc_now

_MOST_VALUES: Final = 5000


class Session(NamedTuple):
    """An upload of ``who`` for a site and programme, with the key of this check value; times are UTC."""

    id: str
    who: str
    site: str
    programme: str
    check_value: str
    user_agent: str
    assets: str
    begun_at: datetime.datetime
    used_at: datetime.datetime


class Brought(NamedTuple):
    """An object that was brought: the SHA-256 of the file, and the digest of its data set as the spool spells it."""

    site: str
    sha256: str
    session: str
    pseudonym: str
    study: str
    series: str
    sop_instance_uid: str
    sop_class_uid: str
    digest: str
    label: str
    at: datetime.datetime


class Result(NamedTuple):
    """The result of a PCR for a study, ``days`` after the exam (before: negative), if that is known."""

    study: str
    result: str
    days: int | None


class Receipt(NamedTuple):
    """What the hub answers for, as the content of a signed file; ``asked`` is the digest of what was asked for."""

    id: str
    session: str
    site: str
    who: str
    asked: str
    at: datetime.datetime
    content: str


class Key(NamedTuple):
    """What tells the key of a site in a programme; ``at`` (UTC) by whom it was first shown."""

    site: str
    programme: str
    check_value: str
    who: str
    at: datetime.datetime


def begin_session(db: Database, new: Session) -> Key | None:
    """Write a session down; return the key of the site and programme if that is another, and nothing is written.

    A key with which nothing came yet is no one's: whoever picked a wrong file the first time blocks nobody.
    """
    with exclusive(db):
        known = key_of(db, new.site, new.programme)
        if known is not None and known.check_value != new.check_value:
            if _came_with(db, known):
                return known
            forget_key(db, new.site, new.programme)
            known = None
        if known is None:
            key = Key(new.site, new.programme, new.check_value, new.who, new.begun_at)
            UploadKey.insert(**key._asdict()).execute(db)
        UploadSession.insert(**new._asdict()).execute(db)
    return None


def session_of(db: Database, name: str) -> Session | None:
    """The session of this name."""
    found = UploadSession.select().where(UploadSession.id == name).tuples().execute(db)
    return next((Session(*row) for row in found), None)


def sessions_since(db: Database, who: str, since: datetime.datetime) -> int:
    """How many sessions somebody has begun since then (UTC)."""
    wanted = (UploadSession.who == who) & (UploadSession.begun_at >= since)
    return int(UploadSession.select().where(wanted).count(db))


def touch_session(db: Database, name: str) -> None:
    """Note that a session is in use."""
    UploadSession.update(used_at=utc_now()).where(UploadSession.id == name).execute(db)


def note_objects(db: Database, some: Sequence[Brought]) -> None:
    """Write down what was brought, and whose labels that are; what is there already stays."""
    with exclusive(db):
        known = {(one.site, one.sha256) for one in brought(db, some[0].site, [one.sha256 for one in some])}
        fresh = {one[:2]: one for one in reversed(some) if one[:2] not in known}
        if fresh:
            insert(db, UploadObject, Brought._fields, list(fresh.values()))
        for name in {one.session for one in some}:
            if (session := session_of(db, name)) is not None:
                claim_labels(db, session.who, session.site, [one.digest for one in some if one.session == name])


def brought(db: Database, site: str, digests: Iterable[str]) -> list[Brought]:
    """What a site has brought of these (SHA-256)."""
    wanted, found = sorted(set(digests)), list[Brought]()
    for start in range(0, len(wanted), _MOST_VALUES):
        some = wanted[start : start + _MOST_VALUES]
        query = UploadObject.select().where(UploadObject.site == site, UploadObject.sha256.in_(some))
        query = query.order_by(UploadObject.sha256)
        found += [Brought(*row) for row in query.tuples().execute(db)]
    return found


def brought_of_study(db: Database, site: str, study: str) -> list[tuple[str, str, str]]:
    """SOPInstanceUID and digest of what was brought of a study, and who brought it."""
    sql = """SELECT sop_instance_uid, digest, who FROM upload_object
        JOIN upload_session ON upload_session.id = upload_object.session
        WHERE study = ? AND upload_object.site = ?"""
    return [(str(sop), str(digest), str(who)) for sop, digest, who in ask(db, sql, study, site)]


def receipt_for(db: Database, session: str, asked: str) -> Receipt | None:
    """The receipt that a session got for what was asked."""
    return _receipt(db, (UploadReceipt.session == session) & (UploadReceipt.asked == asked))


def receipt_of(db: Database, name: str) -> Receipt | None:
    """The receipt of this name."""
    return _receipt(db, UploadReceipt.id == name)


def keep_receipt(db: Database, receipt: Receipt, results: Sequence[Result]) -> Receipt:
    """Keep a receipt and the results that came with it; return it, or the one that was kept for the same before."""
    with exclusive(db):
        if known := receipt_for(db, receipt.session, receipt.asked):
            return known
        UploadReceipt.insert(**receipt._asdict()).execute(db)
        for one in {one.study: one for one in results}.values():
            UploadResult.insert(site=receipt.site, receipt=receipt.id, **one._asdict()).execute(db)
    return receipt


def results_of(db: Database, site: str, study: str) -> list[Result]:
    """The results of PCR that were given with a study, the last one first."""
    sql = """SELECT study, result, days FROM upload_result JOIN upload_receipt ON upload_receipt.id = receipt
        WHERE upload_result.site = ? AND study = ? ORDER BY upload_receipt.at DESC"""
    return [Result(*row) for row in ask(db, sql, site, study)]


def results_with(db: Database, receipt: str) -> list[Result]:
    """The results of PCR that came with a receipt."""
    sql = "SELECT study, result, days FROM upload_result WHERE receipt = ? ORDER BY study"
    return [Result(*row) for row in ask(db, sql, receipt)]


def forget_studies(db: Database, site: str, studies: Sequence[str] | None) -> None:
    """Keep nothing more of what people brought and said of these studies of a site, or of all (``None``).

    Receipts stay: they state what was sent.
    """
    with exclusive(db):
        for model in (UploadObject, UploadResult, LabelHistory):
            wanted = model.site == site
            parts = [None] if studies is None else chunked(studies, _MOST_VALUES)
            for some in parts:
                of_them = wanted if some is None else wanted & model.study.in_(list(some))
                model.delete().where(of_them).execute(db)


def key_of(db: Database, site: str, programme: str) -> Key | None:
    """What is known of the key of a site in a programme."""
    wanted = (UploadKey.site == site) & (UploadKey.programme == programme)
    return next((Key(*row) for row in UploadKey.select().where(wanted).tuples().execute(db)), None)


def check_value_of(db: Database, site: str, programme: str) -> str:
    """The check value of the key of a site in a programme, as it is asked for with each object; nothing without one."""
    found = ask(db, "SELECT check_value FROM upload_key WHERE site = ? AND programme = ?", site, programme)
    return str(found[0][0]) if found else ""


def forget_key(db: Database, site: str, programme: str = "") -> int:
    """Know no key of a site any more, in this programme or in any; return how many were known."""
    wanted = (UploadKey.site == site) & ((UploadKey.programme == programme) if programme else True)
    return int(UploadKey.delete().where(wanted).execute(db))


def known_pseudonyms(db: Database, site: str, pseudonyms: Sequence[str]) -> list[str]:
    """Those of ``pseudonyms`` that are patients of a site, ascending."""
    if not pseudonyms:
        return []
    sql = "SELECT pseudonym FROM patient WHERE site_id = ? AND pseudonym IN ?"
    return sorted(str(one) for (one,) in ask(db, sql, site, list(pseudonyms)))


def patients_of(db: Database, site: str) -> int:
    """How many patients a site has."""
    return int(ask(db, "SELECT COUNT(*) FROM patient WHERE site_id = ?", site)[0][0])


def _came_with(db: Database, key: Key) -> bool:
    sql = """SELECT 1 FROM upload_object JOIN upload_session ON upload_session.id = upload_object.session
        WHERE upload_session.site = ? AND programme = ? AND check_value = ? LIMIT 1"""
    return bool(ask(db, sql, key.site, key.programme, key.check_value))


def _receipt(db: Database, wanted: object) -> Receipt | None:
    found = UploadReceipt.select().where(wanted).tuples().execute(db)
    return next((Receipt(*row) for row in found), None)
