"""Pseudonyms: keyed, stable for ever, one patient one pseudonym; the key file is guarded."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import stat
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fidac_node.deidentify import Keyring, Pseudonymiser
from fidac_node.deidentify.rewrite import pseudonym
from fidac_node.deidentify.rewrite.pseudonym import identity
from fidac_node.dicom.uids import is_valid_uid
from fidac_node.errors import ConfigError, Permanent
from fidac_node.identity.keyfile import create_key, destroy_key, problem, read_key, replace_key

KEY = bytes(range(32))
UIDS = st.from_regex(r"1\.2\.\d{1,9}(\.[1-9]\d{0,8}){1,4}", fullmatch=True)
SPACE = st.text(" \t\0\u00a0\u200b\ufeff", max_size=3)
WORDS = st.lists(st.text("abcXYZ0123456789-/éÉçß\u0301", min_size=1, max_size=8), min_size=1, max_size=3)
OTHERS = [Pseudonymiser(bytes(32), "FIDAC", "S1"), Pseudonymiser(KEY, "OTHER", "S1")]


def ours() -> Pseudonymiser:
    return Pseudonymiser(KEY, "FIDAC", "CHU-Lille")


@given(UIDS)
def test_a_new_uid_is_valid_and_keyed(old: str) -> None:
    new = ours().uid(old)
    assert is_valid_uid(new) and new.startswith("2.25.") and len(new) <= 44
    assert new.split(".")[2] == str(int(new.split(".")[2]))
    assert new == ours().uid(f"{old}\0") == ours().uid(f"{old} ")
    assert all(new != other.uid(old) for other in OTHERS)


@given(st.text(max_size=20), st.text(min_size=1, max_size=30).filter(lambda text: any(one.isalnum() for one in text)))
def test_a_patient_always_moves_backwards_and_by_the_same_days(issuer: str, patient_id: str) -> None:
    days = ours().shift_days(issuer, patient_id)
    assert -3650 <= days <= -1
    assert days == ours().shift_days(issuer, patient_id)


def test_shifts_are_spread_over_ten_years() -> None:
    found = {ours().shift_days("", str(number)) for number in range(400)}
    assert len(found) > 350 and min(found) < -3000 and max(found) > -600


@pytest.mark.parametrize(
    ("issuer", "patient_id"), [("chu-x", "42"), ("CHU-X ", " 42"), ("CHU-X", "42   "), ("CHU-X\0", "42\0")]
)
def test_spaces_and_the_case_of_the_issuer_do_not_fork_a_patient(issuer: str, patient_id: str) -> None:
    assert ours().patient(issuer, patient_id) == ours().patient("CHU-X", "42")
    assert ours().shift_days(issuer, patient_id) == ours().shift_days("CHU-X", "42")


def test_the_same_accent_written_in_two_ways_is_one_patient() -> None:
    assert ours().patient("", "E\u0301T42") == ours().patient("", "\u00c9T42")


@given(WORDS, WORDS, st.data())
def test_no_spelling_of_an_id_forks_a_patient(issuer: list[str], patient_id: list[str], data: st.DataObject) -> None:
    def spelled(words: list[str]) -> str:
        form = data.draw(st.sampled_from(["NFC", "NFD"]))
        gaps = [data.draw(SPACE) + " " + data.draw(SPACE) for _ in words[1:]]
        text = words[0] + "".join(gap + word for gap, word in zip(gaps, words[1:], strict=True))
        return data.draw(SPACE) + unicodedata.normalize(form, text) + data.draw(SPACE)  # type: ignore[arg-type]

    issuers = spelled(issuer), data.draw(st.sampled_from([str.lower, str.upper, str.swapcase]))(spelled(issuer))
    assert identity(issuers[0], spelled(patient_id)) == identity(issuers[1], spelled(patient_id))


@given(st.text(max_size=12), st.text(max_size=12), st.text(max_size=12), st.text(max_size=12))
def test_two_patients_become_one_only_when_issuer_and_id_read_alike(
    issuer: str, one: str, other_issuer: str, other: str
) -> None:
    def read(text: str) -> str:
        visible = "".join(c for c in text if c.isspace() or unicodedata.category(c) not in ("Cc", "Cf"))
        return " ".join(unicodedata.normalize("NFC", visible).split())

    def fold(text: str) -> str:
        return unicodedata.normalize("NFC", unicodedata.normalize("NFD", read(text)).casefold())

    if read(one) and read(other):
        same = (fold(issuer), read(one)) == (fold(other_issuer), read(other))
        assert (identity(issuer, one) == identity(other_issuer, other)) == same


@pytest.mark.parametrize("patient_id", ["", " ", "\0\0", "\u200b", "\t\u00a0\ufeff"])
def test_a_patient_without_an_id_is_refused_because_all_of_them_would_become_one(patient_id: str) -> None:
    for make in (ours().patient, ours().shift_days, ours_twice().of):
        with pytest.raises(Permanent, match="PatientID") as raised:
            make("CHU", patient_id)
        assert raised.value.code == "no-patient-id"


def test_different_identities_stay_different() -> None:
    pairs = [
        ("", "42"), ("A", "42"), ("", "A42"), ("4", "2"), ("", "042"), ("", "ab"), ("", "AB"), ("1:", "42"),
        ("", "4 2"), ("", "4²"),
    ]  # fmt: skip
    assert len({ours().patient(*pair) for pair in pairs}) == len(pairs)


def test_a_pseudonym_starts_with_the_site_and_fits_its_attributes() -> None:
    pseudonym = ours().patient("", "42")
    assert pseudonym.startswith("CHU-LILLE-") and len(pseudonym.rpartition("-")[2]) == 16
    assert len(Pseudonymiser(KEY, "FIDAC", "x" * 64).patient("", "42")) <= 64
    assert Pseudonymiser(KEY, "FIDAC", "é").patient("", "42").startswith("SITE-")


# --- generations of the secret


def ours_twice(known: tuple[str, ...] = ()) -> Keyring:
    return Keyring([ours(), Pseudonymiser(bytes(reversed(KEY)), "FIDAC", "CHU-Lille")], known)


def test_one_secret_serves_every_patient() -> None:
    one = ours()
    assert one.of("CHU", "42") is one


def test_after_a_rotation_a_known_patient_keeps_all_and_a_new_one_gets_the_new_secret() -> None:
    ring = ours_twice(known=(ours().patient("CHU", "42"),))
    kept, fresh = ring.of("chu ", " 42"), ring.of("CHU", "43")
    assert (kept.patient("CHU", "42"), kept.shift_days("CHU", "42"), kept.uid("1.2.3")) == (
        ours().patient("CHU", "42"),
        ours().shift_days("CHU", "42"),
        ours().uid("1.2.3"),
    )
    assert fresh.uid("1.2.3") != ours().uid("1.2.3") and fresh.patient("CHU", "43") != ours().patient("CHU", "43")
    assert ring.of("CHU", "43") is fresh


def test_a_patient_known_to_two_generations_stays_with_the_first() -> None:
    newer = Pseudonymiser(bytes(reversed(KEY)), "FIDAC", "CHU-Lille")
    ring = ours_twice(known=(newer.patient("", "42"), ours().patient("", "42")))
    assert ring.of("", "42").uid("1.2") == ours().uid("1.2")


# --- handles and keys


def test_handles_have_their_lengths_and_alphabet() -> None:
    study, instance = ours().study_handle("1.2.3"), ours().instance_handle("1.2.3")
    assert (len(study), len(instance)) == (12, 16) and study != instance[:12]
    assert set(study + instance) <= set("abcdefghijklmnopqrstuvwxyz234567")


def test_keys_are_derived_as_rfc_5869_says() -> None:
    extracted = hmac.new(b"fidac-node pseudonyms v1", KEY, hashlib.sha256).digest()
    assert pseudonym.derive(KEY, "uid|FIDAC") == hmac.new(extracted, b"uid|FIDAC\x01", hashlib.sha256).digest()


def test_the_check_value_tells_keys_apart_and_not_programmes() -> None:
    assert ours().check_value() == OTHERS[1].check_value() != OTHERS[0].check_value()
    assert len(ours().check_value()) == 16


def test_another_process_makes_the_same_pseudonyms() -> None:
    code = (
        "from fidac_node.deidentify import Pseudonymiser as P\n"
        "p = P(bytes(range(32)), 'FIDAC', 'CHU-Lille')\n"
        "print(p.uid('1.2.3'), p.patient('i', '42'), p.shift_days('i', '42'), p.study_handle('1.2.3'))"
    )
    root = Path(__file__).resolve().parents[4]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root, env={"PYTHONHASHSEED": "7"}
    )
    p = ours()
    assert done.stdout.split() == [
        p.uid("1.2.3"),
        p.patient("i", "42"),
        str(p.shift_days("i", "42")),
        p.study_handle("1.2.3"),
    ]


def test_these_pseudonyms_never_change() -> None:
    """Recorded: data at the hub was made with these functions, and a later release must make the same."""
    assert ours().uid("1.2.840.113619.2.55") == "2.25.26443125778525835311022468899554738734"
    assert ours().patient("CHU", "8003412765") == "CHU-LILLE-5ADYGIS5NSH5VBE5"
    assert ours().shift_days("CHU", "8003412765") == -2090


def test_a_fresh_key_is_random_private_and_never_overwritten(tmp_path: Path) -> None:
    first, second = tmp_path / "a.key", tmp_path / "b.key"
    create_key(first)
    create_key(second)
    assert stat.S_IMODE(first.stat().st_mode) == 0o600
    assert len(read_key(first)) == 32 and read_key(first) != read_key(second)
    with pytest.raises(ConfigError, match="never replaced"):
        create_key(first)


def test_a_key_is_replaced_whole_and_stays_private(tmp_path: Path) -> None:
    path = tmp_path / "a.key"
    create_key(path)
    secret = secrets.token_bytes(32)
    replace_key(path, secret)
    assert read_key(path) == secret and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["a.key"]


def test_a_destroyed_key_is_written_over_before_its_name_goes(tmp_path: Path) -> None:
    path, kept = tmp_path / "a.key", tmp_path / "same blocks"
    create_key(path)
    before = path.read_bytes()
    kept.hardlink_to(path)
    destroy_key(path)
    assert not path.exists()
    assert len(kept.read_bytes()) == len(before) and kept.read_bytes() != before


@pytest.mark.parametrize(
    "key",
    [
        bytes(32), b"\xff" * 32, b"ab" * 16, bytes(range(32)), bytes(range(0, 64, 2)), b"0123456789abcdef" * 4,
        b"correct horse b" * 3,
    ],
    ids=["zeros", "ones", "two bytes", "counted", "in twos", "hex digits", "a sentence thrice"],
)  # fmt: skip
@pytest.mark.parametrize("written", [bytes, lambda key: key.hex().encode()], ids=["raw", "hexadecimal"])
def test_a_key_that_can_be_guessed_is_refused(tmp_path: Path, key: bytes, written: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "k.key"
    path.write_bytes(written(key))
    path.chmod(0o600)
    with pytest.raises(ConfigError, match=r"k\.key: the key (is not random|has \d+ bytes)"):
        read_key(path)


@given(st.binary(min_size=8, max_size=8))
def test_a_random_key_is_never_refused(seed: bytes) -> None:
    assert problem(hashlib.sha256(seed).digest()) == ""


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_key_that_others_may_read_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "k.key"
    create_key(path)
    path.chmod(mode)
    with pytest.raises(ConfigError, match=f"chmod 600 {path}"):
        read_key(path)


@pytest.mark.parametrize(("content", "size"), [(b"", 0), (b"ab" * 31, 31), (b"short", 5), (b"x" * 31, 31)])
def test_a_short_key_is_refused(tmp_path: Path, content: bytes, size: int) -> None:
    path = tmp_path / "k.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match=rf"has {size} bytes, at least 32"):
        read_key(path)


def test_a_key_of_raw_bytes_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "k.key"
    path.write_bytes(b"\n" + hashlib.sha256(b"raw").digest()[:30] + b" ")
    path.chmod(0o600)
    assert len(read_key(path)) == 32


def test_a_missing_key_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="restore it from the backup"):
        read_key(tmp_path / "none.key")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_key(tmp_path)


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least 32"):
        Pseudonymiser(b"short", "FIDAC", "S1")
