"""The tables of docs/conformance-statement.md, made from the code; ``python -m tests.conformance`` writes them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Final

from fidac_node import __version__
from fidac_node.commitment import reasons
from fidac_node.commitment.answer import request_contexts
from fidac_node.config.sections import HubReceive, Query, Send, SiteReceive
from fidac_node.dicom import statuses
from fidac_node.dicom.uids import (
    CT_CLASSES,
    HELD_CLASSES,
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    TRANSFER_SYNTAXES,
    UNCOMPRESSED,
    VERIFICATION,
)
from fidac_node.hub.query.find import find_contexts
from fidac_node.hub.query.retrieve import retrieve_contexts
from fidac_node.hub.web.dicomweb.routes import routes
from fidac_node.send.classify import classify

DOCUMENT: Final = Path(__file__).parents[1] / "docs" / "conformance-statement.md"
_MARKERS: Final = re.compile(r"(<!-- table (\S+): begin -->\n).*?(<!-- table \2: end -->)", re.DOTALL)
# Statuses of PS3.4 Table B.2-1 and PS3.7 Annex C, and one from the middle of each range.
_STATUSES: Final = (
    *(0x0000, 0xB000, 0xB006, 0xB007, 0xA700, 0xA900, 0xC000, 0x0105, 0x0110, 0x0111, 0x0117, 0x0118, 0x0119),
    *(0x0122, 0x0124, 0x0210, 0x0213),
)


def tables() -> Mapping[str, str]:
    """Each table of the document, by the name in its markers."""
    return {
        "versions": _table(
            ("", ""),
            [
                ("Implementation Class UID", IMPLEMENTATION_CLASS_UID),
                ("Implementation Version Name", IMPLEMENTATION_VERSION_NAME),
                ("Version", __version__),
            ],
        ),
        "storage": _table(
            ("SOP Class", "UID", "site as SCP", "site as SCU", "hub as SCP", "hub as SCU"),
            [
                *((name, uid, "takes", "sends", "takes", "sends") for uid, name in CT_CLASSES.items()),
                *((name, uid, "takes and holds", "", "", "") for uid, name in HELD_CLASSES.items()),
            ],
        ),
        "services": _table(
            ("SOP Class", "UID", "site", "hub"),
            [
                ("Verification", VERIFICATION, "SCU, SCP", "SCP"),
                *(
                    (name, uid, "SCU", "SCP")
                    for name, uid in (("Storage Commitment Push Model", _uid(cx)) for cx in request_contexts())
                ),
                *((_name(_uid(cx)), _uid(cx), "", "SCP") for cx in (*find_contexts(), *retrieve_contexts())),
            ],
        ),
        "syntaxes": _table(
            ("Transfer syntax", "UID", "taken", "sent", "given to who does not take what is stored"),
            [
                (name, uid, "yes", "as stored", "yes" if uid in UNCOMPRESSED else "")
                for uid, name in TRANSFER_SYNTAXES.items()
            ],
        ),
        "limits": _table(
            ("", "site, as acceptor", "hub, as acceptor", "site, as requestor", "hub, as requestor (C-MOVE)"),
            [
                (words, *(_default(section, option) for section in (SiteReceive, HubReceive, Send, Query)))
                for option, words in _LIMITS.items()
            ],
        ),
        "statuses": _table(
            ("Status", "means to the site", "and then"),
            [(f"{status:04X}", str(classify(status).meaning), classify(status).fate.value) for status in _STATUSES],
        ),
        "reasons": _table(
            ("Failure Reason", "means to the site", "and then"),
            [
                (f"{reason:04X}", reasons.failure(reason).words, reasons.failure(reason).remedy.value)
                for reason in _reasons()
            ],
        ),
        "web": _table(
            ("Address below /dicom-web", "Methods"),
            sorted({(path, ", ".join(sorted(methods))) for path, methods in _routes().items()}),
        ),
    }


_LIMITS: Final = {
    "max_pdu": "Largest PDU, bytes",
    "max_associations": "Associations at once",
    "associations": "Associations at once, as requestor",
    "acse_timeout": "ACSE timeout, seconds",
    "dimse_timeout": "DIMSE timeout, seconds",
    "idle_timeout": "Idle timeout, seconds",
    "connect_timeout": "TCP connect timeout, seconds",
}


def written(text: str) -> str:
    """The document with its tables as the code has them. Raises ``KeyError`` for a table that nobody makes."""
    made = tables()
    return _MARKERS.sub(lambda found: f"{found[1]}{made[found[2]]}\n{found[3]}", text)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _uid(context: object) -> str:
    return str(getattr(context, "abstract_syntax", ""))


def _name(uid: str) -> str:
    root = "Patient Root" if uid.startswith("1.2.840.10008.5.1.4.1.2.1.") else "Study Root"
    return f"{root} Query/Retrieve - {('FIND', 'MOVE', 'GET')[int(uid[-1]) - 1]}"


def _default(section: type, option: str) -> str:
    found = {each.name: each.default for each in fields(section)}.get(option)
    return "" if found is None else f"{found:g}" if isinstance(found, float) else str(found)


def _reasons() -> list[int]:
    named = {**vars(reasons), **vars(statuses)}
    return sorted({value for name, value in named.items() if name.isupper() and _is_reason(value)})


def _is_reason(value: object) -> bool:
    return isinstance(value, int) and reasons.failure(value) is not reasons.failure(0xFFFF)


def _routes() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for route in routes():
        path = str(getattr(route, "path", "")).replace(":path}", "}")
        found.setdefault(path, set()).update(getattr(route, "methods", None) or set())
    return found


if __name__ == "__main__":
    DOCUMENT.write_text(written(DOCUMENT.read_text("utf-8")), "utf-8")
