"""``fidac-node demo``: the main job shown on one machine, stage by stage."""

from __future__ import annotations

import io
import json
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from fidac_node.cli import HELD

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from fidac_node.demo.demo import Counts, Delivery, Network
    from fidac_node.send.associate import Parcel

_STAGES: Final = {
    "received": "received by the site node",
    "deidentified": "de-identified",
    "sent": "sent to the hub",
    "committed": "committed by the hub",
}
_PLAIN_SECONDS: Final = 1.0
_MOST_LISTED: Final = 8
_MOST_SHOWN: Final = 40
_WIDTH: Final = 130


@click.command(name="demo")
@click.argument("dicom_dir", required=False, type=click.Path(path_type=Path, exists=True))
@click.option(
    "--workdir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Work here and leave everything; default: a temporary folder.",
)
@click.option("--once", is_flag=True, help="End when the study is through, instead of waiting for Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON summary on standard output, and end.")
def command(dicom_dir: Path | None, workdir: Path | None, once: bool, as_json: bool) -> None:
    """Show the main job on this machine: a chest CT goes from a PACS to the hub, anonymised.

    Starts a hub, a site node and a PACS stand-in on loopback and sends the study in DICOM_DIR (default: a
    made-up one). Exit code 0: every object is committed; 3: some are held or refused, with reasons; 1: failed.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without accents shows question marks
    with _directory(workdir) as directory:
        demo = _Demo(directory, as_json=as_json)
        code = demo.run(dicom_dir, stay=not (once or as_json), kept=workdir is not None)
    raise SystemExit(code)


@contextmanager
def _directory(given: Path | None) -> Iterator[Path]:
    """The folder to work in; a temporary one goes at the end, unless something failed: its logs say why."""
    if given is not None:
        given.mkdir(mode=0o700, parents=True, exist_ok=True)
        yield given.resolve()
        return
    directory = Path(tempfile.mkdtemp(prefix="fidac-node-demo-"))
    keep = False
    try:
        yield directory
    except Exception as error:
        keep = not isinstance(error, BrokenPipeError) and any(directory.glob("*/*.log"))
        raise
    finally:
        if keep:
            click.echo(
                f"Everything is left in {directory} to look at. "
                "It holds the study that was sent: delete it afterwards.",
                err=True,
            )
        else:
            shutil.rmtree(directory, ignore_errors=True)


class _Demo:
    """One demonstration: what it does in order, and what it shows."""

    def __init__(self, directory: Path, *, as_json: bool) -> None:
        from rich.console import Console

        self._directory = directory
        self._as_json = as_json
        self._progress = Console(stderr=True, highlight=False)
        self._out = Console(highlight=False, quiet=as_json)
        for console in (self._progress, self._out):
            if not console.is_terminal:
                console.width = _WIDTH

    def run(self, source: Path | None, *, stay: bool, kept: bool) -> int:
        """Show everything and return the exit code. Raises :class:`DemoError`."""
        from fidac_node.demo.demo import Delivery, Network

        parcels, skipped = self._study(source)
        with Network(self._directory) as network:
            self._introduce(network)
            network.set_up()
            passwords = self._open_portal(network) if stay else {}
            network.start()
            began = time.monotonic()
            delivery = Delivery(len(parcels))
            counts = self._transfer(network, parcels, delivery)
            seconds = time.monotonic() - began
            waiting = network.waiting()
            if self._as_json:
                summary = _summary(network, delivery, counts, waiting, skipped)
                click.echo(json.dumps({**summary, "seconds": round(seconds, 3)}, indent=2, ensure_ascii=False))
            self._show_trouble(delivery, waiting, skipped)
            self._show_header(network, parcels)
            self._show_index(network)
            self._show_answer(network)
            self._conclude(delivery, counts, seconds)
            self._show_next(network, counts, stay=stay, kept=kept)
            self._show_portal(network, passwords)
            if stay:
                self._out.print(
                    f"\n[bold]Everything stays up until Ctrl-C.[/]{'' if kept else ' Then this folder is deleted.'}"
                )
                _stay(network)
        return HELD if delivery.refused or counts.received != counts.committed else 0

    def _study(self, source: Path | None) -> tuple[list[Parcel], list[tuple[str, str]]]:
        """What to send: the DICOM objects of a folder, else of a made-up study."""
        from fidac_node.demo.demo import DemoError, objects_in

        self._out.rule("[bold]FIDAC node: a chest CT goes from the PACS to the hub, anonymised", align="left")
        if source is None:
            from fidac_node.phantom import write_series

            with self._progress.status("making up a chest CT of 40 slices"):
                source = self._directory / "pacs"
                write_series(source, ground_glass=True)
            self._out.print(
                "Study: a made-up chest CT of 40 slices; "
                "nobody's, but with everything that a real header says of a patient"
            )
        parcels, skipped = objects_in(source)
        if not parcels:
            raise DemoError(
                f"no DICOM object in {source}"
                + (f"; the first of {len(skipped)} files: {skipped[0][1]}" if skipped else "")
            )
        if source != self._directory / "pacs":
            self._out.print(f"Study: {len(parcels)} DICOM objects in {source}", markup=False)
        return parcels, skipped

    def _introduce(self, network: Network) -> None:
        from fidac_node.demo.demo import HUB_AE, PACS_AE, SITE_AE

        arrow = "──▶" if self._out.encoding.lower().startswith("utf") else "-->"
        self._out.print(
            f"\n  [bold]PACS[/] {PACS_AE}  {arrow}  [bold]site node[/] {SITE_AE}, port {network.site.port}  {arrow}  "
            f"[bold]hub[/] {HUB_AE}, port {network.hub.port}      [dim]all on this machine[/]\n"
        )

    def _open_portal(self, network: Network) -> dict[str, str]:
        """Give the hub's pages people who may see them, and something to see; return passwords by name."""
        if not network.portal:
            return {}
        from fidac_node.demo.past import STUDIES, WEEKS, fill

        with self._progress.status(f"making up {STUDIES} studies of the last {WEEKS} weeks for the portal's pages"):
            fill(network.hub.config, network.hub.config.parent / "spool" / "inbox")
            return network.people()

    def _transfer(self, network: Network, parcels: list[Parcel], delivery: Delivery) -> Counts:
        """Send the study and show how it comes along."""
        from fidac_node.demo.demo import deliver, watch

        sending = threading.Thread(
            target=deliver, args=(parcels, network.site.port, delivery), name="pacs", daemon=True
        )
        show = _Bars(self._progress, delivery) if self._progress.is_terminal else _Lines(delivery)
        with show:
            sending.start()
            return watch(network, delivery, show.look)

    def _show_trouble(
        self, delivery: Delivery, waiting: list[tuple[str, str, int]], skipped: list[tuple[str, str]]
    ) -> None:
        self._show_list("Files that are no DICOM objects and were not sent", skipped)
        self._show_list("Refused by the site node: the PACS was told at once, nothing was kept", delivery.refused)
        held = [(f"{number} x {reason}", message) for reason, message, number in waiting]
        self._show_list("Held for a person: kept at the site, nothing of them left it", held)

    def _show_list(self, title: str, rows: list[tuple[str, str]]) -> None:
        if not rows:
            return
        table = _table(title, "yellow")
        for name, why in rows[:_MOST_LISTED]:
            table.add_row(_text(name, "yellow"), _text(why, most=400))
        if len(rows) > _MOST_LISTED:
            table.add_row(_text("..."), _text(f"and {len(rows) - _MOST_LISTED} more"))
        self._out.print(table)

    def _show_header(self, network: Network, parcels: list[Parcel]) -> None:
        """One header before and after: the middle of the study, or the first after it that is in the archive."""
        from fidac_node.demo.demo import compare

        middle = len(parcels) // 2
        for parcel in parcels[middle:] + parcels[:middle]:
            archived = network.archived(parcel)
            if archived is not None:
                break
        else:
            return
        table = _table(
            f"One header, before and after: {parcel.path.name}",
            "cyan",
            "attribute",
            "before, at the PACS",
            "after, in the hub's archive",
        )
        rows = compare(parcel.path, archived)
        for row in (row for row in rows if not row.kept):
            table.add_row(_text(row.name), _value(row.before, "absent", "red"), _value(row.after, "removed", "green"))
        table.add_section()
        for row in (row for row in rows if row.kept):
            table.add_row(
                _text(row.name), _value(row.before, "absent", "default"), _value(row.after, "removed", "default")
            )
        self._out.print(table)

    def _show_index(self, network: Network) -> None:
        """What a researcher gets to see."""
        studies = network.studies()
        columns = ("patient", "study date", "sex, age", "what", "scanner", "objects", "label")
        table = _table("The hub's index answers: fidac-node hub find studies", "cyan", *columns)
        for column in table.columns[:2]:
            column.no_wrap, column.min_width = True, 10
        for study in studies[:_MOST_LISTED]:
            joined = (
                ("PatientSex", "PatientAge"),
                ("Modality", "BodyPartExamined"),
                ("Manufacturer", "ManufacturerModelName"),
            )
            said = [" ".join(filter(None, map(study.get, keywords))) for keywords in joined]
            values = (study["PatientID"], study.get("StudyDate"), *said, str(study["instances"]), study.get("label"))
            table.add_row(*(_text(value or "-") for value in values))
        if len(studies) > _MOST_LISTED:
            table.add_row(_text(f"and {len(studies) - _MOST_LISTED} more"))
        self._out.print(table if studies else "The hub's index is empty: nothing reached the hub.\n")

    def _show_answer(self, network: Network) -> None:
        """What a workstation gets to hear, and where programs ask."""
        asked = network.ask()
        if asked.answer:
            self._out.print("And in DICOM (C-FIND):", style="cyan")
            self._out.print(f"  {asked.command}", markup=False, soft_wrap=True)
            self._out.print("\n".join(f"    {line}" for line in asked.answer), markup=False, soft_wrap=True)
        if network.web:
            self._out.print(f"Programs ask the same by DICOMweb: {network.web}/studies\n", markup=False, soft_wrap=True)

    def _conclude(self, delivery: Delivery, counts: Counts, seconds: float) -> None:
        """One sentence: is everything at the hub?"""
        twice = delivery.stored - counts.received
        if twice > 0:
            self._out.print(f"{twice} of the {delivery.total} files came twice, byte for byte: kept once.")
        if counts.committed == counts.received and not delivery.refused:
            self._out.print(
                f"[bold green]All {counts.committed} objects are at the hub, committed,[/] "
                f"{seconds:.1f} s after the first was sent."
            )
            return
        refused = f"; {len(delivery.refused)} refused at the door" if delivery.refused else ""
        self._out.print(
            f"[bold yellow]{counts.committed} of {counts.received} objects are at the hub, committed; "
            f"{counts.held} held at the site{refused}:[/] for the reasons above."
        )

    def _show_next(self, network: Network, counts: Counts, *, stay: bool, kept: bool) -> None:
        """Where things are, and what to type next."""
        if not (stay or kept):
            self._out.print(
                "[dim]This was in a temporary folder, gone now; --workdir DIR keeps it, "
                "and without --once all stays up to play with.[/]"
            )
            return
        hub, site = network.hub.config, network.site.config
        lines = [
            "",
            f"The hub's archive: {hub.parent / 'archive'}",
            f"Logs:              {hub.parent / 'hub.log'}, {site.parent / 'site.log'}",
            "Try next:",
            f"  fidac-node hub find instances --format csv -c {hub}",
            f"  fidac-node site status -c {site}",
            f"  fidac-node site studies -c {site}",
            *([f"  curl {network.web}/studies"] if network.web and stay else []),
        ]
        if counts.held:
            lines.append(
                f"  fidac-node site queue list --held -c {site}      "
                "(then release, retry or drop: fidac-node site queue --help)"
            )
        if stay:
            lines.append(
                f"  storescu -aec FIDACNODE 127.0.0.1 {network.site.port} FILE...      (send something of yours)"
            )
        self._out.print("\n".join(lines), markup=False, soft_wrap=True)

    def _show_portal(self, network: Network, passwords: dict[str, str]) -> None:
        """The address to open, and as whom."""
        if not passwords:
            return
        self._out.print(f"\n[bold]The portal:[/] [bold cyan]{network.portal}[/]   sign in as", soft_wrap=True)
        for name, password in passwords.items():
            self._out.print(f"  {name:<14} {password}", markup=False)


class _Bars:
    """The stages as bars, on a terminal."""

    def __init__(self, console: Console, delivery: Delivery) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._delivery = delivery
        self._began = time.monotonic()
        columns = (
            TextColumn("  {task.description:<26}"),
            BarColumn(40),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
        )
        self._progress = Progress(*columns, console=console)
        self._tasks = {
            stage: self._progress.add_task(words, total=delivery.total, rate="") for stage, words in _STAGES.items()
        }
        self._held = self._progress.add_task("[yellow]held for a person", total=delivery.total, rate="", visible=False)

    def __enter__(self) -> _Bars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def look(self, counts: Counts) -> None:
        """Move the bars."""
        elapsed = max(time.monotonic() - self._began, 0.001)
        expected = counts.received if self._delivery.done else self._delivery.total - len(self._delivery.refused)
        for stage, task in self._tasks.items():
            number = getattr(counts, stage)
            if number != self._progress.tasks[task].completed:
                self._progress.update(task, rate=f"{number / elapsed:.0f}/s")
            total = expected if stage == "received" else expected - counts.held - counts.discarded
            self._progress.update(task, completed=number, total=total)
        self._progress.update(self._held, completed=counts.held, total=expected, visible=counts.held > 0)


class _Lines:
    """The stages as lines, where there is no terminal: one a second while something moves."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._began = time.monotonic()
        self._counts: Counts | None = None
        self._said: tuple[Counts | None, float] = (None, self._began)

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *_: object) -> None:
        self._say()

    def look(self, counts: Counts) -> None:
        """Print a line when it is time."""
        self._counts = counts
        if time.monotonic() - self._said[1] >= _PLAIN_SECONDS:
            self._say()

    def _say(self) -> None:
        counts = self._counts
        if counts is None or counts == self._said[0]:
            return
        self._said = (counts, time.monotonic())
        elapsed = max(time.monotonic() - self._began, 0.001)
        click.echo(
            f"{elapsed:6.1f} s  of {self._delivery.total}: received {counts.received}, "
            f"de-identified {counts.deidentified}, sent {counts.sent}, committed {counts.committed} "
            f"({counts.committed / elapsed:.0f}/s), held {counts.held}",
            err=True,
        )


def _summary(
    network: Network,
    delivery: Delivery,
    counts: Counts,
    waiting: list[tuple[str, str, int]],
    skipped: list[tuple[str, str]],
) -> dict[str, Any]:
    """What ``--json`` prints, all but the time."""
    return {
        "sent": delivery.total,
        "refused": len(delivery.refused),
        "received": counts.received,
        "held": counts.held,
        "discarded": counts.discarded,
        "outgoing": counts.received - counts.held - counts.discarded - counts.committed,
        "committed": counts.committed,
        "hub": network.hub_status(),
        "studies": network.studies(),
        "reasons": [{"reason": reason, "message": message, "objects": number} for reason, message, number in waiting],
        "refusals": [{"file": name, "why": why} for name, why in delivery.refused],
        "skipped": [{"file": name, "why": why} for name, why in skipped],
    }


def _stay(network: Network) -> None:
    """Wait for Ctrl-C. Raises :class:`DemoError` when a daemon stops meanwhile."""
    pause = threading.Event()
    try:
        while True:
            network.check()
            pause.wait(0.5)
    except KeyboardInterrupt:
        click.echo("\nstopping", err=True)


def _table(title: str, style: str, *columns: str) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    return Table(
        *columns,
        title=title,
        title_style=f"bold {style}",
        title_justify="left",
        box=SIMPLE_HEAD,
        show_header=bool(columns),
    )


def _text(value: str, style: str = "default", most: int = _MOST_SHOWN) -> Text:
    """Text for a table: what is longer than ``most`` loses its middle, so that UIDs still differ visibly."""
    from rich.text import Text

    return Text(value if len(value) <= most else f"{value[: most - 14]}...{value[-11:]}", style)


def _value(value: str | None, absent: str, style: str) -> Text:
    return _text(absent, "dim") if value is None else _text(value, style) if value else _text("empty", "dim")
