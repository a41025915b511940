"""``fidac-node site queue``: every act says so when nothing is meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from fidac_node.cli import cli


@pytest.mark.parametrize("act", ["retry", "release", "supersede", "hold", "drop"])
def test_an_act_on_nothing_is_no_success_and_no_traceback(tmp_path: Path, act: str) -> None:
    init = ["site", "init", str(tmp_path), "--site-id", "CHU-TEST", "--hub", "FIDACHUB@127.0.0.1:11113"]
    assert CliRunner().invoke(cli, init, catch_exceptions=False).exit_code == 0
    sure = ["--yes"] if act == "drop" else []
    arguments = ["site", "queue", act, "--all", *sure, "-c", str(tmp_path / "site.toml")]
    done = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert done.exit_code == 1 and done.stderr
