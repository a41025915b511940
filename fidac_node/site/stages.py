"""The stages of a site, in the order of the flow: each may run under a supervisor of its own."""

from __future__ import annotations

from typing import Final

STAGES: Final = ("receive", "deidentify", "send")
