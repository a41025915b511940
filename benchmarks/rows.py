"""An index of any size without a file: rows as filing would have written them, of studies that nobody ever had."""

from __future__ import annotations

import datetime
import random
from dataclasses import dataclass, field
from typing import Any, Final

from peewee import Database, Model, PostgresqlDatabase, fn

from fidac_node.dicom.uids import EXPLICIT_VR_LE
from fidac_node.hub.index.models import Instance, Patient, Profile, Series, Site, Study, label_bit
from fidac_node.system import database

SITES: Final = 20
# How many instances the series of a study have, in turn: three studies have 10 series and 999 instances.
_SHAPES: Final = ((2, 131, 200), (1, 2, 130, 200), (3, 130, 200))
_MAKERS: Final = {
    "SIEMENS": (("Sensation 16", "SOMATOM Definition", "SOMATOM Force"), ("B30f", "B70f", "Br40d", "I30f", "Bl57d")),
    "GE MEDICAL SYSTEMS": (("LightSpeed VCT", "Revolution CT", "Optima CT660"), ("STANDARD", "LUNG", "BONE", "CHST")),
    "Philips": (("Brilliance 64", "iCT 256", "Ingenuity CT"), ("B", "L", "YA", "C")),
    "TOSHIBA": (("Aquilion", "Aquilion ONE"), ("FC08", "FC51", "FC86")),
}
_BODY_PARTS: Final = ("CHEST", "CHEST", "CHEST", "THORAX", "ABDOMEN", "")
_THICKNESSES: Final = (0.5, 0.625, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0)
_LABELS: Final = ("certain", "possible", *["negative"] * 3, "other", *["unknown"] * 4)
_FIRST_DAY: Final = datetime.datetime(2024, 1, 1)
_DAYS: Final = 700
_SHIFT: Final = datetime.timedelta(days=3000)
_CT: Final = "1.2.840.10008.5.1.4.1.1.2"
_SLICE_BYTES: Final = 530_000
_ROWS_AT_ONCE: Final = 50_000


def fill(db: Database, instances: int, *, seed: int = 4) -> None:
    """Add whole studies, of 333 instances on the average, until there are at least so many more instances.

    ``db`` is an index that ``prepare`` has made; another ``seed`` makes other studies. Raises
    ``peewee.PeeweeException``.
    """
    chance = random.Random(seed)
    with db.atomic():
        rows = _Rows(chance, {model: _last(db, model) for model in _TABLES}, _profile(db))
        made = number = 0
        while made < instances:
            made += rows.add_study(number, _FIRST_DAY + datetime.timedelta(days=_DAYS * made / instances))
            number += 1
            if len(rows.made[Instance]) > _ROWS_AT_ONCE:
                rows.write(db)
        rows.write(db)
    if isinstance(db, PostgresqlDatabase):
        for model in _TABLES:  # it numbers by itself, and has to know what was numbered here
            db.execute_sql(
                f"SELECT setval(pg_get_serial_sequence('{model.__name__.lower()}', 'id'), {_last(db, model) + 1})"
            )
        db.execute_sql("ANALYZE")


_TABLES: Final = (Patient, Study, Series, Instance)


@dataclass
class _Rows:
    """Rows that are made and not written yet."""

    chance: random.Random
    last: dict[Any, int]
    profile: int
    made: dict[Any, list[dict[str, Any]]] = field(default_factory=lambda: {model: [] for model in _TABLES})
    patient: tuple[str, int] = ("", 0)

    def add_study(self, number: int, received_at: datetime.datetime) -> int:
        """Make a study and return how many instances it has."""
        chance, shape = self.chance, _SHAPES[number % len(_SHAPES)]
        if not self.patient[1] or chance.random() < 0.8:
            site = f"SITE{chance.randrange(SITES):02d}"
            sex = chance.choice(("F", "F", "M", "M", ""))
            self.patient = (
                site,
                self._add(Patient, {"site_id": site, "pseudonym": f"{chance.getrandbits(64):016X}", "sex": sex}),
            )
        site, patient = self.patient
        age = chance.randrange(18, 95)
        common = {
            "label": chance.choice(_LABELS),
            "label_source": "called-ae",
            "profile_id": self.profile,
            "received_at": received_at,
        }
        study = self._add(
            Study,
            {
                "site_id": site,
                "patient_id": patient,
                "study_instance_uid": self._uid(),
                "date": (received_at - _SHIFT).date(),
                "patient_age": f"{age:03d}Y",
                "age_years": age,
                "programme": "FIDAC",
                "read_from": "0:",
                "series": len(shape),
                "instances": sum(shape),
                "bytes": sum(shape) * _SLICE_BYTES,
                **common,
            },
        )
        scanner = self._scanner()
        for size in shape:
            self._add_series(site, study, size, scanner, common)
        return sum(shape)

    def _scanner(self) -> dict[str, Any]:
        maker = self.chance.choice(list(_MAKERS))
        model = self.chance.choice(_MAKERS[maker][0])
        return {
            "manufacturer": maker,
            "model": model,
            "body_part": self.chance.choice(_BODY_PARTS),
            "contrast": self.chance.random() < 0.3,
        }

    def _add_series(self, site: str, study: int, size: int, scanner: dict[str, Any], common: dict[str, Any]) -> None:
        image = size > 10
        thickness = self.chance.choice(_THICKNESSES) if image else None
        kernel = self.chance.choice(_MAKERS[scanner["manufacturer"]][1]) if image else ""
        series = self._add(
            Series,
            {
                "study_id": study,
                "series_instance_uid": self._uid(),
                "modality": "CT",
                "kernel": kernel,
                "kvp": 120.0,
                "slice_thickness": thickness,
                "row_spacing": 0.7,
                "column_spacing": 0.7,
                "rows": 512,
                "columns": 512,
                "thinnest": thickness,
                "labels": label_bit(common["label"]),
                "contrast_agent": "",
                "read_from": "0:",
                "instances": size,
                "bytes": size * _SLICE_BYTES,
                **scanner,
                **common,
            },
        )
        for number in range(1, size + 1):
            self._add(
                Instance,
                {
                    "site_id": site,
                    "series_id": series,
                    "sop_instance_uid": self._uid(),
                    "sop_class_uid": _CT,
                    "transfer_syntax_uid": EXPLICIT_VR_LE,
                    "number": number,
                    "frames": 1,
                    "slice_thickness": thickness,
                    "bytes": _SLICE_BYTES,
                    **common,
                },
            )

    def write(self, db: Database) -> None:
        """Insert what was made."""
        for model, rows in self.made.items():
            if rows:
                database.insert(db, model, list(rows[0]), [list(row.values()) for row in rows])
                rows.clear()

    def _add(self, model: type[Model], columns: dict[str, Any]) -> int:
        self.last[model] += 1
        self.made[model].append({"id": self.last[model], **columns})
        return self.last[model]

    def _uid(self) -> str:
        return f"2.25.{self.chance.getrandbits(127)}"


def _profile(db: Database) -> int:
    sites = [
        {"id": f"SITE{number:02d}", "ae_title": f"SITE{number:02d}", "added_at": _FIRST_DAY} for number in range(SITES)
    ]
    Site.insert_many(sites).on_conflict_ignore().execute(db)
    Profile.insert(name="fidac-chest-ct", digest="ab" * 32).on_conflict_ignore().execute(db)
    return int(Profile.select(fn.MIN(Profile.id)).scalar(db))


def _last(db: Database, model: Any) -> int:
    return int(model.select(fn.COALESCE(fn.MAX(model.id), 0)).scalar(db))
