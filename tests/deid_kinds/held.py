"""What must be held for a person, and what may be."""

from __future__ import annotations

from typing import Any

from fidac_node.dicom.uids import EXPLICIT_VR_LE, HELD_CLASSES, IMPLICIT_VR_LE
from tests.deid_kinds.register import EXPLICIT, KINDS, Kind
from tests.deid_slices import Slice, tag_of


def _held(changes: dict[str, Any], *, remove: tuple[str, ...] = ()) -> Kind:
    def kind(one: Slice) -> None:
        one.want = "held"
        for keyword, value in changes.items():
            one.put(keyword, value, "any")
        for keyword in remove:
            del one.elements[tag_of(keyword)]

    return kind


for _uid in (
    *HELD_CLASSES,
    "1.2.840.10008.5.1.4.1.1.481.3",
    "1.2.840.10008.5.1.4.1.1.9.1.1",
    "1.2.840.10008.5.1.4.1.1.66",
    "1.2.840.10008.5.1.4.1.1.4",
):
    KINDS[f"held_class_{_uid[24:]}"] = (_held({"SOPClassUID": _uid}), (EXPLICIT_VR_LE,))
_CHANGES: dict[str, dict[str, Any]] = {
    "secondary": {"ImageType": r"DERIVED\SECONDARY\OTHER\CT_SOM5 PROT"},
    "reformatted": {"ImageType": r"DERIVED\SECONDARY\MPR"},
    "derived": {"ImageType": r"DERIVED\PRIMARY"},
    "screen_save": {"ImageType": r"DERIVED\PRIMARY\SCREEN SAVE"},
    "burned_in": {"BurnedInAnnotation": "YES"},
    "converted": {"ConversionType": "WSD"},
    "colour": {"PhotometricInterpretation": "RGB", "SamplesPerPixel": (3,)},
    "palette": {"PhotometricInterpretation": "PALETTE COLOR"},
    "eight_bits": {"BitsAllocated": (8,), "BitsStored": (8,), "HighBit": (7,)},
    "dose_sheet": {"SeriesDescription": "Dose Report"},
    "patient_protocol": {"SeriesDescription": "Patient Protocol"},
    "dose_of_a_patient": {"SeriesDescription": "Thorax dose patient"},
    "view_in_3d": {"SeriesDescription": "Thorax vue 3D"},
    "derived_3d": {"SeriesDescription": "Thorax 3D", "ImageType": r"DERIVED\PRIMARY\AXIAL"},
    "captured_dose": {"SeriesDescription": "Thorax dose optimisee", "ConversionType": "WSD"},
    "other_modality": {"Modality": "PT"},
    "no_patient_id": {"PatientID": ""},
    "localizer": {"ImageType": r"ORIGINAL\PRIMARY\LOCALIZER"},
}
for _name, _changes in _CHANGES.items():
    KINDS[f"held_{_name}"] = (_held(_changes), (EXPLICIT_VR_LE, IMPLICIT_VR_LE))
KINDS["held_no_geometry"] = (_held({}, remove=("ImagePositionPatient",)), (EXPLICIT_VR_LE,))


def _stubborn(keyword: str, value: str, vr: str = "") -> Kind:
    """Identity in an attribute that is kept for its kind: taken out, or the object held."""

    def kind(one: Slice) -> None:
        one.want = "either"
        one.put(keyword, value.format(**one.person.fields(one.study)), "any", vr=vr)

    return kind


for _keyword, _value in (
    ("ManufacturerModelName", "Force de {FAMILY}"), ("Manufacturer", "{hospital}"), ("ConvolutionKernel", "{family}"),
    ("FilterType", "{station}"),
    ("SecondaryCaptureDeviceID", "{serial}"), ("DateOfSecondaryCapture", "{birth_da}"),
    ("BodyPartExamined", "{FAMILY}"), ("ScanOptions", "{id}"), ("SoftwareVersions", "{birth_da}"), ("KVP", "{mobile}"),
    ("SeriesNumber", "{id}"),
    ("StudyTime", "{phone}"), ("PatientSex", "{FAMILY}"), ("RescaleType", "{family}"),
    ("PositionReferenceIndicator", "{family}"), ("PatientAge", "{family}"), ("PatientSize", "{id}"),
    ("ImageType", r"ORIGINAL\PRIMARY\AXIAL\{FAMILY}"), ("ContrastBolusRoute", "par {doctor}"),
):  # fmt: skip
    KINDS[f"stubborn_{_keyword}"] = (_stubborn(_keyword, _value), EXPLICIT)
KINDS["stubborn_numbers"] = (_stubborn("DimensionIndexValues", "{id}", "UL"), (EXPLICIT_VR_LE,))
