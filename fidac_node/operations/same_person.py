"""Which pseudonyms are one person, as a site states in a file that it signed; at the hub."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fidac_node.config.values import long_string_problem
from fidac_node.errors import ConfigError
from fidac_node.hub.index.aliases import SamePerson, aliases, enter
from fidac_node.operations.by_site import stated_by_site
from fidac_node.operations.uses import hub_uses
from fidac_node.system import signed

if TYPE_CHECKING:
    from pathlib import Path

    from peewee import Database

    from fidac_node.config.config import HubConfig

__all__ = ["SamePerson", "aliases", "take"]


def take(config: HubConfig, db: Database, file: Path) -> tuple[str, str, tuple[str, ...], str]:
    """Know what a site states: return site, pseudonym of the person, the others, and why.

    Raises :class:`ConfigError` for a file that its site has not signed, ``OSError``.
    """
    try:
        site, person, others, reason = _stated(db, file.read_bytes())
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from None
    hub_uses(config).write("hub patient alias", f"{site}: {', '.join([person, *others])}", reason)
    enter(db, site, person, others)
    return site, person, others, reason


def _stated(db: Database, content: bytes) -> tuple[str, str, tuple[str, ...], str]:
    site, statement = stated_by_site(db, content, signed.ALIAS)
    try:
        person, reason = str(statement["person"]), str(statement["reason"])
        others = tuple(map(str, statement["pseudonyms"]))
    except (KeyError, TypeError):
        raise ConfigError("it is signed, and does not say who is one person: write it anew") from None
    if not others or any(map(long_string_problem, (person, *others))):
        raise ConfigError("it is signed, and names what is no pseudonym: write it anew")
    return site, person, others, reason
