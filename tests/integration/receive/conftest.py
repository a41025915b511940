"""A node for the tests of reception: one that runs for a whole module, or one with settings of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.receiving import Node


@pytest.fixture
def idle(tmp_path: Path) -> Iterator[Node]:
    """A node that is not started yet, for tests with settings of their own."""
    node = Node(tmp_path)
    yield node
    node.reset()
    if hasattr(node, "scp"):
        node.scp.stop(2)


@pytest.fixture(scope="module")
def shared_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    node = Node(tmp_path_factory.mktemp("node")).start()
    yield node
    node.scp.stop(2)


@pytest.fixture
def node(shared_node: Node) -> Iterator[Node]:
    """A running node with an empty spool."""
    yield shared_node
    shared_node.reset()
