"""How a carrier of identity is registered, and what several of them share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from fidac_node.dicom.uids import DEFLATED_EXPLICIT_VR_LE, EXPLICIT_VR_BE, EXPLICIT_VR_LE, IMPLICIT_VR_LE
from tests.deid_slices import Slice

Kind: TypeAlias = Callable[[Slice], None]
NATIVE = (EXPLICIT_VR_LE, IMPLICIT_VR_LE, EXPLICIT_VR_BE, DEFLATED_EXPLICIT_VR_LE)
LITTLE = (EXPLICIT_VR_LE, IMPLICIT_VR_LE, DEFLATED_EXPLICIT_VR_LE)
EXPLICIT = (EXPLICIT_VR_LE, EXPLICIT_VR_BE)
KINDS: dict[str, tuple[Kind, tuple[str, ...]]] = {}


def carrier(*syntaxes: str) -> Callable[[Kind], Kind]:
    """Register a carrier with the transfer syntaxes that it is written in, one after the other."""

    def register(kind: Kind) -> Kind:
        KINDS[kind.__name__] = (kind, syntaxes or NATIVE)
        return kind

    return register


def code(one: Slice, value: str, scheme: str, meaning: str, kind: str = "kept") -> Slice:
    item = one.item()
    item.put("CodeValue", value, kind)
    item.put("CodingSchemeDesignator", scheme, kind)
    item.put("CodeMeaning", meaning, kind)
    return item
