"""Who may ask the hub: added, listed, removed; each change is in the record of acts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fidac_node.config.options import one_of
from fidac_node.config.values import long_string_problem, network_problem
from fidac_node.dicom.ae import ae_title_problem
from fidac_node.errors import ConfigError
from fidac_node.hub.index.clients import RIGHTS, Client, Right, list_clients
from fidac_node.hub.index.clients import add_client as add_row
from fidac_node.hub.index.clients import remove_client as remove_row
from fidac_node.operations.uses import hub_uses

if TYPE_CHECKING:
    from peewee import Database

    from fidac_node.config.config import HubConfig

__all__ = ["RIGHTS", "Client", "Right", "add_client", "list_clients", "remove_client"]


def add_client(
    config: HubConfig, db: Database, ae_title: str, networks: Sequence[str], rights: Sequence[Right], programme: str
) -> bool:
    """Let a client ask as said; return whether it is new.

    Raises :class:`ConfigError` for what is no AE title, network, right or programme, or for the AE title of a site.
    """
    problems = (
        ae_title_problem(ae_title),
        *map(network_problem, networks),
        *map(one_of(RIGHTS, "right"), rights),
        long_string_problem(programme) if programme else None,
    )
    if problem := next(filter(None, problems), None):
        raise ConfigError(problem)
    may = tuple(right for right in RIGHTS if right in rights)
    said = f"may {' and '.join(may)} from {', '.join(networks) or 'anywhere'}, {programme or 'every programme'}"
    hub_uses(config).write("hub client add", ae_title, said)
    return add_row(db, ae_title, networks, may, programme)


def remove_client(config: HubConfig, db: Database, ae_title: str) -> None:
    """Let a client ask no more. Raises :class:`NotFound`."""
    hub_uses(config).write("hub client remove", ae_title)
    remove_row(db, ae_title)
