"""Pictures of frames: windowed as the standard says, cut and scaled as asked, and nothing for what is none."""

from __future__ import annotations

import io

import numpy as np
import pytest
from dicomweb_client import DICOMwebClient
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from requests import Session

from fidac_node.dicom.uids import EXPLICIT_VR_LE, IMPLICIT_VR_LE
from tests.hub_objects import data_set, uid
from tests.integration.hub.web.conftest import WebHub
from tests.integration.hub.web.test_metadata import address
from tests.integration.hub.web.test_wado import RLE, compressed, parts

ROWS, COLUMNS = 16, 32
PNG = {"Accept": "image/png"}


def ramp(patient: int, **values: object) -> Dataset:
    """Columns of 0, 100, 200 and so on, which are -1000, -900 and so on in Hounsfield units."""
    pixels = np.tile(np.arange(COLUMNS, dtype="<i2") * 100, (ROWS, 1))
    described = {
        "Rows": ROWS,
        "Columns": COLUMNS,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "PixelRepresentation": 1,
        "RescaleSlope": "1",
        "RescaleIntercept": "-1000",
        "WindowCenter": ["50", "-600"],
        "WindowWidth": ["400", "1500"],
        "PixelData": pixels.tobytes(),
    }
    return data_set(patient, **{**described, **values})


def row(web: WebHub, patient: int, query: str = "") -> list[int]:
    answer = web.get(f"{address(patient, 1, 1, 1)}/rendered{query}", headers=PNG)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    return list(np.asarray(Image.open(io.BytesIO(answer.content)))[0])


def grey(shown: object) -> object:
    """As it is shown, from 0 to 1; where the half is, is the arithmetic's business."""
    return pytest.approx(list(np.clip(shown, 0, 1) * 255), abs=0.6)  # type: ignore[call-overload]


def test_a_picture_has_the_window_of_the_header_or_of_the_address(own: WebHub) -> None:
    own.file(ramp(1001), ramp(1002, PhotometricInterpretation="MONOCHROME1"), ramp(1003, WindowWidth=""))
    units = np.arange(COLUMNS) * 100.0 - 1000
    linear = (units - 49.5) / 399 + 0.5  # PS3.3 C.11.2.1.2.1
    assert row(own, 1001) == grey(linear)
    assert row(own, 1002) == grey(1 - np.clip(linear, 0, 1))
    assert row(own, 1003)[0] == 0 and row(own, 1003)[-1] == 255
    assert row(own, 1001, "?window=-600,1500,linear-exact") == grey((units + 600) / 1500 + 0.5)
    assert row(own, 1001, "?window=50,400,sigmoid") == grey(1 / (1 + np.exp(-4 * (units - 50) / 400)))


def test_a_picture_is_cut_mirrored_and_scaled_as_the_viewport_says(own: WebHub) -> None:
    own.file(ramp(1005))
    whole = row(own, 1005)
    at = f"{address(1005, 1, 1, 1)}/rendered"

    def shown(query: str) -> Image.Image:
        return Image.open(io.BytesIO(own.get(f"{at}?{query}", headers=PNG).content))

    assert shown("viewport=64,64").size == (64, 32)
    assert shown("viewport=8,8").size == (8, 4)
    part = shown("viewport=10,10,8,0,10,10")
    assert part.size == (10, 10) and list(np.asarray(part)[0]) == whole[8:18]
    assert list(np.asarray(shown("viewport=32,16,0,0,-32,16"))[0]) == whole[::-1]
    jpeg = own.get(at)
    assert jpeg.headers["content-type"] == "image/jpeg" and Image.open(io.BytesIO(jpeg.content)).size == (32, 16)
    small = own.get(f"{at}?quality=5")
    assert len(small.content) < len(jpeg.content)
    assert own.get(at, headers={"If-None-Match": jpeg.headers["etag"]}).status_code == 304
    assert own.get(f"{at}?quality=5", headers={"If-None-Match": jpeg.headers["etag"]}).status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        *("window=1,2", "window=a,b,linear", "window=1,0.5,linear", "window=1,-5,linear-exact", "window=1,2,cubic"),
        *("viewport=0,1", "viewport=5", "viewport=99999,1", "viewport=1,1,40,0,1,1", "viewport=1,1,0,0,0,0"),
        *("quality=0", "quality=101", "quality=x", "viewport=1,1,0,0,99,99"),
    ],
)
def test_what_no_picture_can_be_made_with_is_400(web: WebHub, query: str) -> None:
    assert web.get(f"{address(1, 1, 1, 1)}/rendered?{query}").status_code == 400


def test_of_many_frames_each_has_its_own_picture_and_its_own_window(own: WebHub) -> None:
    frames, own_window = compressed(2, frames=3), Dataset()
    own_window.WindowCenter, own_window.WindowWidth = "100", "1"
    macros = [Dataset() for _ in range(3)]
    macros[1].FrameVOILUTSequence = Sequence([own_window])
    frames.PerFrameFunctionalGroupsSequence = Sequence(macros)
    own.file(frames, syntax=RLE)
    at = address(6, 1, 1, 2)
    pictures = [own.get(f"{at}/frames/{number}/rendered", headers=PNG).content for number in (1, 2, 3)]
    assert len(set(pictures)) == 3
    assert set(np.asarray(Image.open(io.BytesIO(pictures[1]))).flat) <= {0, 255}
    assert own.get(f"{at}/rendered", headers=PNG).status_code == 406
    for path in (f"{at}/rendered", f"{at}/frames/1,2,3/rendered", f"/studies/{uid(6, 1)}/rendered"):
        together = own.get(path, headers={"Accept": 'multipart/related; type="image/png"'})
        assert [content for _, content in parts(together)] == pictures
    assert {head["Content-Type"] for head, _ in parts(own.get(f"{at}/rendered"))} == {"image/jpeg"}
    assert own.get(f"{at}/frames/4/rendered").status_code == 404
    thumbnail = own.get(f"/studies/{uid(6, 1)}/thumbnail?viewport=24,24", headers=PNG)
    assert Image.open(io.BytesIO(thumbnail.content)).size == (24, 16)


def test_colours_are_shown_whatever_their_order(own: WebHub) -> None:
    red = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "BitsAllocated": 8, "Rows": 2, "Columns": 2}
    planes = bytes([255] * 4 + [0] * 8)
    own.file(data_set(1006, PlanarConfiguration=1, PixelData=planes, **red), syntax=IMPLICIT_VR_LE)
    own.file(data_set(1007, PlanarConfiguration=0, PixelData=bytes([255, 0, 0] * 4), **red), syntax=EXPLICIT_VR_LE)
    for patient in (1006, 1007):
        answer = own.get(f"{address(patient, 1, 1, 1)}/rendered", headers=PNG)
        assert Image.open(io.BytesIO(answer.content)).getpixel((1, 1)) == (255, 0, 0)


def test_what_has_no_pixels_or_such_as_nobody_shows_has_no_picture(own: WebHub) -> None:
    own.file(data_set(1008, PixelData=None), data_set(1009, BitsAllocated=64), data_set(1010, Rows=400))
    answers = [own.get(f"{address(patient, 1, 1, 1)}/rendered").status_code for patient in (1008, 1009, 1010)]
    assert answers == [404, 406, 406]


def test_dicomweb_client_gets_pictures(web: WebHub) -> None:
    session = Session()
    session.headers["Authorization"] = f"Bearer {web.token()}"
    client = DICOMwebClient(web.url, session=session)
    study, series, sop = uid(1, 1), uid(1, 1, 1), uid(1, 1, 1, 1)
    png = client.retrieve_instance_rendered(study, series, sop, media_types=("image/png",))
    assert Image.open(io.BytesIO(png)).size == (4, 4)
    jpeg = client.retrieve_instance_frames_rendered(study, series, sop, [1], media_types=("image/jpeg",))
    assert Image.open(io.BytesIO(jpeg)).format == "JPEG"
    assert Image.open(io.BytesIO(client.retrieve_series_rendered(uid(1, 2), uid(1, 2, 1)))).format == "JPEG"
    session.close()
