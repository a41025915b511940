"""A research programme at a site: whose patients it is about, and where its keys and its vault are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

PSEUDONYMISED: Final = "pseudonymised"
ANONYMISED: Final = "anonymised"
MODES: Final = (PSEUDONYMISED, ANONYMISED)


@dataclass(frozen=True)
class Programme:
    """Its name, the site's id and neutral code, its mode, and the paths of keys, vault, spool and settings."""

    name: str
    site: str
    code: str
    mode: str
    key_file: Path
    programme_key_file: Path
    vault_directory: Path
    vault_key_file: Path
    spool: Path
    settings: Path

    @property
    def prefix(self) -> str:
        """What each pseudonym starts with."""
        return self.code or self.site
