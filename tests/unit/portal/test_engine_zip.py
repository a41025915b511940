"""The engine as a zip: what it needs and nothing else, the same bytes each time, no library but the standard one."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

from fidac_node.dicom.uids import DEFLATED_EXPLICIT_VR_LE, EXPLICIT_VR_BE, EXPLICIT_VR_LE, IMPLICIT_VR_LE
from fidac_node.portal import build
from tests.unit.deidentify.build import ct, write
from tests.unit.portal.given import KEY, PLAN, JsFile, bench, whole

# Whoever adds to this adds to what every browser loads.
MODULES = {
    "deidentify": "actions engine marking plan slow source",
    "deidentify.gate": "gate haystack identifying letters needles reader scripts search",
    "deidentify.pixels": "codestream copy decoding highbits jpeg2000",
    "deidentify.profile": "load programmes ps315",
    "deidentify.rewrite": "codes dates devices iod ps316 ps33 pseudonym rewrite shapes structured templates terms text",
    "deidentify.tools": "diff",
    "deidentify.triage": "screens triage",
    "dicom": (
        "charset dictionary elements encode forms headers marks memo mend part10 ps36 recognise series skim tags uids "
        "walk window"
    ),
    "identity": "secret",
    "portal": "inside picture",
    "system": "base32",
}
NAMES = {"fidac_node", "fidac_node.errors", *(f"fidac_node.{room}" for room in MODULES)} | {
    f"fidac_node.{room}.{name}" for room, names in MODULES.items() for name in names.split()
}
# In an interpreter that has the zip alone, with no library of others: whatever is asked for of those is an error.
ALONE = """
import json, sys
from pathlib import Path
for name in ("numpy", "pydicom", "deid", "imagecodecs", "cryptography", "PIL"):
    sys.modules[name] = None
sys.path[:] = [one for one in sys.path if "site-packages" not in one] + [sys.argv[1]]
from fidac_node.portal import inside
class JsBytes(bytes):
    to_bytes = lambda self: bytes(self)
class File:
    def __init__(self, content): self.content, self.size = content, len(content)
    def read(self, start, length): return JsBytes(self.content[start:start + length])
plan, key, *paths = sys.argv[2:]
bench = inside.Bench(Path(plan).read_text(), JsBytes(bytes.fromhex(key)), "CHU-X", "FIDAC")
digests = []
for path in paths:
    content, put = Path(path).read_bytes(), []
    done = bench.deidentify(File(content), "certain", "portal", put.append)
    import hashlib
    whole = b"".join((*put, done.head, content[done.start:done.stop]))
    digests.append(done.held or hashlib.sha256(whole).hexdigest())
    bench.header(File(content), "certain", "portal"), bench.picture(File(content))
ours = sorted(name for name in sys.modules if name.startswith("fidac_node."))
others = sorted(name for name, one in sys.modules.items() if "site-packages" in str(getattr(one, "__file__", "")))
print(json.dumps([digests, ours, others]))
"""


def test_the_zip_has_the_modules_that_are_listed_and_the_same_bytes_each_time(tmp_path: Path) -> None:
    made = build.engine()
    with zipfile.ZipFile(BytesIO(made)) as archive:
        names = archive.namelist()
    found = {name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in names}
    assert found == NAMES
    assert made == build.engine() and len(made) < 500_000


def test_the_zip_alone_deidentifies_in_every_encoding_without_any_library(tmp_path: Path) -> None:
    (tmp_path / "engine.zip").write_bytes(build.engine())
    (tmp_path / "plan.json").write_text(PLAN)
    syntaxes = (EXPLICIT_VR_LE, IMPLICIT_VR_LE, EXPLICIT_VR_BE, DEFLATED_EXPLICIT_VR_LE)
    made = ct(SpecificCharacterSet="ISO_IR 192", PatientName="李娜")
    paths = [write(tmp_path / str(number), made, syntax) for number, syntax in enumerate(syntaxes)]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", ALONE, tmp_path / "engine.zip", tmp_path / "plan.json", KEY.hex(), *paths],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    digests, ours, others = json.loads(done.stdout)
    assert set(ours) <= NAMES and others == []
    engine = bench()
    for path, digest in zip(paths, digests, strict=True):
        file, put = JsFile(path.read_bytes()), list[bytes]()
        wanted = whole(engine.deidentify(file, "certain", "portal", put.append), file, put)
        assert digest == hashlib.sha256(wanted).hexdigest()
