"""The house's rules: which room may know which, no two modules in a circle, and rooms that say what they are for."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "fidac_node"
STANDARD = "errors", "__init__"
# What each room may import besides itself, errors and the version: rooms, or single modules of them.
MAY: dict[str, tuple[str, ...]] = {
    "dicom": (),
    "system": (),
    "spool": ("system",),
    # Whoever answers or acts writes it down: at both ends, in every process.
    "audit": ("dicom", "system"),
    "config": ("dicom", "identity.programme"),
    "phantom": ("dicom",),
    "receive": ("dicom", "spool", "system"),
    "send": ("dicom", "spool", "system"),
    "commitment": ("dicom", "spool", "system", "send"),
    "identity": ("dicom", "spool", "system", "deidentify"),
    "deidentify": ("dicom", "system.base32"),
    "deidentify.profile": ("dicom", "deidentify"),
    "deidentify.rewrite": ("dicom", "system.base32", "deidentify.actions", "deidentify.plan"),
    "deidentify.gate": ("dicom", "deidentify.actions", "deidentify.rewrite"),
    "deidentify.pixels": ("dicom", "deidentify.source"),
    "deidentify.triage": (
        *("dicom", "deidentify.source", "deidentify.pixels", "deidentify.rewrite.text", "deidentify.gate.scripts"),
    ),
    "deidentify.tools": ("dicom", "system", "deidentify"),
    "hub.index": ("dicom", "system", "hub"),
    # What a site says of an object is proven with the site's own plan.
    "hub.recipes": ("deidentify",),
    "hub.keeping": ("dicom", "spool", "system", "receive", "hub"),
    # What leaves as files is compared with what was filed.
    "hub.export": ("dicom", "system", "receive.digest", "hub.index", "hub.archive", "hub.digests"),
    # A question is answered on the association that it came by; what is retrieved goes out as all is sent.
    "hub.query": (
        *("dicom", "system", "audit", "receive.association", "send"),
        *("hub.index", "hub.archive", "hub.keeping.answerable", "hub.transcode"),
    ),
    # Compressed frames are decoded as the site's gate does.
    "hub.transcode": ("dicom", "deidentify.source", "deidentify.pixels"),
    "hub": ("dicom", "spool", "system", "receive", "send", "commitment"),
    # What runs in a browser is what runs at a site: keys by the same rules, the same engine.
    "portal": ("dicom", "deidentify", "identity.secret"),
    # It asks and fetches as the command line does, by operations; the supervisor holds its socket, too.
    "hub.web": (
        *("dicom", "system", "audit", "receive.listener", "operations", "portal"),
        *("hub.archive", "hub.intake", "hub.index.keys", "hub.index.words", "hub.weeks"),
        *("hub.examination", "hub.filing"),  # what a person brings is looked at, and answered for
        "config.config",  # handed on to operations, and never read
    ),
    "hub.daemon": ("dicom", "spool", "system", "audit", "receive", "send", "commitment", "hub", "config"),
    "site": ("dicom", "spool", "system", "receive", "send", "commitment", "identity", "deidentify"),
    # The upload page is shown by a site, too.
    "site.relay": ("site.portal", "system", "portal"),
    **dict.fromkeys(
        ("site.daemon", "site.node", "site.housekeeping"),
        ("dicom", "spool", "system", "receive", "send", "commitment", "identity", "deidentify", "site", "config"),
    ),
    "operations": (
        *(
            "config",
            "audit",
            "dicom",
            "spool",
            "system",
            "identity",
            "deidentify",
            "site",
            "hub.index",
            *("hub.archive", "hub.transcode", "hub.pixels", "hub.weeks"),
            "hub.recipes",
            "hub.export",
            # A viewer that a hub's pages can have besides is fetched as all of the portal's is.
            "portal",
            # What was promised is looked after by a person as by the hub itself.
            "hub.keeping",
            # What people bring goes the way of what programs bring; the hub signs what it answers for.
            *("hub.intake", "hub.signing"),
        ),
        "commitment.reasons",  # what the ledger calls an object that the hub holds
    ),
    "doctor": (
        "config",
        "dicom",
        "system",
        "identity",
        "deidentify",
        "site.compress",
        "site.stages",
        # What is kept at a site only as long as there is room.
        "site.room",
        "send.echo",
        "hub.index",
        "hub.keeping.scrub",
    ),
    # It makes what sites sent in weeks that nobody waits for, and leaves it where the hub takes it up.
    "demo": ("dicom", "system", "spool", "send", "receive", "deidentify", "site", "hub.intake", "phantom"),
    # Nothing of a spool, a ledger, a vault, an index: what is done to them is an operation.
    "cli": (
        *("config", "operations", "doctor", "demo", "phantom", "dicom.marks", "dicom.ae", "send.echo"),
        *("send.associate", "site.daemon", "hub.daemon", "system.logs", "system.safeio", "system.remedies"),
        *("deidentify.plan", "deidentify.profile", "deidentify.tools", "deidentify.triage", "deidentify"),
    ),
}
# Who applies a plan does so in a browser, too: the standard library alone.
APPLIES = (
    *("deidentify.engine", "deidentify.source", "deidentify.slow"),
    *("deidentify.rewrite", "deidentify.gate", "deidentify.pixels", "portal.inside", "portal.picture"),
)
# Gives a browser what it runs, and does not run there.
SERVES = "portal.serving"
LIBRARIES = {
    "numpy",
    "pydicom",
    "deid",
    "pynetdicom",
    "peewee",
    "click",
    "cryptography",
    "blake3",
    "apscheduler",
    "rich",
    "starlette",
    "uvicorn",
    "PIL",
}


class Import(NamedTuple):
    """``importer`` imports ``imported``, both without ``fidac_node.``; ``lazy``: in a function, or for types alone."""

    importer: str
    imported: str
    line: int
    lazy: bool

    def __str__(self) -> str:
        path = self.importer.replace(".", "/")
        return f"fidac_node/{path}.py:{self.line} imports {self.imported}"


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__") or "__init__"


MODULES = {name_of(path): ast.parse(path.read_text("utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}


def imports(importer: str, tree: ast.Module) -> Iterator[Import]:
    """Every import of a module of ours, also in functions and for types alone."""
    at_load = set(map(id, tree.body))
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "fidac_node":
            base = (node.module or "").removeprefix("fidac_node").lstrip(".")
            for alias in node.names:
                below = f"{base}.{alias.name}".lstrip(".")
                found = below if below in MODULES else base or "__init__"
                yield Import(importer, found, node.lineno, id(node) not in at_load)
        for name in names:
            if name.split(".")[0] == "fidac_node":
                yield Import(importer, name.removeprefix("fidac_node."), node.lineno, id(node) not in at_load)


IMPORTS = [one for name, tree in MODULES.items() for one in imports(name, tree)]


def within(module: str, rooms: Iterable[str]) -> bool:
    return any(module == room or module.startswith(f"{room}.") for room in rooms)


def room_of(module: str) -> str:
    """The most special room, or single module, of :data:`MAY` that a module is in."""
    return max((room for room in MAY if within(module, [room])), key=len, default="")


def test_every_import_is_one_that_the_house_allows() -> None:
    forbidden = []
    for one in IMPORTS:
        room = room_of(one.importer)
        if not room:  # errors, __main__ and the package itself
            continue
        if not within(one.imported, (*STANDARD, room, *MAY[room])):
            forbidden.append(f"{one}, but {room} may import {', '.join(MAY[room]) or 'no room'} alone")
    assert forbidden == []


def test_every_module_is_in_a_room() -> None:
    alone = [name for name in MODULES if not room_of(name)]
    assert sorted(alone) == ["__init__", "__main__", "errors"]


@pytest.mark.parametrize(("one", "other"), [("site", "hub"), ("receive", "send"), ("receive", "deidentify")])
def test_two_stages_and_two_ends_never_import_each_other(one: str, other: str) -> None:
    found = [
        str(each)
        for each in IMPORTS
        if (within(each.importer, [one]) and within(each.imported, [other]))
        or (within(each.importer, [other]) and within(each.imported, [one]))
    ]
    assert found == []


def test_what_reception_sending_and_the_index_load_is_without_the_deidentifier() -> None:
    """Not only directly: nothing that they import brings it."""
    below: dict[str, set[str]] = {name: set() for name in MODULES}
    for one in IMPORTS:
        if not one.lazy and one.imported in below:
            below[one.importer].add(one.imported)
    rooms = ("receive", "send", "hub", "commitment")
    for start in (name for name in MODULES if within(name, rooms) and name not in ("hub.recipes", "hub.transcode")):
        seen, waiting = {start}, [start]
        while waiting:
            for after in below[waiting.pop()] - seen:
                seen.add(after)
                waiting.append(after)
        brought = {name for name in seen if within(name, ["deidentify", "identity"])}
        assert brought <= {"identity.programme"}, start  # plain values, which settings are made of


def test_no_two_modules_import_each_other_not_even_for_types() -> None:
    below: dict[str, set[str]] = {name: set() for name in MODULES}
    for one in IMPORTS:
        below[one.importer].add(one.imported)
    done: set[str] = set()

    def follow(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join((*way[way.index(name) :], name))
        if name not in done:
            for after in sorted(below.get(name, ())):
                if after != name:
                    follow(after, (*way, name))
            done.add(name)

    for name in MODULES:
        follow(name, ())


def test_what_applies_a_plan_imports_the_standard_library_alone() -> None:
    found = []
    for name, tree in MODULES.items():
        if not within(name, (*APPLIES, "dicom")) or name == SERVES:
            continue
        for node in tree.body:  # when it is loaded; a library that makes it faster, or better, may be asked for later
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found += [f"{name}:{node.lineno} {one}" for one in names if one.split(".")[0] in LIBRARIES]
    assert found == []


@pytest.mark.parametrize(
    "room", sorted(path.parent for path in PACKAGE.rglob("__init__.py")), ids=lambda path: path.name
)
def test_each_room_says_what_it_is_for(room: Path) -> None:
    words = ast.get_docstring(ast.parse((room / "__init__.py").read_text("utf-8")))
    assert words and len(words) > 30


def test_what_a_person_may_do_says_nothing_and_asks_nothing() -> None:
    """An operation is called by commands, pages and programs: it prints and prompts nowhere."""
    found = [
        f"operations/{name}:{node.lineno}"
        for name, tree in MODULES.items()
        if within(name, ["operations"])
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("print", "input")
    ]
    assert found == []
    assert not [one for one in IMPORTS if within(one.importer, ["operations"]) and within(one.imported, ["cli"])]


# --- what a newcomer reads


def rows_of(document: str, columns: int) -> list[list[str]]:
    """The cells of the tables of a document that have so many columns, without their headings."""
    lines = (ROOT / "docs" / document).read_text("utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    return [row for row in rows if len(row) == columns and "---" not in row[0]]


def paths_in(cell: str) -> list[str]:
    return re.findall(r"`([a-z0-9_/]+(?:\.py|/))`", cell)


def test_the_places_that_the_architecture_names_are_there() -> None:
    places = [row for row in rows_of("architecture.md", 3) if row[0].startswith("where")]
    assert len(places) >= 9
    for what, files, name in places:
        for path in paths_in(files):
            text = (PACKAGE / path).read_text("utf-8")
            for part in re.sub(r"[`]", "", name).split("."):
                found = re.search(rf"^ *(?:async def|def|class) {part}\b", text, re.MULTILINE)
                assert found or "field of its section" in name, f"{what}: {path} has no {part}"


def test_each_word_of_the_glossary_has_its_file() -> None:
    words = [row for row in rows_of("glossary.md", 3) if row[0] != "word"]
    assert len({word for word, _, _ in words}) == len(words) > 30
    for word, _, files in words:
        for path in paths_in(files):
            assert (PACKAGE / path).exists() or (ROOT / path).exists(), f"{word}: {path} is not there"


def test_every_fragment_of_the_changelog_says_its_issue_and_one_thing() -> None:
    for path in (ROOT / "changelog.d").glob("*.md"):
        assert re.fullmatch(r"\d+\.[a-z-]+\.md|README\.md", path.name), path.name
        assert path.name == "README.md" or path.read_text("utf-8").startswith("- **"), path.name
