"""The settings of a site and of the hub: every option with its default, its reason and its bounds.

A file is TOML; ``FIDAC_NODE_<SECTION>_<KEY>`` in the environment overrides an option. Relative paths
start at the file's folder; loaded paths are absolute. Timeouts and intervals are seconds.
Daemons, operations, the command line and ``doctor`` read this: rooms receive plain values.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from fidac_node.config.options import (
    PREFIX,
    Document,
    nearest,
    section,
    sections,
    variables,
)
from fidac_node.config.options import render as render_options
from fidac_node.config.sections import (
    Archive,
    Audit,
    Deidentify,
    HubReceive,
    Index,
    Log,
    Oidc,
    Portal,
    Query,
    Receive,
    Route,
    Send,
    SiteReceive,
    SiteSection,
    SiteSpools,
    Spools,
    Verify,
    Web,
)
from fidac_node.config.values import is_loopback
from fidac_node.errors import ConfigError
from fidac_node.identity.programme import Programme

Kind: TypeAlias = Literal["site", "hub"]

CONFIG_VARIABLE: Final = f"{PREFIX}CONFIG"
SYSTEM_DIRECTORY: Final = Path("/etc/fidac-node")


@dataclass(frozen=True)
class SiteConfig:
    """All settings of a site node; ``path`` is the file they came from."""

    path: Path = Path("site.toml")
    site: SiteSection = section(SiteSection, "Who this node is.")
    receive: SiteReceive = section(SiteReceive, "What the PACS sees.")
    route: Route = section(Route, "What is in scope, and how it is labelled.")
    deidentify: Deidentify = section(Deidentify, "How identity is taken out.")
    send: Send = section(Send, "Where de-identified objects go.")
    spool: SiteSpools = section(SiteSpools, "Where objects wait.")
    portal: Portal = section(Portal, "The upload page on the hospital's network (needs the extra 'portal').")
    log: Log = section(Log, "What is logged, on standard error.")

    @property
    def calling_ae(self) -> str:
        """The AE title that the hub sees."""
        return self.send.ae_title or self.receive.ae_title

    @property
    def programme(self) -> Programme:
        """The research programme that the keys are for."""
        own = self.deidentify
        return Programme(
            name=own.programme,
            site=self.site.id,
            code=self.site.code,
            mode=own.mode,
            key_file=own.key_file,
            programme_key_file=own.programme_key_file,
            vault_directory=own.vault_directory,
            vault_key_file=own.vault_key_file,
            spool=self.spool.directory,
            settings=self.path,
        )


@dataclass(frozen=True)
class HubConfig:
    """All settings of a hub; ``path`` is the file they came from."""

    path: Path = Path("hub.toml")
    receive: HubReceive = section(HubReceive, "What the sites see.")
    archive: Archive = section(Archive, "Where objects are kept.")
    index: Index = section(Index, "What questions are answered from.")
    spool: Spools = section(Spools, "Where objects wait to be filed.")
    query: Query = section(Query, "Where objects go to, for who retrieves them in DICOM.")
    verify: Verify = section(Verify, "What is checked before an object is filed.")
    web: Web = section(Web, "Where programs and people ask: DICOMweb, the portal (needs the extra 'web').")
    oidc: Oidc = section(Oidc, "Who else says who a person is: OpenID Connect (needs the extra 'oidc').")
    audit: Audit = section(Audit, "Who else is told what is done and asked here; the record itself is in the spool.")
    log: Log = section(Log, "What is logged, on standard error.")


# --- loading and writing ---------------------------------------------------------------------------------


def load_site(path: Path, environ: Mapping[str, str] = os.environ) -> SiteConfig:
    """Load a site's settings. Raises :class:`ConfigError`."""
    document = _document(path, environ, SiteConfig)
    config = SiteConfig(path=path.absolute(), **document.load())
    if not config.site.id:
        raise document.error(("site", "id"), 'required; write for example id = "CHU-LILLE", as registered at the hub')
    _check_tls(document, "receive", config.receive, listens=True)
    _check_tls(document, "send", config.send, listens=False)
    if config.send.retry_max < config.send.retry_first:
        raise document.error(("send", "retry_max"), f"must not be less than retry_first ({config.send.retry_first:g})")
    _check_compression(document, config.send)
    if config.portal.port:
        _check_portal(document, config.portal)
    return config


def load_hub(path: Path, environ: Mapping[str, str] = os.environ) -> HubConfig:
    """Load a hub's settings. Raises :class:`ConfigError`."""
    document = _document(path, environ, HubConfig)
    config = HubConfig(path=path.absolute(), **document.load())
    _check_tls(document, "receive", config.receive, listens=True)
    titles = [peer.ae_title for peer in config.query.peers]
    if twice := sorted({title for title in titles if titles.count(title) > 1}):
        raise document.error(("query", "destinations"), f"{twice[0]} comes twice: an AE title is one destination")
    _check_tls(document, "web", config.web, listens=True)
    _check_oidc(document, config.oidc)
    if config.web.open_on_loopback and not is_loopback(config.web.host):
        raise document.error(
            ("web", "open_on_loopback"),
            f"{config.web.host} is no loopback address: set host to 127.0.0.1 or ::1, or let programs use tokens",
        )
    return config


def kind_of(path: Path) -> Kind:
    """Say whose settings a file holds, by its sections. Raises :class:`ConfigError`."""
    return "hub" if Document(path, {}, SiteConfig).values.keys() & _ONLY["hub"] else "site"


def find_config(kind: Kind, given: str | None, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the settings file to use: as given, $FIDAC_NODE_CONFIG, the current folder, /etc/fidac-node.

    Raises :class:`ConfigError` when none is found; a file that was named is not looked for.
    """
    if named := given or environ.get(CONFIG_VARIABLE):
        return Path(named)
    places = [Path(f"{kind}.toml"), SYSTEM_DIRECTORY / f"{kind}.toml"]
    for place in places:
        if place.is_file():
            return place
    looked = " nor ".join(map(str, places))
    raise ConfigError(
        f"no settings: there is neither {looked}; name a file with -c or ${CONFIG_VARIABLE}, or write one with "
        f"'fidac-node {kind} init'"
    )


def render(cls: type[SiteConfig | HubConfig], values: Mapping[str, Mapping[str, object]]) -> str:
    """Return a commented settings file with ``values`` (section, key) set and every other option at its default.

    Raises ``KeyError`` for an option that does not exist.
    """
    return render_options(cls, _HEADERS[cls], values)


def example(cls: type[SiteConfig | HubConfig]) -> str:
    """Return the settings file that repeats every default, commented out."""
    return render(cls, {})


def _document(path: Path, environ: Mapping[str, str], cls: type[SiteConfig | HubConfig]) -> Document:
    known = {**variables(SiteConfig), **variables(HubConfig)}
    for name in environ:
        if name.startswith(PREFIX) and name != CONFIG_VARIABLE and name not in known:
            raise ConfigError(f"environment variable {name}: unknown option{nearest(name, variables(cls))}")
    document = Document(path, environ, cls)
    _check_mode(path)
    kind, other = ("site", "hub") if cls is SiteConfig else ("hub", "site")
    if foreign := [name for name in document.values if name in _ONLY[other]]:
        raise document.error(
            (foreign[0],), f"this file holds the settings of a {other}, not of a {kind}; name the right file with -c"
        )
    return document


def _check_mode(path: Path) -> None:
    """Whoever may write the settings decides where patients' objects go, and what is taken out of them."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ConfigError(f"{path}: others may write the settings (mode {mode:04o}); run: chmod go-w {path}")


def _check_portal(document: Document, portal: Portal) -> None:
    """Who uploads needs TLS on both legs: to browsers, which else have no cryptography for pages, and to the hub."""
    if not portal.hub_url:
        raise document.error(("portal", "hub_url"), 'required; write for example hub_url = "https://hub.example.org"')
    from urllib.parse import urlsplit  # only who has one pays for it

    hub = urlsplit(portal.hub_url)
    if hub.scheme != "https" and not is_loopback(hub.hostname or ""):
        raise document.error(("portal", "hub_url"), "what is uploaded goes to another machine by https:// alone")
    for given, missing in (("tls_key", "tls_certificate"), ("tls_certificate", "tls_key")):
        if getattr(portal, given) and not getattr(portal, missing):
            raise document.error(("portal", given), f"a certificate and its key come together; set {missing} too")
    if not portal.tls_certificate and not is_loopback(portal.host):
        raise document.error(
            ("portal", "host"),
            f"{portal.host} is no loopback address: browsers let a page use keys only by https; set tls_certificate",
        )
    for key in ("tls_certificate", "tls_key", "hub_ca"):
        path: Path | None = getattr(portal, key)
        if path and _is_missing(path):
            raise document.error(("portal", key), f"no such file: {path}")


def _check_tls(document: Document, name: str, files: Receive | Send | Web, *, listens: bool) -> None:
    """A certificate and its key come together, and only a certificate makes a listener speak TLS."""
    if files.tls_key and not files.tls_certificate:
        raise document.error((name, "tls_key"), "a key without its certificate; set tls_certificate too")
    if files.tls_certificate and not files.tls_key:
        raise document.error((name, "tls_certificate"), "a certificate without its key; set tls_key too")
    if listens and files.tls_ca and not files.tls_certificate:
        raise document.error(
            (name, "tls_ca"), "listening with TLS needs a certificate; set tls_certificate and tls_key too"
        )
    for key in ("tls_certificate", "tls_key", "tls_ca"):
        path: Path | None = getattr(files, key)
        if path and _is_missing(path):
            raise document.error((name, key), f"no such file: {path}")


def _check_oidc(document: Document, oidc: Oidc) -> None:
    if oidc.issuer and not oidc.client_id:
        raise document.error(("oidc", "client_id"), "required with an issuer, which gives it")
    if oidc.client_secret_file and _is_missing(oidc.client_secret_file):
        raise document.error(("oidc", "client_secret_file"), f"no such file: {oidc.client_secret_file}")


def _check_compression(document: Document, send: Send) -> None:
    """What compresses is an extra: without it the workers would stop one after another."""
    if send.compression != "none":
        from fidac_node.dicom.lossless import problem

        if missing := problem(send.compression):
            raise document.error(("send", "compression"), missing)


def _is_missing(path: Path) -> bool:
    try:
        return not path.is_file()
    except PermissionError:
        return False  # a folder of secrets that this user may not enter: whoever needs the file will say


_ONLY: Final = {
    "site": sections(SiteConfig).keys() - sections(HubConfig).keys(),
    "hub": sections(HubConfig).keys() - sections(SiteConfig).keys(),
}
_HEADER: Final = """\
Every option is listed with its default: take the "#" away to change one. Mistakes are reported with
file, line and what is allowed. Relative paths start at this file's folder, times are seconds.
The environment overrides: FIDAC_NODE_<SECTION>_<KEY>, for example FIDAC_NODE_RECEIVE_PORT=4242."""
_HEADERS: Final[dict[type, str]] = {
    SiteConfig: f"""\
Settings of a FIDAC site node (the hospital's end).

{_HEADER}

Next: 1. at the hub, 'fidac-node hub site add ID --ae-title TITLE' with the id and AE title of this node
      2. 'fidac-node doctor -c site.toml' checks everything that can be checked before a start
      3. 'fidac-node site run -c site.toml', then let the PACS send a study
      4. 'fidac-node site status -c site.toml' shows where it is""",
    HubConfig: f"""\
Settings of a FIDAC hub (the central end).

{_HEADER}

Next: 1. 'fidac-node hub site add ID --ae-title TITLE -c hub.toml' for each site: only these may store
      2. 'fidac-node doctor -c hub.toml' checks everything that can be checked before a start
      3. 'fidac-node hub run -c hub.toml'
      4. 'fidac-node hub status -c hub.toml' and 'fidac-node hub find studies -c hub.toml'""",
}
