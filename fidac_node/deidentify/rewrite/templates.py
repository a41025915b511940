"""The content items and codes that may stay in a rebuilt structured report: PS3.16 templates as plain data.

CT Radiation Dose (TID 10011 and what it includes: TID 10012 to 10015) and Key Object Selection (TID
2010). Items of value type TEXT and PNAME are left out on purpose, and so is observer context (TID 1002):
free text, people and devices. The meaning that is written beside a code is the one given here, never the
one that came.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

Code: TypeAlias = "tuple[str, str]"  # coding scheme designator and code value

# Relationships, value type, concept name (scheme, value, its SNOMED-RT code), value set, meaning.
_ITEMS: Final = """\
CONTAINS CONTAINER DCM 113811 - - CT Accumulated Dose Data
CONTAINS CONTAINER DCM 113819 - - CT Acquisition
CONTAINS CONTAINER DCM 113822 - - CT Acquisition Parameters
CONTAINS CONTAINER DCM 113831 - - CT X-Ray Source Parameters
CONTAINS CONTAINER DCM 113829 - - CT Dose
CONTAINS CONTAINER DCM 113900 - - Dose Check Alert Details
CONTAINS CONTAINER DCM 113908 - - Dose Check Notification Details
CONTAINS DATETIME DCM 111526 - - DateTime Started
CONTAINS DATETIME DCM 111527 - - DateTime Ended
HAS_OBS_CONTEXT DATETIME DCM 113809 - - Start of X-Ray Irradiation
HAS_OBS_CONTEXT DATETIME DCM 113810 - - End of X-Ray Irradiation
HAS_CONCEPT_MOD CODE DCM 121058 - procedure Procedure reported
HAS_CONCEPT_MOD CODE SCT 363703001 G-C0E8 intent Has Intent
HAS_OBS_CONTEXT CODE DCM 113705 - scope Scope of Accumulation
CONTAINS CODE DCM 113854 - source Source of Dose Information
CONTAINS CODE DCM 123014 - region Target Region
CONTAINS CODE DCM 113820 - acquisition CT Acquisition Type
CONTAINS,HAS_PROPERTIES CODE DCM 113961 - algorithm Reconstruction Algorithm
CONTAINS CODE SCT 408730004 G-C32C contrast Procedure Context
CONTAINS CODE DCM 128551 - yes-no Is Repeated Acquisition
CONTAINS CODE DCM 113901 - yes-no DLP Alert Value Configured
CONTAINS CODE DCM 113902 - yes-no CTDIvol Alert Value Configured
CONTAINS CODE DCM 113909 - yes-no DLP Notification Value Configured
CONTAINS CODE DCM 113910 - yes-no CTDIvol Notification Value Configured
CONTAINS CODE DCM 113915 - yes-no Alternative dose alert behavior active
HAS_CONCEPT_MOD CODE DCM 128552 - repeat Reason for Repeating Acquisition
CONTAINS,HAS_PROPERTIES CODE DCM 113835 - phantom CTDIw Phantom Type
HAS_PROPERTIES CODE DCM 121406 - authority Reference Authority
HAS_CONCEPT_MOD,HAS_PROPERTIES CODE SCT 370129005 G-C036 method Measurement Method
CONTAINS,HAS_PROPERTIES UIDREF DCM 113769 - - Irradiation Event UID
CONTAINS,HAS_PROPERTIES UIDREF DCM 113853 - - Irradiation Event UID
CONTAINS,HAS_PROPERTIES UIDREF DCM 110180 - - Study Instance UID
CONTAINS,HAS_PROPERTIES UIDREF DCM 112002 - - Series Instance UID
CONTAINS,HAS_PROPERTIES UIDREF DCM 121126 - - Performed Procedure Step SOP Instance UID
CONTAINS,HAS_PROPERTIES UIDREF DCM 112227 - - Frame of Reference UID
CONTAINS,HAS_PROPERTIES,INFERRED_FROM NUM DCM 113812 - units Total Number of Irradiation Events
CONTAINS,HAS_PROPERTIES,INFERRED_FROM NUM DCM 113813 - units CT Dose Length Product Total
CONTAINS,HAS_PROPERTIES,INFERRED_FROM NUM DCM 130745 - units CT Dose Length Product Sub-Total
CONTAINS,HAS_PROPERTIES,INFERRED_FROM NUM DCM 113814 - units CT Effective Dose Total
CONTAINS,HAS_PROPERTIES,INFERRED_FROM NUM DCM 113823 - units Number of X-Ray Sources
CONTAINS,HAS_PROPERTIES,INFERRED_FROM NUM DCM 113824 - units Exposure Time
CONTAINS,HAS_PROPERTIES,INFERRED_FROM NUM DCM 113825 - units Scanning Length
CONTAINS,HAS_PROPERTIES,INFERRED_FROM NUM DCM 113826 - units Nominal Single Collimation Width
CONTAINS,HAS_PROPERTIES,INFERRED_FROM NUM DCM 113827 - units Nominal Total Collimation Width
CONTAINS,HAS_PROPERTIES,INFERRED_FROM NUM DCM 113828 - units Pitch Factor
CONTAINS,HAS_PROPERTIES,INFERRED_FROM NUM DCM 113733 - units KVP
CONTAINS,HAS_PROPERTIES,INFERRED_FROM NUM DCM 113833 - units Maximum X-Ray Tube Current
CONTAINS,HAS_PROPERTIES,INFERRED_FROM NUM DCM 113734 - units X-Ray Tube Current
CONTAINS,HAS_PROPERTIES,INFERRED_FROM NUM DCM 113834 - units Exposure Time per Rotation
CONTAINS,HAS_PROPERTIES,INFERRED_FROM NUM DCM 113821 - units X-Ray Filter Aluminum Equivalent
CONTAINS,HAS_PROPERTIES,INFERRED_FROM NUM DCM 113830 - units Mean CTDIvol
CONTAINS,HAS_PROPERTIES,INFERRED_FROM NUM DCM 113836 - units CTDIfreeair Calculation Factor
CONTAINS,HAS_PROPERTIES,INFERRED_FROM NUM DCM 113837 - units Mean CTDIfreeair
CONTAINS,HAS_PROPERTIES,INFERRED_FROM NUM DCM 113838 - units DLP
CONTAINS,HAS_PROPERTIES,INFERRED_FROM NUM DCM 113839 - units Effective Dose
CONTAINS,HAS_PROPERTIES,INFERRED_FROM NUM DCM 113840 - units Effective Dose Conversion Factor
CONTAINS,HAS_PROPERTIES,INFERRED_FROM NUM DCM 113893 - units Length of Reconstructable Volume
CONTAINS,HAS_PROPERTIES,INFERRED_FROM NUM DCM 113895 - units Top Z Location of Reconstructable Volume
CONTAINS,HAS_PROPERTIES,INFERRED_FROM NUM DCM 113896 - units Bottom Z Location of Reconstructable Volume
CONTAINS,HAS_PROPERTIES,INFERRED_FROM NUM DCM 113897 - units Top Z Location of Scanning Length
CONTAINS,HAS_PROPERTIES,INFERRED_FROM NUM DCM 113898 - units Bottom Z Location of Scanning Length
CONTAINS,HAS_PROPERTIES,INFERRED_FROM NUM DCM 113899 - units Exposed Range
CONTAINS,HAS_PROPERTIES,INFERRED_FROM NUM DCM 113903 - units DLP Alert Value
CONTAINS,HAS_PROPERTIES,INFERRED_FROM NUM DCM 113904 - units CTDIvol Alert Value
CONTAINS,HAS_PROPERTIES,INFERRED_FROM NUM DCM 113905 - units Accumulated DLP Forward Estimate
CONTAINS,HAS_PROPERTIES,INFERRED_FROM NUM DCM 113906 - units Accumulated CTDIvol Forward Estimate
CONTAINS,HAS_PROPERTIES,INFERRED_FROM NUM DCM 113911 - units DLP Notification Value
CONTAINS,HAS_PROPERTIES,INFERRED_FROM NUM DCM 113912 - units CTDIvol Notification Value
CONTAINS,HAS_PROPERTIES,INFERRED_FROM NUM DCM 113913 - units DLP Forward Estimate
CONTAINS,HAS_PROPERTIES,INFERRED_FROM NUM DCM 113914 - units CTDIvol Forward Estimate
CONTAINS,HAS_PROPERTIES,INFERRED_FROM NUM DCM 113930 - units Size Specific Dose Estimate
CONTAINS,HAS_PROPERTIES,INFERRED_FROM NUM DCM 113931 - units Measured Lateral Dimension
CONTAINS,HAS_PROPERTIES,INFERRED_FROM NUM DCM 113932 - units Measured AP Dimension
CONTAINS,HAS_PROPERTIES,INFERRED_FROM NUM DCM 113933 - units Derived Effective Diameter
CONTAINS,HAS_PROPERTIES,INFERRED_FROM NUM DCM 113980 - units Water Equivalent Diameter
CONTAINS,HAS_PROPERTIES,INFERRED_FROM NUM DCM 113986 - units Z value of location of Water Equivalent Diameter estimation
"""

# Value sets (by name), scheme, value, SNOMED-RT code, meaning: CID 230, 3629, 4030, 4031, 4052, 7010 to 7012,
# 10000, 10011, 10013 to 10015, 10021, 10023, 10024, 10033, 10034.
_VALUES: Final = """\
procedure SCT 77477000 P5-08000 Computed Tomography X-Ray
intent SCT 421974008 R-41564 Adjunct intent
intent SCT 373846009 R-41561 Adjuvant intent
intent SCT 1279505009 - Combined Diagnostic and Therapeutic Intent
intent SCT 373808002 R-41560 Curative intent
intent SCT 261004008 R-408C3 Diagnostic Intent
intent SCT 447295008 R-40644 Forensic Intent
intent SCT 363675004 R-40641 Guidance Intent
intent SCT 373847000 R-41562 Neo-adjuvant intent
intent SCT 363676003 R-40642 Palliative Intent
intent SCT 129428001 P0-02179 Preventive intent
intent SCT 360271000 P0-021FD Prophylactic intent
intent DCM 113680 - Quality Control Intent
intent SCT 360156006 R-42453 Screening Intent
intent SCT 373825000 R-408F2 Staging intent
intent SCT 399707004 R-41563 Supportive intent
intent SCT 262202000 R-41531 Therapeutic Intent
scope DCM 113852 - Irradiation Event
scope,modifier DCM 113016 - Performed Procedure Step
scope DCM 113970 - Procedure Step To This Point
scope,modifier DCM 113015 - Series
scope,modifier DCM 113014 - Study
source DCM 113856 - Automated Data Collection
source DCM 113867 - Computed From Image Attributes
source DCM 113866 - Copied From Image Attributes
source DCM 113868 - Derived From Human-Readable Reports
source DCM 113857 - Manual Entry
acquisition SCT 702569007 R-FB8F1 Cone Beam Acquisition
acquisition DCM 113805 - Constant Angle Acquisition
acquisition DCM 113807 - Free Acquisition
acquisition DCM 113804 - Sequenced Acquisition
acquisition SCT 116152004 P5-08001 Spiral Acquisition
acquisition DCM 113806 - Stationary Acquisition
algorithm DCM 113962 - Filtered Back Projection
algorithm DCM 113963 - Iterative Reconstruction
contrast SCT 399331006 P5-0808E CT without contrast
contrast SCT 27483000 P5-00100 Diagnostic radiography with contrast media
repeat DCM 128553 - Patient motion
repeat DCM 128554 - Suboptimal contrast timing
yes-no SCT 373067005 R-00339 No
yes-no SCT 373068000 R-0038A Undetermined
yes-no SCT 373066001 R-0038D Yes
phantom DCM 130541 - 10 cm Dosimetry Phantom
phantom DCM 113682 - ACR Accreditation Phantom - CT
phantom DCM 113686 - ACR Accreditation Phantom - ECT
phantom DCM 113688 - ACR Accreditation Phantom - ECT/PET
phantom DCM 113683 - ACR Accreditation Phantom - MR
phantom DCM 113684 - ACR Accreditation Phantom - Mammography
phantom DCM 113687 - ACR Accreditation Phantom - PET
phantom DCM 113689 - ACR Accreditation Phantom - PET Faceplate
phantom DCM 113685 - ACR Accreditation Phantom - Stereotactic Breast Biopsy
phantom DCM 113691 - IEC Body Dosimetry Phantom
phantom DCM 113690 - IEC Head Dosimetry Phantom
phantom DCM 113692 - NEMA XR21-2000 Phantom
phantom,region SCT 706342009 R-FE0C7 Phantom
authority DCM 113841 - ICRP Pub 103
authority DCM 113808 - ICRP Pub 60
method DCM 113935 - AAPM 204 AP Dimension
method DCM 113937 - AAPM 204 Effective Diameter Estimated From Patient Age
method DCM 113934 - AAPM 204 Lateral Dimension
method DCM 113936 - AAPM 204 Sum of Lateral and AP Dimension
method DCM 113989 - Arithmetic Average of SSDE(z)
method DCM 113801 - CTDIfreeair to E conversion via MC computation
method DCM 113803 - CTDIfreeair to E conversion via measurement
method DCM 113800 - DLP to E conversion via MC computation
method DCM 113802 - DLP to E conversion via measurement
method DCM 113988 - Estimated from Water Equivalent Diameter
method DCM 113984 - Water Equivalent Diameter From Localizer
method DCM 113983 - Water Equivalent Diameter From Raw Data
method DCM 113982 - Water Equivalent Diameter Integrated Across Scan Range
method DCM 113981 - Water Equivalent Diameter Representative Value
modifier DCM 111215 - Artifact(s) other than grid or detector artifact
modifier DCM 111214 - Detector artifact(s)
modifier DCM 113026 - Double exposure
modifier DCM 111217 - Electrical failure
modifier DCM 111208 - Grid artifact(s)
modifier DCM 111207 - Image artifact(s)
modifier DCM 111219 - Inappropriate image processing
modifier DCM 111216 - Mechanical failure
modifier DCM 111210 - Motion blur
modifier DCM 111213 - No image
modifier DCM 111220 - Other failure
modifier DCM 111212 - Over exposed
modifier DCM 111209 - Positioning
modifier DCM 111218 - Software failure
modifier DCM 113017 - Stage-View
modifier DCM 111211 - Under exposed
modifier DCM 111221 - Unknown failure
title DCM 113013 - Best In Set
title DCM 113022 - Collection of Presentation States
title DCM 113034 - Complete Acquisition Content
title DCM 113032 - Complete Study Content
title DCM 113039 - Data Retention Policy Expired
title DCM 113005 - For Conference
title DCM 113021 - For Litigation
title DCM 113007 - For Patient
title DCM 113008 - For Peer Review
title DCM 113018 - For Printing
title DCM 113002 - For Referring Provider
title DCM 113020 - For Report Attachment
title DCM 113009 - For Research
title DCM 113003 - For Surgery
title DCM 113004 - For Teaching
title DCM 113006 - For Therapy
title DCM 113036 - Group of Frames for Display
title DCM 113038 - Incorrect Modality Worklist Entry
title DCM 113030 - Manifest
title DCM 113000 - Of Interest
title DCM 113010 - Quality Issue
title DCM 113037 - Rejected for Patient Safety Reasons
title DCM 113001 - Rejected for Quality Reasons
title DCM 113035 - Signed Complete Acquisition Content
title DCM 113033 - Signed Complete Study Content
title DCM 113031 - Signed Manifest
region SCT 818981001 - Abdomen
region SCT 113345001 T-D4000 Abdomen
region SCT 818982008 - Abdomen and Pelvis
region SCT 7832008 T-42500 Abdominal aorta
region SCT 85856004 T-15420 Acromioclavicular joint
region SCT 23451007 T-B3000 Adrenal gland
region SCT 70258002 T-15750 Ankle joint
region SCT 53505006 T-59900 Anus
region SCT 57034009 T-42300 Aortic arch
region SCT 86598002 T-280A0 Apex of Lung
region SCT 28273000 T-60610 Bile duct
region SCT 34707002 T-60600 Biliary tract
region SCT 89837001 T-74000 Bladder
region SCT 72001000 T-12700 Bone of lower limb
region SCT 371195002 T-D0821 Bone of upper limb
region SCT 12738006 T-A0100 Brain
region SCT 76752008 T-04000 Breast
region SCT 955009 T-26000 Bronchus
region SCT 80144004 T-12770 Calcaneus
region SCT 69105007 T-45010 Carotid Artery
region SCT 113305005 T-A6000 Cerebellum
region SCT 122494005 T-11501 Cervical spine
region SCT 1217257000 - Cervico-thoracic spine
region SCT 816094009 - Chest
region SCT 51185008 T-D3000 Chest
region SCT 416550000 R-FAB55 Chest and Abdomen
region SCT 416775004 R-FAB56 Chest, Abdomen and Pelvis
region SCT 11279006 T-45520 Circle of Willis
region SCT 51299004 T-12310 Clavicle
region SCT 64688005 T-11BF0 Coccyx
region SCT 71854001 T-59300 Colon
region SCT 79741001 T-64500 Common bile duct
region SCT 41801008 T-43000 Coronary artery
region SCT 128320002 T-A0191 Cranial venous system
region SCT 38848004 T-58200 Duodenum
region SCT 16953009 T-15430 Elbow joint
region SCT 38266002 T-D0010 Entire body
region SCT 32849002 T-56000 Esophagus
region SCT 110861005 T-DD163 Esophagus, stomach and duodenum
region SCT 66019005 T-D0300 Extremity
region SCT 81745001 T-AA000 Eye
region SCT 371398005 T-D0801 Eye region
region SCT 91397008 T-11196 Facial bones
region SCT 71341001 T-12710 Femur
region SCT 87342007 T-12750 Fibula
region SCT 7569003 T-D8800 Finger
region SCT 56459004 T-D9700 Foot
region SCT 14975008 T-D8500 Forearm
region SCT 28231008 T-63000 Gallbladder
region SCT 85562004 T-D8700 Hand
region SCT 69536005 T-D1100 Head
region SCT 774007 T-D1000 Head and Neck
region SCT 80891009 T-32000 Heart
region SCT 29836001 T-D2500 Hip
region SCT 24136001 T-15710 Hip joint
region SCT 85050009 T-12410 Humerus
region SCT 34516001 T-58600 Ileum
region SCT 299716001 T-41068 Iliac and/or femoral artery
region SCT 22356005 T-12340 Ilium
region SCT 361078006 T-AB959 Internal Auditory Canal
region SCT 661005 T-D1213 Jaw region
region SCT 21306003 T-58400 Jejunum
region SCT 64033007 T-71000 Kidney
region SCT 72696002 T-D9200 Knee
region SCT 14742008 T-59000 Large intestine
region SCT 4596009 T-24100 Larynx
region SCT 10200004 T-62000 Liver
region SCT 303270005 T-50007 Liver and biliary structure
region SCT 30021000 T-D9400 Lower leg
region SCT 61685007 T-D9000 Lower limb
region SCT 122496007 T-11503 Lumbar spine
region SCT 1217253001 - Lumbo-sacral spine
region SCT 91609006 T-11180 Mandible
region SCT 59066005 T-11133 Mastoid bone
region SCT 70925003 T-11170 Maxilla
region SCT 72410000 T-D3300 Mediastinum
region SCT 102292000 T-14668 Muscle of lower limb
region SCT 30608006 T-13600 Muscle of upper limb
region SCT 74386004 T-11149 Nasal bone
region SCT 45048000 T-D1600 Neck
region SCT 417437006 R-FAB52 Neck and Chest
region SCT 416152001 R-FAB53 Neck, Chest and Abdomen
region SCT 416319003 R-FAB54 Neck, Chest, Abdomen and Pelvis
region SCT 55024004 T-11102 Optic canal
region SCT 363654007 T-D14AE Orbital structure
region SCT 15776009 T-65000 Pancreas
region SCT 69930009 T-65010 Pancreatic duct
region SCT 110621006 T-65600 Pancreatic duct and bile duct systems
region SCT 2095001 T-22000 Paranasal sinus
region SCT 111002 T-B7000 Parathyroid
region SCT 45289007 T-61100 Parotid gland
region SCT 64234005 T-12730 Patella
region SCT 816092008 - Pelvis
region SCT 12921003 T-D6000 Pelvis
region SCT 1231522001 - Pelvis and lower extremities
region SCT 41216001 T-92000 Prostate
region SCT 81040000 T-44000 Pulmonary artery
region SCT 34402009 T-59600 Rectum
region SCT 2841007 T-46600 Renal artery
region SCT 113197003 T-11300 Rib
region SCT 1217254007 - Sacro-coccygeal Spine
region SCT 39723000 T-15680 Sacroiliac joint
region SCT 54735007 T-11AD0 Sacrum
region SCT 79601000 T-12280 Scapula
region SCT 42575006 T-D1460 Sella turcica
region SCT 58742003 T-12980 Sesamoid bones of foot
region SCT 16982005 T-D2220 Shoulder
region SCT 89546000 T-11100 Skull
region SCT 30315005 T-58000 Small intestine
region SCT 421060004 T-D04FF Spine
region SCT 78961009 T-C3000 Spleen
region SCT 7844006 T-15610 Sternoclavicular joint
region SCT 56873002 T-11210 Sternum
region SCT 69695003 T-57000 Stomach
region SCT 54019009 T-61300 Submandibular gland
region SCT 27949001 T-15770 Tarsal joint
region SCT 53620006 T-15290 Temporomandibular joint
region SCT 40689003 T-94000 Testis
region SCT 68367000 T-D9100 Thigh
region SCT 113262008 T-42070 Thoracic aorta
region SCT 122495006 T-11502 Thoracic spine
region SCT 1217256009 - Thoraco-lumbar spine
region SCT 76505004 T-D8810 Thumb
region SCT 9875009 T-C8000 Thymus
region SCT 69748006 T-B6000 Thyroid
region SCT 29707007 T-D9800 Toe
region SCT 44567001 T-25000 Trachea
region SCT 40983000 T-D8200 Upper arm
region SCT 53120007 T-D8000 Upper limb
region SCT 431491007 T-7000B Upper urinary tract
region SCT 87953007 T-73000 Ureter
region SCT 13648007 T-75000 Urethra
region SCT 35039007 T-83000 Uterus
region SCT 110639002 T-88920 Uterus and fallopian tubes
region SCT 110517009 T-11011 Vertebral column and cranium
region SCT 74670003 T-15460 Wrist joint
region SCT 13881006 T-11166 Zygoma
"""

# Units, as PS3.16 gives them in these templates, and one that Siemens writes: code value, meaning.
_UNITS: Final = """\
mGy.cm mGy.cm
mGycm mGy.cm
mGy mGy
mSv mSv
mSv/mGy.cm mSv/mGy.cm
mGy/mA.s mGy/mA.s
s s
ms ms
mm mm
cm cm
kV kV
mA mA
mA.s mA.s
% %
1 no units
{ratio} ratio
{events} events
"""

# Why a number is missing (CID 42): code value, meaning.
_QUALIFIERS: Final = """\
114000 Not a number
114001 Negative Infinity
114002 Positive Infinity
114003 Divide by zero
114004 Underflow
114005 Overflow
114006 Measurement failure
114007 Measurement not attempted
114008 Calculation failure
114009 Value out of range
114010 Value unknown
114011 Value indeterminate
"""


class Item(NamedTuple):
    """A content item that may stay: relationships to its parent, its value set's name (``-``: none), its meaning."""

    relationships: frozenset[str]
    values: str
    meaning: str


def _spellings(scheme: str, value: str, retired: str) -> list[Code]:
    """A code, and the SNOMED-RT code that older scanners write for it (PS3.16 Table 8-1: SRT, before that SNM3)."""
    return [(scheme, value), *([("SRT", retired), ("SNM3", retired)] if retired != "-" else [])]


def _items() -> dict[tuple[str, str, str], Item]:
    items = {}
    for line in _ITEMS.splitlines():
        relationships, value_type, scheme, value, retired, values, meaning = line.split(" ", 6)
        item = Item(frozenset(relationships.replace("_", " ").split(",")), values, meaning)
        items.update({(value_type, *code): item for code in _spellings(scheme, value, retired)})
    return items


def _values() -> dict[str, dict[Code, str]]:
    sets: dict[str, dict[Code, str]] = {}
    for name, scheme, table in (("units", "UCUM", _UNITS), ("qualifiers", "DCM", _QUALIFIERS)):
        sets[name] = {
            (scheme, value): meaning for value, meaning in (line.split(" ", 1) for line in table.splitlines())
        }
    for line in _VALUES.splitlines():
        names, scheme, value, retired, meaning = line.split(" ", 4)
        for name in names.split(","):
            sets.setdefault(name, {}).update(dict.fromkeys(_spellings(scheme, value, retired), meaning))
    return sets


# What may stay in a dose report, by value type and concept name, and the value sets by name.
DOSE_ITEMS: Final = _items()
VALUES: Final = _values()

DOSE_REPORT: Final[Code] = ("DCM", "113701")
DOSE_REPORT_MEANING: Final = "X-Ray Radiation Dose Report"
PROCEDURE_REPORTED: Final[Code] = ("DCM", "121058")
TITLE_MODIFIER: Final[Code] = ("DCM", "113011")
TITLE_MODIFIER_MEANING: Final = "Document Title Modifier"
