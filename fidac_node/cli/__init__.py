"""``fidac-node``: the command line. One file per noun; each is imported when it is asked for.

Results go to standard output, progress and logs to standard error. Exit codes: 0 done, 1 failed,
2 usage or settings, 3 something is held or degraded, 130 interrupted.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar, cast

import click

from fidac_node import __version__
from fidac_node.errors import ConfigError, FidacError
from fidac_node.system import logs, remedies, safeio

if TYPE_CHECKING:
    from fidac_node.config.config import Kind

__all__ = [
    "COMMANDS",
    "FAILED",
    "HELD",
    "INTERRUPTED",
    "USAGE",
    "WholeGroup",
    "cli",
    "config_option",
    "fail",
    "hinted",
    "main",
    "remember_config",
    "setup_logging",
]

FAILED: Final = 1
USAGE: Final = 2
HELD: Final = 3
INTERRUPTED: Final = 130

_GIVEN: Final = "fidac-node.config"
_COMMAND: Final = re.compile(r"'(fidac-node [a-z][^'\n]*)'")

# The first sentence of each command's help, written here so that --help imports none of them.
COMMANDS: Final = {
    "demo": "Show the main job on this machine: a chest CT goes from a PACS to the hub, anonymised.",
    "site": "The node in the hospital: set up, run, watch, import, look after the queue.",
    "hub": "The central archive: set up, register sites, run, ask the index.",
    "profile": "De-identification profiles: list, show, check, explain, diff.",
    "deidentify": "De-identify files without a network, by the same engine.",
    "echo": "Ask another DICOM application whether it answers (C-ECHO).",
    "doctor": "Check everything that can be wrong, each with its remedy.",
}

F = TypeVar("F", bound=Callable[..., Any])


class WholeGroup(click.Group):
    """A group that lists its commands with the whole first sentence of each."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands; click would cut what is said of them."""
        commands = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        rows = [(name, _first_sentence(one)) for name, one in commands.items() if one is not None and not one.hidden]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


WholeGroup.group_class = WholeGroup


class LazyGroup(click.Group):
    """A group whose commands are modules of this package; errors end in one line and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order a newcomer needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module."""
        if cmd_name not in COMMANDS:
            return None
        return cast(click.Command, import_module(f"{__name__}.{cmd_name}").command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what went wrong becomes a message and an exit code."""
        logs.silence_libraries()
        safeio.keep_private()
        if "NO_COLOR" in os.environ:
            ctx.color = False
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            fail(str(error), USAGE)
        except FidacError as error:
            fail(str(error), FAILED)
        except KeyboardInterrupt:
            fail("interrupted", INTERRUPTED)
        except OSError as error:
            if error.filename is None:  # such as a closed pipe, which click knows how to end
                raise
            fail(remedies.described(error), FAILED)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, prog_name="fidac-node", message="%(prog)s %(version)s")
def cli() -> None:
    """Chest CT from the hospital's PACS to the national hub, anonymised and never lost.

    Start with 'fidac-node demo'. Exit codes: 0 done, 1 failed, 2 usage or settings, 3 something is held.
    """


def main() -> None:
    """Run the command line; the console script and ``python -m fidac_node`` come here."""
    cli(prog_name="fidac-node")


def fail(message: str, code: int = FAILED) -> NoReturn:
    """End the command with a message on standard error and ``code``."""
    click.echo("Error: " + hinted("\n".join(map(logs.printable, message.split("\n")))), err=True)
    raise click.exceptions.Exit(code)


def hinted(text: str) -> str:
    """A text whose commands, between quotes, can be typed as they are: with the settings that this one was given."""
    ctx = click.get_current_context(silent=True)
    given = ctx.find_root().meta.get(_GIVEN) if ctx else None
    if not given:
        return text
    kind, path = given

    def complete(found: re.Match[str]) -> str:
        words = found[1].split()
        is_ours = words[1:2] == [kind] or (words[1:2] == ["doctor"])
        return found[0] if not is_ours or {"-c", "--config"} & set(words) else f"'{found[1]} -c {path}'"

    return _COMMAND.sub(complete, text)


def remember_config(kind: str, path: str) -> None:
    """Let what is said from now on name the settings that were given, where they are not found without."""
    ctx = click.get_current_context(silent=True)
    if ctx is not None:
        ctx.find_root().meta[_GIVEN] = kind, shlex.quote(path)


def _first_sentence(command: click.Command) -> str:
    text = " ".join((command.short_help or command.help or "").split("\n\n")[0].split())
    return re.split(r"(?<=\w\.) ", text)[0].removesuffix(".")


def config_option(kind: Kind) -> Callable[[F], F]:
    """Give a command ``-c/--config FILE``: its parameter ``config`` is the path of the settings file found.

    Raises :class:`ConfigError` when there is none.
    """

    def find(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> object:
        from fidac_node.config.config import find_config

        if value:
            remember_config(kind, value)
        return find_config(kind, value)

    return click.option(
        "-c",
        "--config",
        metavar="FILE",
        callback=find,
        help=f"Settings; default: $FIDAC_NODE_CONFIG, ./{kind}.toml, /etc/fidac-node/{kind}.toml.",
    )


def setup_logging(level: str) -> None:
    """Log to standard error from ``level`` on, one line per record, without identity."""
    logs.setup_logging(level)
