"""Which sites may store: added, changed, disabled, removed; each change is in the record of acts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fidac_node.config.values import site_id_problem
from fidac_node.dicom.ae import ae_title_problem
from fidac_node.errors import ConfigError
from fidac_node.hub.index import add_site, received_per_site, site_code
from fidac_node.hub.index.held import list_held
from fidac_node.hub.index.sites import named, remove_site, set_disabled, set_title
from fidac_node.hub.keeping.register import write as write_register
from fidac_node.operations.uses import hub_uses

if TYPE_CHECKING:
    from peewee import Database

    from fidac_node.config.config import HubConfig

__all__ = ["change_title", "disable", "enable", "received_per_site", "register", "remove"]


def register(config: HubConfig, db: Database, site_id: str, ae_title: str) -> tuple[bool, str]:
    """Let a site store, under its AE title; return whether that is new, and the site's neutral code.

    Raises :class:`ConfigError` for what is no id or title, or belongs to another site.
    """
    if problem := site_id_problem(site_id) or ae_title_problem(ae_title):
        raise ConfigError(problem)
    hub_uses(config).write("hub site add", site_id, f"AE title {ae_title}")
    added = add_site(db, site_id, ae_title)
    write_register(config.archive.directory, db)
    return added, site_code(db, site_id)


def change_title(config: HubConfig, db: Database, site_id: str, ae_title: str) -> str:
    """Let a site store under another AE title; return the one of before. Raises :class:`ConfigError`, ``NotFound``."""
    if problem := ae_title_problem(ae_title):
        raise ConfigError(problem)
    hub_uses(config).write("hub site set", site_id, f"AE title {ae_title}")
    before = set_title(db, site_id, ae_title)
    write_register(config.archive.directory, db)
    return before


def disable(config: HubConfig, db: Database, site_id: str, reason: str) -> bool:
    """Let a site store nothing more until it is enabled; return whether that is new. Raises :class:`NotFound`."""
    hub_uses(config).write("hub site disable", site_id, reason)
    return _set_disabled(config, db, site_id, disabled=True)


def enable(config: HubConfig, db: Database, site_id: str) -> bool:
    """Let a site store again; return whether that is new. Raises :class:`NotFound`."""
    hub_uses(config).write("hub site enable", site_id)
    return _set_disabled(config, db, site_id, disabled=False)


def remove(config: HubConfig, db: Database, site_id: str) -> None:
    """Forget a site of which there is nothing here. Raises :class:`NotFound`, :class:`ConfigError`."""
    named(db, site_id)
    if held := len(list_held(db, site=site_id)):
        raise ConfigError(
            f"{held} objects of site {site_id} are held here: 'fidac-node hub held list --site {site_id}' shows them; "
            "release or drop them first"
        )
    hub_uses(config).write("hub site remove", site_id)
    remove_site(db, site_id)
    write_register(config.archive.directory, db)


def _set_disabled(config: HubConfig, db: Database, site_id: str, *, disabled: bool) -> bool:
    new = set_disabled(db, site_id, disabled=disabled)
    write_register(config.archive.directory, db)
    return new
