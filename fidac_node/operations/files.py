"""The engine for files, without a network: made from a site's settings, from a profile and a key, or both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from fidac_node.config.config import find_config, load_site
from fidac_node.config.options import select
from fidac_node.config.own_words import read_own_words
from fidac_node.deidentify import Keyring, Moments, Plan, Pseudonymiser, load_plan
from fidac_node.deidentify.triage import ocr
from fidac_node.deidentify.triage.triage import Rules, Verdict
from fidac_node.errors import ConfigError
from fidac_node.identity.keyfile import read_key
from fidac_node.identity.keys import open_keys


@dataclass(frozen=True)
class FileSettings:
    """What decides on the output: profile and keys, rules of triage, the site's own words, site and programme."""

    plan: Plan
    handles: Pseudonymiser
    patients: Pseudonymiser | Keyring
    rules: Rules | None
    moments: Moments | None
    site_id: str
    programme: str
    own_words: tuple[str, ...] = ()

    def facts(self) -> dict[str, str]:
        """What a report says of them."""
        return {
            "profile": self.plan.profile,
            "profile_digest": self.plan.digest,
            "programme": self.programme,
            "site": self.site_id,
        }

    def look(self) -> Callable[[BinaryIO, Verdict], object] | None:
        """What looks for burned-in text, where the rules ask for it; :class:`ConfigError`: it is not installed."""
        if self.rules is None or not self.rules.wants_ocr:
            return None
        ocr.require()
        return ocr.examine


def file_settings(
    config: Path | None, profile: str | None, key_file: Path | None, programme: str | None, site_id: str | None
) -> FileSettings:
    """From a site's settings, from options, or options over settings.

    Raises :class:`ConfigError`, also when neither says which key.
    """
    if config is None and profile is None and key_file is None:
        config = find_config("site", None)
    site = load_site(config) if config is not None else None
    if site is None and key_file is None:
        raise ConfigError("--key-file is needed with --profile, or -c with a site.toml")
    own = (
        site is not None
        and key_file is None
        and programme in (None, site.deidentify.programme)
        and site_id in (None, site.site.id)
    )
    site_id = site_id or (site.site.id if site else "SITE")
    programme = programme or (site.deidentify.programme if site else "FIDAC")
    plan = load_plan(
        profile or (site.deidentify.profile if site else "fidac-chest-ct"),
        site.deidentify.profiles_directory if site else None,
        layers=site.deidentify.layers if site and profile is None else (),
    )
    rules, moments = (
        (ocr.feasible(select(Rules, site.deidentify)), select(Moments, site.deidentify)) if site else (None, None)
    )
    own_words = read_own_words(site.deidentify.own_words, site.deidentify.own_words_file) if site else ()
    if site is not None and own:
        keys = open_keys(site.programme)  # until this process ends: nobody changes them meanwhile
        return FileSettings(plan, keys.handles, keys.patients, rules, moments, site_id, programme, own_words)
    key = key_file or (site.deidentify.key_file if site else Path())
    pseudonyms = Pseudonymiser(read_key(key), programme, site_id)
    return FileSettings(plan, pseudonyms, pseudonyms, rules, moments, site_id, programme, own_words)
