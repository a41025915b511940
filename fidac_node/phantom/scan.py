"""Who is scanned, when, on whose machine: the made-up facts that a header is filled from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from fidac_node.dicom.uids import EXPLICIT_VR_LE
from fidac_node.phantom.anatomy import LENGTH


@dataclass(frozen=True, kw_only=True)
class Identity:
    """One made-up patient at one made-up hospital, as the header spells them.

    ``patient_id`` is the IPP (the hospital's permanent number), ``admission_id`` the NDA (one stay),
    ``national_id`` the INS; the check digits of each INS are wrong, so that it can be nobody's.
    """

    name: str
    patient_id: str
    birth_date: date
    sex: str
    accession: str
    admission_id: str
    national_id: str
    phone: str
    address: str
    referring: str
    reader: str
    operator: str
    institution: str
    institution_address: str
    station: str


IDENTITIES: Final = (
    Identity(
        name="LEFÈVRE^Aurélie",
        patient_id="8003412765",
        birth_date=date(1961, 7, 14),
        sex="F",
        accession="RX24088731",
        admission_id="NDA240317552",
        national_id="261079912345643",
        phone="06 39 98 12 47",
        address="12 impasse des Châtaigniers, 99120 SAINT-HÉLIER",
        referring="GÉRAUD-DELAÎTRE^Benoît^^Dr",
        reader="MAËS^Clémence^^Pr",
        operator="HÉBRARD^Zoé",
        institution="CHU de Saint-Hélier-sur-Èvre",
        institution_address="4 allée des Érables, 99120 SAINT-HÉLIER",
        station="SCANURG2",
    ),
    Identity(
        name="BENOÎT^Noël^François",
        patient_id="8001190338",
        birth_date=date(1930, 12, 25),
        sex="M",
        accession="RX24088990",
        admission_id="NDA240318004",
        national_id="130129954321709",
        phone="01 99 00 45 61",
        address="3 place de la Préfecture, 99000 MONTFÉRAND",
        referring="ÇABROL^Aïcha^^Dr",
        reader="MAËS^Clémence^^Pr",
        operator="HÉBRARD^Zoé",
        institution="CHU de Saint-Hélier-sur-Èvre",
        institution_address="4 allée des Érables, 99120 SAINT-HÉLIER",
        station="SCANURG2",
    ),
    Identity(
        name="D'HÉROUVILLE^Maëlle",
        patient_id="NDG-0047713",
        birth_date=date(1988, 2, 29),
        sex="F",
        accession="C2024-11873",
        admission_id="24-009317",
        national_id="288029967890128",
        phone="06 39 98 77 03",
        address="Résidence Les Genêts, 99450 VAUGRENY",
        referring="LEMAÎTRE^Raphaël^^Dr",
        reader="OUDINÉ^Solène^^Dr",
        operator="PRÉVÔT^Gaëtan",
        institution="Clinique Notre-Dame de Grâce",
        institution_address="17 bis rue du Châtelet, 99450 VAUGRENY",
        station="CT01NDG",
    ),
    Identity(
        name="MÜLLER-GRÈZES^André",
        patient_id="NDG-0051206",
        birth_date=date(1947, 10, 3),
        sex="M",
        accession="C2024-12044",
        admission_id="24-009951",
        national_id="147109913579204",
        phone="01 99 00 83 20",
        address="Lieu-dit La Forêt Brûlée, 99460 CHÂTENOIS-LE-VIEUX",
        referring="LEMAÎTRE^Raphaël^^Dr",
        reader="OUDINÉ^Solène^^Dr",
        operator="PRÉVÔT^Gaëtan",
        institution="Clinique Notre-Dame de Grâce",
        institution_address="17 bis rue du Châtelet, 99450 VAUGRENY",
        station="CT01NDG",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Scan:
    """One series of one study, and how it is written.

    ``vendor`` is SIEMENS, GE, PHILIPS or TOSHIBA. ``charset`` goes in (0008,0005); ``""`` leaves it
    out while the accents stay, as some devices do. ``protocol`` is the scanner's own for the body part when
    it is not given. ``days_later`` makes it a later study of the same
    patient. ``ground_glass`` adds a viral pneumonia, ``contrast`` an injection.
    """

    seed: int = 1
    slices: int = 40
    rows: int = 512
    columns: int = 512
    identity: Identity = IDENTITIES[0]
    study_date: date = date(2024, 3, 17)
    days_later: int = 0
    vendor: str = "SIEMENS"
    series_number: int = 2
    charset: str = "ISO_IR 100"
    transfer_syntax: str = EXPLICIT_VR_LE
    body_part: str = "CHEST"
    study_description: str = "TDM thoracique"
    protocol: str | None = None
    ground_glass: bool = False
    contrast: bool = False

    @property
    def day(self) -> date:
        """The date of the study."""
        return self.study_date + timedelta(days=self.days_later)

    @property
    def da(self) -> str:
        """The date of the study as a DA value."""
        return f"{self.day:%Y%m%d}"

    @property
    def thickness(self) -> float:
        """The distance between slices, mm: as many as asked for cover the whole chest."""
        return round(LENGTH / max(self.slices, 1), 4)

    def uid(self, *parts: object) -> str:
        """A UID of this study for what ``parts`` name, derived from a UUID (PS3.5 B.2): always the same one."""
        text = "/".join(map(str, (self.seed, self.identity.patient_id, self.day, self.vendor, *parts)))
        return f"2.25.{uuid5(NAMESPACE_URL, text).int}"

    @property
    def study_uid(self) -> str:
        """The Study Instance UID."""
        return self.uid("study")

    @property
    def series_uid(self) -> str:
        """The Series Instance UID."""
        return self.uid("series", self.series_number)
