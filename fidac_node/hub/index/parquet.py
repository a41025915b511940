"""Rows of the index as Apache Parquet, for programs that compute with tables: each column has its type."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from itertools import islice
from typing import IO, Any, Final, get_args, get_type_hints

from fidac_node.errors import ConfigError

_GROUP: Final = 10_000  # rows in memory, and in a row group of the file


def column_types(row: type) -> dict[str, type]:
    """The type of each field of a row, ``None`` left aside: a tuple stands for a list of numbers."""
    found = {}
    for name, hint in get_type_hints(row).items():
        kinds = [kind for kind in (get_args(hint) or (hint,)) if kind is not type(None)]
        found[name] = kinds[0] if isinstance(kinds[0], type) else tuple
    return found


def is_installed() -> bool:
    """Say whether what writes Parquet is installed."""
    return find_spec("pyarrow") is not None


def write_parquet(file: IO[bytes], rows: Iterable[Mapping[str, Any]], types: Mapping[str, type]) -> int:
    """Write rows, the columns and their order as in ``types``; return how many. Raises :class:`ConfigError`."""
    if not is_installed():
        raise ConfigError("what writes Parquet is missing; install it with: pip install 'fidac-node[research]'")
    import pyarrow
    from pyarrow.parquet import ParquetWriter

    arrow: dict[type, Any] = {
        str: pyarrow.string(),
        int: pyarrow.int64(),
        float: pyarrow.float64(),
        bool: pyarrow.bool_(),
        tuple: pyarrow.list_(pyarrow.float64()),
        datetime.date: pyarrow.date32(),
        datetime.datetime: pyarrow.timestamp("us", tz="UTC"),
    }
    schema = pyarrow.schema([(name, arrow[kind]) for name, kind in types.items()])
    number, rows = 0, iter(rows)
    with ParquetWriter(file, schema) as writer:
        while group := list(islice(rows, _GROUP)):
            number += len(group)
            columns = {name: [row[name] for row in group] for name in types}
            writer.write_table(pyarrow.table(columns, schema=schema))
    return number
