"""Answers of ours, where PS3.7 Annex C leaves the numbers to the service: as C-STORE status and as Failure Reason."""

from __future__ import annotations

from typing import Final

# A person looks at it, or at another version of it.
HELD_FOR_A_PERSON: Final = 0xC110
# It was withdrawn, and is refused for good.
WITHDRAWN: Final = 0xC111
