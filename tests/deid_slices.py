"""A CT slice as scanners write it, every attribute with what must become of it."""

from __future__ import annotations

import random
import re
import struct
from dataclasses import dataclass, field
from typing import Any

from pydicom.datadict import tag_for_keyword

from fidac_node.dicom.uids import EXPLICIT_VR_LE
from tests.deid_encoding import PIXEL_DATA, El, Items, Want, data_set, element, header, known_vr, syntax_of
from tests.deid_identities import Needles, Person, fold, surname, words

CT = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
_FIELD = re.compile(r"{\w+}")
PIXELS = tuple((37 * n + 11) % 4096 for n in range(16))


def tag_of(name: int | str) -> int:
    tag = name if isinstance(name, int) else tag_for_keyword(name)
    if tag is None:
        raise KeyError(name)
    return tag


@dataclass
class Slice:
    """One object to be made: its elements, and how it is to be written."""

    name: str
    person: Person
    study: int
    rng: random.Random
    syntax: str = EXPLICIT_VR_LE
    charset: str | None = "ISO_IR 100"
    codec: str = "latin-1"
    want: str = "delivered"  # delivered, held, or either
    elements: Items = field(default_factory=dict)
    needles: Needles = field(default_factory=Needles)
    preamble: bytes = b""
    more_meta: dict[int, tuple[str, bytes]] = field(default_factory=dict)
    pixels: bytes | None = None  # the encoded value, for a compressed syntax with its items
    pixels_after: bytes | None = None  # what must come out; None: as they were
    tail: bytes = b""
    surplus: bytes = b""  # within PixelData, after the image

    def item(self) -> Slice:
        """An item of a sequence, to be filled in the same way."""
        return Slice(self.name, self.person, self.study, self.rng, self.syntax, None, self.codec, needles=self.needles)

    def put(self, name: int | str, value: Any, kind: str, *, vr: str = "", must: str = "", form: str = "") -> None:
        """One element that must become ``kind``."""
        tag = tag_of(name)
        if isinstance(value, list):
            items = [one.elements if isinstance(one, Slice) else one for one in value]
            self.elements[tag] = El("SQ", items, Want(kind, must), form or self.rng.choice(("", "undefined")))
            return
        self.elements[tag] = El(vr or known_vr(tag), value, Want(kind, must))

    def text(self, name: int | str, template: str, must: str = "", *, vr: str = "") -> None:
        """A text with identity in it, of which the words of ``must`` are to stay (clean descriptors)."""
        value = template.format(**self.person.fields(self.study))
        tag = tag_of(name)
        allowed = frozenset(words(_FIELD.sub(" ", template)))
        self.elements[tag] = El(vr or known_vr(tag), value, Want("text", must, allowed))

    def secret(self, length: int = 16) -> bytes:
        """Bytes that must not come out."""
        secret = self.rng.randbytes(length)
        self.needles.raw.add(secret)
        return secret

    def stranger(self) -> str:
        """A word of up to 16 capital letters that nobody knows, and that is nobody's in the header.

        It must not come out.
        """
        word = fold(surname(self.rng)).upper()[:16]
        self.needles.text(word)
        return word

    def uid(self, *parts: object) -> str:
        """One of the patient's own UIDs."""
        return ".".join((self.person.root, *map(str, parts)))

    def encoded(self) -> bytes:
        """The Part 10 file."""
        syntax = syntax_of(self.syntax)
        body = data_set(self.elements, syntax, self.codec)
        if self.pixels is not None and "compressed" in self.want_pixels:
            body += (
                header(PIXEL_DATA, "OB", 0, syntax)[:-4]
                + b"\xff\xff\xff\xff"
                + self.pixels
                + b"\xfe\xff\xdd\xe0\0\0\0\0"
            )
        elif self.pixels is not None:
            body += element(PIXEL_DATA, "OW", self.pixels + self.surplus, syntax)
        return self._head() + self._deflated(body + self.tail)

    @property
    def want_pixels(self) -> str:
        return "compressed" if ".1.2.4." in self.syntax or self.syntax.endswith(".1.2.5") else "native"

    def _deflated(self, body: bytes) -> bytes:
        import zlib

        if not self.syntax.endswith(".1.99"):
            return body
        deflater = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
        data = deflater.compress(body) + deflater.flush()
        return data + b"\0" * (len(data) % 2)

    def _head(self) -> bytes:
        explicit = syntax_of(EXPLICIT_VR_LE)
        sop_class = str(self.elements[0x00080016].value)
        instance = str(self.elements[0x00080018].value)
        meta = {
            0x00020001: ("OB", b"\0\1"), 0x00020002: ("UI", sop_class.encode()), 0x00020003: ("UI", instance.encode()),
            0x00020010: ("UI", self.syntax.encode()), 0x00020012: ("UI", b"1.2.40.0.13.1.1"),
            0x00020013: ("SH", b"VENDOR_1"), 0x00020016: ("AE", self.person.ae_title.encode()), **self.more_meta,
        }  # fmt: skip
        body = b"".join(element(tag, vr, value, explicit) for tag, (vr, value) in sorted(meta.items()))
        return (
            self.preamble.ljust(128, b"\0")[:128]
            + b"DICM"
            + element(0x00020000, "UL", struct.pack("<L", len(body)), explicit)
            + body
        )


def packed(values: tuple[int, ...], syntax: str) -> bytes:
    return struct.pack(f"{syntax_of(syntax).order}{len(values)}H", *values)


def slice_of(
    name: str, person: Person, study: int, rng: random.Random, number: int, syntax: str = EXPLICIT_VR_LE
) -> Slice:
    """A slice of a chest CT with a vendor's whole header; ``number`` tells the instances of a study apart."""
    one = Slice(name, person, study, rng, syntax)
    one.preamble = b"II*\0" + person.family.encode("latin-1", "replace") + b" " + person.patient_id.encode()
    one.put("SpecificCharacterSet", "ISO_IR 100", "is", must="ISO_IR 192")
    _object(one, number)
    _patient(one)
    _staff(one)
    _order(one)
    _scanner(one)
    _plane(one, number)
    one.pixels = packed(PIXELS, syntax)
    return one


def _object(one: Slice, number: int) -> None:
    person, study = one.person, one.study
    date = f"{person.studies[study]:%Y%m%d}"
    one.put("ImageType", r"ORIGINAL\PRIMARY\AXIAL", "kept")
    one.put("SOPClassUID", CT, "kept")
    one.put("SOPInstanceUID", one.uid(study + 1, 2, number), "uid")
    one.put("StudyInstanceUID", one.uid(study + 1), "uid")
    one.put("SeriesInstanceUID", one.uid(study + 1, 2), "uid")
    one.put("FrameOfReferenceUID", one.uid(study + 1, 3), "uid")
    one.put("InstanceCreatorUID", one.uid(9), "uid")
    for keyword in ("InstanceCreationDate", "StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"):
        one.put(keyword, date, "date")
    for keyword in ("StudyTime", "SeriesTime"):
        one.put(keyword, f"1024{number % 60:02d}.48", "time")
    for keyword in ("InstanceCreationTime", "AcquisitionTime", "ContentTime"):
        one.put(keyword, f"1024{number % 60:02d}.48", "moment")
    one.put("AcquisitionDateTime", f"{date}102413.480000+0100", "moment")
    one.put("Modality", "CT", "kept")
    one.put("SeriesNumber", "3", "kept")
    one.put("AcquisitionNumber", "2", "kept")
    one.put("InstanceNumber", str(number), "kept")
    one.put("StudyID", person.study_ids[study], "empty")
    one.put("AccessionNumber", person.accessions[study], "empty")


def _patient(one: Slice) -> None:
    person = one.person
    one.put("PatientName", person.name, "pseudonym")
    one.put("PatientID", person.patient_id, "pseudonym")
    one.put("IssuerOfPatientID", person.issuer, "lost")
    one.put("PatientBirthDate", f"{person.birth:%Y%m%d}", "empty")
    one.put("PatientBirthTime", "041500", "lost")
    one.put("PatientSex", "F" if person.nir[0] == "2" else "M", "trait")
    one.put("PatientAge", "047Y", "age", must="047Y")
    one.put("PatientSize", "1.68", "trait")
    one.put("PatientWeight", "71.5", "trait")
    one.put("OtherPatientIDs", f"{person.nir}\\{person.insurance}", "lost")
    one.put("OtherPatientNames", f"{person.birth_name.upper()}^{person.given}", "lost")
    one.put("PatientBirthName", person.birth_name, "lost")
    one.put("PatientMotherBirthName", person.mother, "lost")
    one.put("PatientAddress", f"{person.street}, {person.postcode} {person.town}", "lost")
    one.put("PatientTelephoneNumbers", f"{person.phone}\\{person.mobile}", "lost")
    one.put("PatientTelecomInformation", person.email, "lost")
    one.put("MilitaryRank", "Capitaine", "lost")
    one.put("EthnicGroup", "GROUPE B", "lost")
    one.put("PatientReligiousPreference", "AUCUNE", "lost")
    one.put("CountryOfResidence", "FRANCE", "lost")
    one.put("RegionOfResidence", person.town, "lost")
    one.put("InsurancePlanIdentification", person.insurance, "lost")
    one.put("SmokingStatus", "YES", "trait")
    one.put("PregnancyStatus", (4,), "lost")
    one.text("Occupation", "docker, chez {hospital}")
    one.text(
        "AdditionalPatientHistory",
        "Thorax sans injection, Mme {FAMILY} {given} née le {birth}, tel {mobile}",
        "Thorax sans injection",
    )
    one.text("PatientComments", "{family} IPP {id} NIR {nir}")
    one.text("MedicalAlerts", "{family} {phone}")
    one.text("Allergies", "iode, {family}")


def _staff(one: Slice) -> None:
    person = one.person
    physicians = person.physicians
    one.put("ReferringPhysicianName", physicians[0], "empty")
    one.put("ReferringPhysicianAddress", f"{person.street} {person.town}", "lost")
    one.put("ReferringPhysicianTelephoneNumbers", person.phone, "lost")
    one.put("PhysiciansOfRecord", "\\".join(physicians[1:3]), "lost")
    one.put("PerformingPhysicianName", physicians[3], "lost")
    one.put("NameOfPhysiciansReadingStudy", physicians[4], "lost")
    one.put("OperatorsName", "\\".join(physicians[4:]), "lost")
    one.put("InstitutionName", person.hospital, "lost")
    one.put("InstitutionAddress", f"{person.street}, {person.postcode} {person.town}", "lost")
    one.put("InstitutionalDepartmentName", person.department, "lost")
    one.put("StationName", person.station, "device")


def _order(one: Slice) -> None:
    person = one.person
    date = f"{person.studies[one.study]:%Y%m%d}"
    one.text("StudyDescription", "Scanner thorax sans injection {FAMILY}", "thorax sans injection")
    one.text("SeriesDescription", "THORAX 1.0 B70f {id}", "thorax b70f")
    one.text("ProtocolName", "Thorax low dose Dr {doctor}", "thorax low dose")
    one.text(
        "ImageComments",
        "Dr {doctor}: {FAMILY} {given}, née {birth_name}, vue le {date_fr}".replace("{birth_name}", person.birth_name),
    )
    one.elements[0x00204000] = one.elements[0x00204000]._replace(
        want=Want("text", "", frozenset(words("dr nee vue le")))
    )
    one.put("AdmissionID", person.admission, "lost")
    one.put("CurrentPatientLocation", person.department, "lost")
    one.put("RequestingPhysician", person.physicians[5], "lost")
    one.put("RequestingService", person.department, "lost")
    one.put("RequestedProcedureID", f"RP{person.admission}", "lost")
    one.put("PerformedProcedureStepStartDate", date, "date")
    one.put("PerformedProcedureStepStartTime", "102400", "time")
    one.put("PerformedProcedureStepID", f"PPS{person.admission}", "lost")
    one.put("PerformedStationAETitle", person.ae_title, "lost")
    one.text("PerformedProcedureStepDescription", "TDM thorax {accession}", "thorax")
    one.put("ScheduledProcedureStepStartDate", date, "lost")


def _scanner(one: Slice) -> None:
    for keyword, value in (
        ("Manufacturer", "SIEMENS"), ("ManufacturerModelName", "SOMATOM Force"), ("SoftwareVersions", "syngo CT VB20A"),
        ("BodyPartExamined", "CHEST"),
        ("ScanOptions", "HELICAL MODE"), ("SliceThickness", "1.25"), ("KVP", "120"), ("DataCollectionDiameter", "500"),
        ("ReconstructionDiameter", "358.4"), ("DistanceSourceToDetector", "1085.6"), ("DistanceSourceToPatient", "595"),
        ("GantryDetectorTilt", "0"), ("TableHeight", "152.5"), ("RotationDirection", "CW"), ("ExposureTime", "500"),
        ("XRayTubeCurrent", "211"),
        ("Exposure", "105"), ("FilterType", "FLAT"), ("GeneratorPower", "25"), ("FocalSpots", r"0.6\1.2"),
        ("ConvolutionKernel", "Br40d"),
        ("PatientPosition", "HFS"), ("RevolutionTime", (0.5,)), ("SingleCollimationWidth", (0.6,)),
        ("TotalCollimationWidth", (57.6,)), ("TableSpeed", (46.0,)), ("SpiralPitchFactor", (0.8,)),
        ("CTDIvol", (3.25,)), ("ExposureModulationType", "XYZ_EC"), ("RescaleIntercept", "-1024"),
        ("RescaleSlope", "1"), ("RescaleType", "HU"), ("WindowCenter", r"40\-600"), ("WindowWidth", r"400\1600"),
        ("SamplesPerPixel", (1,)), ("PhotometricInterpretation", "MONOCHROME2"), ("Rows", (4,)), ("Columns", (4,)),
        ("BitsAllocated", (16,)),
        ("BitsStored", (12,)), ("HighBit", (11,)), ("PixelRepresentation", (0,)), ("SmallestImagePixelValue", (11,)),
        ("PixelPaddingValue", (63536,)), ("LossyImageCompression", "00"),
    ):  # fmt: skip
        one.put(keyword, value, "kept")
    one.put("DeviceSerialNumber", one.person.serial, "device")
    one.put("GantryID", f"G{one.person.serial}", "device")
    one.put("DateOfLastCalibration", "20180312\\20180313", "gone")
    one.put("TimeOfLastCalibration", "071500\\071600", "gone")


def _plane(one: Slice, number: int) -> None:
    one.put("ImagePositionPatient", rf"-179.2\-179.2\{12.5 + 1.25 * number}", "kept")
    one.put("ImageOrientationPatient", r"1\0\0\0\1\0", "kept")
    one.put("PixelSpacing", r"0.7\0.7", "kept")
    one.put("SliceLocation", f"{12.5 + 1.25 * number}", "kept")
    one.put("PositionReferenceIndicator", "SN", "kept")
