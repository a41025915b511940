"""The hub daemon, top to bottom in the order of the flow: receive, file, commit."""

from __future__ import annotations

import logging
import shutil
import threading
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from fidac_node import tls
from fidac_node.archive import Archive
from fidac_node.config import HubConfig, load_hub
from fidac_node.database import connect
from fidac_node.errors import ConfigError
from fidac_node.filing import CommitmentCheck, Filer
from fidac_node.index import Registry, prepare
from fidac_node.receive import commitment
from fidac_node.receive.check import Identity, PlainHandles, entry_for
from fidac_node.receive.scp import Policy, StorageScp, storage_contexts
from fidac_node.service import Chore, Lifeline, Supervisor
from fidac_node.spool import Spool
from fidac_node.uids import CT_CLASSES, TRANSFER_SYNTAXES

log = logging.getLogger(__name__)

_MEGABYTE: Final = 1 << 20
_GRACE_SECONDS: Final = 60.0
