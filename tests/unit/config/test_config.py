"""Settings: what is loaded, what is refused and in which words, and the example files."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fidac_node.config.config import (
    HubConfig,
    Kind,
    SiteConfig,
    example,
    find_config,
    kind_of,
    load_hub,
    load_site,
    render,
)
from fidac_node.config.options import sections, variables
from fidac_node.config.values import site_id_problem
from fidac_node.dicom.ae import Peer, ae_title_problem
from fidac_node.errors import ConfigError

ROOT = Path(__file__).resolve().parents[3]
BROKEN = sorted((Path(__file__).parent / "broken_configs").glob("*.toml"))
CLASSES: dict[Kind, type[SiteConfig | HubConfig]] = {"site": SiteConfig, "hub": HubConfig}
LOADERS = {"site": load_site, "hub": load_hub}


def write(folder: Path, text: str, name: str = "site.toml") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def site(folder: Path, text: str = "", **environ: str) -> SiteConfig:
    return load_site(
        write(folder, f'[site]\nid = "CHU-LILLE"\n{text}'),
        {f"FIDAC_NODE_{key}": value for key, value in environ.items()},
    )


def refusal(path: Path) -> str:
    try:
        load_site(path, {})
    except ConfigError as error:
        return str(error)
    return "loads"


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_a_broken_file_is_refused_with_file_line_option_and_what_is_allowed(path: Path) -> None:
    expected = (
        path.read_text("utf-8")
        .splitlines()[0]
        .removeprefix("#> ")
        .replace("{file}", str(path))
        .replace("{folder}", str(path.parent))
    )
    before, words_of_python, after = expected.partition("...")
    with pytest.raises(ConfigError) as caught:
        LOADERS[path.stem.partition("-")[0]](path, {})
    message = str(caught.value)
    assert message.startswith(before) and message.endswith(after) and (words_of_python or message == expected)


def test_every_section_of_a_site_has_a_broken_file() -> None:
    text = " ".join(path.read_text("utf-8").splitlines()[0] for path in BROKEN)
    assert {name for name in sections(SiteConfig) if f"[{name}]" not in text} == set()


@pytest.mark.parametrize("kind", ["site", "hub"])
def test_the_example_file_is_what_the_code_writes(kind: Kind) -> None:
    path = ROOT / "config" / f"{kind}.example.toml"
    assert path.read_text("utf-8") == example(CLASSES[kind]), "write it anew: make examples"


@pytest.mark.parametrize("kind", ["site", "hub"])
def test_the_example_with_every_option_uncommented_loads_to_the_defaults(kind: Kind, tmp_path: Path) -> None:
    text = re.sub(r"^#(\w+ = )", r"\1", example(CLASSES[kind]), flags=re.MULTILINE)
    loaded = LOADERS[kind](write(tmp_path, text.replace('\nid = ""', '\nid = "CHU-LILLE"')), {})
    empty = LOADERS[kind](write(tmp_path, '[site]\nid = "CHU-LILLE"\n' if kind == "site" else ""), {})
    assert loaded == empty
    assert len(re.findall(r"^\w+ = ", text, flags=re.MULTILINE)) == len(variables(CLASSES[kind]))


@pytest.mark.parametrize("kind", ["site", "hub"])
def test_the_commented_examples_of_values_are_values_that_load(kind: Kind, tmp_path: Path) -> None:
    chosen: dict[str, list[str]] = {}
    for name, cls in sections(CLASSES[kind]).items():
        chosen[name] = [part.metadata["example"] for part in dataclasses.fields(cls) if part.metadata["example"]]
    text = "\n".join(f"[{name}]\n" + "\n".join(examples) for name, examples in chosen.items())
    config = LOADERS[kind](write(tmp_path, text), {})
    if isinstance(config, SiteConfig):
        assert config.site.id == "CHU-LILLE"
        assert config.route.labels["FIDAC_NEGATIVE"] == "negative"
        assert config.route.rules[0]["when"] == {"Modality": "^CT$", "ProtocolName": "covid"}


@pytest.mark.parametrize("cls", CLASSES.values())
def test_every_option_has_a_one_line_reason(cls: type[SiteConfig | HubConfig]) -> None:
    for kind in sections(cls).values():
        for part in dataclasses.fields(kind):
            doc = part.metadata["doc"]
            assert doc.endswith(".") and "\n" not in doc and len(doc) <= 120, part.name


def test_rendered_values_are_set_and_the_rest_stays_at_its_default(tmp_path: Path) -> None:
    values: dict[str, dict[str, object]] = {
        "site": {"id": "CHU-LILLE"},
        "receive": {"port": 4242, "callers": ["PACS", 'A "B"'], "held_classes": False},
        "route": {"labels": {"FIDAC_NEG": "negative"}},
        "send": {"hub": "HUB@hub.example.org:104", "retry_first": 0.5},
        "spool": {"directory": Path("/var/lib/fidac-node/spool")},
    }
    config = load_site(write(tmp_path, render(SiteConfig, values)), {})
    assert (config.receive.port, config.receive.callers, config.receive.held_classes) == (
        4242,
        ("PACS", 'A "B"'),
        False,
    )
    assert config.route.labels == {"FIDAC_NEG": "negative"}
    assert config.send.hub_address == Peer("HUB", "hub.example.org", 104)
    assert config.send.retry_first == 0.5
    assert config.spool.directory == Path("/var/lib/fidac-node/spool")
    assert config.deidentify.programme == "FIDAC"
    with pytest.raises(KeyError, match="prot"):
        render(SiteConfig, {"receive": {"prot": 1}})


@given(st.text())
def test_any_text_survives_being_rendered(text: str) -> None:
    import tomllib

    programme = tomllib.loads(render(SiteConfig, {"deidentify": {"programme": text}}))["deidentify"]["programme"]
    assert programme == text


def test_relative_paths_start_at_the_folder_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ca.pem").touch()
    write(tmp_path, '[site]\nid = "A"\n[send]\ntls_ca = "ca.pem"\n[deidentify]\nprofiles_directory = "/opt/recipes"\n')
    monkeypatch.chdir(tmp_path.parent)
    config = load_site(Path(tmp_path.name) / "site.toml", {})
    assert config.spool.directory == tmp_path / "spool"
    assert config.deidentify.key_file == tmp_path / "secret.key"
    assert config.send.tls_ca == tmp_path / "ca.pem"
    assert config.send.tls_key is None
    assert config.deidentify.profiles_directory == Path("/opt/recipes")
    assert config.path == tmp_path / "site.toml"


def test_the_environment_overrides_the_file_by_the_type_of_the_option(tmp_path: Path) -> None:
    config = site(
        tmp_path,
        "[receive]\nport = 104\n",
        RECEIVE_PORT="4242",
        RECEIVE_HELD_CLASSES="no",
        RECEIVE_CALLERS="PACS, ROUTER",
        RECEIVE_DIMSE_TIMEOUT="7.5",
        ROUTE_LABELS='{ FIDAC_POS = "certain" }',
        ROUTE_RULES='[{ name = "all", decision = "accept" }]',
        SPOOL_DIRECTORY="elsewhere",
        SITE_ID="CHU-LYON",
    )
    assert config.receive.port == 4242
    assert config.receive.held_classes is False
    assert config.receive.callers == ("PACS", "ROUTER")
    assert config.receive.dimse_timeout == 7.5
    assert config.route.labels == {"FIDAC_POS": "certain"}
    assert config.route.rules == ({"name": "all", "when": {}, "unless": {}, "decision": "accept", "label": ""},)
    assert config.spool.directory == tmp_path / "elsewhere"
    assert config.site.id == "CHU-LYON"


@pytest.mark.parametrize(("text", "value"), [('"series"', "series"), ("0", 0), ("20", 20)])
def test_the_sample_that_is_looked_at_is_of_each_series_or_one_in_so_many(
    tmp_path: Path, text: str, value: int | str
) -> None:
    assert site(tmp_path, f"[deidentify]\nocr_sample = {text}\n").deidentify.ocr_sample == value
    assert site(tmp_path, DEIDENTIFY_OCR_SAMPLE=text.strip('"')).deidentify.ocr_sample == value


@pytest.mark.parametrize("text", ['"study"', "-1", "1000001", "true", "0.5", '"-1"'])
def test_another_sample_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match='ocr_sample: must be "series" or a whole number between 0 and 1000000, not '):
        site(tmp_path, f"[deidentify]\nocr_sample = {text}\n")


@pytest.mark.parametrize(
    ("variable", "text", "message"),
    [
        ("RECEIVE_PORT", "eleven", "must be a whole number, not the text 'eleven'"),
        ("RECEIVE_PORT", "0", "must be between 1 and 65535, not 0"),
        ("RECEIVE_HELD_CLASSES", "maybe", "must be true or false, not the text 'maybe'"),
        ("SEND_HUB", "hub", "has no AE title"),
        ("SEND_TLS_CA", "nowhere.pem", "no such file"),
        ("ROUTE_LABELS", "FIDAC_POS", "not a TOML value"),
    ],
)
def test_a_wrong_variable_is_named(tmp_path: Path, variable: str, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=rf"^environment variable FIDAC_NODE_{variable}: .*{re.escape(message)}"):
        site(tmp_path, **{variable: text})


def test_a_misspelt_variable_is_refused_and_those_of_the_other_end_are_not(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match="FIDAC_NODE_RECIEVE_PORT: unknown option; did you mean 'FIDAC_NODE_RECEIVE_PORT'"
    ):
        site(tmp_path, RECIEVE_PORT="1")
    assert site(tmp_path, ARCHIVE_DIRECTORY="/srv/archive", CONFIG="x").site.id == "CHU-LILLE"


def test_what_cannot_be_read_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.toml: no such file; 'fidac-node site init'"):
        load_site(tmp_path / "nothing.toml", {})
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_site(tmp_path, {})
    path = tmp_path / "site.toml"
    path.write_bytes('[site]\nid = "HÔPITAL"'.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"site\.toml: not UTF-8 text \(byte 14\)"):
        load_site(path, {})


def test_a_file_saved_by_a_windows_editor_loads(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_bytes(b'\xef\xbb\xbf[site]\r\nid = "CHU-LILLE"\r\n')
    assert load_site(path, {}).site.id == "CHU-LILLE"


def test_settings_are_looked_for_as_given_then_in_the_environment_then_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        ConfigError, match=r"neither site\.toml nor /etc/fidac-node/site\.toml; .* 'fidac-node site init'"
    ):
        find_config("site", None, {})
    write(tmp_path, "", "site.toml")
    assert find_config("site", None, {}) == Path("site.toml")
    assert find_config("site", None, {"FIDAC_NODE_CONFIG": "/srv/other.toml"}) == Path("/srv/other.toml")
    assert find_config("site", "given.toml", {"FIDAC_NODE_CONFIG": "/srv/other.toml"}) == Path("given.toml")


def test_whose_settings_a_file_holds_shows_in_its_sections(tmp_path: Path) -> None:
    assert kind_of(write(tmp_path, example(SiteConfig), "any.toml")) == "site"
    assert kind_of(write(tmp_path, example(HubConfig), "any.toml")) == "hub"


@pytest.mark.parametrize(
    "text", ["A@h:1", "FIDACHUB@hub.example.org:11113", "MY PACS@10.0.0.1:104", "A@B@host:1", "HUB@[2001:db8::1]:11113"]
)
def test_a_peer_is_read_and_written_back(text: str) -> None:
    assert str(Peer.parse(text)) == text


@given(st.text(max_size=40))
def test_any_text_is_a_peer_or_a_plain_message(text: str) -> None:
    try:
        peer = Peer.parse(text)
    except ConfigError:
        return
    assert ae_title_problem(peer.ae_title) is None and peer.host and 1 <= peer.port <= 65535


@given(st.text(max_size=40))
def test_a_site_id_can_name_a_folder(text: str) -> None:
    if site_id_problem(text) is None:
        assert Path("/archive", text).parent == Path("/archive") and text not in (".", "..") and text.isascii()


@given(st.text(alphabet=st.sampled_from("[]=\"'.#\\{}, \nabcsite_receive0123"), max_size=120))
def test_whatever_a_file_holds_it_loads_or_is_refused_with_its_name(text: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), text)
        assert refusal(path).startswith((str(path), "loads"))


def test_reading_settings_loads_no_dicom_library() -> None:
    code = (
        "import sys, fidac_node.config.config; "
        "print({'pydicom', 'pynetdicom', 'deid', 'numpy', 'peewee', 'click'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "set()"
