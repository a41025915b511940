"""Files as JavaScript hands them over, for tests in CPython."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from fidac_node.deidentify import load_plan
from fidac_node.deidentify.plan import dump
from fidac_node.portal.inside import Bench, Done

KEY = hashlib.sha256(b"a key of the tests").digest()
PLAN = dump(load_plan("fidac-chest-ct"))


class JsBytes(bytes):
    """What Pyodide makes of a Uint8Array."""

    def to_bytes(self) -> bytes:
        return bytes(self)


@dataclass
class JsFile:
    """A file that counts what is read of it."""

    content: bytes
    read_at_once: list[int] = field(default_factory=list)

    @property
    def size(self) -> int:
        return len(self.content)

    def read(self, start: int, length: int) -> JsBytes:
        self.read_at_once.append(length)
        return JsBytes(self.content[start : start + length])


def bench(site: str = "CHU-X", code: str = "") -> Bench:
    return Bench(PLAN, JsBytes(KEY), site, "FIDAC", code)


def whole(done: Done, file: JsFile, put: list[bytes]) -> bytes:
    """The object that the worker puts together."""
    return b"".join((*put, done.head, file.content[done.start : done.stop]))
