"""The vault: nothing is lost, nothing can be read or changed without its key, and that it was shows."""

from __future__ import annotations

import base64
import errno
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fidac_node.deidentify.rewrite.pseudonym import check_value
from fidac_node.errors import ConfigError, Permanent, Temporary
from fidac_node.identity.vault import Generation, Study, Vault
from tests.support import SystemCalls

ROOT = Path(__file__).parents[3]
KEY, OTHER_KEY = bytes(range(32)), bytes(range(1, 33))
LEFEVRE = Study(
    handle="aaaaaaaaaaaa",
    pseudonym="CHU-AAAAAAAAAAAAAAAA",
    shift_days=-412,
    issuer="CHU",
    patient_id="8003412765",
    patient_name="Lefèvre^Hélène",
    birth_date="19470301",
    study_uid="1.2.840.113619.2.55.1",
    new_study_uid="2.25.1234",
    study_date="20200317",
    accession_number="A20200317",
    profile="ab" * 32,
    at=1584403200.5,
)


def numbered(number: int) -> Study:
    return replace(LEFEVRE, handle=f"study{number:07}", pseudonym=f"CHU-{number:016}", patient_id=str(number))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    Vault.create(tmp_path / "vault", KEY)
    return tmp_path / "vault"


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def filled(path: Path, number: int = 5) -> Vault:
    vault = Vault(path, KEY)
    for one in range(number):
        vault.enter(numbered(one))
    return vault


def test_what_was_entered_is_read_back_as_it_was(path: Path) -> None:
    Vault(path, KEY).enter(LEFEVRE)
    assert list(Vault(path, KEY).studies()) == [LEFEVRE]


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=40), st.text(max_size=40))
def test_any_text_a_header_may_hold_comes_back(tmp_path: Path, name: str, patient_id: str) -> None:
    path = tmp_path / "any"
    path.unlink(missing_ok=True)
    Vault.create(path, KEY)
    study = replace(LEFEVRE, patient_name=name + "\udce9\r\n\x00\u2028", patient_id=patient_id)
    Vault(path, KEY).enter(study)
    assert list(Vault(path, KEY).studies()) == [study]


def test_nothing_of_a_patient_can_be_read_without_the_key(path: Path) -> None:
    Vault(path, KEY).enter(LEFEVRE)
    content = path.read_bytes()
    decoded = b"".join(base64.b64decode(line.split(b" ")[1].rstrip(b".\n")) for line in lines(path)[1:])
    for value in ("8003412765", "Lef", "Hél", "19470301", "1.2.840", "2.25.1234", "CHU-A", "aaaaaaaaaaaa", "A20200317"):
        assert value.encode() not in content and value.encode() not in decoded
    with pytest.raises(ConfigError, match="cannot be decrypted with this key; put back the vault key"):
        Vault(path, OTHER_KEY)


def test_two_vaults_under_one_key_share_no_keystream_and_no_record(tmp_path: Path, path: Path) -> None:
    Vault.create(tmp_path / "other", KEY)
    first, second = Vault(path, KEY), Vault(tmp_path / "other", KEY)
    assert first.id != second.id
    first.enter(LEFEVRE)
    with (tmp_path / "other").open("ab") as fp:
        fp.write(lines(path)[-1])
    moved = Vault(tmp_path / "other", KEY)
    assert list(moved.studies()) == []
    with pytest.raises(ConfigError, match="damaged at record 1"):
        moved.check()


def test_the_same_record_twice_is_encrypted_differently(path: Path) -> None:
    vault = Vault(path, KEY)
    vault.retire(KEY, "x")
    vault.retire(KEY, "x")
    one, two = (line.split(b" ")[1] for line in lines(path)[-2:])
    assert one[:16] != two[:16] and one[16:40] != two[16:40]


def test_only_the_owner_may_read_it_and_it_is_never_written_over(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(ConfigError, match="never written over"):
        Vault.create(path, KEY)


def test_what_is_no_vault_or_not_there_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="put it back from your backup, or make a new one"):
        Vault(tmp_path / "none", KEY)
    for content in (b"", b"fidac-vault-1", b"fidac-vault-1 xyz\n", b"{}\n" * 100):
        (tmp_path / "bad").write_bytes(content)
        with pytest.raises(ConfigError, match="this is no vault"):
            Vault(tmp_path / "bad", KEY)
    (tmp_path / "empty").write_bytes(b"fidac-vault-1 " + b"a" * 32 + b"\n")
    with pytest.raises(ConfigError, match="cannot be decrypted"):
        Vault(tmp_path / "empty", KEY)
    with pytest.raises(ConfigError, match="cannot be read"):
        Vault(tmp_path, KEY)


def test_all_identities_of_a_study_are_found_by_its_handle(path: Path) -> None:
    vault, reading = filled(path), Vault(path, KEY)
    vault.enter(replace(numbered(3), pseudonym="CHU-CORRECTED", patient_id="4712"))
    assert [study.patient_id for study in reading.identities("study0000003")] == ["3", "4712"]
    assert reading.identities("study0000009") == []


# --- once, by however many processes


def test_a_study_is_entered_once_whoever_enters_it_and_after_a_restart_too(path: Path) -> None:
    one, two = Vault(path, KEY), Vault(path, KEY)
    for vault in (one, two, one, Vault(path, KEY)):
        vault.enter(LEFEVRE)
    assert list(one.studies()) == [LEFEVRE]


def test_a_study_whose_patient_was_corrected_is_entered_again(path: Path) -> None:
    vault = Vault(path, KEY)
    vault.enter(LEFEVRE)
    vault.enter(replace(LEFEVRE, patient_id="1", pseudonym="CHU-B"))
    assert [study.patient_id for study in vault.studies()] == ["8003412765", "1"]


# --- one number, one person


FOLLOW_UP = replace(LEFEVRE, handle="bbbbbbbbbbbb", sex="F")


@pytest.mark.parametrize(
    ("facts", "named"),
    [
        ({"birth_date": "19470302"}, "PatientBirthDate of"),
        ({"birth_date": "1947.03.02"}, "PatientBirthDate of"),
        ({"sex": "M"}, "PatientSex of"),
        ({"birth_date": "19500101", "sex": "O"}, "PatientBirthDate and PatientSex of"),
    ],
)
def test_a_number_with_another_birth_date_or_sex_is_refused_by_handles_and_without_a_value(
    path: Path, facts: dict[str, str], named: str
) -> None:
    vault = Vault(path, KEY)
    vault.enter(replace(LEFEVRE, sex="F"))
    with pytest.raises(Permanent, match=named) as raised:
        Vault(path, KEY).enter(replace(FOLLOW_UP, **facts))
    assert raised.value.code == "another-person"
    assert "aaaaaaaaaaaa" in str(raised.value) and "bbbbbbbbbbbb" in str(raised.value)
    assert not any(value in str(raised.value) for value in ("1947", "1950", "8003412765", "Lef"))
    assert len(list(vault.studies())) == 1


@pytest.mark.parametrize(
    "facts",
    [
        {"birth_date": ""},
        {"birth_date": "1947"},
        {"birth_date": "19473131"},
        {"sex": ""},
        {"sex": "?"},
        {"birth_date": "1947.03.01"},
    ],
)
def test_what_is_missing_or_cannot_be_read_contradicts_nothing(path: Path, facts: dict[str, str]) -> None:
    vault = Vault(path, KEY)
    vault.enter(replace(FOLLOW_UP, **facts))
    vault.enter(replace(LEFEVRE, sex="F"))
    assert len(list(vault.studies())) == 2


def test_an_object_of_a_known_study_with_another_birth_date_is_refused_too(path: Path) -> None:
    vault = Vault(path, KEY)
    vault.enter(LEFEVRE)
    with pytest.raises(Permanent, match="PatientBirthDate"):
        vault.enter(replace(LEFEVRE, birth_date="19500101"))


def test_what_a_person_judged_stands_in_every_process_and_after_a_restart(path: Path) -> None:
    vault, other = Vault(path, KEY), Vault(path, KEY)
    corrected = replace(FOLLOW_UP, birth_date="19470302")
    vault.enter(LEFEVRE)
    vault.judge(corrected.handle, same=False)
    for one in (other, Vault(path, KEY)):
        with pytest.raises(Permanent, match="a person has decided that this is another patient"):
            one.enter(corrected)
    vault.judge(corrected.handle, same=True)
    other.enter(corrected)
    later = replace(corrected, handle="cccccccccccc")
    Vault(path, KEY).enter(later)  # that birth date is known now
    assert [study.birth_date for study in vault.studies()] == ["19470301", "19470302", "19470302"]


def test_a_judgement_of_a_pseudonym_is_about_all_its_studies(path: Path) -> None:
    vault = Vault(path, KEY)
    vault.enter(LEFEVRE)
    vault.judge(LEFEVRE.pseudonym, same=True)
    vault.enter(replace(FOLLOW_UP, birth_date="19470302"))
    assert len(list(vault.studies())) == 2


def test_records_of_before_without_a_sex_are_read_and_checked(path: Path) -> None:
    vault = Vault(path, KEY)
    old = {name: value for name, value in asdict(LEFEVRE).items() if name != "sex"}
    with vault._appending():
        vault._append({"kind": "begun", "site": "S", "programme": "P", "check": "c"})
        vault._append({"kind": "study", **old})
    again = Vault(path, KEY)
    assert (again.identities(LEFEVRE.handle), again.beginning and again.beginning.code) == ([LEFEVRE], "")
    with pytest.raises(Permanent, match="PatientBirthDate"):
        again.enter(replace(FOLLOW_UP, birth_date="19470302"))


def test_processes_that_enter_the_same_studies_at_once_enter_each_once(path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from fidac_node.identity.vault import Vault\n"
        "from tests.unit.identity.test_vault import KEY, numbered\n"
        "vault = Vault(Path(sys.argv[1]), KEY)\n"
        "for number in range(60): vault.enter(numbered(number))"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code, str(path)], cwd=ROOT) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    vault = Vault(path, KEY)
    vault.check()
    assert [study.patient_id for study in vault.studies()] == [str(number) for number in range(60)]


# --- power cuts, full disks


def test_a_record_cut_by_a_power_failure_at_any_byte_hides_no_other(path: Path) -> None:
    filled(path, 2)
    whole = path.read_bytes()
    start = whole.rindex(b"2 ")
    for end in range(start, len(whole)):
        path.write_bytes(whole[:end])
        vault = Vault(path, KEY)
        vault.enter(numbered(7))
        vault.enter(numbered(8))
        again = Vault(path, KEY)
        again.check()
        kept = [study.patient_id for study in again.studies()]
        assert kept == (["0", "1", "7", "8"] if end == len(whole) - 1 else ["0", "7", "8"])


@pytest.mark.parametrize(
    "junk", [bytes(700), b"\0" * 100 + b"\n", b"2 AAAA", b"2 AAAA\n", b"\xff" * 50 + b"\n", b"\n\n\n"]
)
def test_what_a_power_failure_may_leave_at_the_end_is_passed_over(path: Path, junk: bytes) -> None:
    filled(path, 1)
    with path.open("ab") as fp:
        fp.write(junk)
    Vault(path, KEY).enter(numbered(7))
    vault = Vault(path, KEY)
    vault.check()
    assert [study.patient_id for study in vault.studies()] == ["0", "7"]


def test_a_full_disk_is_an_error_and_the_study_is_entered_when_space_returns(path: Path) -> None:
    vault = filled(path, 1)
    failed = 0
    for at in range(1, 12):
        with SystemCalls(at, error=errno.ENOSPC) as calls, suppress(OSError):
            vault.enter(numbered(at))
        failed += calls.failed
        vault.enter(numbered(at))
    assert failed >= 3
    again = Vault(path, KEY)
    again.check()
    assert [study.patient_id for study in again.studies()] == [str(n) for n in range(12)]


def test_a_write_that_the_disk_cut_short_is_an_error_and_is_ended_by_the_next(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault, real = filled(path, 1), os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:50]))
    with pytest.raises(OSError, match="No space left"):
        vault.enter(numbered(1))
    monkeypatch.undo()
    vault.enter(numbered(1))
    assert [study.patient_id for study in Vault(path, KEY).studies()] == ["0", "1"]


@pytest.mark.parametrize("at", range(1, 6))
def test_a_process_killed_at_any_system_call_leaves_a_vault_that_goes_on(path: Path, at: int) -> None:
    filled(path, 1)
    pid = os.fork()
    if not pid:
        with SystemCalls(at, kill=True):
            Vault(path, KEY).enter(numbered(1))
        os._exit(0)
    os.waitpid(pid, 0)
    Vault(path, KEY).enter(numbered(1))
    vault = Vault(path, KEY)
    vault.check()
    assert [study.patient_id for study in vault.studies()] == ["0", "1"]


# --- tampering


def swapped(found: list[bytes]) -> list[bytes]:
    return [*found[:3], found[4], found[3], *found[5:]]


def altered(line: bytes) -> bytes:
    return line[:30] + (b"A" if line[30:31] != b"A" else b"B") + line[31:]


def renumbered(found: list[bytes]) -> list[bytes]:
    return [*found[:3], b"3" + found[2][1:], *found[4:]]


TAMPERING: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "swapped": swapped,
    "altered": lambda found: [*found[:3], altered(found[3]), *found[4:]],
    "renumbered": renumbered,
    "taken out": lambda found: found[:3] + found[4:],
    "repeated": lambda found: [*found, found[3]],
    "made to look half written": lambda found: [*found[:3], found[3].replace(b".", b""), *found[4:]],
    "the last altered": lambda found: [*found[:-1], altered(found[-1])],
}


@pytest.mark.parametrize("how", TAMPERING)
def test_a_record_that_is_not_as_it_was_written_is_noticed_and_the_others_can_be_read(path: Path, how: str) -> None:
    filled(path)
    path.write_bytes(b"".join(TAMPERING[how](lines(path))))
    vault = Vault(path, KEY)
    with pytest.raises(ConfigError, match=r"damaged at record [2-5].*newest backup"):
        vault.check()
    assert len(list(vault.studies())) >= 3
    with pytest.raises(Temporary, match="damaged"):
        vault.enter(numbered(99))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_is_done_to_the_file_never_makes_a_study_up(path: Path, data: st.DataObject) -> None:
    if len(lines(path)) < 7:
        filled(path)
    whole = path.read_bytes()
    content = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=40))
    try:
        path.write_bytes(content)
        found = [study.patient_id for study in Vault(path, KEY).studies()]
    except ConfigError:
        return
    finally:
        path.write_bytes(whole)
    assert found == [number for number in map(str, range(5)) if number in found]


def test_a_vault_that_was_replaced_under_a_running_process_is_not_written_to(path: Path, tmp_path: Path) -> None:
    vault = filled(path)
    (tmp_path / "copy").write_bytes(b"".join(lines(path)[:4]))
    (tmp_path / "copy").rename(path)
    before = path.read_bytes()
    with pytest.raises(Temporary, match="restart the node"):
        vault.enter(numbered(9))
    assert path.read_bytes() == before


def test_the_number_of_records_tells_an_older_copy(path: Path) -> None:
    vault, other = filled(path, 3), Vault(path, KEY)
    other.enter(numbered(8))
    assert (vault.records, vault.newest(), vault.records) == (4, 5, 5)
    path.write_bytes(b"".join(lines(path)[:-2]))
    older = Vault(path, KEY)
    older.check()
    assert older.records == 3


# --- secrets and beginnings


def test_a_vault_remembers_whose_it_is_as_it_was_said_first(path: Path) -> None:
    assert Vault(path, KEY).beginning is None
    Vault(path, KEY).begin("CHU-LILLE", "FIDAC", "abc")
    Vault(path, KEY).begin("OTHER", "OTHER", "def")
    beginning = Vault(path, KEY).beginning
    assert beginning is not None and (beginning.site, beginning.programme, beginning.check) == (
        "CHU-LILLE",
        "FIDAC",
        "abc",
    )


def test_old_secrets_are_kept_in_their_order_and_an_unfinished_rotation_counts_once(path: Path) -> None:
    vault = Vault(path, KEY)
    vault.retire(b"a" * 32, "one")
    vault.retire(b"a" * 32, check_value(b"b" * 32))
    vault.retire(b"b" * 32, "three")
    assert Vault(path, KEY).generations == [
        Generation(b"a" * 32, check_value(b"b" * 32)),
        Generation(b"b" * 32, "three"),
    ]
    vault.turn()
    size = path.stat().st_size
    Vault(path, KEY).turn()
    assert Vault(path, KEY).generations[-1].over and path.stat().st_size == size


def test_reading_the_module_does_not_load_the_cipher() -> None:
    code = (
        "import sys, fidac_node.identity.vault, fidac_node.identity.keys, fidac_node.operations.uses; "
        "print('cryptography' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "False"
