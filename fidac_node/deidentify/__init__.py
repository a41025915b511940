"""De-identification: recipe -> plan (compiled once), pseudonyms, and the engine that applies them.

``Deidentifier`` brings pydicom with it and is loaded on first use; the rest is standard library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fidac_node.deidentify.plan import Plan, load_plan
from fidac_node.deidentify.programmes import profiles_directory
from fidac_node.deidentify.pseudonym import Keyring, Pseudonymiser

if TYPE_CHECKING:
    from fidac_node.deidentify.apply import Deidentifier, Outcome
    from fidac_node.deidentify.dates import Moments
    from fidac_node.deidentify.keyfile import create_key, read_key
    from fidac_node.deidentify.reading import Source, open_source

_LAZY = {
    "Deidentifier": "apply",
    "Moments": "dates",
    "Outcome": "apply",
    "Source": "reading",
    "create_key": "keyfile",
    "open_source": "reading",
    "read_key": "keyfile",
}

__all__ = [
    "Deidentifier",
    "Keyring",
    "Moments",
    "Outcome",
    "Plan",
    "Pseudonymiser",
    "Source",
    "create_key",
    "load_plan",
    "open_source",
    "profiles_directory",
    "read_key",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
