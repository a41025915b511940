"""What the node writes into each object so that the hub knows what it is: see docs/private-block.md."""

from __future__ import annotations

from typing import Final

# Standard attributes carry what fits them; these four have no standard place.
PRIVATE_GROUP: Final = 0x0F1D
PRIVATE_CREATOR: Final = "FIDAC NODE 1"
LABEL: Final = 0x01  # CS
LABEL_SOURCE: Final = 0x02  # LO
PROFILE: Final = 0x03  # LO
PROFILE_DIGEST: Final = 0x04  # LO, SHA-256 in hex

LABELS: Final = ("certain", "possible", "negative", "other", "unknown")
METHOD_PREFIX: Final = "FIDAC "
SPONSOR: Final = "FIDAC"
