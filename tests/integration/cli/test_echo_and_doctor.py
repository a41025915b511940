"""C-ECHO against real sockets, and what doctor says of a node that is well and of one that is not."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pynetdicom import AE, evt

from fidac_node import doctor
from fidac_node.cli import cli
from fidac_node.config.config import HubConfig, SiteConfig, load_site, render
from fidac_node.dicom.ae import Peer
from fidac_node.dicom.uids import CT_CLASSES, IMPLEMENTATION_CLASS_UID, STORAGE_COMMITMENT, VERIFICATION
from fidac_node.doctor import Finding, examine
from fidac_node.errors import Temporary
from fidac_node.identity.keys import create_keys
from fidac_node.send.echo import ask
from fidac_node.system import tls
from tests.support import free_port


@pytest.fixture
def scp() -> Iterator[Callable[..., Peer]]:
    """Return a function that starts an SCP and says how it is called."""
    started: list[AE] = []

    def start(
        *sop_classes: str,
        echo_status: int = 0x0000,
        ours: bool = False,
        tls: ssl.SSLContext | None = None,
        **settings: Any,
    ) -> Peer:
        ae = AE(ae_title="PACS")
        if ours:
            ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
        for name, value in settings.items():
            setattr(ae, name, value)
        for sop_class in sop_classes or (VERIFICATION,):
            ae.add_supported_context(sop_class)
        server = ae.start_server(
            ("127.0.0.1", 0), block=False, ssl_context=tls, evt_handlers=[(evt.EVT_C_ECHO, lambda _: echo_status)]
        )
        assert server is not None
        started.append(ae)
        return Peer("PACS", "127.0.0.1", server.server_address[1])

    yield start
    for ae in started:
        ae.shutdown()


@pytest.fixture
def silent() -> Iterator[Peer]:
    """A port that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield Peer("PACS", "127.0.0.1", server.getsockname()[1])


def test_a_peer_that_answers_is_said_to(scp: Callable[..., Peer]) -> None:
    peer = scp()
    result = CliRunner().invoke(cli, ["echo", str(peer), "--calling", "FIDACNODE"])
    assert result.exit_code == 0
    assert result.stdout.startswith(f"{peer} answers FIDACNODE (")


def test_ask_says_which_classes_the_peer_accepts_and_whether_it_is_one_of_ours(scp: Callable[..., Peer]) -> None:
    ct, enhanced, _ = CT_CLASSES
    answer = ask(scp(VERIFICATION, ct, ours=True), "FIDACNODE", sop_classes=[ct, enhanced])
    assert answer.sop_classes == {VERIFICATION, ct}
    assert answer.is_fidac
    assert not ask(scp(), "FIDACNODE").is_fidac


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"require_calling_aet": ["OTHER"]}, "does not know the calling AE title FIDACNODE; register it there"),
        ({"require_called_aet": True, "ae_title": "OTHER"}, "does not answer to the AE title PACS; correct the title"),
        ({"maximum_associations": 0}, "has no association free now, or is stopping; try again later"),
        ({"echo_status": 0x0122}, "answered the C-ECHO with status 0122H instead of success"),
    ],
)
def test_a_refusal_is_said_in_plain_words(scp: Callable[..., Peer], settings: dict[str, Any], message: str) -> None:
    peer = scp(**settings)
    result = CliRunner().invoke(cli, ["echo", str(peer), "--timeout", "60"])  # a busy machine may stand still for ten
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {peer} ")
    assert message in result.stderr


def test_nobody_at_the_port_is_said(scp: Callable[..., Peer]) -> None:
    port = free_port()
    result = CliRunner().invoke(cli, ["echo", f"PACS@127.0.0.1:{port}"])
    assert (result.exit_code, result.stderr) == (
        1,
        f"Error: nothing listens on 127.0.0.1:{port}; is it running, is the port right?\n",
    )


def test_a_port_that_says_nothing_is_given_up_after_the_time_given(silent: Peer) -> None:
    result = CliRunner().invoke(cli, ["echo", str(silent), "--timeout", "0.5"])
    assert result.exit_code == 1
    assert "gave no association within 0.5 s; is it a DICOM port" in result.stderr


def test_a_port_that_breaks_the_connection_off_is_not_said_to_be_slow() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        caller = threading.Thread(target=hang_up, args=(server, 2))
        caller.start()
        with pytest.raises(
            Temporary, match=r"took the connection but broke it off without an association; is it a DICOM port"
        ):
            ask(Peer("PACS", "127.0.0.1", port), "FIDACNODE", timeout=60)
        caller.join()


def test_a_host_that_does_not_exist_is_said() -> None:
    with pytest.raises(Temporary, match=r"the host nowhere\.invalid is not known"):
        ask(Peer("PACS", "nowhere.invalid", 104), "FIDACNODE", timeout=5)


def hang_up(server: socket.socket, times: int = 1) -> None:
    for _ in range(times):
        with server.accept()[0] as sock:
            sock.recv(65536)  # the request; nothing when only the port is tried


def test_an_ipv6_address_is_reached() -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 on this machine")
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
            sock.listen()
            port = sock.getsockname()[1]
            threading.Thread(target=hang_up, args=(sock,), daemon=True).start()
            with pytest.raises(Temporary, match=rf"PACS@\[::1\]:{port}"):
                ask(Peer("PACS", "::1", port), "FIDACNODE", timeout=1)
    except OSError:
        pytest.skip("no IPv6 loopback on this machine")


# --- doctor ------------------------------------------------------------------------------------------------


@pytest.fixture
def site(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that sets a site up as 'site init' does and returns its settings file."""

    def make(hub: Peer, **receive: object) -> Path:
        (tmp_path / "spool").mkdir()
        path = tmp_path / "site.toml"
        values: dict[str, dict[str, object]] = {
            "site": {"id": "CHU-LILLE"},
            "receive": {"host": "127.0.0.1", "port": free_port(), **receive},
            "send": {"hub": str(hub)},
            "spool": {"reserve_mb": 1},
        }
        path.write_text(render(SiteConfig, values), "utf-8")
        create_keys(load_site(path).programme)
        return path

    return make


def found(path: Path) -> dict[str, list[Finding]]:
    findings: dict[str, list[Finding]] = {}
    for finding in examine(path):
        findings.setdefault(finding.check, []).append(finding)
    return findings


def wrong(path: Path) -> dict[str, list[Finding]]:
    return {
        name: bad
        for name, findings in found(path).items()
        if (bad := [finding for finding in findings if not finding.ok])
    }


def test_doctor_finds_nothing_wrong_with_a_site_that_is_well(
    scp: Callable[..., Peer], site: Callable[..., Path]
) -> None:
    path = site(scp(VERIFICATION, STORAGE_COMMITMENT, *CT_CLASSES))
    result = CliRunner().invoke(cli, ["doctor", "-c", str(path), "--json"])
    findings = json.loads(result.stdout)
    assert [finding for finding in findings if not finding["ok"]] == []
    assert {finding["check"] for finding in findings} == {
        "settings",
        "right folder",
        "ledger",
        "key",
        "vault",
        "recipe",
        "spool",
        "alive",
        "disk",
        "port",
        "hub",
        "clock",
        "burned-in text",
    }
    assert all(set(finding) == {"check", "ok", "message", "remedy"} for finding in findings)
    assert result.exit_code == 0


def test_checks_that_run_side_by_side_import_nothing(scp: Callable[..., Peer], site: Callable[..., Path]) -> None:
    code = """if True:
        import sys, threading
        from pathlib import Path
        from fidac_node import doctor

        class Finder:
            def find_spec(name, *_):
                if name.startswith("fidac_node") and threading.current_thread() is not threading.main_thread():
                    print(name)

        sys.meta_path.insert(0, Finder)
        print(len(list(doctor.examine(Path(sys.argv[1])))))"""
    path = site(hub=scp())
    result = subprocess.run([sys.executable, "-c", code, path], check=True, capture_output=True, text=True)
    *imported, number = result.stdout.split()
    assert imported == [] and int(number) > 8


def test_doctor_names_each_fault_with_its_remedy(site: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    path = site(Peer("FIDACHUB", "127.0.0.1", free_port()))
    (path.parent / "secret.key").chmod(0o644)
    (path.parent / "spool").rmdir()
    monkeypatch.setenv("FIDAC_NODE_DEIDENTIFY_PROFILE", "no-such-recipe")
    faults = wrong(path)
    assert {"key", "vault", "recipe", "spool", "hub"} <= set(faults)
    assert faults["spool"][0].remedy.startswith("create it: mkdir -p ")
    assert "nothing listens on" in faults["hub"][0].message and "is the port right" in faults["hub"][0].remedy
    result = CliRunner().invoke(cli, ["doctor", "-c", str(path)])
    assert result.exit_code == 1
    assert "FAIL  spool: " in result.stdout and "PASS  settings: " in result.stdout and "checks failed" in result.stdout


def test_doctor_warns_where_nothing_looks_for_burned_in_text(
    scp: Callable[..., Peer], site: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = site(scp(VERIFICATION, STORAGE_COMMITMENT, *CT_CLASSES))
    monkeypatch.setenv("PATH", str(tmp_path))
    result = CliRunner().invoke(cli, ["doctor", "-c", str(path)])
    assert "WARN  burned-in text: tesseract is not installed" in result.stdout and result.exit_code == 0
    assert "      -> sudo apt-get install tesseract-ocr" in result.stdout
    monkeypatch.setenv("FIDAC_NODE_DEIDENTIFY_OCR_SAMPLE", "0")
    assert [finding.remedy for finding in found(path)["burned-in text"]] == [""]
    monkeypatch.setenv("FIDAC_NODE_DEIDENTIFY_OCR_SAMPLE", "20")
    assert "sudo apt-get install tesseract-ocr" in wrong(path)["burned-in text"][0].message


def test_doctor_says_which_words_of_the_sites_own_are_too_common_to_be_looked_for(
    site: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = site(Peer("FIDACHUB", "127.0.0.1", free_port()))
    assert "own words" not in found(path)
    monkeypatch.setenv("FIDAC_NODE_DEIDENTIFY_OWN_WORDS", "Exempleville, CHU de Saint-Exemple")
    (finding,) = found(path)["own words"]
    assert (finding.ok, finding.message, finding.remedy) == (True, "2 are looked for in every output", "")
    file = tmp_path / "own.txt"
    file.write_text("Quatrefages\nPoumon\n", encoding="utf-8")
    monkeypatch.setenv("FIDAC_NODE_DEIDENTIFY_OWN_WORDS", "Thorax, Exempleville")
    monkeypatch.setenv("FIDAC_NODE_DEIDENTIFY_OWN_WORDS_FILE", str(file))
    (finding,) = found(path)["own words"]
    assert finding.ok and finding.message.startswith(f"'Thorax', 1 in {file}: ") and "not looked for" in finding.remedy
    file.write_text("Quatrefages\nAb\n", encoding="utf-8")
    (finding,) = found(path)["own words"]
    assert not finding.ok and f"{file}:2: is no word" in finding.message


@pytest.mark.interop("tesseract")
def test_doctor_says_what_is_looked_at_for_burned_in_text(scp: Callable[..., Peer], site: Callable[..., Path]) -> None:
    (finding,) = found(site(scp(VERIFICATION, STORAGE_COMMITMENT, *CT_CLASSES)))["burned-in text"]
    assert finding.ok and not finding.remedy and "looks at the first slice of each series" in finding.message


@pytest.mark.interop("tesseract")
def test_doctor_says_that_derived_slices_are_looked_at(
    scp: Callable[..., Peer], site: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = site(scp(VERIFICATION, STORAGE_COMMITMENT, *CT_CLASSES))
    monkeypatch.setenv("FIDAC_NODE_DEIDENTIFY_DERIVED", "check")
    (finding,) = found(path)["burned-in text"]
    looked = "every slice that says DERIVED or SECONDARY"
    assert finding.message.endswith(f"looks at the first slice of each series, {looked}")
    monkeypatch.setenv("FIDAC_NODE_DEIDENTIFY_OCR_SAMPLE", "0")
    monkeypatch.setenv("FIDAC_NODE_DEIDENTIFY_SECONDARY_CAPTURES", "check")
    (finding,) = found(path)["burned-in text"]
    assert finding.message.endswith(f"looks at {looked}, Secondary Captures")


@pytest.mark.parametrize("option", ["DERIVED", "SECONDARY_CAPTURES"])
def test_doctor_finds_fault_where_what_is_to_be_checked_cannot_be_looked_at(
    scp: Callable[..., Peer], site: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    path = site(scp(VERIFICATION, STORAGE_COMMITMENT, *CT_CLASSES))
    monkeypatch.setenv("PATH", str(path.parent))
    monkeypatch.setenv(f"FIDAC_NODE_DEIDENTIFY_{option}", "check")
    (fault,) = wrong(path)["burned-in text"]
    assert "sudo apt-get install tesseract-ocr" in fault.message and 'derived = "hold"' in fault.message


def test_doctor_stops_at_settings_that_cannot_be_understood(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text("[site]\nidd = 1\n")
    (finding,) = examine(path)
    assert not finding.ok and f"{path}:2: [site] idd: unknown option; did you mean 'id'?" in finding.message


def test_doctor_knows_a_full_disk(
    scp: Callable[..., Peer], site: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = site(scp(VERIFICATION, STORAGE_COMMITMENT, *CT_CLASSES))
    monkeypatch.setenv("FIDAC_NODE_SPOOL_RESERVE_MB", str(1 << 29))
    (fault,) = wrong(path)["disk"]
    assert "are the reserve" in fault.message and "reserve_mb" in fault.remedy


def test_doctor_sees_what_the_hub_does_not_accept(scp: Callable[..., Peer], site: Callable[..., Path]) -> None:
    ct, *_ = CT_CLASSES
    faults = wrong(site(scp(VERIFICATION, ct)))["hub"]
    assert [fault.message.partition(" does not accept ")[2] for fault in faults] == [
        "Enhanced CT Image Storage",
        "Legacy Converted Enhanced CT Image Storage",
        "Storage Commitment",
    ]
    assert "commitment = false" in faults[-1].remedy


def test_doctor_tells_our_daemon_from_another_program_on_the_port(
    scp: Callable[..., Peer], site: Callable[..., Path], silent: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_ASK_SECONDS", 0.5)
    path = site(scp(), port=scp(ours=True).port)
    assert [finding.ok for finding in found(path)["port"]] == [True]
    path.write_text(path.read_text().replace("\nport = ", f"\nport = {scp(require_calling_aet=['ROUTER']).port} #"))
    (finding,) = found(path)["port"]
    assert finding.ok and "rejects us" in finding.message
    for other in (scp(), silent):
        path.write_text(path.read_text().replace("\nport = ", f"\nport = {other.port} #"))
        (fault,) = wrong(path)["port"]
        assert "taken" in fault.message and f"ss -ltnp sport = :{other.port}" in fault.remedy


def test_doctor_sees_a_clock_that_went_back(
    scp: Callable[..., Peer], site: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = site(scp(VERIFICATION, STORAGE_COMMITMENT, *CT_CLASSES))
    monkeypatch.setattr(doctor.time, "time", lambda: 1_000_000_000.0)
    (fault,) = wrong(path)["clock"]
    assert "timedatectl set-ntp true" in fault.remedy


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for localhost that signs itself and ends in five days, and its key."""
    certificate, key = tmp_path / "node.pem", tmp_path / "node.key"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "5",
        "-subj",
        "/CN=node",
    ]
    subprocess.run(
        [*command, "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    return certificate, key


@pytest.mark.interop("openssl")
def test_a_peer_that_speaks_tls_is_asked_with_tls_and_one_that_does_not_is_said(
    scp: Callable[..., Peer], pair: tuple[Path, Path]
) -> None:
    context = tls.client_context(None, None, pair[0], "localhost")
    secure = scp(tls=tls.server_context(*pair, None))._replace(host="localhost")
    assert ask(secure, "FIDACNODE", tls=context).seconds < 10
    with pytest.raises(Temporary, match=r"no TLS with localhost|no connection to localhost"):
        ask(scp()._replace(host="localhost"), "FIDACNODE", timeout=1, tls=context)


@pytest.mark.interop("openssl")
def test_a_peer_whose_certificate_is_not_trusted_is_not_spoken_to(pair: tuple[Path, Path]) -> None:
    server_context = tls.server_context(*pair, None)
    assert server_context is not None

    def refuse(server: socket.socket) -> None:
        sock, _ = server.accept()
        with sock, contextlib.suppress(ssl.SSLError):  # the client's alert
            server_context.wrap_socket(sock, server_side=True).close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=refuse, args=(server,))
        thread.start()
        peer = Peer("HUB", "localhost", server.getsockname()[1])
        with pytest.raises(
            Temporary, match=r"certificate of .* is not taken, nobody known here has signed it; tls_ca must name the CA"
        ):
            ask(peer, "FIDACNODE", tls=tls.client_context(*pair, None))
        thread.join(10)


@pytest.mark.interop("openssl")
def test_doctor_sees_a_certificate_that_ends_soon_and_a_key_that_all_can_read(
    scp: Callable[..., Peer], site: Callable[..., Path], pair: tuple[Path, Path]
) -> None:
    certificate, key = pair
    path = site(scp(), tls_certificate="node.pem", tls_key="node.key")
    key.chmod(0o644)
    readable, ends = wrong(path)["tls"]
    assert readable.remedy == f"chmod o= {key}"
    assert ends.message.startswith(f"{certificate}: valid until ") and ends.remedy.startswith("renew it")


def test_doctor_wants_an_index_and_registered_sites_at_a_hub(tmp_path: Path) -> None:
    path = tmp_path / "hub.toml"
    path.write_text(
        render(HubConfig, {"receive": {"host": "127.0.0.1", "port": free_port()}, "spool": {"reserve_mb": 1}}), "utf-8"
    )
    for name in ("spool", "archive"):
        (tmp_path / name).mkdir()
    assert "hub init" in wrong(path)["index"][0].remedy
