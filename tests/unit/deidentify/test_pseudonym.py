"""Pseudonyms: keyed, stable for ever, one patient one pseudonym; the key file is guarded."""

from __future__ import annotations

import hashlib
import hmac
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fidac_node.deidentify import Pseudonymiser, create_key, pseudonym, read_key
from fidac_node.errors import ConfigError
from fidac_node.uids import is_valid_uid

KEY = bytes(range(32))
UIDS = st.from_regex(r"1\.2\.\d{1,9}(\.[1-9]\d{0,8}){1,4}", fullmatch=True)
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


@given(st.text(max_size=20), st.text(min_size=1, max_size=30))
def test_a_patient_always_moves_backwards_and_by_the_same_days(issuer: str, patient_id: str) -> None:
    days = ours().shift_days(issuer, patient_id)
    assert -3650 <= days <= -1
    assert days == ours().shift_days(issuer, patient_id)


def test_shifts_are_spread_over_ten_years() -> None:
    found = {ours().shift_days("", str(number)) for number in range(400)}
    assert len(found) > 350 and min(found) < -3000 and max(found) > -600


@pytest.mark.parametrize(("issuer", "patient_id"), [("chu-x", "42"), ("CHU-X ", " 42"), ("CHU-X", "42   "), ("CHU-X\0", "42\0")])
def test_spaces_and_the_case_of_the_issuer_do_not_fork_a_patient(issuer: str, patient_id: str) -> None:
    assert ours().patient(issuer, patient_id) == ours().patient("CHU-X", "42")
    assert ours().shift_days(issuer, patient_id) == ours().shift_days("CHU-X", "42")


def test_the_same_accent_written_in_two_ways_is_one_patient() -> None:
    assert ours().patient("", "E\u0301T42") == ours().patient("", "\u00c9T42")


def test_different_identities_stay_different() -> None:
    pairs = [("", "42"), ("A", "42"), ("", "A42"), ("4", "2"), ("", "042"), ("", "ab"), ("", "AB"), ("1:", "42")]
    assert len({ours().patient(*pair) for pair in pairs}) == len(pairs)


def test_a_pseudonym_starts_with_the_site_and_fits_its_attributes() -> None:
    pseudonym = ours().patient("", "42")
    assert pseudonym.startswith("CHU-LILLE-") and len(pseudonym.rpartition("-")[2]) == 16
    assert len(Pseudonymiser(KEY, "FIDAC", "x" * 64).patient("", "42")) <= 64
    assert Pseudonymiser(KEY, "FIDAC", "é").patient("", "42").startswith("SITE-")


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
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root, env={"PYTHONHASHSEED": "7"})
    p = ours()
    assert done.stdout.split() == [p.uid("1.2.3"), p.patient("i", "42"), str(p.shift_days("i", "42")), p.study_handle("1.2.3")]


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
    path.write_bytes(b"\n" + bytes(range(200, 230)) + b" ")
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
