"""``fidac-node``: the command line. One file per noun; each is imported when it is asked for.

Results go to standard output, progress and logs to standard error. Exit codes: 0 done, 1 failed,
2 usage or settings, 3 something is held or degraded, 130 interrupted.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar, cast

import click

from fidac_node import __version__
from fidac_node.errors import ConfigError, FidacError
from fidac_node.system import logs, safeio

if TYPE_CHECKING:
    from fidac_node.config.config import Kind

__all__ = [
    "COMMANDS",
    "FAILED",
    "HELD",
    "INTERRUPTED",
    "USAGE",
    "cli",
    "config_option",
    "fail",
    "main",
    "setup_logging",
]

FAILED: Final = 1
USAGE: Final = 2
HELD: Final = 3
INTERRUPTED: Final = 130

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
            fail(f"{error.filename}: {error.strerror}", FAILED)


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
    click.echo("Error: " + "\n".join(map(logs.printable, message.split("\n"))), err=True)
    raise click.exceptions.Exit(code)


def config_option(kind: Kind) -> Callable[[F], F]:
    """Give a command ``-c/--config FILE``: its parameter ``config`` is the path of the settings file found.

    Raises :class:`ConfigError` when there is none.
    """

    def find(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> object:
        from fidac_node.config.config import find_config

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
