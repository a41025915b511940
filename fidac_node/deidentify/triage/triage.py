"""What is not de-identified at all but held for a person, before anything else (PS3.15 E.3.1).

A header can be cleaned; text burned into pixels cannot be seen by a program that does not look. So only
objects whose kind speaks for plain CT slices go on, and what a site's :class:`Rules` let through besides.
A ``NO`` in BurnedInAnnotation is no proof.

Faces (PS3.15 E.3.2) are not taken out here, nor is it claimed: a chest CT seldom holds one. What says
HEAD or NECK is out of the scope of the routing rules; what says itself that a face can be recognised is held.
"""

from __future__ import annotations

import math
import re
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Final, Literal, NamedTuple, TypeAlias

from fidac_node.deidentify.pixels.copy import check_padding
from fidac_node.deidentify.source import Source
from fidac_node.deidentify.triage import screens
from fidac_node.dicom import elements, uids
from fidac_node.dicom.elements import Elements, Unusual
from fidac_node.dicom.series import whole
from fidac_node.dicom.tags import (
    IMAGE_POSITION_PATIENT,
    PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE,
    PLANE_POSITION_SEQUENCE,
    SHARED_FUNCTIONAL_GROUPS_SEQUENCE,
)
from fidac_node.dicom.uids import CT_CLASSES, HELD_CLASSES
from fidac_node.errors import ConfigError, Permanent

Kind: TypeAlias = Literal["image", "dose-report", "key-object"]
IMAGE: Final = "image"
DOSE_REPORT: Final = "dose-report"
KEY_OBJECT: Final = "key-object"
# The code of slices that are held for being made of others, and for nothing else.
DERIVED: Final = "derived"
# The code of what is held for being a localizer.
LOCALIZER: Final = "localizer"
_OUTLINE: Final = "it shows the outline of body and face and is of little use; drop it"

# For `Rules.ocr_sample`: the first slice of each series.
SERIES: Final = "series"
EVERY_FRAME: Final = sys.maxsize

# What each rule may say; the first is the default.
CHOICES: Final = {
    "localizers": ("hold", "process"),
    "secondary_captures": ("hold", "check"),
    "derived": ("hold", "check"),
    "dose_reports": ("hold", "rebuild"),
    "key_objects": ("hold", "rebuild"),
}

_CONVERSION_TYPE: Final = 0x00080064
_FRAME_TYPE_SEQUENCE: Final = 0x00189329
_FRAME_TYPE: Final = 0x00089007
# Float Pixel Data, Double Float Pixel Data, Pixel Data Provider URL.
_OTHER_PIXELS: Final = (0x7FE00008, 0x7FE00009, 0x00287FE0)
# Lookup tables that turn grey into colours; descriptor and data of red stand for the three.
_PALETTE: Final = (0x00281101, 0x00281201, 0x00281221)
_GREYSCALE: Final = frozenset({"MONOCHROME1", "MONOCHROME2"})
_RENDERED: Final = frozenset({"VOLUME_RENDER", "SURFACE_RENDER"})
_NUMBER: Final = rb" *[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)? *"
_GEOMETRY: Final = {
    keyword: (tag, count, re.compile(_NUMBER + rb"(?:\\" + _NUMBER + rb"){%d}" % (count - 1)))
    for keyword, tag, count in (
        ("ImagePositionPatient", IMAGE_POSITION_PATIENT, 3),
        ("ImageOrientationPatient", 0x00200037, 6),
        ("PixelSpacing", 0x00280030, 2),
    )
}
_ONE_NUMBER: Final = re.compile(_NUMBER)
# What the decision on a series rests on; what is not here is not seen by it.
_DECISIVE: Final = (
    0x00080005,  # SpecificCharacterSet
    0x00080008,  # ImageType
    0x00080016,  # SOPClassUID
    0x00080060,  # Modality
    0x0008103E,  # SeriesDescription
    0x00082111,  # DerivationDescription
    0x00089207,  # VolumeBasedCalculationTechnique
    0x00181030,  # ProtocolName
    0x00280002,  # SamplesPerPixel
    0x00280004,  # PhotometricInterpretation
    0x00280008,  # NumberOfFrames
    0x00280100,  # BitsAllocated
    0x00280101,  # BitsStored
    0x00280102,  # HighBit
    0x00280301,  # BurnedInAnnotation
    0x00280302,  # RecognizableVisualFeatures
    _CONVERSION_TYPE,
    *_PALETTE,
    *_OTHER_PIXELS,
)
# Series that have passed, by the bytes of these elements: the memory of one engine.
Passed: TypeAlias = "dict[tuple[object, ...], _Made]"
_MOST_PASSED: Final = 256


@dataclass(frozen=True)
class Rules:
    """What a site lets through: words of :data:`CHOICES`. Raises :class:`ConfigError` for any other.

    ``ocr_sample``: one CT image in this many is looked at for burned-in text, none if 0; :data:`SERIES`: the first of
    each series.
    """

    localizers: str = "hold"
    secondary_captures: str = "hold"
    derived: str = "hold"
    dose_reports: str = "hold"
    key_objects: str = "hold"
    ocr_sample: int | str = 0

    def __post_init__(self) -> None:
        for rule in fields(self):
            value, choices = getattr(self, rule.name), CHOICES.get(rule.name)
            if choices is not None and value not in choices:
                raise ConfigError(f"[deidentify] {rule.name}: {value!r} is none of {', '.join(choices)}")
        if self.ocr_sample != SERIES and (not isinstance(self.ocr_sample, int) or self.ocr_sample < 0):
            raise ConfigError(
                f'[deidentify] ocr_sample: must be "{SERIES}" or a number that is not negative; 0 looks at none'
            )

    @property
    def wants_ocr(self) -> bool:
        """Whether anything is to be looked at for burned-in text."""
        return self.ocr_sample != 0 or "check" in (self.secondary_captures, self.derived)


class Verdict(NamedTuple):
    """What an object that may pass is, and what must be done to it.

    ``mask`` has the bits that stay in each 16-bit pixel, 0 if all do; ``look`` says of how many frames, from the first
    on, the pixels must be searched for text before the object goes anywhere; ``hounsfield``: and that their values must
    be those of a CT.
    """

    kind: Kind
    mask: int = 0
    look: int = 0
    hounsfield: bool = False


class _Made(NamedTuple):
    """How the slices of a series were made.

    ``derived``: of others, so that a site may have each looked at; ``doubtful``: so that they pass in no other way.
    """

    derived: bool
    doubtful: bool


def triage(source: Source, rules: Rules, passed: Passed | None = None) -> Verdict:
    """Let ``source`` pass if it is a plain CT image or what ``rules`` let through; else raise :class:`Permanent`.

    Codes: ``not-allowed-class``, ``pixel-risk`` (it may show the patient's name or face), ``localizer``, ``derived``
    (slices made of others, which ``rules`` would have looked at with another word), ``incomplete``, and ``malformed``
    where a number that PS3.3 demands is missing.
    """
    sop_class = source.get("SOPClassUID")
    if sop_class == uids.DOSE_REPORT and rules.dose_reports == "rebuild":
        return _document(source, DOSE_REPORT, "SR")
    if sop_class == uids.KEY_OBJECT and rules.key_objects == "rebuild":
        return _document(source, KEY_OBJECT, "KO")
    if sop_class == uids.SECONDARY_CAPTURE or sop_class.startswith(uids.SECONDARY_CAPTURE + "."):
        return _secondary_capture(source, rules)
    if sop_class not in CT_CLASSES:
        name = HELD_CLASSES.get(sop_class, "this SOP class")
        raise Permanent("not-allowed-class", f"{name} is not de-identified by this node, only CT images are")
    made = _series(source, sop_class, rules, {} if passed is None else passed)
    if made.doubtful:
        _derived(source, rules)
    elif sop_class == uids.CT_IMAGE:
        _geometry(source)
    else:
        _frames(source, rules)
    if made.derived and rules.derived == "check":
        return Verdict(IMAGE, _overlays(source), EVERY_FRAME, made.doubtful)
    return Verdict(IMAGE, _overlays(source), _sampled(source, rules))


def _series(source: Source, sop_class: str, rules: Rules, passed: Passed) -> _Made:
    """What is the same for all slices of a series, decided once: by nothing but the elements of :data:`_DECISIVE`."""
    found = tuple(map(source.elements.get, _DECISIVE))
    key = (rules, source.syntax, source.pixel_data is None, found)
    known = passed.get(key)
    if known is not None:
        return known
    alone = {tag: encoded for tag, encoded in zip(_DECISIVE, found, strict=True) if encoded is not None}
    seen = Source(source.meta, source.syntax, whole(alone), (), source.pixel_data, b"")
    _is_ct(seen)
    _words(seen, acquired=_is_acquired(seen.get("ImageType"), sop_class))
    made = _made(seen, sop_class)
    if not made.doubtful:
        _image_type("ImageType (0008,0008)", seen.get("ImageType"), sop_class, rules)
    if rules.localizers == "hold" and screens.is_localizer(seen.get("SeriesDescription")):
        raise Permanent(LOCALIZER, f"SeriesDescription (0008,103E) names a localizer: {_OUTLINE}")
    _capture(seen)
    _pixels(seen)
    if sop_class == uids.CT_IMAGE and seen.number("NumberOfFrames", 1) != 1:
        raise Permanent(
            "not-allowed-class", "several frames in a CT Image, which has but one (PS3.3 A.3): a film made of slices?"
        )
    if seen.get("VolumeBasedCalculationTechnique").strip().upper() in _RENDERED:
        raise Permanent(
            "pixel-risk", "VolumeBasedCalculationTechnique (0008,9207) says rendered: a picture, not slices"
        )
    if len(passed) >= _MOST_PASSED:
        passed.clear()
    passed[key] = made
    return made


def _document(source: Source, kind: Kind, modality: str) -> Verdict:
    if source.get("Modality").strip() != modality:
        raise Permanent(
            "not-allowed-class", f"Modality (0008,0060) is not {modality} although the SOP class is that of a {kind}"
        )
    if source.pixel_data is not None or any(tag in source for tag in _OTHER_PIXELS):
        raise Permanent("pixel-risk", f"a {kind} with pixels: look at it, then drop it")
    return Verdict(kind)


def _secondary_capture(source: Source, rules: Rules) -> Verdict:
    """A Secondary Capture passes only if the site has it looked at, and only if it says that nothing is burned in."""
    if rules.secondary_captures == "hold":
        raise Permanent(
            "pixel-risk", "a Secondary Capture: a screen that may show the patient's name; look at it, then drop it"
        )
    _is_ct(source)
    _words(source)
    if source.get("BurnedInAnnotation").strip().upper() != "NO":
        raise Permanent(
            "pixel-risk", "a Secondary Capture whose BurnedInAnnotation (0028,0301) is not NO; look at it, then drop it"
        )
    for value in _values(source.get("ImageType"))[2:]:
        if screens.in_image_type(value):
            raise Permanent("pixel-risk", "ImageType (0008,0008) names a report or a screen, not slices")
    _one_image(source)
    if source.number("BitsAllocated") not in (8, 16):
        raise Permanent(
            "pixel-risk", "a Secondary Capture of neither 8 nor 16 bits: it cannot be looked at by the program"
        )
    if _overlay_groups(source):
        raise Permanent(
            "pixel-risk", "a Secondary Capture with an overlay, which may be in its pixels; look at it, then drop it"
        )
    return Verdict(IMAGE, 0, look=EVERY_FRAME)


def _is_ct(source: Source) -> None:
    if source.get("Modality").strip() != "CT":
        raise Permanent(
            "not-allowed-class", "Modality (0008,0060) is not CT although the SOP class is one that CT scanners make"
        )


def _is_acquired(image_type: str, sop_class: str) -> bool:
    """Say whether ImageType says of slices that the scanner acquired them (PS3.3 C.8.2.1.1.1, C.8.15.3.1.1).

    With it go all other demands of triage: 16 bits of grey, a place in the patient, no ConversionType.
    """
    *said, kind = (*_values(image_type), "", "", "")[:3]
    return said == ["ORIGINAL", "PRIMARY"] and (kind == "AXIAL" or (kind == "VOLUME" and sop_class != uids.CT_IMAGE))


def _words(source: Source, *, acquired: bool = False) -> None:
    """What the header says in words of the pixels; ``acquired``: it says that they are slices as they were acquired."""
    if source.get("BurnedInAnnotation").strip().upper() == "YES":
        raise Permanent("pixel-risk", "BurnedInAnnotation (0028,0301) is YES: text is burned into the pixels")
    if source.get("RecognizableVisualFeatures").strip().upper() == "YES":
        raise Permanent(
            "pixel-risk", "RecognizableVisualFeatures (0028,0302) is YES: a face may be recognised (PS3.15 E.3.2)"
        )
    if screens.in_series(source.get("SeriesDescription"), acquired=acquired):
        raise Permanent("pixel-risk", "SeriesDescription (0008,103E) names a report or a screen, not slices")
    for keyword in ("ProtocolName", "DerivationDescription"):
        if screens.in_protocol(source.get(keyword)):
            raise Permanent("pixel-risk", f"{keyword} names a report or a screen, not slices")


def _made(source: Source, sop_class: str) -> _Made:
    """How the slices of a CT Image were made, by the words of its header.

    Doubtful is what :func:`_image_type` would hold for saying that it is made of others, but nothing of a picture.
    """
    if sop_class != uids.CT_IMAGE:
        return _Made(derived=False, doubtful=False)
    values = _values(source.get("ImageType"))
    first, second, third = (*values, "", "", "")[:3]
    secondary = second == "SECONDARY" and first in ("ORIGINAL", "DERIVED")
    if not secondary and (first, second, third) != ("DERIVED", "PRIMARY", ""):
        return _Made(derived=first == "DERIVED", doubtful=False)
    slices = third in ("", *screens.REFORMATS)
    named = any(
        says(value)
        for value in values[2:]
        for says in (screens.in_image_type, screens.is_rendered, screens.is_localizer)
    )
    doubtful = slices and not named and not screens.is_rendered(source.get("SeriesDescription"))
    return _Made(derived=True, doubtful=doubtful)


def _derived(source: Source, rules: Rules) -> None:
    """Slices made of others: held, unless the site has them looked at and they have a place and a scale.

    Who looks for text in them looks whether their values can be those of a CT, too.
    """
    name = "ImageType (0008,0008) says DERIVED or SECONDARY: made from other images, text may be burned in"
    for keyword, (tag, _, shape) in _GEOMETRY.items():
        if not shape.fullmatch(source.value(tag).rstrip(b"\x00")):
            raise Permanent("pixel-risk", f"{name}, and there is no {keyword} that speaks for slices")
    if not _is_scaled(source):
        raise Permanent(
            "pixel-risk",
            f"{name}, and RescaleSlope, RescaleIntercept and RescaleType do not make Hounsfield units of it",
        )
    if rules.derived == "hold":
        raise Permanent(
            DERIVED,
            f'{name}; [deidentify] derived = "check" looks for text in each such slice and passes those without',
        )


def _is_scaled(source: Source) -> bool:
    """Say whether a linear scale makes Hounsfield units of the pixels (PS3.3 C.8.2.1)."""
    scale = [source.raw(keyword).strip(b"\x00 ") for keyword in ("RescaleSlope", "RescaleIntercept")]
    if not all(map(_ONE_NUMBER.fullmatch, scale)) or source.get("RescaleType").strip().upper() not in ("", "HU"):
        return False
    slope, intercept = map(float, scale)
    return slope > 0 and math.isfinite(slope * intercept)


def _image_type(name: str, text: str, sop_class: str, rules: Rules) -> None:
    """ImageType of an image, or in the enhanced classes the FrameType of a frame, which may say something else."""
    values = _values(text)
    first, second, third = (*values, "", "", "")[:3]
    if first not in ("ORIGINAL", "DERIVED", *(() if sop_class == uids.CT_IMAGE else ("MIXED",))):
        raise Permanent("pixel-risk", f"{name} does not say ORIGINAL or DERIVED: what was made of what is not known")
    if second != "PRIMARY":
        raise Permanent("pixel-risk", f"{name} does not say PRIMARY: made from other images, text may be burned in")
    if any(screens.in_image_type(value) for value in values):
        raise Permanent("pixel-risk", f"{name} names a report or a screen, not slices")
    if first == "DERIVED" and third not in screens.SLICES:
        raise Permanent("pixel-risk", f"{name} says DERIVED and no kind of slice: look at it, then drop it")
    if rules.localizers == "hold" and any(screens.is_localizer(value) for value in values):
        raise Permanent(LOCALIZER, f"{name} says localizer: {_OUTLINE}")


def _capture(source: Source) -> None:
    if _CONVERSION_TYPE in source:
        raise Permanent("pixel-risk", "ConversionType (0008,0064) is present: digitised or captured, not acquired")


def _one_image(source: Source) -> None:
    if any(tag in source for tag in _OTHER_PIXELS):
        raise Permanent(
            "not-allowed-class", "the pixels are floating point or elsewhere: not a CT image as PS3.3 A.3 defines it"
        )
    if source.pixel_data is None:
        raise Permanent("incomplete", "there is no PixelData (7FE0,0010)")


def _pixels(source: Source) -> None:
    _one_image(source)
    if source.get("PhotometricInterpretation").strip() not in _GREYSCALE or source.number("SamplesPerPixel", 1) != 1:
        raise Permanent("pixel-risk", "colour pixels: scanners make them for screens and reports")
    if any(map(source.value, _PALETTE)):  # without a value it is no table
        raise Permanent("pixel-risk", "a palette: scanners colour screens and reports, not slices")
    allocated, stored = source.number("BitsAllocated"), source.number("BitsStored")
    if allocated <= 8 or stored <= 8:
        raise Permanent("pixel-risk", "pixels of 8 bits: a screen or an export, not CT values")
    if allocated != 16 or stored > 16:
        raise Permanent(
            "not-allowed-class", "BitsAllocated (0028,0100) is not 16: not a CT image as PS3.3 C.8.2.1 defines it"
        )
    # Too high or missing, it has one meaning if no pixel uses the bits above: `Pixels` looks at each.
    if not stored - 1 <= source.number("HighBit", stored - 1) < allocated:
        raise Permanent("pixel-risk", "HighBit (0028,0102) is below BitsStored, or not within BitsAllocated")


def _frames(source: Source, rules: Rules) -> None:
    """The frames of an enhanced image: their type, and that each has a place in the patient."""
    try:
        _groups(
            source,
            source.shallow(SHARED_FUNCTIONAL_GROUPS_SEQUENCE),
            source.shallow(PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE),
            rules,
        )
    except Unusual:
        shared, frames = (
            [elements.encoded(item, explicit=True) for item in source.items(tag)]
            for tag in (SHARED_FUNCTIONAL_GROUPS_SEQUENCE, PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE)
        )
        _groups(source, shared, frames, rules)


def _groups(source: Source, shared: list[Elements], frames: list[Elements], rules: Rules) -> None:
    explicit = source.syntax.explicit
    types = {item.get(_FRAME_TYPE_SEQUENCE, b"") for item in (*shared, *frames)} - {b""}
    for text in sorted({text for encoded in types for text in _frame_types(encoded, explicit)}):
        _image_type("FrameType (0008,9007)", text, source.get("SOPClassUID"), rules)
    if not any(_has_position(item, explicit) for item in shared) and not (
        frames and all(_has_position(item, explicit) for item in frames)
    ):
        raise Permanent("incomplete", "no functional group says where each frame is (PlanePositionSequence)")


def _geometry(source: Source) -> None:
    for keyword, (tag, count, shape) in _GEOMETRY.items():
        if not shape.fullmatch(source.value(tag).rstrip(b"\x00")) and not shape.fullmatch(source.right(tag)):
            raise Permanent(
                "incomplete", f"{keyword} is missing or not {count} numbers: a slice without a place in the patient"
            )


def _has_position(group: Elements, explicit: bool) -> bool:
    encoded = group.get(PLANE_POSITION_SEQUENCE)
    if encoded is None or not elements.is_sequence(PLANE_POSITION_SEQUENCE, encoded, explicit):
        return False
    return any(
        elements.value_of(item, IMAGE_POSITION_PATIENT, explicit).strip(b"\x00 ")
        for item in elements.items_of(encoded, explicit)
    )


def _frame_types(encoded: bytes, explicit: bool) -> Iterator[str]:
    for item in (
        elements.items_of(encoded, explicit) if elements.is_sequence(_FRAME_TYPE_SEQUENCE, encoded, explicit) else ()
    ):
        if _FRAME_TYPE in item:
            yield elements.value_of(item, _FRAME_TYPE, explicit).decode("latin-1").strip("\x00 ")


def _values(text: str) -> list[str]:
    return [value.strip().upper() for value in text.split("\\")]


def _overlay_groups(source: Source) -> set[int]:
    """The groups 6000 to 60FE that the header has something of: PS3.5 7.6 names 16 of them, PS3.6 all."""
    if source.cut.last < 0x60000000:
        return set()
    return {tag >> 16 for tag in source.elements if 0x60000000 <= tag < 0x61000000 and not tag & 0x10000}


def _overlays(source: Source) -> int:
    """The mask that removes an overlay from unused bits of the pixels, 0 if there is none (PS3.5 8.1.2, retired).

    An overlay of its own is simply removed. Raises :class:`Permanent` where masking would not be certain.
    """
    keep = 0
    for group in sorted(_overlay_groups(source)):
        data, allocated, position = (group << 16 | number for number in (0x3000, 0x0100, 0x0102))
        bit = _word(source, position)
        if data in source and not bit and _word(source, allocated) in (None, 1):
            continue
        rows, columns = (group << 16 | number for number in (0x0010, 0x0011))
        if (
            bit is None
            and data not in source
            and rows not in source
            and columns not in source
            and allocated not in source
        ):
            continue  # a description without an overlay
        keep = _mask(source, group, bit)
    return keep


def _mask(source: Source, group: int, bit: int | None) -> int:
    stored = source.number("BitsStored")
    keep = (1 << stored) - 1
    name = f"an overlay (group {group:04X})"
    if bit is None or bit < stored or bit > 15:
        raise Permanent(
            "pixel-risk", f"{name} has no data of its own and no place above the pixel values: it may be within them"
        )
    if source.pixel_data is None or source.pixel_data.encapsulated:
        raise Permanent("pixel-risk", f"{name} is in the high bits of compressed pixels, from where it cannot be taken")
    check_padding(source, keep, f"{name} is in unused bits")
    return keep


def _word(source: Source, tag: int) -> int | None:
    """A US value; ``None`` if it is absent or no such value."""
    raw = source.value(tag)
    return int.from_bytes(raw, "little" if source.syntax.little else "big") if len(raw) == 2 else None


def _sampled(source: Source, rules: Rules) -> int:
    """How many frames to look at, if this is among the images for it: always the same ones, whoever asks and how often.

    The first of a series is the one that InstanceNumber 1 (or 0) names; where there is no number, each may be it.
    """
    if isinstance(rules.ocr_sample, str):
        return int(source.raw("InstanceNumber").strip(b"\x00 ").lstrip(b"+0") in (b"", b"1"))
    chosen = rules.ocr_sample > 0 and zlib.crc32(source.raw("SOPInstanceUID").strip(b"\x00 ")) % rules.ocr_sample == 0
    return EVERY_FRAME if chosen else 0
