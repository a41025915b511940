"""The upload page as a radiologist uses it: real Chromium, a real hub behind a line that can be cut, real files."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from pydicom.filewriter import dcmwrite

from fidac_node.deidentify import Deidentifier, Pseudonymiser, load_plan
from fidac_node.deidentify.gate.gate import Gate
from fidac_node.deidentify.gate.haystack import Haystack
from fidac_node.deidentify.source import Sources
from fidac_node.dicom.part10 import read_meta
from fidac_node.identity import keyfile
from fidac_node.phantom import IDENTITIES, secondary_capture, write_series
from fidac_node.portal.build import build
from tests.browser.line import Line
from tests.browser.looking import shown, too_wide, violations
from tests.scenario.network import FIDAC, Hub
from tests.support import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = pytest.mark.interop("chromium")

SITE: Final = "LILLE"
PASSWORD: Final = "correct horse battery"
LIMIT: Final = 1 << 30
PLAN: Final = load_plan("fidac-chest-ct")
# What is of no patient, and may hold the digits of one by accident: random, digests, versions.
ABOUT_THE_BROWSER: Final = re.compile(
    rb"(?i)\r\n(host|cookie|x-csrf-token|content-digest|user-agent|sec-[a-z-]+|accept[a-z-]*):[^\r]*"
)
REAL: Final = ("siemens_chest_b70f", "ge_lidc0003_small")


class Desk:
    """A hub with a portal, and the line between it and a radiologist's browser."""

    def __init__(self, directory: Path, disk: Path) -> None:
        self.hub = Hub(directory / "hub")
        self.disk = disk
        self.web = free_port()
        self.hub.set("web", port=self.web)
        self.hub.set("spool", directory=str(disk / "spool"), reserve_mb=4)
        self.hub.add_site(SITE, "LILLE_AE")
        self.key = directory / "secret.key"
        self.code = ""  # the site's neutral code, with which pseudonyms begin

    def account(self, name: str) -> None:
        command = [*FIDAC, "hub", "user", "add", name, "--role", "contributor", "--site", SITE, "--password-stdin"]
        subprocess.run([*command, "--config", str(self.hub.config)], input=PASSWORD, text=True, check=True, timeout=60)

    def made(self, files: Sequence[Path], label: str) -> set[bytes]:
        """What a node makes of these under the same key: data sets, for File Meta Information is the hub's own."""
        keys = Pseudonymiser(keyfile.read_key(self.key), "FIDAC", self.code)
        engine, found = Deidentifier(PLAN, keys, SITE, "FIDAC"), set()
        for file in files:
            target = io.BytesIO()
            engine.deidentify(file, target, label=label, label_source="portal", limit=LIMIT)
            found.add(data_set(target.getvalue()))
        return found

    def filed(self) -> set[bytes]:
        """The data sets in the archive, each once."""
        found = [data_set(bytes(128) + content) for content in self.hub.files().values()]
        assert len(set(found)) == len(found)
        return set(found)


def data_set(content: bytes) -> bytes:
    return content[read_meta(io.BytesIO(content))[1] :]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    build()
    directory = tmp_path_factory.mktemp("desk")
    disk = directory / "disk"
    disk.mkdir()
    if os.geteuid() == 0:  # a disk that can be filled
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", str(disk)], check=True)
    desk = Desk(directory, disk)
    try:
        desk.hub.start()
        desk.account("dupont")
        yield desk
        assert desk.hub.stop() == 0
        assert "Traceback" not in desk.hub.log_text()
    finally:
        if os.geteuid() == 0:
            subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.fixture(scope="module")
def line(desk: Desk) -> Iterator[Line]:
    with Line(desk.web) as line:
        yield line


@pytest.fixture(scope="module")
def opened(desk: Desk, line: Line, chromium: Browser) -> Iterator[Upload]:
    """One page for all: what takes time is to start the engine in it."""
    context = chromium.new_context(base_url=f"http://127.0.0.1:{line.port}")
    context.set_default_timeout(30_000)
    upload = Upload(desk, context)
    upload.sign_in()
    desk.code = str(upload.page.get_attribute("#upload", "data-code"))
    yield upload
    context.close()


@pytest.fixture
def upload(opened: Upload, line: Line) -> Iterator[Upload]:
    opened.begin()
    line.forget()
    yield opened
    line.mend()
    assert opened.errors == []


class Upload:
    """The page in a browser, and what a person does there."""

    def __init__(self, desk: Desk, context: BrowserContext) -> None:
        self.desk, self.context = desk, context
        self.errors: list[str] = []
        self.sheet = ""
        self.page: Page = self.tab()

    def tab(self) -> Page:
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._said)
        return page

    def _said(self, message: Any) -> None:
        # A line that is cut, and answers that the page deals with, are told by the browser too.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.errors.append(message.text)

    def sign_in(self, page: Page | None = None) -> None:
        page = page or self.page
        page.goto("/login?next=/upload")
        page.fill("[name=name]", "dupont")
        page.fill("[name=password]", PASSWORD)
        page.click("main button")
        page.wait_for_url("**/upload")

    def begin(self) -> None:
        """Let it choose files, with the key of the site; one is made if there is none yet."""
        if self.page.get_attribute("main", "data-state") == "done":
            self.page.click('[data-in="done"] .again')
        elif self.page.is_hidden("#key-ready") or self.page.get_attribute("main", "data-state") != "choosing":
            self.page.goto("/upload")
            self.open_key()

    def open_key(self) -> None:
        page = self.page
        page.wait_for_selector("#key-choose:not([hidden])")
        if not self.desk.key.exists():
            page.click("#make-key")
            page.wait_for_selector("#key-new:not([hidden])")
            self.sheet = page.inner_text("#sheet-lines")
            with page.expect_download() as download:
                page.click("#save-key")
            download.value.save_as(self.desk.key)
            self.desk.key.chmod(0o600)
            assert page.is_disabled("#begin")
            page.check("#key-saved")
            page.click("#begin")
        else:
            page.set_input_files("#key", self.desk.key)
        page.wait_for_selector("#key-ready:not([hidden])")

    def choose(self, *paths: Path) -> None:
        """Choose a folder, or archives, and wait until all is looked at."""
        into = "#files" if paths[0].is_dir() else "#archives"
        self.page.set_input_files(into, list(paths) if into == "#archives" else paths[0])
        self.state("ready")

    def state(self, wanted: str) -> None:
        self.page.wait_for_selector(f'main[data-state="{wanted}"], main[data-state="failed"]')
        state = self.page.get_attribute("main", "data-state")
        assert state == wanted, f"{self.page.inner_text('main')}\n{self.errors}\n{self.desk.hub.log_text()[-3000:]}"

    def held(self) -> dict[str, int]:
        """How many files stay here, by the code of the reason."""
        reasons = self.page.query_selector_all("#held .reasons > li")
        return {
            str(one.get_attribute("data-code")): int(one.query_selector("strong").inner_text())  # type: ignore[union-attr]
            for one in reasons
        }

    def label(self, label: str) -> None:
        """Confirm every patient, and label every study."""
        for field in self.page.query_selector_all(".confirm input"):
            if field.is_visible():
                field.check()
        for field in self.page.query_selector_all('[data-choice="label"]'):
            field.select_option(label)

    def send(self) -> None:
        self.page.click("#send")

    def stored(self) -> str:
        """All that the browser keeps of the page."""
        script = """async () => {
            const got = (asked) => new Promise((ok) => (asked.onsuccess = () => ok(asked.result)));
            const found = [JSON.stringify(localStorage), JSON.stringify(sessionStorage), ...(await caches.keys())];
            const text = (_, one) => (ArrayBuffer.isView(one) ? String.fromCharCode(...one) : one);
            for (const { name, version } of await indexedDB.databases()) {
                const db = await got(indexedDB.open(name, version));
                for (const store of db.objectStoreNames)
                    found.push(JSON.stringify(await got(db.transaction(store).objectStore(store).getAll()), text));
                db.close();
            }
            return found.join(" ");
        }"""
        return str(self.page.evaluate(script))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two studies of two people, real ones where they are at hand, and one that is made up and names everybody."""
    directory = tmp_path_factory.mktemp("cd")
    shared = Path(os.environ.get("FIDAC_SHARED_DATA") or Path(__file__).parents[3] / "shared" / "data")
    for number, name in enumerate(REAL):
        if (shared / name).is_dir():
            (directory / name).mkdir()
            for path in sorted((shared / name).iterdir())[:6]:
                shutil.copy(path, directory / name / path.name)
        else:
            write_series(
                directory / name, seed=10 + number, slices=6, rows=256, columns=256, identity=IDENTITIES[2 + number]
            )
    write_series(directory / "LEFÈVRE Aurélie", slices=4, rows=128, columns=128, identity=IDENTITIES[0])
    return directory


def images(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*/*") if path.parent.name != "CD")


def needles_of(files: Sequence[Path]) -> tuple[Haystack, set[bytes]]:
    """What the gate looks for in the output of these files, and their UIDs."""
    gate = Gate(PLAN.vocabulary | PLAN.common | PLAN.devices, PLAN.devices)
    needles, uids = set(), set()
    for file in files:
        with Sources().open(file, LIMIT) as source:
            said = gate.read((*source.cut.pieces, *source.tail), source.meta.transfer_syntax_uid)
            needles |= said.shared.identifiers.needles | said.own.needles
            uids |= {uid.encode() for uid in (*said.shared.identifiers.uids, *said.own.uids)}
    return Haystack(needles, PLAN.vocabulary | PLAN.common | PLAN.devices), uids


def test_what_may_go_is_at_the_hub_as_a_node_makes_it_the_rest_is_told_and_no_name_leaves_the_browser(
    desk: Desk, line: Line, upload: Upload, folder: Path
) -> None:
    good = images(folder)
    cd = folder / "CD"
    cd.mkdir()
    dcmwrite(cd / "dose", secondary_capture(identity=IDENTITIES[0]), enforce_file_format=True)
    (cd / "broken.dcm").write_bytes(good[0].read_bytes()[:700])
    (cd / "VIEWER.EXE").write_bytes(b"MZ" + bytes(3000))
    (cd / "DICOMDIR").write_bytes(b"whatever")
    upload.choose(folder)
    assert upload.held() == {"pixel-risk": 1, "malformed": 1, "not-dicom": 1, "dicomdir": 1}
    page = upload.page
    # Each patient is shown under the own name, and goes when a person has confirmed it.
    assert len(page.query_selector_all(".patient")) == 3
    assert page.get_by_text("LEFÈVRE^Aurélie", exact=True).count() == 1
    assert page.is_visible("canvas") and page.is_disabled("#send")
    page.click(".before-after summary >> nth=0")
    page.wait_for_selector(".rows tr.removed")
    page.evaluate("document.querySelector('.patient').scrollIntoView()")
    shown(page, "upload", 1000)
    assert violations(page) == []
    assert too_wide(page) == []
    page.check(".confirm input >> nth=0")
    upload.send()
    assert page.get_attribute("main", "data-state") == "ready"  # a label is wanted first
    upload.label("certain")
    page.select_option('[data-choice="pcr"] >> nth=0', "positive")
    page.fill('[data-choice="days"] >> nth=0', "-2")
    assert '"label":"certain"' in upload.stored().replace("\\", "")
    upload.send()
    upload.state("done")
    assert desk.filed() == desk.made(good, "certain")
    with page.expect_popup() as popup:
        page.click("#receipt")
    receipt = popup.value.inner_text("main")
    popup.value.close()
    assert "positive (-2 days)" in receipt and "pixel-risk" in receipt and str(len(good)) in receipt
    with page.expect_download() as download:
        page.click("#save-list")
    content = Path(download.value.path()).read_bytes()
    assert content.startswith(b"fidac-correspondence-1 ") and "LEFÈVRE".encode() not in content
    everything, (haystack, uids) = line.sent(), needles_of([*good, cd / "dose"])
    assert not [uid for uid in uids if uid in everything]
    for one in line.asked():
        head = re.sub(
            rb"(?i)\r\n(host|cookie|x-csrf-token|content-digest|sec-[a-z-]+|accept[a-z-]*):[^\r]*", b"", one.head
        )
        body = b"" if one.path.rpartition("/")[0].endswith("/objects") else one.body
        assert not isinstance(haystack.in_bytes([head.ljust(64), body.ljust(64)]), str), (one.method, one.path)
    for word in ("lefèvre", "aurélie", "8003412765", "saint-hélier", "Châtaigniers"):
        for spelling in (word, word.upper(), word.title()):
            for encoding in ("utf-8", "latin-1", "utf-16-le"):
                assert spelling.encode(encoding) not in everything
    stored = upload.stored()
    assert not isinstance(haystack.in_bytes([stored.encode().ljust(64)]), str)


def test_a_line_cut_three_times_a_session_that_ends_and_a_tab_that_is_closed_lose_nothing_and_nothing_goes_twice(
    desk: Desk, line: Line, upload: Upload, tmp_path: Path
) -> None:
    files = write_series(tmp_path / "study", seed=5, slices=40, rows=128, columns=128, identity=IDENTITIES[1])
    before, page, secret = desk.filed(), upload.page, desk.key.read_text().strip()
    page.click("#keep-form summary")
    page.fill("#new-passphrase", "quatre mots au hasard")
    page.click("#keep-form button")
    page.wait_for_selector("#kept:not([hidden])")
    stored = upload.stored()
    assert secret not in stored and bytes.fromhex(secret).decode("latin-1") not in stored
    upload.choose(tmp_path / "study")
    upload.label("possible")
    line.forget()
    line.cut_after(250_000)
    upload.send()
    for _ in range(2):
        line.was_cut.wait(20)
        upload.page.wait_for_selector('#trouble[data-kind="line"]:not([hidden])')
        line.cut_after(250_000)
        line.mend()
        upload.page.click("#try-now")
    line.was_cut.wait(20)
    upload.page.close(run_before_unload=False)
    line.mend()
    first = Counter(one.path for one in line.asked() if one.method == "PUT" and one.is_whole)
    assert 4 < len(first) < 40
    # Another day: the key that the browser keeps encrypted, the same folder; the label is still there.
    line.forget()
    upload.page = page = upload.tab()
    page.goto("/upload")
    page.wait_for_selector("#unlock-form:not([hidden])")
    for passphrase, then in (("un autre secret", "#key-problem"), ("quatre mots au hasard", "#key-ready")):
        page.fill("#passphrase", passphrase)
        page.click("#unlock-form button >> nth=0")
        page.wait_for_selector(f"{then}:not([hidden])")
    upload.choose(tmp_path / "study")
    assert page.eval_on_selector('[data-choice="label"]', "one => one.value") == "possible"
    other = upload.tab()
    other.goto("/upload")
    other.click("header button")  # signs out
    upload.send()
    page.wait_for_selector("#signed-out:not([hidden])")
    upload.sign_in(other)
    other.close()
    page.click("#go-on")
    upload.state("done")
    assert desk.filed() - before == desk.made(files, "possible")
    second = Counter(one.path for one in line.asked() if one.method == "PUT" and one.is_whole)
    names = [{path.rpartition("/")[2] for path in some} for some in (first, second)]
    # What was whole when the line was cut may not have been answered: three at most each time.
    assert len(names[0] & names[1]) <= 3 and len(names[0] | names[1]) == 40
    assert re.search(r"There before: (\d+)", page.inner_text("#summary"))


def test_another_key_than_the_site_s_is_refused_in_plain_words_and_so_is_what_is_no_key(
    desk: Desk, upload: Upload, tmp_path: Path
) -> None:
    page = upload.page
    page.click("#other-key")
    for name, content, words in (
        ("wrong.key", keyfile.new_secret().hex(), "not the key with which your site has sent before"),
        ("letter.txt", "dear colleague", "not a key file"),
    ):
        (tmp_path / name).write_text(content)
        page.set_input_files("#key", tmp_path / name)
        page.get_by_text(words).wait_for()
        assert page.is_hidden("#key-ready")
    page.get_by_text("type the recovery sheet").click()
    page.fill("#sheet-text", upload.sheet)
    page.click("#sheet-form button")
    page.wait_for_selector("#key-ready:not([hidden]), #key-problem:not([hidden])")
    assert page.is_visible("#key-ready"), page.inner_text("#key-problem")


def test_a_full_disk_at_the_hub_is_told_and_a_zip_goes_on_when_there_is_room_again(
    desk: Desk, upload: Upload, tmp_path: Path
) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    files = write_series(tmp_path / "study", seed=6, slices=6, rows=128, columns=128, identity=IDENTITIES[3])
    before, archive, locked = desk.filed(), tmp_path / "study.zip", tmp_path / "locked.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as pack:
        for number, file in enumerate(files):
            pack.write(file, f"DOC/éèç {file.name}", zipfile.ZIP_STORED if number % 2 else None)
    locked.write_bytes(_locked(archive.read_bytes()))
    upload.choose(archive, locked)
    assert upload.held() == {"password": 6}
    upload.label("negative")
    with (desk.disk / "ballast").open("wb") as ballast:
        ballast.write(bytes(shutil.disk_usage(desk.disk).free - (2 << 20)))
    upload.send()
    upload.page.wait_for_selector('#trouble[data-kind="full"]:not([hidden])')
    assert "disk is full" in upload.page.inner_text("#trouble")
    (desk.disk / "ballast").unlink()
    upload.page.click("#try-now")
    upload.state("done")
    assert desk.filed() - before == desk.made(files, "negative")


def _locked(archive: bytes) -> bytes:
    """The same archive, whose members say that they are encrypted (APPNOTE 4.4.4, bit 0)."""
    content = bytearray(archive)
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        for found in re.finditer(re.escape(signature), archive):
            content[found.start() + flags] |= 1
    return bytes(content)
