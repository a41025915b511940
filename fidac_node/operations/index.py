"""The hub's index: opened, asked, made anew, and the sites that may store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

from fidac_node.errors import ConfigError, Temporary
from fidac_node.hub.index import (
    COLUMNS,
    EXACT_TIME,
    Row,
    StudyFilter,
    check,
    find,
    has_more,
    prepare,
)
from fidac_node.hub.index.held import HeldObject, list_held
from fidac_node.hub.index.parquet import is_installed as writes_parquet
from fidac_node.hub.keeping.belonging import Belonging
from fidac_node.operations.uses import hub_uses
from fidac_node.system import broken
from fidac_node.system.database import connect, sqlite_path

if TYPE_CHECKING:
    from pathlib import Path

    from peewee import Database

    from fidac_node.config.config import HubConfig
    from fidac_node.hub.index.rebuild import Reindexed

__all__ = [
    "COLUMNS",
    "EXACT_TIME",
    "HeldObject",
    "Row",
    "StudyFilter",
    "adopt",
    "answering",
    "connected",
    "database_file",
    "find",
    "has_more",
    "list_held",
    "opened",
    "reindex",
    "writes_parquet",
]


@contextmanager
def answering() -> Iterator[None]:
    """Say plainly that the database does not answer: :class:`ConfigError`, :class:`Temporary`."""
    from peewee import ImproperlyConfigured, PeeweeException

    try:
        yield
    except ImproperlyConfigured as error:
        raise ConfigError(f"the index cannot be opened: {error}") from error
    except PeeweeException as error:
        raise Temporary(
            f"the index does not answer: {str(error).strip()}; check [index] database, its server or its disk"
        ) from error


@contextmanager
def connected(config: HubConfig, patience: float | None = None) -> Iterator[Database]:
    """The index's database, whatever is in it. Raises as :func:`answering`."""
    with answering():
        yield connect(config.index.database, config.path.parent, patience=patience)


def database_file(config: HubConfig) -> Path | None:
    """The file of the index; ``None`` when a server has it."""
    return sqlite_path(connect(config.index.database, config.path.parent))


@contextmanager
def opened(config: HubConfig, patience: float | None = None) -> Iterator[Database]:
    """The index, for asking; no step waits longer than ``patience`` seconds, if given.

    Raises as :func:`answering`, and :class:`ConfigError` when there is none yet.
    """
    with connected(config, patience) as db:
        path = sqlite_path(db)
        if path is not None and not path.exists():
            raise ConfigError(
                f"no index at {path} yet: run 'fidac-node hub run -c {config.path}' once; "
                "'fidac-node hub reindex' fills it from the archive"
            )
        with db.connection_context():
            check(db)
            yield db


def reindex(config: HubConfig, progress: Callable[[int], None]) -> Reindexed:
    """Make the index anew from the archive; ``progress`` hears how many files were read.

    A file that is broken is replaced and set aside, its sites are carried over as far as they can be read; no hub may
    run then. Raises as :func:`answering`, and :class:`ConfigError` when one does.
    """
    from fidac_node.hub.archive import Archive
    from fidac_node.hub.index import rebuild
    from fidac_node.hub.keeping import register

    archive, limit = Archive(config.archive.directory), config.receive.max_object
    with connected(config) as db:
        path = sqlite_path(db)
        if path is not None and broken.look(path):
            open_at = lambda file: connect(f"sqlite:///{quote(str(file))}", file.parent)  # noqa: E731
            result = rebuild.replace_broken(archive, path, open_at, progress, limit=limit)
        else:
            prepare(db)
            result = rebuild.reindex(archive, db, progress, limit=limit)
    with connected(config) as db:
        result.registered = register.restore(archive.directory, db)
    result.unregistered = [site for site in result.unregistered if site not in result.registered]
    return result


def adopt(config: HubConfig, db: Database) -> str:
    """Let spool, archive and index belong together from now on; return the installation's name. Raises ``OSError``."""
    hub_uses(config).write("hub adopt", f"{config.spool.directory}, {config.archive.directory}")
    return Belonging(config.spool.directory, config.archive.directory, db).adopt()
