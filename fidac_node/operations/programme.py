"""The research programme at a site, and its secret: show, open, close, rotate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fidac_node.errors import ConfigError
from fidac_node.identity import keys
from fidac_node.identity.programme import ANONYMISED, Programme
from fidac_node.identity.reasons import check_reason
from fidac_node.operations.uses import UseLog
from fidac_node.system import locks, safeio

if TYPE_CHECKING:
    from fidac_node.config.config import SiteConfig

NO_VAULT: Final = keys.NO_VAULT


@dataclass(frozen=True)
class ProgrammeState:
    """A programme: when it was closed (seconds of the epoch), its keys, what its vault holds (``None``: no vault)."""

    programme: Programme
    closed_at: float | None
    key_files: tuple[Path, ...]
    vault_file: Path | None
    records: int
    generation: int


def state(config: SiteConfig) -> ProgrammeState:
    """The programme's mode, its keys and its vault. Raises :class:`ConfigError` when they cannot be used."""
    programme = config.programme
    closed_at = keys.closed(programme)
    if closed_at is not None and programme.mode == ANONYMISED:
        return ProgrammeState(programme, closed_at, (), None, 0, 0)
    opened = keys.open_keys(programme)
    files = tuple(keys.key_files(programme))
    vault = None if opened.vault is None else keys.vault_file(programme)
    records = 0 if opened.vault is None else opened.vault.records
    opened.close()
    return ProgrammeState(programme, None, files, vault, records, opened.generation)


def open_programme(config: SiteConfig) -> list[Path]:
    """Make the keys that the configured mode needs and that were never there; return those made."""
    safeio.make_directories(config.spool.directory)
    return keys.create_keys(config.programme)


def close(config: SiteConfig, name: str, reason: str, confirm: Callable[[], None]) -> None:
    """Destroy the key of the anonymised programme ``name``: from then on nobody can link its data to a patient.

    ``confirm`` is asked when nothing stands in the way any more; who raises there keeps the key. Raises
    :class:`ConfigError` while the node runs, while objects wait, or when it is another programme.
    """
    from fidac_node.site.housekeeping import check_finished, forget

    programme = config.programme
    reason = check_reason(reason)
    if name != programme.name:
        raise ConfigError(
            f"{config.path} is about programme {programme.name}, not {name}; name the right settings with -c"
        )
    if programme.mode != ANONYMISED:
        raise ConfigError(
            f"programme {name} is pseudonymised: as long as {keys.vault_file(programme)} or {programme.key_file} "
            "exists, anywhere, it can be linked. The secret may serve other programmes, so that this command does not "
            "touch it"
        )
    lock = keys.take_alone(programme)
    check_finished(config)
    confirm()
    UseLog(programme.vault_directory).write("programme close", name, reason)
    keys.close_programme(programme)
    forget(config)
    locks.release(lock)


def rotate(config: SiteConfig, reason: str) -> int:
    """Replace the site's secret and return its generation; patients whom the vault knows keep their pseudonyms.

    Raises :class:`ConfigError` while the node runs.
    """
    reason, programme = check_reason(reason), config.programme
    log = UseLog(programme.vault_directory)
    return keys.rotate(programme, before=lambda: log.write("key rotate", programme.name, reason))
