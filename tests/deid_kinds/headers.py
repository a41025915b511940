"""What scanners and other systems write around an image: people, orders, private blocks, references, codes."""

from __future__ import annotations

from fidac_node.dicom.uids import DEFLATED_EXPLICIT_VR_LE, EXPLICIT_VR_BE, EXPLICIT_VR_LE, IMPLICIT_VR_LE
from tests.deid_encoding import El, Want
from tests.deid_kinds.register import EXPLICIT, carrier, code
from tests.deid_slices import CT, Slice


@carrier()
def plain(one: Slice) -> None:
    """Nothing but what every scanner writes."""


@carrier()
def depth(one: Slice) -> None:
    """Every VR that can hold identity, four deep in sequences that no table lists."""
    inner = one.item()
    person = one.person
    inner.put("PatientName", person.name, "lost")
    inner.put("RequestingPhysician", person.physicians[1], "lost")
    inner.put("ContentCreatorName", person.physicians[2], "lost")
    inner.put("PatientID", person.patient_id, "lost")
    inner.put("InstitutionName", person.hospital, "lost")
    inner.put("StationName", person.station, "device")
    inner.put("RetrieveURL", f"https://pacs.{person.email.partition('@')[2]}/{person.patient_id}", "lost")
    inner.put("RetrieveAETitle", person.ae_title, "lost")
    inner.put("ScheduledStudyLocationAETitle", person.ae_title, "lost")
    inner.text("AcquisitionProtocolDescription", "thorax {FAMILY} {birth_iso}", "thorax")
    inner.text("SeriesDescription", "poumon {spaced}", "poumon")
    inner.text("ImageComments", "{wide} {given} le {birth_fr}")
    inner.put("AnnotationGroupLabel", person.family, "lost", vr="LO")
    inner.text("TextValue", "vu par {doctor}, {phone}", vr="UT")
    inner.text("DataSetDescription", "{family}", vr="UT")
    inner.put("InstanceCreationDate", f"{person.studies[one.study]:%Y%m%d}", "date")
    inner.put("FrameReferenceDateTime", f"{person.studies[one.study]:%Y%m%d}1024", "date")
    inner.put("StudyTime", "091500", "time")
    inner.put("PatientAge", "093Y", "age", must="090Y")
    inner.put("SynchronizationFrameOfReferenceUID", one.uid(7, 1), "uid")
    inner.put("AcquisitionType", "SPIRAL", "kept")
    inner.put("KVP", "120", "kept")
    inner.put("RevolutionTime", (0.5,), "kept")
    inner.put("EncapsulatedDocument", one.secret(), "gone", vr="OB")
    for tag in (0x00189325, 0x00189304, 0x00189321):
        outer = one.item()
        outer.put(tag, [inner], "present", form=one.rng.choice(("", "undefined")))
        inner = outer
    one.put(0x00189321, [inner], "present")


@carrier()
def texts(one: Slice) -> None:
    """Every text VR at the top, named in the table and not, with people, dates and numbers in French and English."""
    one.text("AcquisitionComments", "patient {family}, {street}, {zip} {town}")
    one.text("DerivationDescription", "MIP axial {FAMILY} 3.0mm", "MIP axial")
    one.text("RequestedProcedureDescription", "scanner thoracique {birth} {nda}", "scanner")
    one.text("ReasonForTheRequestedProcedure", "{given} {family}, {birth_en}, dyspnée")
    one.text("RequestedProcedureComments", "appeler le {mobile} ou {email}")
    one.text("AcquisitionProtocolDescription", "thorax {serial}", "thorax")
    one.text("ImagePresentationComments", "{uid}")
    one.text("VisitComments", "INS {nir_spaced}, mère {mother}")
    one.text("StudyComments", "https://portail.{town}.example/{id}?nom={FAMILY}")
    one.text("InterventionDescription", "{hospital} {department}")
    one.text("ContrastBolusAgent", "{family} injecté")
    one.elements[0x00180010] = one.elements[0x00180010]._replace(want=Want("contrast", "", frozenset({"injecte"})))
    one.text("DeviceDescription", "{station} {serial}")
    one.elements[0x00500020] = one.elements[0x00500020]._replace(want=Want("any"))
    one.text("ResultsComments", "vu avec {doctor} et {doctor2} le {date}")
    one.text("WindowCenterWidthExplanation", "poumon {family}\\médiastin {given}")
    one.text("PixelSpacingCalibrationDescription", "{family}")
    one.text("LossyImageCompressionMethod", "{family}")
    one.elements[0x00282114] = El("CS", "ISO_10918_1", Want("kept"))
    one.put("PatientInsurancePlanCodeSequence", [code(one, "M1", "99MUT", one.person.insurance, "lost")], "lost")
    one.put("LabelText", one.person.family, "lost")
    one.put("DataSetSource", one.person.hospital, "lost")


@carrier(*EXPLICIT, IMPLICIT_VR_LE)
def private(one: Slice) -> None:
    """Private blocks of vendors and of hospitals, orphans, and creators that are names themselves; nested too."""
    for place in (one, one.item()):
        person = one.person
        place.put(0x00090010, "GEMS_IDEN_01", "gone", vr="LO")
        place.put(0x00091002, person.station, "gone", vr="SH")
        place.put(0x00091027, (1_700_000_000,), "gone", vr="SL")
        place.put(0x00290010, "SIEMENS CSA HEADER", "gone", vr="LO")
        place.put(0x00291010, one.secret() + person.name.encode("latin-1"), "gone", vr="OB")
        place.put(0x00290011, "SIEMENS MEDCOM HEADER", "gone", vr="LO")
        place.put(0x00291131, person.name, "gone", vr="PN")
        place.put(0x00291134, f"{person.studies[0]:%Y%m%d}", "gone", vr="DA")
        place.put(0x00290012, "SIEMENS CSA HEADER", "gone", vr="LO")  # the same creator again
        place.put(0x00291210, one.secret(), "gone", vr="OB")
        place.put(0x00431027, person.family, "gone", vr="SH")  # an orphan
        place.put(0x00451034, one.secret(), "gone", vr="UN")
        place.put(0x00BB0010, person.family, "gone", vr="LO")  # a creator that is a name
        place.put(0x00BB1001, one.uid(77), "gone", vr="UI")
        place.put(0x0F1D0010, "FIDAC NODE 1", "any", vr="LO")  # ours, as somebody else would write it
        place.put(0x0F1D1002, person.family, "any", vr="LO")
        place.put(0x0F1D1005, person.family, "gone", vr="LO")
        inside = one.item()
        inside.put("PatientName", person.name, "gone")
        inside.text("ImageComments", "{family} {id}")
        place.put(0x00291140, [inside], "gone")
        if place is not one:
            one.put("ReferencedImageSequence", [place], "any")
            place.put("ReferencedSOPClassUID", CT, "kept")
            place.put("ReferencedSOPInstanceUID", one.uid(1, 2, 900), "uid")
            one.elements[0x00081140] = one.elements[0x00081140]._replace(want=Want("present"))


@carrier(EXPLICIT_VR_LE, IMPLICIT_VR_LE, EXPLICIT_VR_BE)
def safe_private(one: Slice) -> None:
    """What PS3.15 E.3.10 lets stay: by exact creator, element and VR; everything beside it goes."""
    block = one.rng.choice((0x10, 0x11, 0xE0))
    for group, creator, safe, unsafe in (
        (0x0019, "GEMS_ACQU_01", {0x23: ("DS", "39.375"), 0x24: ("DS", "8.25"), 0x27: ("DS", "700")}, 0x02),
        (0x0043, "GEMS_PARM_01", {0x27: ("SH", "0.984:1")}, 0x10),
        (0x0045, "GEMS_HELIOS_01", {0x01: ("SS", (64,)), 0x02: ("FL", (0.625,))}, 0x50),
        (0x00E1, "ELSCINT1", {0x21: ("DS", "301.5")}, 0x22),
        (0x01F1, "ELSCINT1", {0x26: ("DS", "0.993"), 0x27: ("DS", "0.75")}, 0x02),
    ):
        base = group << 16
        one.put(base | block, creator, "safe", vr="LO")
        for number, (vr, value) in safe.items():
            one.put(base | block << 8 | number, value, "safe", vr=vr)
        one.put(base | block << 8 | unsafe, f"{one.person.family} {one.person.patient_id}", "gone", vr="LO")
        one.put(base | block << 8 | 0xF0, one.secret(), "gone", vr="OB")
    one.put(0x00190012, "GEMS_ACQU_01 X", "gone", vr="LO")  # another creator
    one.put(0x00191223, "39.375", "gone", vr="DS")


@carrier(*EXPLICIT)
def unsafe_private(one: Slice) -> None:
    """Identity in elements of the safe list: under another VR, in another form, without any creator that is right."""
    person = one.person
    one.put(0x00190010, "GEMS_ACQU_01", "gone", vr="LO")
    one.put(0x00191023, person.family, "gone", vr="LO")
    one.put(0x00191024, f"{person.family} {person.given}", "gone", vr="DS")
    one.put(0x00191027, one.secret(), "gone", vr="UN")
    one.put(0x00430010, "GEMS_PARM_01", "gone", vr="LO")
    one.put(0x00431027, person.family[:16], "gone", vr="SH")
    one.put(0x00450010, "GEMS_HELIOS_01", "gone", vr="LO")
    inside = one.item()
    inside.put("PatientName", person.name, "gone")
    one.put(0x00451001, [inside], "gone")
    one.put(0x00451002, one.secret(16), "gone", vr="FL")  # four numbers where one may be
    one.put(0x01F10010, "ELSCINT1", "gone", vr="LO")
    one.put(0x01F11026, r"0610\1970\12345678", "gone", vr="DS")


@carrier(EXPLICIT_VR_LE, EXPLICIT_VR_BE, DEFLATED_EXPLICIT_VR_LE)
def hidden(one: Slice) -> None:
    """Sequences under UN, of defined and undefined length, as an implicit hop leaves them."""
    if one.syntax == EXPLICIT_VR_BE:
        one.want = "either"  # little-endian items in a big-endian data set: pydicom does not read all of them
    for tag, form in ((0x00081140, "UN"), (0x00082112, "UN undefined"), (0x00189321, "UN")):
        item = one.item()
        if tag == 0x00189321:
            item.put("AcquisitionType", "SPIRAL", "kept")
        else:
            item.put("ReferencedSOPClassUID", CT, "kept")
            item.put("ReferencedSOPInstanceUID", one.uid(1, 2, tag & 0xFFFF), "uid")
        item.put("PatientName", one.person.name, "lost")
        item.text("ImageComments", "{family} {birth}")
        deeper = one.item()
        deeper.put("OperatorsName", one.person.physicians[5], "lost")
        deeper.put("KVP", "100", "kept")
        item.put(0x00189325, [deeper], "present", form="undefined" if form.endswith("undefined") else "")
        one.put(tag, [item], "present", form=form)
    one.put(0x0018A001, [_equipment(one)], "gone", form="UN undefined")


def _equipment(one: Slice) -> Slice:
    item = one.item()
    item.put("Manufacturer", "SIEMENS", "kept")
    item.put("InstitutionName", one.person.hospital, "lost")
    item.put("StationName", one.person.station, "device")
    item.put("OperatorsName", one.person.physicians[2], "lost")
    item.put("ContributionDateTime", f"{one.person.studies[one.study]:%Y%m%d}110000", "date")
    item.text("ContributionDescription", "{family} {hospital}")
    item.put("DeviceSerialNumber", one.person.serial, "device")
    item.put("PurposeOfReferenceCodeSequence", [code(one, "109101", "DCM", "Acquisition Equipment")], "present")
    return item


@carrier()
def provenance(one: Slice) -> None:
    """What other systems wrote about the object, the order, the patient and earlier values."""
    person = one.person
    one.put(0x0018A001, [_equipment(one)], "gone")
    before = one.item()
    before.put("PatientName", person.birth_name, "gone")
    before.put("PatientID", person.nir, "gone")
    original = one.item()
    original.put("AttributeModificationDateTime", f"{person.studies[one.study]:%Y%m%d}120000", "gone")
    original.put("ModifyingSystem", person.station, "gone")
    original.put("SourceOfPreviousValues", person.hospital, "gone")
    original.put("ModifiedAttributesSequence", [before], "gone")
    one.put("OriginalAttributesSequence", [original], "lost")
    request = one.item()
    request.put("RequestedProcedureID", f"RP{person.admission}", "lost")
    request.put("AccessionNumber", person.accessions[one.study], "lost")
    request.text("RequestedProcedureDescription", "thorax {family}")
    request.text("ScheduledProcedureStepDescription", "thorax {id}")
    request.put("ScheduledProcedureStepID", f"SPS{person.admission}", "lost")
    one.put("RequestAttributesSequence", [request], "any")
    patient = one.item()
    patient.put("ReferencedSOPClassUID", "1.2.840.10008.3.1.2.1.1", "lost")
    patient.put("ReferencedSOPInstanceUID", one.uid(55), "lost")
    patient.put("PatientName", person.name, "lost")
    one.put("ReferencedPatientSequence", [patient], "lost")
    identifiers = one.item()
    identifiers.put("PatientID", person.nir, "lost")
    identifiers.put("IssuerOfPatientID", person.issuer, "lost")
    identifiers.put("TypeOfPatientID", "TEXT", "lost")
    one.put("OtherPatientIDsSequence", [identifiers], "lost")
    signature = one.item()
    signature.put("CertificateOfSigner", one.secret(), "gone", vr="OB")
    signature.put("Signature", one.secret(), "gone", vr="OB")
    signature.put("DigitalSignatureUID", one.uid(56), "gone")
    one.put("DigitalSignaturesSequence", [signature], "gone")
    encrypted = one.item()
    encrypted.put("EncryptedContent", one.secret(), "gone", vr="OB")
    one.put("EncryptedAttributesSequence", [encrypted], "gone")
    one.put("RetrieveURL", f"https://{person.station}/{person.patient_id}", "lost")
    one.put("RetrieveAETitle", person.ae_title, "lost")
    staff = one.item()
    staff.put("PersonIdentificationCodeSequence", [code(one, "D1", "99RH", person.physicians[3], "lost")], "lost")
    staff.put("PersonAddress", f"{person.street} {person.town}", "lost")
    staff.put("PersonTelephoneNumbers", person.phone, "lost")
    staff.put("InstitutionName", person.hospital, "lost")
    one.put("OperatorIdentificationSequence", [staff], "lost")
    one.put("ReferringPhysicianIdentificationSequence", [staff], "lost")
    one.put("InstitutionCodeSequence", [code(one, "370001", "FINESS", person.hospital, "lost")], "lost")
    one.put("InstanceCoercionDateTime", f"{person.studies[one.study]:%Y%m%d}1300", "lost")


@carrier()
def trial(one: Slice) -> None:
    """An earlier trial, and an earlier de-identification that did not do what it says."""
    person = one.person
    one.put("ClinicalTrialSponsorName", person.hospital, "lost")
    one.put("ClinicalTrialProtocolID", "ALPHA-7", "marked")
    one.put("ClinicalTrialProtocolName", f"cohorte {person.family}", "lost")
    one.put("ClinicalTrialSiteID", person.hospital, "marked")
    one.put("ClinicalTrialSiteName", person.hospital, "lost")
    one.put("ClinicalTrialSubjectID", person.patient_id, "pseudonym")
    one.put("ClinicalTrialTimePointID", f"T0 {person.family}", "lost")
    one.put("ClinicalTrialCoordinatingCenterName", person.hospital, "lost")
    one.put("PatientIdentityRemoved", "NO", "marked")
    one.put("DeidentificationMethod", f"outil de {person.hospital}", "marked")
    one.put(
        "DeidentificationMethodCodeSequence", [code(one, "113103", "DCM", "Clean Graphics Option", "any")], "marked"
    )
    one.put("LongitudinalTemporalInformationModified", "UNMODIFIED", "marked")


@carrier()
def references(one: Slice) -> None:
    """UIDs of every kind: many values in one attribute, references between objects, classes that must stay."""
    one.put("FailedSOPInstanceUIDList", "\\".join((one.uid(1, 2, 900), one.uid(2, 2, 900), one.uid(1, 2))), "uid")
    for keyword in (
        "SynchronizationFrameOfReferenceUID",
        "ConcatenationUID",
        "DimensionOrganizationUID",
        "PaletteColorLookupTableUID",
    ):
        one.put(keyword, one.uid(70, len(keyword)), "uid")
    one.put(
        "IrradiationEventUID", f"1.3.12.2.1107.5.1.4.{one.person.number + 50000}.30000024031707314562500000011", "uid"
    )
    one.needles.uids.add(f"1.3.12.2.1107.5.1.4.{one.person.number + 50000}.".encode())
    one.put("RelatedGeneralSOPClassUID", "1.2.840.10008.5.1.4.1.1.2", "kept")
    for keyword, number in (("ReferencedImageSequence", 901), ("SourceImageSequence", 902)):
        items = []
        for study in (1, 2):
            item = one.item()
            item.put("ReferencedSOPClassUID", CT, "kept")
            item.put("ReferencedSOPInstanceUID", one.uid(study, 2, number), "uid")
            if keyword == "SourceImageSequence":
                purpose = code(one, "121322", "DCM", "Source image for image processing operation")
                item.put("PurposeOfReferenceCodeSequence", [purpose], "present")
            items.append(item)
        one.put(keyword, items, "present")
    image = one.item()
    image.put("ReferencedSOPClassUID", CT, "kept")
    image.put("ReferencedSOPInstanceUID", one.uid(1, 2, 903), "uid")
    series = one.item()
    series.put("SeriesInstanceUID", one.uid(1, 2), "uid")
    series.put("ReferencedInstanceSequence", [image], "present")
    one.put("ReferencedSeriesSequence", [series], "present")


@carrier()
def codes(one: Slice) -> None:
    """Codes of published schemes stay with their meaning, a hospital's own do not."""
    typed = code(one, "51185008", "SCT", "Chest")
    typed.text("CodeMeaning", "Chest {FAMILY}")
    typed.elements[0x00080104] = typed.elements[0x00080104]._replace(
        want=Want("meaning", "", frozenset({"chest", "51185008"}))
    )
    one.put("AnatomicRegionSequence", [typed], "present")
    one.put(
        "ProcedureCodeSequence",
        [code(one, "ZBQK002", "99" + one.person.station[:6], f"Scanner {one.person.family}", "lost")],
        "lost",
    )
    one.put("ContrastBolusAgentSequence", [code(one, "109218004", "SCT", "Iohexol")], "present")
    purpose = one.item()
    purpose.put("ReferencedSOPClassUID", CT, "kept")
    purpose.put("ReferencedSOPInstanceUID", one.uid(1, 2, 904), "uid")
    purpose.put("PurposeOfReferenceCodeSequence", [code(one, "121311", "DCM", "Localizer")], "present")
    one.put("ReferencedImageSequence", [purpose], "present")
    scheme = one.item()
    scheme.put("CodingSchemeDesignator", "99LOCAL", "lost")
    scheme.put("CodingSchemeResponsibleOrganization", one.person.hospital, "lost")
    one.put("CodingSchemeIdentificationSequence", [scheme], "lost")


@carrier()
def head(one: Slice) -> None:
    """Who sent the file, whom it was sent to, and what they added to its File Meta Information."""
    person = one.person
    one.preamble = (
        f"{person.family} {person.patient_id} {person.birth:%Y%m%d}".encode("latin-1", "replace") + one.secret()
    )
    one.more_meta = {
        0x00020017: ("AE", person.ae_title.encode()), 0x00020018: ("AE", person.station.encode()),
        0x00020026: ("UR", f"dicom://{person.email.partition('@')[2]}".encode()), 0x00020027: ("UR", f"dicom://{person.station}".encode()),
        0x00020028: ("UR", b"dicom://10.20.30.40:104"), 0x00020100: ("UI", one.uid(88).encode()),
        0x00020102: ("OB", person.name.encode("latin-1", "replace") + one.secret()),
    }  # fmt: skip
