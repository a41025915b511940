"""The options: one dataclass for each section of a settings file, each option with its default, reason and check."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from fidac_node.config.options import (
    Wrong,
    between,
    each,
    one_of,
    option,
)
from fidac_node.config.own_words import own_word_problem
from fidac_node.config.values import (
    RuleSettings,
    database_problem,
    host_problem,
    issuer_problem,
    label_problem,
    labels_problem,
    long_string_problem,
    network_problem,
    optional_ae_title_problem,
    optional_site_code_problem,
    pattern_problem,
    peer_problem,
    profile_name_problem,
    read_rules,
    site_id_problem,
    syslog_problem,
    url_problem,
)
from fidac_node.dicom.ae import Peer, ae_title_problem, port_problem
from fidac_node.dicom.marks import LABELS, SAFE_PRIVATE_CREATORS
from fidac_node.dicom.uids import TRANSFER_SYNTAXES
from fidac_node.identity.programme import MODES

LOG_LEVELS: Final = ("debug", "info", "warning", "error")
COMPRESSIONS: Final = ("none", "jpeg-ls", "htj2k")
MEBIBYTE: Final = 1 << 20


_SECONDS: Final = between(0.1, 86400)
_SPARSEST_SAMPLE: Final = 1_000_000


def _read_sample(value: Any) -> int | str:
    """Read which CT images are looked at for text: "series", or one in how many.

    The environment gives numbers as text.
    """
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if value == "series" or (isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _SPARSEST_SAMPLE):
        return cast("int | str", value)
    raise Wrong(f'must be "series" or a whole number between 0 and {_SPARSEST_SAMPLE}, not {value!r}')


@dataclass(frozen=True)
class SiteSection:
    """Who this node is."""

    id: str = option(
        "",
        "The site's id, as registered at the hub ('hub site add ID'). Required.",
        site_id_problem,
        example='id = "CHU-LILLE"',
    )
    code: str = option(
        "",
        "Neutral code that starts each pseudonym, from the hub ('hub site add' prints it); empty: the id. "
        "Never change it.",
        optional_site_code_problem,
    )


@dataclass(frozen=True)
class Receive:
    """Where objects are received and from whom; the part that a site and the hub share."""

    ae_title: str = option("FIDACNODE", "AE title that senders call.", ae_title_problem)
    host: str = option(
        "0.0.0.0", "Address to listen on; 0.0.0.0 is every IPv4 interface, :: every interface.", host_problem
    )
    port: int = option(
        11112, "TCP port to listen on; below 1024 needs privileges that the node does not want.", port_problem
    )
    networks: tuple[str, ...] = option(
        (), 'Networks that may connect, such as "10.20.0.0/16"; empty: all.', each(network_problem)
    )
    transfer_syntaxes: tuple[str, ...] = option(
        (),
        "Transfer syntax UIDs to accept, preferred first; empty: all that can be kept as sent, lossless first.",
        each(one_of(TRANSFER_SYNTAXES, "transfer syntax that can be taken")),
    )
    max_associations: int = option(
        25, "Associations open at once; one more is rejected as transient.", between(1, 1000)
    )
    max_associations_per_caller: int = option(
        10, "The same for one calling AE title, so that no sender crowds out the others.", between(1, 1000)
    )
    max_unassociated: int = option(
        400, "Connections that have not associated yet; of more, the oldest are closed.", between(16, 4096)
    )
    max_unassociated_per_address: int = option(
        100, "The same for one address; several senders behind one gateway share it.", between(8, 4096)
    )
    processes: int = option(0, "Receiver processes on the one port; 0: one per core, at most 4.", between(0, 64))
    max_pdu: int = option(131072, "Largest PDU to take, in bytes; large ones are faster.", between(4096, MEBIBYTE))
    acse_timeout: float = option(30.0, "Seconds to wait while an association is set up or released.", _SECONDS)
    dimse_timeout: float = option(120.0, "Seconds to wait for the rest of a message.", _SECONDS)
    idle_timeout: float = option(
        120.0, "Seconds that an association may stay silent; routers keep theirs open between images.", _SECONDS
    )
    max_object_mb: int = option(4096, "Largest object to take, in MiB.", between(1, 65536))
    tls_certificate: Path | None = option(None, "Certificate chain (PEM) to listen with TLS; empty: no TLS.", kind=Path)
    tls_key: Path | None = option(None, "Private key (PEM) of that certificate.", kind=Path)
    tls_ca: Path | None = option(
        None, "CA certificates (PEM): senders must then show a certificate signed by one of them.", kind=Path
    )

    @property
    def max_object(self) -> int:
        """The largest object to take, in bytes."""
        return self.max_object_mb * MEBIBYTE


@dataclass(frozen=True)
class SiteReceive(Receive):
    """What a site receives from its PACS."""

    callers: tuple[str, ...] = option((), "Calling AE titles that may store; empty: any.", each(ae_title_problem))
    held_classes: bool = option(
        True, "Take secondary captures, reports and the like and hold them; false: refuse them at negotiation."
    )
    corrected: str = option(
        "hold",
        "What becomes of a corrected instance: hold for a person, or supersede the older, here and at the hub.",
        one_of(("hold", "supersede"), "way with corrected versions"),
    )
    corrected_callers: tuple[str, ...] = option(
        (), "Calling AE titles of which supersede holds, all others' are held; empty: any.", each(ae_title_problem)
    )


@dataclass(frozen=True)
class HubReceive(Receive):
    """What the hub receives from its sites; only registered AE titles may store."""

    ae_title: str = option("FIDACHUB", "AE title that sites call.", ae_title_problem)
    port: int = option(
        11113, "TCP port to listen on; below 1024 needs privileges that the hub does not want.", port_problem
    )
    max_associations: int = option(
        100, "Associations open at once; one more is rejected as transient.", between(1, 1000)
    )
    max_pdu: int = option(
        MEBIBYTE, "Largest PDU to take, in bytes; a slice that fits into one costs the least.", between(4096, MEBIBYTE)
    )


@dataclass(frozen=True)
class Route:
    """What is in scope, and how it is labelled."""

    default_label: str = option("unknown", f"Label when nothing else gives one: {', '.join(LABELS)}.", label_problem)
    labels: dict[str, str] = option(
        {},
        "Label by called AE title: the PACS labels by choosing a destination. The node answers to these titles too.",
        labels_problem,
        example='labels = { FIDAC_CERTAIN = "certain", FIDAC_NEGATIVE = "negative" }',
    )
    rules: tuple[RuleSettings, ...] = option(
        (),
        "Rules, first match wins; none: a chest CT is accepted, anything else is held. Words match in any case.",
        kind=list,
        read=read_rules,
        example='[[route.rules]]\nname = "covid-protocol"\nwhen = { Modality = "^CT$", ProtocolName = "covid" }\n'
        'unless = { SeriesDescription = "scout|topogram" }\ndecision = "accept"\nlabel = "possible"',
    )


@dataclass(frozen=True)
class Deidentify:
    """How identity is taken out."""

    profile: str = option(
        "fidac-chest-ct", "Profile to apply; 'fidac-node profile list' shows them.", profile_name_problem
    )
    profiles_directory: Path | None = option(
        None,
        "Folder of your own layers (*.deid) and profiles (programmes.toml); empty: those that come with the program.",
        kind=Path,
    )
    layers: tuple[str, ...] = option(
        (),
        "A profile of your own by its layers, lowest first; 'profile' is then its new name. Empty: as "
        "programmes.toml has it.",
        each(profile_name_problem),
        example='layers = ["basic", "modified-dates", "clean-descriptors", "chest-ct"]',
    )
    programme: str = option(
        "FIDAC", "Research programme: another programme gives other pseudonyms.", long_string_problem
    )
    mode: str = option(
        "pseudonymised",
        "pseudonymised: an encrypted vault at the site says who is who; anonymised: nothing does once the "
        "programme is closed.",
        one_of(MODES, "mode"),
    )
    key_file: Path = option(
        Path("secret.key"), "The site's secret key, mode 0600. Back it up: without it patients fork."
    )
    vault_directory: Path = option(
        Path("vault"), "Folder of the vault and of the record of acts. Back it up, apart from the keys."
    )
    vault_key_file: Path = option(
        Path("vault.key"), "The key of the vault, mode 0600. Back it up: without it nobody can be re-identified."
    )
    programme_key_file: Path = option(
        Path("programme.key"),
        "The key of an anonymised programme, mode 0600; 'site programme close' destroys it. Make no copies.",
    )
    placeholder_ids: tuple[str, ...] = option(
        (),
        "PatientIDs that stand for nobody at this site, beside UNKNOWN, 0000 and the like; * and ? are wild "
        "cards. They are held.",
        each(pattern_problem),
        example='placeholder_ids = ["URG-*", "TMP????"]',
    )
    test_patients: tuple[str, ...] = option(
        (),
        "Test patients and phantoms by PatientID or PatientName; * and ? are wild cards. They are held.",
        each(pattern_problem),
        example='test_patients = ["ZZTEST*^*", "999*"]',
    )
    own_words: tuple[str, ...] = option(
        (),
        "Names of your hospital, its town, its departments: no text keeps them, and an output that has one is held.",
        each(own_word_problem),
        example='own_words = ["Saint-Exemple", "Exempleville"]',
    )
    own_words_file: Path | None = option(
        None,
        "A file with more of them, one a line, for example your radiologists; # starts a comment.",
        kind=Path,
        example='own_words_file = "own-words.txt"',
    )
    localizers: str = option(
        "hold",
        "hold, or process: localizers show the outline of body and face and are of little use.",
        one_of(("hold", "process"), "rule"),
    )
    secondary_captures: str = option(
        "hold",
        "hold, or check: look for text in them and pass those without (needs OCR, and a person to spot-check).",
        one_of(("hold", "check"), "rule"),
    )
    derived: str = option(
        "hold",
        "hold, or check: look for text in each slice made of others, as MPR, and pass those without (needs OCR, a "
        "second each).",
        one_of(("hold", "check"), "rule"),
    )
    dose_reports: str = option(
        "hold",
        "hold, or rebuild: X-Ray Radiation Dose SR of CT from a list of harmless items, doses included.",
        one_of(("hold", "rebuild"), "rule"),
    )
    key_objects: str = option(
        "hold",
        "hold, or rebuild: Key Object Selections as title and references alone.",
        one_of(("hold", "rebuild"), "rule"),
    )
    ocr_sample: int | str = option(
        "series",
        "Look for burned-in text in the first slice of each series (if OCR is installed); 20: in one of 20; 0: "
        "in none.",
        read=_read_sample,
    )
    time_resolution: int = option(
        1,
        "Seconds to which times are cut down; what slices need for their order stays as differences. 0: times "
        "stay exact.",
        between(0, 3600),
    )
    dates_before: int = option(
        731, "Days before that of its study that a date may lie to be moved with it; others go.", between(0, 3660)
    )
    dates_after: int = option(
        1, "Days after that of its study that a date may lie to be moved with it.", between(0, 366)
    )
    workers: int = option(0, "Worker processes; 0: one per core.", between(0, 256))


@dataclass(frozen=True)
class Send:
    """Where de-identified objects go."""

    hub: str = option(
        "FIDACHUB@127.0.0.1:11113", "The destination, as AET@HOST:PORT (an IPv6 address in brackets).", peer_problem
    )
    ae_title: str = option("", "AE title to call with; empty: the one of [receive].", optional_ae_title_problem)
    associations: int = option(3, "Associations open at once.", between(1, 16))
    compression: str = option(
        "none",
        "Compress pixels without loss for a slow line: none, jpeg-ls (smallest), htj2k (a third of the CPU); "
        "each is an extra.",
        one_of(COMPRESSIONS, "compression"),
    )
    commitment: bool = option(
        True, "Ask for storage commitment before a copy is purged; false: a sent copy counts as kept."
    )
    commitment_timeout: float = option(
        120.0, "Seconds to wait for the destination's commitment before asking again.", _SECONDS
    )
    commitment_interval: float = option(5.0, "Seconds between two requests for commitment.", _SECONDS)
    echo_interval: float = option(
        60.0,
        "Seconds of silence after which the destination is asked whether it answers (C-ECHO), as 'site status' "
        "tells; 0: never.",
        between(0.0, 86400),
    )
    retry_first: float = option(
        5.0, "Seconds before the first retry; each further one waits about twice as long.", _SECONDS
    )
    retry_max: float = option(600.0, "Longest wait between two retries, in seconds; there is no last retry.", _SECONDS)
    max_pdu: int = option(
        MEBIBYTE, "Largest PDU to send, in bytes, if the destination takes it, and to take.", between(4096, MEBIBYTE)
    )
    acse_timeout: float = option(30.0, "Seconds to wait while an association is set up or released.", _SECONDS)
    dimse_timeout: float = option(120.0, "Seconds to wait for the answer to an object.", _SECONDS)
    connect_timeout: float = option(10.0, "Seconds to wait for the TCP connection.", _SECONDS)
    tls_certificate: Path | None = option(None, "Certificate chain (PEM) to show to the destination.", kind=Path)
    tls_key: Path | None = option(None, "Private key (PEM) of that certificate.", kind=Path)
    tls_ca: Path | None = option(
        None,
        "CA certificates (PEM) that the destination's must be signed by; this or a certificate switches TLS on.",
        kind=Path,
    )

    @property
    def hub_address(self) -> Peer:
        """The destination, taken apart."""
        return Peer.parse(self.hub)


@dataclass(frozen=True)
class Spools:
    """Where objects wait, and how much room is left to the machine."""

    directory: Path = option(Path("spool"), "Folder of the queues; one file system, not a network share.")
    reserve_mb: int = option(
        1024,
        "Free disk space to keep, in MiB; below it new associations are rejected as transient.",
        between(0, 1 << 30),
    )
    stage_patience: float = option(
        60.0,
        "Seconds that a stage may stand still until it is started again; ten times that while it computes.",
        between(3, 3600),
    )

    @property
    def reserve(self) -> int:
        """Free disk space to keep, in bytes."""
        return self.reserve_mb * MEBIBYTE


@dataclass(frozen=True)
class SiteSpools(Spools):
    """A site's queues."""

    retention_hours: float = option(168.0, "Hours to keep a copy after the hub committed to it.", between(0, 87600))
    keep_headers: bool = option(
        True,
        "Keep one header of each series that long, encrypted, without pixels: 'site show STUDY --diff' "
        "compares with it.",
    )
    study_idle: float = option(60.0, "Seconds without a new object after which a study counts as complete.", _SECONDS)


@dataclass(frozen=True)
class Portal:
    """Where the hospital's people upload what no PACS sends (docs/upload.md)."""

    host: str = option("127.0.0.1", "Address to listen on; any but loopback needs a certificate.", host_problem)
    port: int = option(0, "TCP port of the upload page on the hospital's network; 0: off.", between(0, 65535))
    hub_url: str = option("", "How the hub's portal is reached, such as https://hub.example.org.", url_problem)
    hub_proxy: str = option("", "Proxy on the way there, such as http://proxy.hospital.example:3128.", url_problem)
    hub_ca: Path | None = option(
        None, "CA certificates (PEM) that the hub's must be signed by; empty: the system's.", kind=Path
    )
    tls_certificate: Path | None = option(None, "Certificate chain (PEM) that browsers are shown.", kind=Path)
    tls_key: Path | None = option(None, "Private key (PEM) of that certificate.", kind=Path)


@dataclass(frozen=True)
class Archive:
    """Where the hub keeps objects."""

    directory: Path = option(Path("archive"), "Folder of the archive: site/study/series/instance.")
    scrub_days: float = option(
        30.0, "Days in which every file is read once and compared with what was filed; 0: never.", between(0, 3660)
    )
    scrub_rate_mb: int = option(20, "MiB a second that such reading takes from the disk at most.", between(1, 10000))

    withdrawal_days: float = option(
        14.0,
        "Days after a withdrawal in which it can be undone, and for which a corrected version keeps the older aside.",
        between(0, 3660),
    )

    @property
    def scrub_rate(self) -> int:
        """What reading takes from the disk at most, in bytes a second."""
        return self.scrub_rate_mb * MEBIBYTE


@dataclass(frozen=True)
class Index:
    """What the hub's questions are answered from."""

    database: str = option(
        "sqlite:///index.db", "sqlite:///FILE (relative to this file) or postgresql://USER@HOST/NAME.", database_problem
    )


@dataclass(frozen=True)
class Query:
    """Where the hub sends what a client retrieves by C-MOVE."""

    destinations: tuple[str, ...] = option(
        (),
        'Where a client may have objects sent to (C-MOVE), each as "AET@HOST:PORT".',
        each(peer_problem),
    )
    max_pdu: int = option(
        131072, "Largest PDU to send, in bytes; the destination may want less.", between(4096, MEBIBYTE)
    )
    acse_timeout: float = option(30.0, "Seconds to wait while an association is set up or released.", _SECONDS)
    dimse_timeout: float = option(120.0, "Seconds to wait for the answer to an object.", _SECONDS)
    connect_timeout: float = option(10.0, "Seconds to wait for the TCP connection.", _SECONDS)

    @property
    def peers(self) -> tuple[Peer, ...]:
        """The destinations, taken apart."""
        return tuple(map(Peer.parse, self.destinations))


@dataclass(frozen=True)
class Verify:
    """What the hub checks before it files an object."""

    safe_private_creators: tuple[str, ...] = option(
        SAFE_PRIVATE_CREATORS,
        "Private creators whose elements may stay: those of the sites' profiles; any other holds the object.",
        each(long_string_problem),
    )


@dataclass(frozen=True)
class Web:
    """Where programs and people ask and fetch by HTTP (docs/web.md)."""

    host: str = option("127.0.0.1", "Address to listen on; 0.0.0.0 is every IPv4 interface.", host_problem)
    port: int = option(
        0, "TCP port to answer on: DICOMweb under /dicom-web, the portal for browsers; 0: off.", between(0, 65535)
    )
    url: str = option(
        "",
        "How browsers reach the portal, such as https://hub.example.org, for links that are given; empty: by host and "
        "port.",
        url_problem,
    )
    session_idle: float = option(
        3600.0, "Seconds after which who does nothing in the portal is signed out.", between(60, 86400)
    )
    session_longest: float = option(
        43200.0, "Seconds after which who signed in has to do so again.", between(60, 7 * 86400)
    )
    open_on_loopback: bool = option(
        False, "Answer programs on this machine without a token; only where host is a loopback address."
    )
    proxies: tuple[str, ...] = option(
        (),
        "Networks of the reverse proxies in front, whose X-Forwarded-For and X-Forwarded-Proto are believed.",
        each(network_problem),
    )
    tls_certificate: Path | None = option(None, "Certificate chain (PEM) to listen with TLS; empty: no TLS.", kind=Path)
    tls_key: Path | None = option(None, "Private key (PEM) of that certificate.", kind=Path)
    tls_ca: Path | None = option(
        None, "CA certificates (PEM): clients must then show a certificate signed by one of them.", kind=Path
    )


@dataclass(frozen=True)
class Oidc:
    """Who else may say who a person is, by OpenID Connect (docs/portal-accounts.md)."""

    issuer: str = option("", "The identity provider, as it calls itself; empty: passwords alone.", issuer_problem)
    client_id: str = option("", "What this hub is called there.")
    client_secret_file: Path | None = option(
        None, "File with the secret that goes with it, of mode 0600; empty: a public client.", kind=Path
    )
    scope: str = option("openid", "What is asked for; 'openid scope_all' at Pro Santé Connect.")
    acr_values: str = option("", "How surely a person must be known; 'eidas1' at Pro Santé Connect.")
    name: str = option("Pro Santé Connect", "What the button to sign in says.")


@dataclass(frozen=True)
class Audit:
    """Who else is told what is done at the hub."""

    syslog: str = option(
        "",
        "Where a copy of each act goes, as a DICOM audit message (PS3.15 A.5): udp://HOST:514 or unix:///dev/log; "
        "empty: nowhere.",
        syslog_problem,
    )


@dataclass(frozen=True)
class Log:
    """What is logged."""

    level: str = option("info", f"Least level to log: {', '.join(LOG_LEVELS)}.", one_of(LOG_LEVELS, "level"))
