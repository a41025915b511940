"""How long PostgreSQL is waited for: to connect, for a statement, and for a server that says nothing at all."""

from __future__ import annotations

import contextlib
import math
import select
import time
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

_CONNECT_SECONDS: Final = 10.0
_STATEMENT_SECONDS: Final = 60.0
# The server ends a statement by itself; who hears nothing so long after that gives up on the server.
_SILENCE_SECONDS: Final = 10.0
# A peer that is gone without a word is noticed within a minute, whether something is on its way to it or not.
_KEEPALIVES: Final = {"keepalives": 1, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
# Any constant will do, as long as every hub asks for the same lock ("FIDAC" in ASCII, and one more).
_OWNER_LOCK: Final = 0x4649444144
_UNACKNOWLEDGED_MS: Final = 60_000


def limits(given: Mapping[str, Any], patience: float | None) -> dict[str, Any]:
    """Return what libpq is told besides ``given``, which goes before; ``patience`` (seconds) bounds each step.

    Where psycopg2 is there, it also waits no longer than that for a server that is frozen: the server's own limit on
    statements, and TCP's, which a frozen server's kernel goes on answering, do not see that.
    """
    connect, statement = (patience, patience) if patience else (_CONNECT_SECONDS, _STATEMENT_SECONDS)
    options = f"-c statement_timeout={statement * 1000:.0f} {given.get('options', '')}".rstrip()
    told = {
        "connect_timeout": max(2, round(connect)),  # libpq takes whole seconds, at least 2
        "tcp_user_timeout": _UNACKNOWLEDGED_MS,
        **_KEEPALIVES,
        **given,
        "options": options,
    }
    if find_spec("psycopg2") is not None:
        told["connection_factory"] = _waiting_at_most(statement + min(_SILENCE_SECONDS, statement))
    return told


@contextlib.contextmanager
def endless(connection: Any) -> Iterator[None]:
    """Wait for what the server says to the block for as long as it takes."""
    patience = getattr(connection, "patience", None)
    connection.patience = math.inf
    try:
        yield
    finally:
        connection.patience = patience


def claim(connection: Any, name: str) -> str:
    """Take the lock of who works on the database, as ``name``, for as long as this session lasts.

    Return who has it, when another does: his name, the server's process and his address.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('application_name', %s, false)", (name[:63],))  # NAMEDATALEN - 1
        cursor.execute("SELECT pg_try_advisory_lock(%s)", (_OWNER_LOCK,))
        if cursor.fetchone()[0]:
            return ""
        cursor.execute(
            "SELECT application_name, pid, client_addr FROM pg_locks JOIN pg_stat_activity USING (pid) "
            "WHERE locktype = 'advisory' AND granted AND classid = %s AND objid = %s AND objsubid = 1",
            (_OWNER_LOCK >> 32, _OWNER_LOCK & 0xFFFFFFFF),
        )
        found = cursor.fetchone() or ("somebody who left just now", 0, None)
    return f"{found[0]} (session {found[1]}{f' from {found[2]}' if found[2] else ''})"


def _waiting_at_most(patience: float) -> type[Any]:
    """A class of connections that wait no longer than ``patience`` seconds for one answer."""
    extensions = import_module("psycopg2.extensions")
    extensions.set_wait_callback(_wait)
    return type("Connection", (extensions.connection,), {"patience": patience})


def _wait(connection: Any) -> None:
    """Wait until libpq has its answer (psycopg2, "Support for coroutine libraries"); the signals' handlers run."""
    extensions, driver = import_module("psycopg2.extensions"), import_module("psycopg2")
    patience = getattr(connection, "patience", math.inf)
    deadline = time.monotonic() + patience
    events = {extensions.POLL_READ: select.POLLIN, extensions.POLL_WRITE: select.POLLOUT}
    while (state := connection.poll()) != extensions.POLL_OK:
        if state not in events:
            raise driver.OperationalError(f"unexpected state {state} of the connection")
        poll = select.poll()
        poll.register(connection.fileno(), events[state])
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(None if left == math.inf else left * 1000):
            raise driver.OperationalError(f"the server says nothing for {patience:g} s: it is frozen or overloaded")
