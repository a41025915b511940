"""Where figures come from: the machine, and the versions of everybody measured."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import psutil

from benchmarks.peers import program

_PACKAGES: Final = ("fidac-node", "pydicom", "pynetdicom", "deid", "cryptography", "peewee")


def machine(work: Path | None = None) -> dict[str, Any]:
    """Processor, cores, memory, load, system, the file system of ``work``, and versions."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        "",
    )
    return {
        "processor": model or platform.processor(),
        "cores": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "load": os.getloadavg(),
        "system": platform.platform(),
        "file_system": file_system(work) if work else "",
        "python": sys.version.split()[0],
        **{name: _version(name) for name in _PACKAGES},
        "DCMTK": _said("storescp"),
        "Orthanc": _said("Orthanc"),
    }


def file_system(path: Path) -> str:
    """The kind of file system that ``path`` is on, such as ext4."""
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    points = {point: kind for point, kind in mounts if path.resolve().is_relative_to(point)}
    return points[max(points, key=len)] if points else "unknown"


def described(facts: dict[str, Any]) -> str:
    """The facts in two lines."""
    return (
        f"{facts['processor']}, {facts['cores']} cores, {facts['memory_bytes'] / 2**30:.0f} GiB, "
        f"load {facts['load'][0]:.1f}; {facts['system']}; {facts['file_system']}\n"
        f"Python {facts['python']}, pydicom {facts['pydicom']}, pynetdicom {facts['pynetdicom']}, "
        f"deid {facts['deid']}, DCMTK {facts['DCMTK']}, Orthanc {facts['Orthanc']}"
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "from the source tree"


def _said(name: str) -> str:
    """The version that a program says it has: the first word with a digit in its first line."""
    path = program(name)
    if path is None:
        return "not installed"
    words = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout.split()
    return next((word for word in words if any(character.isdigit() for character in word)), "unknown")
