"""What is not de-identified at all but held for a person, before anything else (PS3.15 E.3.1).

A header can be cleaned; text burned into pixels cannot be seen by a program that does not look. So only
objects whose kind speaks for plain CT slices go on. A ``NO`` in BurnedInAnnotation is no proof.
"""

from __future__ import annotations

import re
from typing import Final

from fidac_node.deidentify.reading import Source, items_of, value_of
from fidac_node.deidentify.text import fold
from fidac_node.errors import Permanent
from fidac_node.uids import CT_CLASSES, HELD_CLASSES

_CT_IMAGE: Final = "1.2.840.10008.5.1.4.1.1.2"
_SECONDARY_CAPTURE: Final = "1.2.840.10008.5.1.4.1.1.7"
_SHARED_GROUPS: Final = 0x52009229
_PER_FRAME_GROUPS: Final = 0x52009230
_PLANE_POSITION: Final = 0x00209113
_PIXEL_DATA_PROVIDER_URL: Final = 0x00287FE0
_FLOAT_PIXEL_DATA: Final = (0x7FE00008, 0x7FE00009)
_GREYSCALE: Final = frozenset({"MONOCHROME1", "MONOCHROME2"})
# Screens that scanners store beside the slices. "Low dose" is a kind of chest CT and must not match.
_SCREEN: Final = re.compile(
    r"\b(?:dose (?:report|info|information|sheet|summary|record)|rapport de dose|patient (?:protocol|info|information)"
    r"|(?:exam|study|scan) (?:summary|protocol)|screen ?save|screen ?shot|snapshot|capture)\b"
)


def triage(source: Source) -> None:
    """Let ``source`` pass if it is a plain CT image; else raise :class:`Permanent`.

    Codes: ``not-allowed-class``, ``pixel-risk`` (it may show the patient's name), ``incomplete``.
    """
    _class(source)
    _kind(source)
    _pixels(source)
    _geometry(source)
    _overlays(source)


def _class(source: Source) -> None:
    sop_class = source.get("SOPClassUID")
    if sop_class == _SECONDARY_CAPTURE or sop_class.startswith(_SECONDARY_CAPTURE + "."):
        raise Permanent("pixel-risk", "a Secondary Capture: a screen that may show the patient's name; look at it, then drop it")
    if sop_class not in CT_CLASSES:
        name = HELD_CLASSES.get(sop_class, "this SOP class")
        raise Permanent("not-allowed-class", f"{name} is not de-identified by this node, only CT images are")
    if source.get("Modality").strip() != "CT":
        raise Permanent("not-allowed-class", "Modality (0008,0060) is not CT although the SOP class is")


def _kind(source: Source) -> None:
    image_type = [value.strip().upper() for value in source.get("ImageType").split("\\")]
    if len(image_type) > 1 and image_type[1] == "SECONDARY":
        raise Permanent("pixel-risk", "ImageType says SECONDARY: made from other images, text may be burned in")
    if "SCREEN SAVE" in image_type:
        raise Permanent("pixel-risk", "ImageType says SCREEN SAVE: the picture of a screen")
    if source.get("BurnedInAnnotation").strip().upper() == "YES":
        raise Permanent("pixel-risk", "BurnedInAnnotation (0028,0301) is YES: text is burned into the pixels")
    if 0x00080064 in source.data_set:
        raise Permanent("pixel-risk", "ConversionType (0008,0064) is present: digitised or captured, not acquired")
    if _SCREEN.search(fold(source.get("SeriesDescription"))):
        raise Permanent("pixel-risk", "SeriesDescription names a report or a screen, not slices")


def _pixels(source: Source) -> None:
    if any(tag in source.data_set for tag in _FLOAT_PIXEL_DATA) or _PIXEL_DATA_PROVIDER_URL in source.data_set:
        raise Permanent("not-allowed-class", "the pixels are floating point or elsewhere: not a CT image as PS3.3 A.3 defines it")
    if source.pixel_data is None:
        raise Permanent("incomplete", "there is no PixelData (7FE0,0010)")
    if source.get("PhotometricInterpretation").strip() not in _GREYSCALE or source.number("SamplesPerPixel", 1) != 1:
        raise Permanent("pixel-risk", "colour pixels: scanners make them for screens and reports")
    if source.number("BitsAllocated") <= 8:
        raise Permanent("pixel-risk", "pixels of 8 bits: a screen or an export, not CT values")


def _geometry(source: Source) -> None:
    if source.get("SOPClassUID") == _CT_IMAGE:
        for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
            if not source.get(keyword):
                raise Permanent("incomplete", f"{keyword} is missing: a slice without a place in the patient")
        return
    groups = [item for tag in (_SHARED_GROUPS, _PER_FRAME_GROUPS) for item in items_of(source.data_set, tag, source.syntax)]
    if not any(_PLANE_POSITION in group for group in groups):
        raise Permanent("incomplete", "no functional group says where the frames are (PlanePositionSequence)")


def _overlays(source: Source) -> None:
    """Overlays are removed; one that lies in unused bits of the pixels cannot be (PS3.5 8.1.2, retired)."""
    for group in range(0x6000, 0x6020, 2):
        rows, data, position = (group << 16 | number for number in (0x0010, 0x3000, 0x0102))
        if position in source.data_set and any(value_of(source.data_set, position)):
            raise Permanent("pixel-risk", f"an overlay ({group:04X}) is embedded in the high bits of the pixels")
        if rows in source.data_set and data not in source.data_set:
            raise Permanent("pixel-risk", f"an overlay ({group:04X}) has no data of its own: it may be embedded in the pixels")
