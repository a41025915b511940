"""One question to the demo's hub in DICOM: C-FIND, with DCMTK's ``findscu`` where that is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import Final, NamedTuple

from pydicom.dataset import Dataset
from pynetdicom import AE

from fidac_node.dicom.uids import STUDY_ROOT_FIND

KEYS: Final = ("PatientID", "StudyDate", "ModalitiesInStudy", "NumberOfStudyRelatedInstances", "StudyInstanceUID")
_SECONDS: Final = 20.0
_ELEMENT: Final = re.compile(r"I: (\([0-9a-f]{4},[0-9a-f]{4}\) .*)", re.IGNORECASE)


class Asked(NamedTuple):
    """What was typed, or would have been with DCMTK, and the elements of the first match as they were printed."""

    command: str
    answer: list[str]


def ask(called: str, port: int, calling: str) -> Asked:
    """Ask the hub at ``port`` of this machine for its studies; no answer is an empty one."""
    keys = [word for keyword in KEYS for word in ("-k", keyword)]
    argv = ["findscu", "-S", "-aet", calling, "-aec", called, "127.0.0.1", str(port)]
    argv += ["-k", "QueryRetrieveLevel=STUDY", *keys]
    found = _by_findscu(argv) if shutil.which("findscu") else []
    return Asked(" ".join(argv), found or _by_pynetdicom(called, port, calling))


def _by_findscu(argv: list[str]) -> list[str]:
    done = subprocess.run(
        [argv[0], "-v", *argv[1:]], capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False
    )
    _, _, first = done.stderr.partition("Find Response: 1")
    return _ELEMENT.findall(first.partition("Find Response: 2")[0])


def _by_pynetdicom(called: str, port: int, calling: str) -> list[str]:
    ae = AE(calling)
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = _SECONDS
    ae.add_requested_context(STUDY_ROOT_FIND)
    wanted = Dataset()
    wanted.QueryRetrieveLevel = "STUDY"
    for keyword in KEYS:
        setattr(wanted, keyword, None)
    assoc = ae.associate("127.0.0.1", port, ae_title=called)
    if not assoc.is_established:
        return []
    matches = [match for _, match in assoc.send_c_find(wanted, STUDY_ROOT_FIND) if match is not None]
    assoc.release()
    return str(matches[0]).splitlines() if matches else []
