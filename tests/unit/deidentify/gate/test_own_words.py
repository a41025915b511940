"""What a site has named itself is kept by no text and looked for in every output."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest

from fidac_node.deidentify import Deidentifier, Pseudonymiser, load_plan
from fidac_node.deidentify.gate.gate import Gate
from fidac_node.errors import Permanent
from tests.unit.deidentify.build import KEY, LIMIT, ct, read, write
from tests.unit.deidentify.gate_objects import HARMLESS, case

OWN = ("CHU de Châteauvert", "Quatrefages", "Thorax")


def engine(profile: str = "fidac-chest-ct", own: tuple[str, ...] = OWN) -> Deidentifier:
    return Deidentifier(load_plan(profile), Pseudonymiser(KEY, "FIDAC", "S1"), "S1", "FIDAC", own=own)


def written(path: Path, one: Deidentifier) -> bytes:
    target = io.BytesIO()
    one.deidentify(path, target, label="unknown", label_source="default", limit=LIMIT)
    return target.getvalue()


def check(own: tuple[str, ...], model: bytes) -> None:
    """Let an output with ``model`` pass a gate that has ``own`` words."""
    replace(case().left(0x00081090, "LO", model), gate=Gate(HARMLESS, own=own)).check()


@pytest.mark.parametrize(
    "station", ["CHATEAUVERT1", "CT Châteauvert", "CHA^TEAU^VERT ct", "quatrefages-2", "CT_QUATREFAGES", "QUATREFAGE"]
)
def test_a_device_that_is_called_by_a_word_of_the_sites_own_is_held_although_its_profile_keeps_devices(
    tmp_path: Path, station: str
) -> None:
    path = write(tmp_path / "a.dcm", ct(StationName=station))
    assert read(written(path, engine("fidac-chest-ct-device", ()))).StationName == station
    with pytest.raises(Permanent) as caught:
        written(path, engine("fidac-chest-ct-device"))
    assert caught.value.code == "leak"
    assert str(caught.value) == "a word of the site's own is left in the output at (0008,1010) StationName"


@pytest.mark.parametrize("model", [b"Force Ch\xc3\xa2teauvert", b"FORCE CHATEAUVERT", b"chateauvert2", b"Quatrefages"])
def test_every_spelling_of_a_name_is_found_in_any_attribute(model: bytes) -> None:
    with pytest.raises(Permanent, match=r"word of the site's own is left in the output at .* ManufacturerModelName"):
        check(OWN, model)
    check((), model)


def test_words_of_images_and_of_any_hospital_are_not_looked_for() -> None:
    check(("Thorax", "Hôpital", "CT"), b"Force")


def test_a_word_of_the_vocabulary_is_kept_by_no_text_of_the_site_that_names_it(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", ct(SeriesDescription="THORAX SANS INJECTION", StudyDescription="Thorax"))
    assert read(written(path, engine(own=()))).SeriesDescription == "THORAX SANS INJECTION"
    assert read(written(path, engine())).SeriesDescription == "SANS INJECTION"
    assert "StudyDescription" not in read(written(path, engine()))


def test_own_words_that_are_nowhere_in_an_output_change_nothing_in_it(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", ct(InstitutionName="CHU de Châteauvert"))
    assert written(path, engine(own=("Châteauvert", "Quatrefages"))) == written(path, engine(own=()))
