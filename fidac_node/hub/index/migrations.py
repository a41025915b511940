"""The steps that make the index's tables. A released step is never edited: a change is a new step at the end."""

from __future__ import annotations

from typing import Final

from peewee import Database

from fidac_node.errors import ConfigError
from fidac_node.hub.index.generation import ensure
from fidac_node.system.database import Step, migrate, pending, statements

_OBJECTS: Final = (
    """CREATE TABLE site (
        id TEXT NOT NULL PRIMARY KEY,
        ae_title TEXT UNIQUE,
        added_at {timestamp} NOT NULL)""",
    """CREATE TABLE patient (
        id {serial},
        site_id TEXT NOT NULL REFERENCES site (id),
        pseudonym TEXT NOT NULL,
        sex TEXT NOT NULL)""",
    """CREATE TABLE profile (
        id {serial},
        name TEXT NOT NULL,
        digest TEXT NOT NULL)""",
    """CREATE TABLE study (
        id {serial},
        site_id TEXT NOT NULL REFERENCES site (id),
        patient_id BIGINT NOT NULL REFERENCES patient (id),
        study_instance_uid TEXT NOT NULL,
        date DATE,
        patient_age TEXT NOT NULL,
        age_years INTEGER,
        programme TEXT NOT NULL,
        profile_id BIGINT REFERENCES profile (id),
        label TEXT NOT NULL,
        label_source TEXT NOT NULL,
        read_from TEXT NOT NULL,
        series INTEGER NOT NULL,
        instances INTEGER NOT NULL,
        bytes BIGINT NOT NULL,
        received_at {timestamp} NOT NULL)""",
    """CREATE TABLE series (
        id {serial},
        study_id BIGINT NOT NULL REFERENCES study (id),
        series_instance_uid TEXT NOT NULL,
        modality TEXT NOT NULL,
        body_part TEXT NOT NULL,
        manufacturer TEXT NOT NULL,
        model TEXT NOT NULL,
        kernel TEXT NOT NULL,
        kvp {double},
        slice_thickness {double},
        row_spacing {double},
        column_spacing {double},
        rows INTEGER,
        columns INTEGER,
        contrast BOOLEAN NOT NULL,
        contrast_agent TEXT NOT NULL,
        profile_id BIGINT REFERENCES profile (id),
        label TEXT NOT NULL,
        label_source TEXT NOT NULL,
        read_from TEXT NOT NULL,
        instances INTEGER NOT NULL,
        bytes BIGINT NOT NULL,
        received_at {timestamp} NOT NULL)""",
    """CREATE TABLE instance (
        id {serial},
        site_id TEXT NOT NULL REFERENCES site (id),
        series_id BIGINT NOT NULL REFERENCES series (id),
        sop_instance_uid TEXT NOT NULL,
        sop_class_uid TEXT NOT NULL,
        transfer_syntax_uid TEXT NOT NULL,
        number INTEGER,
        frames INTEGER NOT NULL,
        slice_thickness {double},
        profile_id BIGINT REFERENCES profile (id),
        label TEXT NOT NULL,
        label_source TEXT NOT NULL,
        bytes BIGINT NOT NULL,
        received_at {timestamp} NOT NULL)""",
    "CREATE UNIQUE INDEX patient_pseudonym ON patient (site_id, pseudonym)",
    "CREATE INDEX patient_any_site ON patient (pseudonym)",
    "CREATE UNIQUE INDEX profile_name ON profile (name, digest)",
    "CREATE UNIQUE INDEX study_uid ON study (site_id, study_instance_uid)",
    "CREATE INDEX study_any_site ON study (study_instance_uid)",
    "CREATE INDEX study_patient ON study (patient_id)",
    "CREATE INDEX study_date ON study (date)",
    "CREATE INDEX study_label ON study (label)",
    "CREATE INDEX study_received ON study (received_at)",
    "CREATE UNIQUE INDEX series_uid ON series (study_id, series_instance_uid)",
    # Text is compared without regard to case: the index is on what the query asks for.
    "CREATE INDEX series_modality ON series (LOWER(modality))",
    "CREATE INDEX series_body_part ON series (LOWER(body_part))",
    "CREATE INDEX series_manufacturer ON series (LOWER(manufacturer))",
    "CREATE INDEX series_model ON series (LOWER(model))",
    "CREATE INDEX series_kernel ON series (LOWER(kernel))",
    "CREATE INDEX series_slice_thickness ON series (slice_thickness)",
    "CREATE INDEX series_label ON series (label)",
    "CREATE INDEX series_received ON series (received_at)",
    "CREATE UNIQUE INDEX instance_uid ON instance (site_id, sop_instance_uid)",
    "CREATE INDEX instance_series ON instance (series_id, number)",
    "CREATE INDEX instance_received ON instance (received_at)",
)

_HELD: Final = (
    """CREATE TABLE held (
        entry TEXT NOT NULL PRIMARY KEY,
        code TEXT NOT NULL,
        message TEXT NOT NULL,
        site TEXT NOT NULL,
        sop_instance_uid TEXT NOT NULL,
        at {timestamp} NOT NULL)""",
    "CREATE INDEX held_instance ON held (sop_instance_uid)",
)

# What the instances of a series have between them, so that asking for instances begins with few series. `labels` is the
# sum of 2**n for the labels that occur, n in the order of marks.LABELS. Where received_at and these two are, instances
# need no index of it.
_NARROWING: Final = (
    "ALTER TABLE series ADD COLUMN thinnest {double}",
    "ALTER TABLE series ADD COLUMN labels INTEGER NOT NULL DEFAULT 0",
    (
        "UPDATE series SET (thinnest, labels) = (SELECT MIN(instance.slice_thickness), COALESCE(\n"
        "        MAX(CASE instance.label WHEN 'certain' THEN 1 ELSE 0 END) + "
        "MAX(CASE instance.label WHEN 'possible' THEN 2 ELSE 0 END)\n"
        "        + MAX(CASE instance.label WHEN 'negative' THEN 4 ELSE 0 END) + "
        "MAX(CASE instance.label WHEN 'other' THEN 8 ELSE 0 END)\n"
        "        + MAX(CASE instance.label WHEN 'unknown' THEN 16 ELSE 0 END), 0) "
        "FROM instance WHERE instance.series_id = series.id)"
    ),
    "DROP INDEX instance_received",
)

# What starts the pseudonyms of a site instead of its id; sites of before keep what they have.
_SITE_CODE: Final = ("ALTER TABLE site ADD COLUMN code TEXT", "CREATE UNIQUE INDEX site_code ON site (code)")

# Pseudonyms are asked for in any case; and one value of a kernel, of which few have several.
_EVERY_TEXT: Final = (
    "DROP INDEX patient_any_site",
    "CREATE INDEX patient_any_case ON patient (LOWER(pseudonym))",
    "CREATE INDEX series_kernels ON series ((LENGTH(kernel) - LENGTH(REPLACE(kernel, '\\', ''))))",
)

_TALLY: Final = ("CREATE TABLE tally (name TEXT NOT NULL PRIMARY KEY, value BIGINT NOT NULL)",)

# Keywords of attributes that de-identification could not keep in an instance; `hub reindex` reads them of older ones.
_LOST: Final = ("ALTER TABLE series ADD COLUMN lost TEXT NOT NULL DEFAULT ''",)
# What each file of the archive must be, and which one was last known to be it.
_DIGESTS: Final = (
    "ALTER TABLE instance ADD COLUMN digest TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE instance ADD COLUMN seen BIGINT NOT NULL DEFAULT 0",
)

_FACT: Final = ("CREATE TABLE fact (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL)",)

# Who may ask, and from where: networks and rights are separated by spaces. No foreign key: sites may not ask.
_CLIENT: Final = (
    """CREATE TABLE client (
        ae_title TEXT NOT NULL PRIMARY KEY,
        networks TEXT NOT NULL,
        rights TEXT NOT NULL,
        programme TEXT NOT NULL,
        added_at {timestamp} NOT NULL)""",
)

# Two required keys of C-FIND (PS3.4 C.6.2.1); `hub reindex` reads them of older objects.
_REQUIRED_KEYS: Final = (
    "ALTER TABLE study ADD COLUMN time TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE series ADD COLUMN number INTEGER",
)

# Bearer tokens of the web server: of each only the SHA-256 of its 256 random bits, from which nobody finds it again.
# UIDs of series are asked for without their study (PS3.18 Table 10.6.1-1).
_TOKENS: Final = (
    """CREATE TABLE token (
        digest TEXT NOT NULL PRIMARY KEY,
        name TEXT NOT NULL,
        scopes TEXT NOT NULL,
        programme TEXT NOT NULL,
        created_at {timestamp} NOT NULL,
        expires_at {timestamp} NOT NULL,
        revoked_at {timestamp})""",
    "CREATE INDEX series_any_study ON series (series_instance_uid)",
)

# The files of the archive that were found to be wrong are few, and asked for by every status.
_DOUBTED: Final = ("CREATE INDEX instance_doubted ON instance (id) WHERE seen < 0",)

# What may not come again: a site as a whole (its own id), a patient (pseudonym), a study (UID). The files beside the
# archive decide; these rows are for asking. And the instances that were withdrawn, because commitment names no study.
# `key`: by what a site signs.
_WITHDRAWN: Final = (
    """CREATE TABLE withdrawn (
        site_id TEXT NOT NULL,
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        withdrawal TEXT NOT NULL,
        PRIMARY KEY (site_id, kind, name, withdrawal))""",
    """CREATE TABLE withdrawn_instance (
        site_id TEXT NOT NULL,
        sop_instance_uid TEXT NOT NULL,
        withdrawal TEXT NOT NULL,
        PRIMARY KEY (site_id, sop_instance_uid))""",
    "ALTER TABLE site ADD COLUMN key TEXT",
)
# How objects came. By names and not by rows of objects, which `hub reindex` makes anew.
_JOURNAL: Final = (
    """CREATE TABLE arrival (
        id {serial},
        site TEXT NOT NULL,
        address TEXT NOT NULL,
        since {timestamp} NOT NULL,
        until {timestamp} NOT NULL)""",
    """CREATE TABLE commitment (
        id {serial},
        site TEXT NOT NULL,
        study TEXT NOT NULL,
        asked_at {timestamp} NOT NULL,
        answered_at {timestamp} NOT NULL,
        objects INTEGER NOT NULL,
        committed INTEGER NOT NULL)""",
    "CREATE INDEX arrival_site ON arrival (site, until)",
    "CREATE INDEX commitment_study ON commitment (study, site)",
)

# What tells one image from another, whoever sent it under whatever UID.
_PIXELS: Final = (
    "ALTER TABLE instance ADD COLUMN pixels TEXT NOT NULL DEFAULT ''",
    "CREATE INDEX instance_pixels ON instance (pixels)",
)

# Who signs in with a browser. Of sessions and invitations only the SHA-256 of 256 random bits; of attempts the names
# that were tried, hashed too, whether there is such an account or not.
_PEOPLE: Final = (
    """CREATE TABLE account (
        id {serial},
        name TEXT NOT NULL,
        role TEXT NOT NULL,
        site TEXT NOT NULL,
        programme TEXT NOT NULL,
        language TEXT NOT NULL,
        password TEXT NOT NULL,
        totp TEXT NOT NULL,
        totp_step BIGINT NOT NULL,
        recovery TEXT NOT NULL,
        subject TEXT UNIQUE,
        created_at {timestamp} NOT NULL)""",
    """CREATE TABLE session (
        digest TEXT NOT NULL PRIMARY KEY,
        account_id BIGINT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
        began_at {timestamp} NOT NULL,
        seen_at {timestamp} NOT NULL)""",
    """CREATE TABLE invitation (
        digest TEXT NOT NULL PRIMARY KEY,
        account_id BIGINT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
        expires_at {timestamp} NOT NULL)""",
    """CREATE TABLE attempt (
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        failures INTEGER NOT NULL,
        at {timestamp} NOT NULL,
        PRIMARY KEY (kind, name))""",
    "CREATE UNIQUE INDEX account_name ON account (LOWER(name))",
    "CREATE INDEX session_account ON session (account_id)",
    "CREATE INDEX invitation_account ON invitation (account_id)",
)

# What people bring by the portal: sessions, the objects of each by the SHA-256 of the file that was brought, receipts,
# results of PCR (days from the exam, no date), and what tells the key of a site from another. By names, as the journal.
# `label_history`: what else was said of an object that is filed, by whom (empty: the site's node).
_UPLOADS: Final = (
    """CREATE TABLE upload_session (
        id TEXT NOT NULL PRIMARY KEY,
        who TEXT NOT NULL,
        site TEXT NOT NULL,
        programme TEXT NOT NULL,
        check_value TEXT NOT NULL,
        user_agent TEXT NOT NULL,
        assets TEXT NOT NULL,
        begun_at {timestamp} NOT NULL,
        used_at {timestamp} NOT NULL)""",
    """CREATE TABLE upload_object (
        site TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        session TEXT NOT NULL,
        pseudonym TEXT NOT NULL,
        study TEXT NOT NULL,
        series TEXT NOT NULL,
        sop_instance_uid TEXT NOT NULL,
        sop_class_uid TEXT NOT NULL,
        digest TEXT NOT NULL,
        label TEXT NOT NULL,
        at {timestamp} NOT NULL,
        PRIMARY KEY (site, sha256))""",
    "CREATE INDEX upload_object_study ON upload_object (study, site)",
    "CREATE INDEX upload_object_session ON upload_object (session)",
    "CREATE INDEX upload_object_digest ON upload_object (digest)",
    """CREATE TABLE upload_receipt (
        id TEXT NOT NULL PRIMARY KEY,
        session TEXT NOT NULL,
        site TEXT NOT NULL,
        who TEXT NOT NULL,
        asked TEXT NOT NULL,
        at {timestamp} NOT NULL,
        content TEXT NOT NULL)""",
    "CREATE UNIQUE INDEX upload_receipt_asked ON upload_receipt (session, asked)",
    """CREATE TABLE upload_result (
        site TEXT NOT NULL,
        study TEXT NOT NULL,
        result TEXT NOT NULL,
        days INTEGER,
        receipt TEXT NOT NULL,
        PRIMARY KEY (site, study, receipt))""",
    """CREATE TABLE upload_key (
        site TEXT NOT NULL,
        programme TEXT NOT NULL,
        check_value TEXT NOT NULL,
        who TEXT NOT NULL,
        at {timestamp} NOT NULL,
        PRIMARY KEY (site, programme))""",
    """CREATE TABLE label_history (
        site TEXT NOT NULL,
        study TEXT NOT NULL,
        sop_instance_uid TEXT NOT NULL,
        label TEXT NOT NULL,
        label_source TEXT NOT NULL,
        digest TEXT NOT NULL,
        who TEXT NOT NULL,
        at {timestamp} NOT NULL,
        replaced TEXT NOT NULL,
        PRIMARY KEY (site, sop_instance_uid, label, label_source))""",
    "CREATE INDEX label_history_study ON label_history (study, site)",
    "CREATE INDEX label_history_digest ON label_history (digest)",
)

# A site that may not store for a while. What replaced what, and until when the older version is kept aside. Which
# pseudonyms of a site are one person, who is known by one of them. By names and not by rows, as the journal.
_CORRECTED: Final = (
    "ALTER TABLE site ADD COLUMN disabled_at {timestamp}",
    """CREATE TABLE superseded (
        id {serial},
        site TEXT NOT NULL,
        study TEXT NOT NULL,
        sop_instance_uid TEXT NOT NULL,
        digest TEXT NOT NULL,
        version INTEGER NOT NULL,
        at {timestamp} NOT NULL,
        until {timestamp} NOT NULL)""",
    "CREATE INDEX superseded_study ON superseded (study, site)",
    """CREATE TABLE alias (
        site_id TEXT NOT NULL,
        pseudonym TEXT NOT NULL,
        person TEXT NOT NULL,
        at {timestamp} NOT NULL,
        PRIMARY KEY (site_id, pseudonym))""",
)

STEPS: Final = (
    Step("0001-objects", statements(*_OBJECTS)),
    Step("0002-held", statements(*_HELD)),
    Step("0003-narrowing", statements(*_NARROWING)),
    Step("0004-site-code", statements(*_SITE_CODE)),
    Step("0005-every-text", statements(*_EVERY_TEXT)),
    Step("0006-tally", statements(*_TALLY)),
    Step("0007-lost", statements(*_LOST)),
    Step("0008-digests", statements(*_DIGESTS)),
    Step("0009-fact", statements(*_FACT)),
    Step("0010-client", statements(*_CLIENT)),
    Step("0011-required-keys", statements(*_REQUIRED_KEYS)),
    Step("0012-tokens", statements(*_TOKENS)),
    Step("0013-doubted", statements(*_DOUBTED)),
    Step("0014-withdrawn", statements(*_WITHDRAWN)),
    Step("0015-pixels", statements(*_PIXELS)),
    Step("0016-journal", statements(*_JOURNAL)),
    Step("0017-people", statements(*_PEOPLE)),
    Step("0018-uploads", statements(*_UPLOADS)),
    Step("0019-corrected", statements(*_CORRECTED)),
)


def prepare(db: Database) -> None:
    """Make the tables of an empty database, or bring those of an older version up to date."""
    migrate(db, STEPS)
    ensure(db)


def check(db: Database) -> None:
    """Raise :class:`ConfigError` when the tables are not those of this version; nothing is changed."""
    if missing := pending(db, STEPS):
        raise ConfigError(
            f"the index is not up to date (it lacks {missing[0].name}): start the hub once, which brings it there"
        )
