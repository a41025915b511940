"""What differs from one scanner to the next: model, kernel, pixel format and, above all, private elements.

Creators and element numbers are the real ones (pydicom's private dictionary); the values are made
up, with the patient's name and number where vendors are known to repeat them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from fidac_node.phantom.scan import Scan


@dataclass(frozen=True, kw_only=True)
class Vendor:
    """One scanner. ``private`` adds its private blocks to an image of a scan, given the slice's index."""

    manufacturer: str
    model: str
    software: str
    kernel: str
    protocol: str
    image_type: tuple[str, ...]
    bits_stored: int
    signed: bool
    private: Callable[[Dataset, Scan, int], None]


def _siemens(ds: Dataset, scan: Scan, index: int) -> None:
    ds.private_block(0x0009, "SIEMENS CT VA1 DUMMY", create=True)
    coad = ds.private_block(0x0019, "SIEMENS CT VA0  COAD", create=True)
    coad.add_new(0x90, "DS", "0")
    coad.add_new(0x92, "DS", "0.966")
    coad.add_new(0xB0, "DS", "18.8")
    ds.private_block(0x0021, "SIEMENS MED", create=True).add_new(0x11, "DS", ["-8", "0"])
    csa = ds.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
    csa.add_new(0x08, "CS", "SOM 5")
    csa.add_new(0x09, "LO", "VA10A 971201")
    csa.add_new(0x10, "OB", _csa_header(scan, index))
    medcom = ds.private_block(0x0029, "SIEMENS MEDCOM HEADER", create=True)
    item = Dataset()
    header = item.private_block(0x0029, "SIEMENS MEDCOM HEADER", create=True)
    header.add_new(0x41, "CS", "SOM 5 TPOS")
    header.add_new(0x42, "LO", scan.identity.name.replace("^", " "))
    header.add_new(0x43, "LO", scan.identity.patient_id)
    medcom.add_new(0x40, "SQ", Sequence([item]))


def _csa_header(scan: Scan, index: int) -> bytes:
    """The CSA header's outline (SV10): names, VRs and values in fixed-width fields; the patient among them."""
    values = {"SliceNumber": str(index + 1), "PatientName": scan.identity.name, "PatientID": scan.identity.patient_id}
    tags = b"".join(
        struct.pack("<64si4sii", name.encode(), 1, b"LO", 0, 1) + value.encode("latin-1").ljust(64, b"\0")
        for name, value in values.items()
    )
    blob = b"SV10\x04\x03\x02\x01" + struct.pack("<II", len(values), 77) + tags
    return blob.ljust(4096, b"\0")


def _ge(ds: Dataset, scan: Scan, index: int) -> None:
    identification = ds.private_block(0x0009, "GEMS_IDEN_01", create=True)
    identification.add_new(0x01, "LO", "CT_LIGHTSPEED")
    identification.add_new(0x02, "SH", scan.identity.station)
    identification.add_new(0x04, "SH", "Revolution EVO")
    identification.add_new(0xE3, "UI", scan.uid("equipment"))
    thumbnail = Dataset()
    thumbnail.Rows, thumbnail.Columns = 8, 8
    thumbnail.private_block(0x0009, "GEIIS", create=True).add_new(0x12, "IS", str(index))
    ds.private_block(0x0009, "GEIIS", create=True).add_new(0x10, "SQ", Sequence([thumbnail]))
    acquisition = ds.private_block(0x0019, "GEMS_ACQU_01", create=True)
    acquisition.add_new(0x02, "SL", 912)
    acquisition.add_new(0x0F, "DS", "1850.000000")
    acquisition.add_new(0x23, "DS", "55.000000")
    acquisition.add_new(0x24, "DS", f"{30 + index * 0.25:.6f}")
    acquisition.add_new(0x27, "DS", "0.500000")
    ds.private_block(0x0021, "GEMS_RELA_01", create=True).add_new(0x36, "SS", 2)
    ds.private_block(0x0027, "GEMS_IMAG_01", create=True).add_new(0x1F, "SL", 214)
    parameters = ds.private_block(0x0043, "GEMS_PARM_01", create=True)
    parameters.add_new(0x12, "SS", [99, 99, 99])
    parameters.add_new(0x27, "SH", "1.375:1")
    helios = ds.private_block(0x0045, "GEMS_HELIOS_01", create=True)
    helios.add_new(0x01, "SS", 64)
    helios.add_new(0x02, "FL", 0.625)
    ds.private_block(0x0905, "GEIIS", create=True).add_new(0x30, "LO", scan.identity.institution)
    ds.private_block(0x0907, "GEIIS", create=True).add_new(0x10, "UI", scan.study_uid)


def _philips(ds: Dataset, scan: Scan, index: int) -> None:
    general = ds.private_block(0x00E1, "ELSCINT1", create=True)
    general.add_new(0x02, "SH", "Adult")
    general.add_new(0x40, "SH", "Thorax")
    general.add_new(0x46, "OB", bytes(range(256)) * 2)
    general.add_new(0x50, "DS", "6.279")
    general.add_new(0x63, "SH", "FRENCH")
    item = Dataset()
    item.PatientName, item.PatientID = scan.identity.name, scan.identity.patient_id
    item.private_block(0x00E1, "ELSCINT1", create=True).add_new(0x40, "SH", "Thorax")
    general.add_new(0x39, "SQ", Sequence([item]))
    acquisition = ds.private_block(0x01F1, "ELSCINT1", create=True)
    acquisition.add_new(0x01, "CS", "SPIRAL")
    acquisition.add_new(0x08, "DS", "320")
    acquisition.add_new(0x26, "DS", "0.391")
    acquisition.add_new(0x4B, "SH", "64x0.625")
    reconstruction = ds.private_block(0x01F7, "ELSCINT1", create=True)
    reconstruction.add_new(0x22, "UI", scan.uid("reconstruction"))
    reconstruction.add_new(0x29, "OW", struct.pack("<220H", *range(index, index + 220)))
    ds.private_block(0x07A1, "ELSCINT1", create=True).add_new(0x10, "LO", "4.1.5")


def _toshiba(ds: Dataset, scan: Scan, index: int) -> None:
    block = ds.private_block(0x7005, "TOSHIBA_MEC_CT3", create=True)
    block.add_new(0x08, "DS", "0.5")
    block.add_new(0x09, "LO", "80")
    block.add_new(0x0B, "SH", "FC52")
    block.add_new(0x0D, "CS", "CHEST")
    block.add_new(0x11, "LT", f"Examen de {scan.identity.name.replace('^', ' ')}")
    block.add_new(0x1A, "US", index % 65536)
    item = Dataset()
    item.InstitutionName, item.StationName = scan.identity.institution, scan.identity.station
    item.private_block(0x7005, "TOSHIBA_MEC_CT3", create=True).add_new(0x0D, "CS", "CHEST")
    block.add_new(0x28, "SQ", Sequence([item]))


VENDORS: Final = {
    "SIEMENS": Vendor(
        manufacturer="SIEMENS",
        model="SOMATOM Definition AS+",
        software="syngo CT 2014A",
        kernel="B70f",
        protocol="ThoraxRoutine",
        image_type=("ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM5 SPI"),
        bits_stored=12,
        signed=False,
        private=_siemens,
    ),
    "GE": Vendor(
        manufacturer="GE MEDICAL SYSTEMS",
        model="Revolution EVO",
        software="revo_ct_18mw09.12",
        kernel="LUNG",
        protocol="5.3 THORAX SANS IV",
        image_type=("ORIGINAL", "PRIMARY", "AXIAL"),
        bits_stored=16,
        signed=True,
        private=_ge,
    ),
    "PHILIPS": Vendor(
        manufacturer="Philips",
        model="Ingenuity CT",
        software="4.1",
        kernel="YB",
        protocol="Thorax /Thorax",
        image_type=("ORIGINAL", "PRIMARY", "AXIAL", "HELIX"),
        bits_stored=12,
        signed=False,
        private=_philips,
    ),
    "TOSHIBA": Vendor(
        manufacturer="TOSHIBA",
        model="Aquilion ONE",
        software="V6.00ER005",
        kernel="FC52",
        protocol="Poumon HR",
        image_type=("ORIGINAL", "PRIMARY", "AXIAL"),
        bits_stored=16,
        signed=True,
        private=_toshiba,
    ),
}
