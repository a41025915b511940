"""What applies a plan needs the standard library alone, so that it runs in a browser too."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.deidentify.build import KEY, ct, write

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    "room", ["engine", "source", "gate.gate", "pixels.highbits", "rewrite.pseudonym", "triage.triage"]
)
def test_what_applies_a_plan_needs_the_standard_library_alone(room: str) -> None:
    code = (
        f"import sys; import fidac_node.deidentify.{room}\n"
        "places = {name: getattr(module, '__file__', '') or '' for name, module in sys.modules.items()}\n"
        "print(*sorted({name.split('.')[0] for name, place in places.items() if 'site-packages' in place}"
        " - {'_distutils_hack'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.stdout.split() == []


def test_an_object_is_deidentified_without_pydicom_or_deid(tmp_path: Path) -> None:
    """The cached plan is plain data, and nothing else of the fast path needs a library.

    numpy is only the faster where it is.
    """
    path = write(tmp_path / "a.dcm", ct())
    without = "import sys; sys.modules.update(dict.fromkeys(['pydicom', 'deid', 'numpy', 'peewee', 'matplotlib']))\n"
    code = (
        "import sys; from hashlib import sha256; from pathlib import Path\n"
        "from fidac_node.deidentify import Deidentifier, Pseudonymiser, load_plan\n"
        "from fidac_node.deidentify.source import read_source\n"
        f"cache = Path({str(tmp_path / 'cache')!r}); plan = load_plan('fidac-chest-ct', cache=cache)\n"
        f"engine = Deidentifier(plan, Pseudonymiser({KEY!r}, 'FIDAC', 'S1'), 'S1', 'FIDAC')\n"
        f"output = engine.apply(read_source(Path({str(path)!r}).read_bytes(), 1 << 26), "
        "label='unknown', label_source='default')\n"
        "print(sha256(b''.join(output.chunks())).hexdigest(), "
        "*filter(sys.modules.get, ('pydicom', 'deid', 'peewee', 'matplotlib')))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    first, second, third = (
        subprocess.run(
            [sys.executable, "-c", one], cwd=ROOT, capture_output=True, text=True, check=True, env=environment
        ).stdout.split()
        for one in (code, code, without + code)
    )
    assert "deid" in first, "the first run compiles"
    assert second == third == first[:1]
