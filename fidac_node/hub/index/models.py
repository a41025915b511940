"""The tables of the index, as peewee models. ``migrations.py`` makes them; docs/index.md explains them.

No model is bound to a database: every query says which one it runs on (``.execute(db)``), so that two
indexes in one process cannot be mixed up. Times are UTC without a zone.
"""

from __future__ import annotations

from peewee import (
    BigAutoField,
    BigIntegerField,
    BooleanField,
    CompositeKey,
    DateField,
    DateTimeField,
    DoubleField,
    ForeignKeyField,
    IntegerField,
    Model,
    TextField,
)

from fidac_node.dicom.marks import LABELS


class Site(Model):
    """A hospital.

    Without an AE title (restored by ``reindex``) it may not store; ``code``, if it has one, starts its pseudonyms;
    ``key``, if it has one, is the public key by which it signs. Since ``disabled_at``, if it is said, it may not store.
    """

    id = TextField(primary_key=True)
    ae_title = TextField(unique=True, null=True)
    added_at = DateTimeField()
    code = TextField(unique=True, null=True)
    key = TextField(null=True)
    disabled_at = DateTimeField(null=True)


class Patient(Model):
    """A pseudonym of one site."""

    id = BigAutoField()
    site = ForeignKeyField(Site)
    pseudonym = TextField()
    sex = TextField()

    class Meta:
        indexes = ((("site", "pseudonym"), True),)


class Profile(Model):
    """A recipe that objects were de-identified with."""

    id = BigAutoField()
    name = TextField()
    digest = TextField()

    class Meta:
        indexes = ((("name", "digest"), True),)


class Study(Model):
    """A study; counts and ``received_at`` (the latest) follow its instances."""

    id = BigAutoField()
    site = ForeignKeyField(Site)
    patient = ForeignKeyField(Patient)
    study_instance_uid = TextField()
    date = DateField(null=True)
    # HHMMSS, or with a fraction of a second; empty where it is not said.
    time = TextField(default="")
    patient_age = TextField()
    age_years = IntegerField(null=True)
    programme = TextField()
    profile = ForeignKeyField(Profile, null=True)
    label = TextField()
    label_source = TextField()
    # Which instance the attributes above were read from: the first in an order that does not depend on arrival.
    read_from = TextField()
    series = IntegerField(default=0)
    instances = IntegerField(default=0)
    bytes = BigIntegerField(default=0)
    received_at = DateTimeField()

    class Meta:
        indexes = ((("site", "study_instance_uid"), True),)


class Series(Model):
    """A series and how it was acquired; lengths in millimetres, KVP in kilovolts.

    Counts, ``received_at`` (the latest), ``thinnest``, ``labels`` and ``lost`` follow its instances.
    """

    id = BigAutoField()
    study = ForeignKeyField(Study)
    series_instance_uid = TextField()
    number = IntegerField(null=True)
    modality = TextField()
    body_part = TextField()
    manufacturer = TextField()
    model = TextField()
    kernel = TextField()
    kvp = DoubleField(null=True)
    slice_thickness = DoubleField(null=True)
    # The least SliceThickness of its instances; and which labels they have, as `label_bit` says it.
    thinnest = DoubleField(null=True)
    labels = IntegerField(default=0)
    # Keywords of what any of its instances lost, ascending, separated by backslashes.
    lost = TextField(default="")
    row_spacing = DoubleField(null=True)
    column_spacing = DoubleField(null=True)
    rows = IntegerField(null=True)
    columns = IntegerField(null=True)
    contrast = BooleanField()
    contrast_agent = TextField()
    profile = ForeignKeyField(Profile, null=True)
    label = TextField()
    label_source = TextField()
    read_from = TextField()
    instances = IntegerField(default=0)
    bytes = BigIntegerField(default=0)
    received_at = DateTimeField()

    class Meta:
        indexes = ((("study", "series_instance_uid"), True),)


class Instance(Model):
    """One object in the archive; ``bytes`` is the size of its Part 10 file.

    ``digest`` is that of its data set as the spool spells it, empty where an older version filed; ``seen`` tells the
    file (size, time of change, inode) that was known to have it, or is negative when it was found to be wrong.
    ``pixels`` is the sum of its decoded pixels, or what :mod:`fidac_node.hub.pixels` has for none.
    """

    id = BigAutoField()
    site = ForeignKeyField(Site)
    series = ForeignKeyField(Series)
    sop_instance_uid = TextField()
    sop_class_uid = TextField()
    transfer_syntax_uid = TextField()
    number = IntegerField(null=True)
    frames = IntegerField()
    slice_thickness = DoubleField(null=True)
    profile = ForeignKeyField(Profile, null=True)
    label = TextField()
    label_source = TextField()
    bytes = BigIntegerField()
    received_at = DateTimeField()
    digest = TextField(default="")
    seen = BigIntegerField(default=0)
    pixels = TextField(default="")

    class Meta:
        indexes = ((("site", "sop_instance_uid"), True),)


class Held(Model):
    """An object that waits in the spool for a person; the spool's files decide, these rows are for asking."""

    entry = TextField(primary_key=True)
    code = TextField()
    message = TextField()
    site = TextField()
    sop_instance_uid = TextField()
    at = DateTimeField()


class Tally(Model):
    """Something that is counted and that no file tells again."""

    name = TextField(primary_key=True)
    value = BigIntegerField()


class Fact(Model):
    """Something that the index says of itself."""

    name = TextField(primary_key=True)
    value = TextField()


class Withdrawn(Model):
    """What may not come again from a site: ``name`` is what ``kind`` says, of the act ``withdrawal``."""

    site_id = TextField()
    kind = TextField()
    name = TextField()
    withdrawal = TextField()

    class Meta:
        primary_key = CompositeKey("site_id", "kind", "name", "withdrawal")


class WithdrawnInstance(Model):
    """An instance that was withdrawn, or refused since."""

    site_id = TextField()
    sop_instance_uid = TextField()
    withdrawal = TextField()

    class Meta:
        primary_key = CompositeKey("site_id", "sop_instance_uid")
        table_name = "withdrawn_instance"


class Client(Model):
    """An application entity that may ask; ``networks`` and ``rights`` are separated by spaces.

    ``programme``: all that it may see; empty: everything.
    """

    ae_title = TextField(primary_key=True)
    networks = TextField()
    rights = TextField()
    programme = TextField()
    added_at = DateTimeField()


class Token(Model):
    """A bearer token (RFC 6750) of a program: its SHA-256, what it is for and until when. ``scopes`` by spaces."""

    digest = TextField(primary_key=True)
    name = TextField()
    scopes = TextField()
    programme = TextField()
    created_at = DateTimeField()
    expires_at = DateTimeField()
    revoked_at = DateTimeField(null=True)


class Account(Model):
    """A person who may sign in; ``site`` and ``programme`` are what it is confined to, as its role has it.

    ``password`` is an argon2 hash, empty until the person chose one. ``totp`` is the secret of the second factor in
    base32, empty without one, ``totp_step`` the last time step that was used; ``recovery`` hashes of codes by spaces.
    ``subject`` is who the person is to the identity provider.
    """

    id = BigAutoField()
    name = TextField()
    role = TextField()
    site = TextField(default="")
    programme = TextField(default="")
    language = TextField(default="")
    password = TextField(default="")
    totp = TextField(default="")
    totp_step = BigIntegerField(default=0)
    recovery = TextField(default="")
    subject = TextField(unique=True, null=True)
    created_at = DateTimeField()


class Session(Model):
    """A person is signed in, in one browser: the SHA-256 of what its cookie holds."""

    digest = TextField(primary_key=True)
    account = ForeignKeyField(Account)
    began_at = DateTimeField()
    seen_at = DateTimeField()


class Invitation(Model):
    """Who has this link, of which the SHA-256 is here, may choose the password of an account, once."""

    digest = TextField(primary_key=True)
    account = ForeignKeyField(Account)
    expires_at = DateTimeField()


class Attempt(Model):
    """Signing in failed so often in a row, for a ``kind`` (account, address) of this ``name``."""

    kind = TextField()
    name = TextField()
    failures = IntegerField()
    at = DateTimeField()

    class Meta:
        primary_key = CompositeKey("kind", "name")


class Arrival(Model):
    """A site had associations from ``address`` between two moments (UTC)."""

    id = BigAutoField()
    site = TextField()
    address = TextField()
    since = DateTimeField()
    until = DateTimeField()


class Commitment(Model):
    """A site asked for commitment to objects of a study, and got it for some; ``study`` is its StudyInstanceUID."""

    id = BigAutoField()
    site = TextField()
    study = TextField()
    asked_at = DateTimeField()
    answered_at = DateTimeField()
    objects = IntegerField()
    committed = IntegerField()


class UploadSession(Model):
    """A person's upload for a site and programme; ``assets`` is the digest of what his browser ran."""

    id = TextField(primary_key=True)
    who = TextField()
    site = TextField()
    programme = TextField()
    check_value = TextField()
    user_agent = TextField()
    assets = TextField()
    begun_at = DateTimeField()
    used_at = DateTimeField()

    class Meta:
        table_name = "upload_session"


class UploadObject(Model):
    """An object that was brought: ``sha256`` of the file, ``digest`` of its data set as the spool spells it."""

    site = TextField()
    sha256 = TextField()
    session = TextField()
    pseudonym = TextField()
    study = TextField()
    series = TextField()
    sop_instance_uid = TextField()
    sop_class_uid = TextField()
    digest = TextField()
    label = TextField()
    at = DateTimeField()

    class Meta:
        primary_key = CompositeKey("site", "sha256")
        table_name = "upload_object"


class UploadReceipt(Model):
    """What the hub answers for, signed; ``asked`` is the digest of what was asked for."""

    id = TextField(primary_key=True)
    session = TextField()
    site = TextField()
    who = TextField()
    asked = TextField()
    at = DateTimeField()
    content = TextField()

    class Meta:
        table_name = "upload_receipt"
        indexes = ((("session", "asked"), True),)


class UploadResult(Model):
    """The result of a PCR that a person gave with a study, and so many days after the exam."""

    site = TextField()
    study = TextField()
    result = TextField()
    days = IntegerField(null=True)
    receipt = TextField()

    class Meta:
        primary_key = CompositeKey("site", "study", "receipt")
        table_name = "upload_result"


class UploadKey(Model):
    """What tells the key of a site in a programme from any other, and nothing of it."""

    site = TextField()
    programme = TextField()
    check_value = TextField()
    who = TextField()
    at = DateTimeField()

    class Meta:
        primary_key = CompositeKey("site", "programme")
        table_name = "upload_key"


class LabelHistory(Model):
    """What else was said of an object that is filed: by ``who`` (empty: the site's node), and what that replaced."""

    site = TextField()
    study = TextField()
    sop_instance_uid = TextField()
    label = TextField()
    label_source = TextField()
    digest = TextField()
    who = TextField()
    at = DateTimeField()
    replaced = TextField()

    class Meta:
        primary_key = CompositeKey("site", "sop_instance_uid", "label", "label_source")
        table_name = "label_history"


class Superseded(Model):
    """A version of an instance that another one of its site, counted as ``version``, replaced.

    ``digest`` is that of its data set; its file is kept aside ``until`` then.
    """

    id = BigAutoField()
    site = TextField()
    study = TextField()
    sop_instance_uid = TextField()
    digest = TextField()
    version = IntegerField()
    at = DateTimeField()
    until = DateTimeField()


class Alias(Model):
    """A pseudonym of a site whose person is the one who is known as ``person``, another pseudonym of it."""

    site_id = TextField()
    pseudonym = TextField()
    person = TextField()
    at = DateTimeField()

    class Meta:
        primary_key = CompositeKey("site_id", "pseudonym")


def label_bit(label: str) -> int:
    """Return what ``label`` adds to :attr:`Series.labels`: a power of two, 0 for what is no label."""
    return 1 << LABELS.index(label) if label in LABELS else 0


OBJECTS = (Site, Patient, Profile, Study, Series, Instance)
UPLOADS = (UploadSession, UploadObject, UploadReceipt, UploadResult, UploadKey, LabelHistory)
PEOPLE = (Account, Session, Invitation, Attempt)
KEPT = (Held, Tally, Fact, Withdrawn, WithdrawnInstance, Client, Token, Arrival, Commitment, Superseded, Alias)
MODELS = (*OBJECTS, *KEPT, *PEOPLE, *UPLOADS)
