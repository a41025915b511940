"""What the views of pages share: who asks, what he may know, and operations run where they may wait."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar
from zoneinfo import ZoneInfo

from starlette.exceptions import HTTPException
from starlette.requests import Request

from fidac_node.errors import ConfigError, NotFound, Temporary
from fidac_node.hub.web.access import who
from fidac_node.hub.web.streaming import unavailable
from fidac_node.operations.uses import on_behalf

if TYPE_CHECKING:
    from fidac_node.config.config import HubConfig

T = TypeVar("T")

ADMINISTRATOR: Final = "administrator"
PARIS: Final = ZoneInfo("Europe/Paris")


def settings(request: Request) -> HubConfig:
    """Return the hub's settings, to be handed on to operations."""
    config: HubConfig = request.app.state.config
    return config


def is_administrator(request: Request) -> bool:
    """Say whether who asks may be told exact times of reception, and what waits for a person."""
    return bool(request.state.bearer.role == ADMINISTRATOR)


def sees_images(request: Request) -> bool:
    """Say whether pictures are for who asks."""
    return "retrieve" in request.state.bearer.rights


def today() -> datetime.date:
    """Return the day that it is in Paris."""
    return datetime.datetime.now(PARIS).date()


async def acting(request: Request, operation: Callable[[], T]) -> T:
    """Return what an operation returns, which is written down as the act of who asks.

    Raises 400, 404 and 503 in its own words, which are for people.
    """

    def act() -> T:
        with on_behalf(who(request)):
            return operation()

    async with request.app.state.readers.one() as reader:
        try:
            result: T = await reader.call(act)
        except NotFound as error:
            raise HTTPException(404, str(error)) from None
        except ConfigError as error:
            raise HTTPException(400, str(error)) from None
        except Temporary as error:
            raise unavailable(str(error)) from None
    return result
