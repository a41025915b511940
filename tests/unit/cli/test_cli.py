"""The command line's frame: lazy commands, exit codes, help."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from fidac_node import __version__
from fidac_node import cli as frame
from fidac_node.errors import ConfigError, Permanent, Temporary

ROOT = Path(__file__).resolve().parents[3]
HEAVY = {"pydicom", "pynetdicom", "deid", "numpy", "apscheduler", "rich", "matplotlib", "peewee", "cryptography"}


def loaded_by(code: str) -> set[str]:
    code = f"import sys\n{code}\nprint(*{HEAVY} & set(sys.modules), file=sys.__stdout__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("name", frame.COMMANDS)
def test_the_help_that_is_kept_for_a_command_is_the_one_it_gives(name: str) -> None:
    command = import_module(f"fidac_node.cli.{name}").command
    assert command.get_short_help_str(limit=200) == frame.COMMANDS[name]
    assert command.name == name


@pytest.mark.parametrize("name", frame.COMMANDS)
def test_a_command_is_imported_without_any_heavy_library(name: str) -> None:
    assert loaded_by(f"import fidac_node.cli.{name}") == set()


def test_help_lists_every_command_and_imports_none() -> None:
    result = CliRunner().invoke(frame.cli, ["--help"])
    assert result.exit_code == 0
    assert all(f"  {name} " in result.stdout for name in frame.COMMANDS)
    code = (
        "from fidac_node.cli import cli\ncli(['--help'], standalone_mode=False)\n"
        "assert 'fidac_node.cli.site' not in sys.modules"
    )
    assert loaded_by(code) == set()


def every_command(command: click.Command, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], click.Command]]:
    found = [(path, command)]
    if isinstance(command, click.Group):
        with click.Context(command) as ctx:
            for name in command.list_commands(ctx):
                child = command.get_command(ctx, name)
                assert child is not None
                found += every_command(child, (*path, name))
    return found


def test_every_command_and_every_option_explains_itself() -> None:
    for path, command in every_command(frame.cli):
        assert command.help, f"{' '.join(path)} has no help"
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                assert parameter.help, f"{' '.join(path)} {parameter.opts[0]} has no help"


def test_version_is_printed() -> None:
    assert CliRunner().invoke(frame.cli, ["--version"]).stdout == f"fidac-node {__version__}\n"


def test_the_module_is_the_same_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fidac_node", "--version"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout == f"fidac-node {__version__}\n"


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ConfigError("site.toml:3: wrong"), 2, "Error: site.toml:3: wrong\n"),
        (Temporary("hub away"), 1, "Error: hub away\n"),
        (Permanent("leak", "held"), 1, "Error: held\n"),
        (
            PermissionError(13, "Permission denied", "/spool"),
            1,
            (
                "Error: /spool: Permission denied; give it to the user that runs this: chown -R USER, chmod u+rwX; "
                "or run this as that user\n"
            ),
        ),
        (KeyboardInterrupt(), 130, "Error: interrupted\n"),
    ],
)
def test_what_goes_wrong_ends_in_one_line_and_an_exit_code(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, message: str
) -> None:
    @click.command()
    def command() -> None:
        raise error

    monkeypatch.setattr(frame.LazyGroup, "get_command", lambda *_: command)
    result = CliRunner().invoke(frame.cli, ["site"])
    assert (result.exit_code, result.stderr, result.stdout) == (code, message, "")


def test_an_exception_that_nobody_foresaw_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    def command() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(frame.LazyGroup, "get_command", lambda *_: command)
    assert isinstance(CliRunner().invoke(frame.cli, ["site"]).exception, ZeroDivisionError)


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["echo"], ["echo", "--nonsense", "A@b:1"], ["echo", "A@b"], ["echo", "A@b:1", "--calling", "Ä"]],
)
def test_wrong_use_ends_with_exit_code_2(arguments: list[str]) -> None:
    result = CliRunner().invoke(frame.cli, arguments)
    assert result.exit_code == 2
    assert "Error: " in result.stderr


def test_without_settings_a_command_says_where_it_looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    @click.command()
    @frame.config_option("hub")
    def command(config: Path) -> None:
        click.echo(config)

    monkeypatch.setattr(frame.LazyGroup, "get_command", lambda *_: command)
    result = CliRunner().invoke(frame.cli, ["hub"])
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: no settings: there is neither hub.toml nor /etc/fidac-node/hub.toml;")
    assert CliRunner().invoke(frame.cli, ["hub", "-c", "other.toml"]).stdout == "other.toml\n"
