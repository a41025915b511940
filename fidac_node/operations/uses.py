"""The record of acts as operations write it: by the account that runs them, from the terminal that it is at.

A page runs them for whoever is signed in.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fidac_node.audit.syslog import teller
from fidac_node.audit.trail import ALL, FILE, Act, Doing, Page, Trail, Verdict, Wanted, Who

if TYPE_CHECKING:
    from fidac_node.config.config import HubConfig

__all__ = ["ALL", "Act", "Page", "UseLog", "Verdict", "Wanted", "Who", "hub_uses", "on_behalf", "user"]

_BEHALF: Final[ContextVar[Who | None]] = ContextVar("behalf", default=None)


class UseLog(Trail):
    """The record in the folder ``directory``, a site's vault or a hub's spool, as this account writes it."""

    def __init__(self, directory: Path, syslog: str = "", source: str = "") -> None:
        super().__init__(directory / FILE, teller(syslog, source))

    def write(self, command: str, subject: str, reason: str = "", number: int | None = None) -> None:
        """Write down one act, durably. Raises ``OSError``: then it must not be done, and there must be no answer."""
        self.note(_here(), command, subject, number=number, reason=reason)

    @contextmanager
    def during(self, command: str, subject: str, reason: str = "") -> Iterator[Doing]:
        """Write down an act that takes its time. Raises as :meth:`Trail.doing`."""
        with self.doing(_here(), command, subject, reason=reason) as doing:
            yield doing


def hub_uses(config: HubConfig) -> UseLog:
    """The record of what is done at a hub, and asked of it."""
    return UseLog(config.spool.directory, config.audit.syslog, config.receive.ae_title)


@contextmanager
def on_behalf(who: Who) -> Iterator[None]:
    """Let the operations in the block be written down as the acts of ``who``."""
    before = _BEHALF.set(who)
    try:
        yield
    finally:
        _BEHALF.reset(before)


def user() -> str:
    """Who acts: the account that runs this, and the one it was reached from, if sudo tells."""
    if behalf := _BEHALF.get():
        return behalf.name
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = str(os.getuid())
    behind = os.environ.get("SUDO_USER")
    return f"{name} ({behind})" if behind else name


def _here() -> Who:
    """Who acts, and from where: of this account the address that its terminal is at, if SSH tells."""
    return _BEHALF.get() or Who(user(), os.environ.get("SSH_CONNECTION", "").partition(" ")[0])
