"""A recipe is understood to its last character, or it does not load: file, line, remedy."""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fidac_node.deidentify import load_plan, plan
from fidac_node.deidentify.profile import compiler, recipe
from fidac_node.deidentify.profile.explain import composition_of, merged
from fidac_node.deidentify.profile.programmes import find
from fidac_node.errors import ConfigError

ROOT = Path(__file__).resolve().parents[4]
# The default profile as one recipe.
DEFAULT = merged("fidac-chest-ct", composition_of(find("fidac-chest-ct")))
DEFAULT_LINES = sum(line.startswith(recipe.VERBS) for line in DEFAULT.splitlines())


@pytest.fixture
def variant(tmp_path: Path):
    """Write the default recipe with one text replaced, and return its path and the line that changed."""

    def write(old: str, new: str) -> tuple[Path, int]:
        assert DEFAULT.count(f"\n{old}\n") == 1, old
        path = tmp_path / "variant.deid"
        path.write_text(DEFAULT.replace(f"\n{old}\n", f"\n{new}\n"), encoding="utf-8")
        return path, DEFAULT[: DEFAULT.index(f"\n{old}\n") + 1].count("\n") + 1

    return write


# What deid skips with a warning, applies differently or ends the process for; each must stop the start.
WRONG = [
    ("REMOVE PatientAddress", "remove PatientAddress", "'remove' is no action; did you mean REMOVE?"),
    ("REMOVE PatientAddress", "REMOV PatientAddress", "'REMOV' is no action; did you mean REMOVE?"),
    ("REMOVE PatientAddress", "REMOVED PatientAddress", "'REMOVED' is no action"),
    ("REMOVE PatientAddress", "ERASE PatientAddress", "'ERASE' is no action"),
    ("REMOVE PatientAddress", "REMOVE PatientAddres", "did you mean PatientAddress?"),
    ("REMOVE PatientAddress", "REMOVE patientaddress", "did you mean PatientAddress?"),
    ("REMOVE PatientAddress", "REMOVE", "REMOVE needs a field"),
    ("REMOVE PatientAddress", "REMOVE PatientAddress func:is_x", "REMOVE takes no value"),
    ("REMOVE PatientAddress", "REMOVE PatientAddress # why", "a comment stands on a line of its own"),
    ("REMOVE PatientAddress", "REMOVE contains:Address", "nothing else is supported"),
    ("REMOVE PatientAddress", "REMOVE endswith:ID", "nothing else is supported"),
    ("REMOVE PatientAddress", "REMOVE startswith:Patient", "nothing else is supported"),
    ("REMOVE PatientAddress", "REMOVE except:Modality", "nothing else is supported"),
    ("REMOVE PatientAddress", "REMOVE (0010,1040)__0__(0010,0010)", "nothing else is supported"),
    ("REMOVE PatientAddress", "REMOVE ALL", "ALL is only for"),
    ("REMOVE PatientAddress", "REMOVE all", "no keyword of PS3.6"),
    ("REMOVE PatientAddress", "REMOVE (0011,1001)", "is not in PS3.6"),
    ("REMOVE PatientAddress", 'REMOVE (0010,"ACME",01)', "a private attribute is (gggg"),
    ("REMOVE PatientAddress", "JITTER StudyDate 31", "'JITTER' is no action"),
    ("REMOVE PatientAddress", "ADD PatientIdentityRemoved YES", "'ADD' is no action"),
    ("REMOVE PatientAddress", "%values ids", "only one %header section"),
    ("REMOVE PatientAddress", "%filter whitelist", "only one %header section"),
    ("REMOVE PatientAddress", "FORMAT dicom", "only one %header section"),
    ("REMOVE PatientAddress", "KEEP PatientName", "has its action on line"),
    ("REMOVE PatientAddress", "REMOVE PatientAddress\nREMOVE PatientAddress", "has its action on line"),
    ("REMOVE PatientAddress", "REMOVE PatientAddress\nREMOVE (0010,1040)", "has its action on line"),
    ("REMOVE PatientAddress", "KEEP PatientAddress", "may not be kept (PS3.15 Table E.1-1: X)"),
    ("REMOVE PatientAddress", "REPLACE PatientAddress", "REPLACE needs a value"),
    ("REMOVE PatientAddress", "REPLACE PatientAddress var:new", "only func: values and plain words"),
    ("REMOVE PatientAddress", "REPLACE PatientAddress deid_func:jitter", "only func: values and plain words"),
    ("REMOVE PatientAddress", "REPLACE PatientAddress func:dumy", "did you mean func:dummy?"),
    ("REMOVE PatientAddress", "REPLACE PatientAddress func:uid", "func:uid is for UI, not for LO"),
    ("REMOVE PatientAddress", "REPLACE PatientAddress func:", "there is no function ''"),
    ("REMOVE PatientAddress", "REPLACE PatientAddress two words", "a value is one word"),
    ("REMOVE PatientAddress", "REPLACE PatientAddress #1", "a comment stands on a line of its own"),
    ("REMOVE PatientAddress", "REMOVE Patient's", "no keyword of PS3.6"),
    ("REPLACE PatientID func:pid", "KEEP PatientID", "may not be kept (PS3.15 Table E.1-1: Z/D)"),
    ("REPLACE PatientName func:pid", "KEEP PatientName", "KEEP would let a name, date or hidden text through in PN"),
    ("REPLACE select:VR:UI func:uid", "KEEP select:VR:UI", "KEEP would let a name"),
    ("REPLACE select:VR:UI func:uid", "REPLACE select:VR:UI func:pydicom_uuid", "there is no function 'pydicom_uuid'"),
    ("REMOVE select:VR:LO", "KEEP select:VR:LO", "KEEP would let a name"),
    ("REMOVE select:VR:OB", "KEEP select:VR:OB", "KEEP would let a name"),
    ("REMOVE select:VR:PN", "REMOVE select:VR:XY", "no value representation of PS3.5"),
    ("REMOVE select:VR:PN", "REMOVE select:Vr:PN", "nothing else is supported"),
    ("REMOVE select:VR:PN", "# nothing", "nothing is said about VR PN; add for instance 'REMOVE select:VR:PN'"),
    ("REMOVE select:GROUP:6004", "# nothing", "curves and overlays must go"),
    ("REMOVE select:GROUP:6004", "KEEP select:GROUP:6004", "a whole group can only be removed"),
    ("REMOVE select:GROUP:6004", "REMOVE select:GROUP:6005", "no even group"),
    ("REMOVE select:GROUP:6004", "REMOVE select:GROUP:6004\nKEEP (6004,0010)", "contradicts "),
    ("REMOVE ALL func:private", "# nothing", "private attributes are not covered"),
    ("REMOVE ALL func:private", "REMOVE ALL func:is_private", "REMOVE takes no value"),
    ("REPLACE StudyDate func:shift", "REPLACE StudyDate func:pid", "func:pid is for LO, PN, SH, not for DA"),
    (
        "REPLACE SpecificCharacterSet func:utf8",
        "REPLACE SpecificCharacterSet func:utf8\nREPLACE Modality func:utf8",
        "SpecificCharacterSet alone",
    ),
    ("KEEP PatientSex", "REPLACE PatientSex unknown", "a code (CS) is in capitals"),
    ("KEEP PatientSize", "REPLACE PatientSize 1.70", "a fixed text can only replace"),
]


@pytest.mark.parametrize(("old", "new", "message"), WRONG)
def test_a_line_that_is_not_understood_stops_the_start_with_file_line_and_remedy(
    variant, old: str, new: str, message: str
) -> None:
    path, number = variant(old, new)
    with pytest.raises(ConfigError) as caught:
        load_plan(str(path))
    text = str(caught.value)
    assert message in text
    assert text.startswith(f"{path}:")
    last = number + new.count("\n")
    if "nothing" not in new and ":0" not in text:
        assert re.search(rf"variant\.deid:({number}|{last}):|variant\.deid: ", text)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds no action"),
        (b"FORMAT dicom\n%header\n", "holds no action"),
        (b"%header\nREMOVE PatientName\n", "a recipe begins with"),
        (b"FORMAT nifti\n%header\nREMOVE PatientName\n", "a recipe begins with"),
        (b"format dicom\n%header\nREMOVE PatientName\n", "a recipe begins with"),
        (b"FORMAT dicom\n%headers\nREMOVE PatientName\n", "a recipe begins with"),
        (b"FORMAT dicom\nREMOVE PatientName\n", "a recipe begins with"),
        ("FORMAT dicom\n%header\nREMOVE PatientNäme\n".encode(), "is not ASCII"),
        (b"FORMAT dicom\n%header\nREMOVE PatientName\n", "nothing is said about VR"),
    ],
)
def test_a_file_that_is_no_recipe_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "own.deid"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        load_plan(str(path))


def test_every_problem_of_a_recipe_is_told_at_once(variant) -> None:
    path, number = variant("REMOVE PatientAddress", "remove A\nREPLACE B\nERASE C")
    with pytest.raises(ConfigError) as caught:
        load_plan(str(path))
    assert [line.split(":")[1] for line in str(caught.value).splitlines()] == [str(number + n) for n in range(3)]


def test_a_missing_profile_is_an_error_that_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"no profile 'fidac-chest'; there are: basic-only, fidac-chest-ct, fidac-chest-ct-device"
    ):
        load_plan("fidac-chest", tmp_path)
    with pytest.raises(ConfigError, match="no such recipe file"):
        load_plan(str(tmp_path / "none.deid"))


def test_a_profile_has_a_plain_name(tmp_path: Path) -> None:
    path = tmp_path / "My Profile.deid"
    path.write_text(DEFAULT, encoding="ascii")
    with pytest.raises(ConfigError, match="a profile is named by lower-case letters"):
        load_plan(str(path))


class _Deid:
    """Stands for deid's parser: sees what a test tells it to."""

    def __init__(self, seen: list[dict[str, str]] | BaseException, extra: dict[str, object] | None = None) -> None:
        self.deid = {"format": "dicom", "header": seen, **(extra or {})}
        self._seen = seen

    def __call__(self, deid: str) -> _Deid:
        if isinstance(self._seen, BaseException):
            raise self._seen
        return self

    def get_format(self) -> str:
        return "dicom"

    def get_actions(self) -> list[dict[str, str]]:
        assert isinstance(self._seen, list)
        return self._seen


@pytest.mark.parametrize(
    ("parser", "message"),
    [
        (_Deid(SystemExit(1)), "deid refuses the recipe"),
        (_Deid(ValueError("x")), "deid cannot parse the recipe"),
        (_Deid([]), "deid reads 0 actions where the file has"),
        (_Deid([{"action": "KEEP", "field": "ALL"}]), "deid reads this line differently"),
        (_Deid([], {"filter": {}}), "deid reads other sections"),
    ],
)
def test_whatever_deid_reads_otherwise_is_an_error(
    monkeypatch: pytest.MonkeyPatch, parser: _Deid, message: str
) -> None:
    monkeypatch.setattr("deid.config.DeidRecipe", parser)
    with pytest.raises(ConfigError, match=message):
        load_plan("fidac-chest-ct")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    line=st.one_of(
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40),
        st.builds(
            "{} {} {}".format,
            st.sampled_from(
                [
                    "KEEP",
                    "REMOVE",
                    "REPLACE",
                    "BLANK",
                    "keep",
                    "ADD",
                    "LABEL",
                    "FIELD",
                    "SPLIT",
                    "coordinates",
                    "||",
                    "+",
                ]
            ),
            st.sampled_from(
                [
                    "PatientName",
                    "ALL",
                    "all",
                    "select:VR:PN",
                    "select:GROUP:0010",
                    "(0010,0010)",
                    "Patient*",
                    "contains:^Pat",
                ]
            ),
            st.sampled_from(["", "func:uid", "func:", "var:x", "#", '"a b', "'", "\t"]),
        ),
    )
)
def test_no_line_is_ever_skipped(tmp_path: Path, line: str) -> None:
    """Every line is an action of ours that deid sees too, an empty line or comment, or an error: nothing else."""
    path = tmp_path / "fuzz.deid"
    base = DEFAULT.replace("\nREMOVE PatientAddress\n", "\n")
    path.write_text(f"{base}{line}\n", encoding="ascii")
    try:
        lines = recipe.read(path).lines
        made = load_plan(str(path))
    except ConfigError:
        return
    ignored = not line.strip() or line.strip().startswith("#")
    assert len(lines) == DEFAULT_LINES - 1 + (not ignored)
    assert made.action(0x00100010, "PN") == "pid"


def test_the_digest_follows_the_content_and_nothing_else(tmp_path: Path) -> None:
    made = load_plan("fidac-chest-ct")
    assert load_plan("fidac-chest-ct") == made and re.fullmatch("[0-9a-f]{64}", made.digest)
    path = tmp_path / "fidac-chest-ct.deid"
    path.write_text(DEFAULT + "\n# a comment\n", encoding="ascii")
    assert load_plan(str(path)).digest == made.digest, "the layers in one file are the same profile"
    path.write_text(DEFAULT.replace("\nKEEP PatientSize\n", "\nREMOVE PatientSize\n"), encoding="ascii")
    assert load_plan(str(path)).digest != made.digest
    assert load_plan("basic-only").digest != made.digest


def test_a_plan_is_plain_data() -> None:
    made = load_plan("fidac-chest-ct")
    assert pickle.loads(pickle.dumps(made)) == made
    assert plan.parse(plan.dump(made)) == made


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"profile":1}'])
def test_what_is_no_plan_is_not_taken_for_one(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        plan.parse(text)


def test_a_plan_that_was_altered_is_not_taken_for_one() -> None:
    text = plan.dump(load_plan("fidac-chest-ct"))
    with pytest.raises(ValueError, match="digest"):
        plan.parse(text.replace('"00100010":"pid"', '"00100010":"keep"'))


def test_a_site_adds_words_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "own.deid").write_text(DEFAULT, encoding="ascii")
    (tmp_path / "vocabulary").mkdir()
    (tmp_path / "vocabulary" / "own.txt").write_text("xenonium\n", encoding="utf-8")
    made = load_plan("own", tmp_path)
    assert made.vocabulary == load_plan("fidac-chest-ct").vocabulary | {"xenonium"}


def test_a_cached_plan_is_used_until_anything_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own, cache = tmp_path / "own", tmp_path / "cache"
    own.mkdir()
    (own / "own.deid").write_text(DEFAULT, encoding="ascii")
    first = load_plan("own", own, cache=cache)
    (file,) = cache.iterdir()
    with monkeypatch.context() as patch:
        patch.setattr(compiler, "compile_plan", lambda *_: pytest.fail("compiled again"))
        assert load_plan("own", own, cache=cache) == first
    file.write_text(file.read_text().replace('"00100010":"pid"', '"00100010":"keep"'))
    assert load_plan("own", own, cache=cache) == first, "a damaged cache is compiled again"
    (own / "own.deid").write_text(DEFAULT.replace("\nKEEP PatientSize\n", "\nREMOVE PatientSize\n"), encoding="ascii")
    assert load_plan("own", own, cache=cache).digest != first.digest


def test_a_cached_plan_loads_neither_deid_nor_pydicom(tmp_path: Path) -> None:
    load_plan("fidac-chest-ct", cache=tmp_path)
    code = (
        "import sys; from pathlib import Path; from fidac_node.deidentify import load_plan\n"
        f"load_plan('fidac-chest-ct', cache=Path({str(tmp_path)!r}))\n"
        "print({'deid', 'pydicom', 'matplotlib', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "set()" and done.stderr == ""


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert load_plan("basic-only", cache=tmp_path / "file" / "cache").profile == "basic-only"
