"""Files, folders and media taken into a site's pipeline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from fidac_node.site.importing import ImportResult, import_paths
from fidac_node.site.node import open_site


def import_media(
    config: Path, paths: Sequence[Path], label: str, progress: Callable[[int, int | None], None]
) -> ImportResult:
    """Take every DICOM object that ``paths`` hold; ``progress`` hears how many files were looked at, and of how many.

    Raises :class:`ConfigError`, ``OSError``.
    """
    site = open_site(config)
    site.check_key()
    try:
        return import_paths(
            paths,
            site.inbox,
            site.ledger,
            label=label,
            handles=site.keys.handles,
            max_object=site.config.receive.max_object,
            progress=progress,
        )
    finally:
        site.ledger.close()
