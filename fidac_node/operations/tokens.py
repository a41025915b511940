"""The tokens of programs that ask the hub by HTTP: make, list, revoke; each act is in the record of acts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fidac_node.errors import NotFound
from fidac_node.hub.index.clients import RIGHTS, Right, permitted
from fidac_node.hub.index.tokens import (
    READ_IMAGES,
    READ_INDEX,
    RIGHT_OF,
    STORE,
    Bearer,
    TokenRow,
    add_token,
    bearer_of,
    list_tokens,
)
from fidac_node.hub.index.tokens import revoke_token as end
from fidac_node.operations.uses import hub_uses

if TYPE_CHECKING:
    from peewee import Database

    from fidac_node.config.config import HubConfig

__all__ = [
    "READ_IMAGES",
    "READ_INDEX",
    "RIGHTS",
    "RIGHT_OF",
    "STORE",
    "Bearer",
    "Right",
    "TokenRow",
    "bearer_of",
    "create",
    "list_tokens",
    "permitted",
    "revoke",
]


def create(
    config: HubConfig, db: Database, name: str, scopes: Sequence[str], *, programme: str = "", days: int = 365
) -> str:
    """Make a token and return it, which nobody can do again. Raises :class:`ConfigError`."""
    reason = f"scopes {' '.join(scopes)}, {days} days" + (f", programme {programme}" if programme else "")
    hub_uses(config).write("hub token create", name, reason)
    return add_token(db, name, scopes, programme, days)


def revoke(config: HubConfig, db: Database, name: str) -> None:
    """End a token at once. Raises :class:`~fidac_node.errors.NotFound` when there is no valid one of this name."""
    hub_uses(config).write("hub token revoke", name)
    if not end(db, name):
        raise NotFound(f"no valid token {name!r}; 'fidac-node hub token list' shows them")
