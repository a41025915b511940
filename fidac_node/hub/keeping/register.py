"""The register of sites, written down in the archive whenever it changes: a lost index does not lose who may store.

``<archive>/.sites.json`` has what an administrator said of each site; objects tell their site's id alone.
"""

from __future__ import annotations

import datetime
import json
import logging
import os
from pathlib import Path
from typing import Any, Final

from peewee import Database

from fidac_node.hub.index.models import Site
from fidac_node.system import safeio
from fidac_node.system.database import borrowed, exclusive

log = logging.getLogger(__name__)

FILE: Final = ".sites.json"
_MOMENTS: Final = ("added_at", "disabled_at")
_FIELDS: Final = ("id", "ae_title", "code", "key", *_MOMENTS)


def write(archive: Path, db: Database) -> None:
    """Write the register down, if it has changed and there is an archive. Raises ``OSError``, ``PeeweeException``."""
    if not archive.is_dir():
        return
    with borrowed(db):
        rows = Site.select().order_by(Site.id).execute(db)
        sites = [{name: _plain(getattr(site, name)) for name in _FIELDS} for site in rows]
    content = (json.dumps(sites, indent=1) + "\n").encode("ascii")
    path = archive / FILE
    if path.exists() and path.read_bytes() == content:
        return
    safeio.write_synced(path, content)
    if os.geteuid() == 0:  # the hub's user writes it, too
        owner = archive.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


def restore(archive: Path, db: Database) -> list[str]:
    """Register again, as it was written down, whoever has no AE title in the index or is not in it; return their ids.

    Raises ``OSError``, ``peewee.PeeweeException``.
    """
    back = []
    with borrowed(db), exclusive(db):
        known = {site.id: site.ae_title for site in Site.select().execute(db)}
        taken = set(known.values())
        for site in _read(archive / FILE):
            if known.get(site["id"]) or not site["ae_title"] or site["ae_title"] in taken:
                continue
            if site["id"] in known:
                Site.update(**site).where(Site.id == site["id"]).execute(db)
            else:
                Site.insert(**site).execute(db)
            back.append(str(site["id"]))
    return back


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        found = json.loads(path.read_bytes())
        return [
            {
                name: datetime.datetime.fromisoformat(one[name]) if name in _MOMENTS and one[name] else one[name]
                for name in _FIELDS
            }
            for one in found
        ]
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError):
        log.error("%s cannot be read: register the sites again ('fidac-node hub site add')", path)
        return []


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime.datetime) else value
