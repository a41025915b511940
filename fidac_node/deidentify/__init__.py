"""De-identification: recipe -> plan (compiled once), pseudonyms, and the engine that applies them.

What applies a plan is standard library alone, and loaded on first use; who compiles one loads ``deid``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fidac_node.deidentify.plan import Plan
from fidac_node.deidentify.profile.load import load_plan
from fidac_node.deidentify.profile.programmes import profiles_directory
from fidac_node.deidentify.rewrite.pseudonym import Keyring, Pseudonymiser

if TYPE_CHECKING:
    from fidac_node.deidentify.engine import Deidentifier, Outcome
    from fidac_node.deidentify.rewrite.dates import Moments
    from fidac_node.deidentify.source import Source, open_source

_LAZY = {
    "Deidentifier": "engine",
    "Moments": "rewrite.dates",
    "Outcome": "engine",
    "Source": "source",
    "open_source": "source",
}

__all__ = [
    "Deidentifier",
    "Keyring",
    "Moments",
    "Outcome",
    "Plan",
    "Pseudonymiser",
    "Source",
    "load_plan",
    "open_source",
    "profiles_directory",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
