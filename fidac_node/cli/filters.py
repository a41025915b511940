"""The filters of the index as options, for every command that asks it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from fidac_node.cli.words import day
from fidac_node.dicom.marks import LABELS

if TYPE_CHECKING:
    from fidac_node.operations.index import StudyFilter

F = TypeVar("F", bound=Callable[..., Any])

_DAY: Final = "YYYY-MM-DD"
_TIME: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")


def _moment(_ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Read a time of day; the last of a range has the whole of its minute or second."""
    if value is None:
        return None
    match = _TIME.fullmatch(value)
    if match is None:
        raise click.BadParameter(f"{value!r} is no time of day; write it as HH:MM or HH:MM:SS, for example 08:30")
    is_last = parameter.name == "time_until"
    return match[1] + match[2] + (match[3] or ("59" if is_last else "00")) + (".999999" if is_last else "")


def _uids(_ctx: click.Context, _parameter: click.Parameter, value: tuple[str, ...]) -> str:
    return "\\".join(value)


OPTIONS: Final = (
    click.option("--site", default="", help="The site's id."),
    click.option("--patient", default="", help="PatientID: the pseudonym, for example 'CHU*'."),
    click.option("--programme", default="", help="The research programme (ClinicalTrialProtocolID)."),
    click.option("--study-uid", multiple=True, callback=_uids, help="StudyInstanceUID; several: repeat it."),
    click.option("--series-uid", multiple=True, callback=_uids, help="SeriesInstanceUID; several: repeat it."),
    click.option("--sop-uid", multiple=True, callback=_uids, help="SOPInstanceUID, for instances; several: repeat it."),
    click.option("--sop-class", multiple=True, callback=_uids, help="SOPClassUID, for instances; several: repeat it."),
    click.option("--transfer-syntax", multiple=True, callback=_uids, help="TransferSyntaxUID of an instance."),
    click.option("--series-number", type=int, help="SeriesNumber."),
    click.option("--instance-number", "number", type=int, help="InstanceNumber."),
    click.option("--frames", type=int, help="NumberOfFrames."),
    click.option("--since", callback=day, metavar=_DAY, help="First StudyDate (dates are shifted, per patient)."),
    click.option("--until", callback=day, metavar=_DAY, help="Last StudyDate."),
    click.option("--time-since", callback=_moment, metavar="HH:MM[:SS]", help="First StudyTime."),
    click.option("--time-until", callback=_moment, metavar="HH:MM[:SS]", help="Last StudyTime."),
    click.option("--received-since", callback=day, metavar=_DAY, help="Received in this day's week (UTC) or later."),
    click.option("--received-until", callback=day, metavar=_DAY, help="Received in this day's week (UTC) or before."),
    click.option("--label-source", default="", help="How the site came to the label, for example 'rule:*'."),
    click.option("--label", type=click.Choice(LABELS, case_sensitive=False), help="What the site says of the case."),
    click.option("--profile", default="", help="The profile that it was de-identified with."),
    click.option("--profile-digest", default="", help="The digest of that profile, for example 'ab12*'."),
    click.option("--sex", default="", help="PatientSex: F, M or O."),
    click.option("--min-age", type=click.IntRange(0), help="Youngest age, in years."),
    click.option("--max-age", type=click.IntRange(0), help="Oldest age, in years."),
    click.option("--age", default="", help="PatientAge as it is written, for example 054Y."),
    click.option("--modality", default="", help="Modality, for example CT."),
    click.option("--modalities-in-study", default="", help="Modality of any series of the study."),
    click.option("--body-part", default="", help="BodyPartExamined, for example CHEST."),
    click.option("--manufacturer", default="", help="Manufacturer, for example 'siemens*'."),
    click.option("--model", default="", help="ManufacturerModelName."),
    click.option(
        "--kernel", default="", help="ConvolutionKernel, for example 'b7*'; of several values each is looked at."
    ),
    click.option(
        "--max-slice-thickness", type=click.FloatRange(0, min_open=True), help="SliceThickness at most, in mm."
    ),
    click.option("--slice-thickness", type=float, help="SliceThickness, in mm, exactly."),
    click.option("--pixel-spacing", type=float, nargs=2, metavar="ROWS COLUMNS", help="PixelSpacing, in mm."),
    click.option("--rows", type=int, help="Rows."),
    click.option("--image-columns", "columns", type=int, help="Columns."),
    click.option("--kvp", type=float, help="KVP, in kV."),
    click.option("--contrast/--no-contrast", default=None, help="With or without a contrast agent."),
    click.option("--contrast-agent", default="", help="ContrastBolusAgent."),
    click.option("--study-series", type=int, help="NumberOfStudyRelatedSeries."),
    click.option("--study-instances", type=int, help="NumberOfStudyRelatedInstances."),
    click.option("--series-instances", type=int, help="NumberOfSeriesRelatedInstances."),
    click.option(
        "--min-instances",
        type=click.IntRange(0),
        help="At least so many instances (in the series, or in the study where studies are asked for).",
    ),
    click.option("--lost", default="", help="Keyword of an attribute that an instance of the series lost."),
    click.option(
        "--complete", is_flag=True, help="Leave out series that lost an attribute in any instance ('lost' names them)."
    ),
)


def filter_options(function: F) -> F:
    """Give a command the filters; what was said of them makes a question by :func:`question`."""
    for option in reversed(OPTIONS):
        function = option(function)
    return function


def question(filters: Mapping[str, Any]) -> StudyFilter:
    """The question of the filters that were given. Raises ``UsageError`` for what nothing can match."""
    from fidac_node.operations.index import StudyFilter

    wanted = StudyFilter(**{name: value for name, value in filters.items() if value is not None})
    for least, most, problem in (
        (wanted.since, wanted.until, "--since is after --until: no date is in between"),
        (
            wanted.received_since,
            wanted.received_until,
            "--received-since is after --received-until: no week is in between",
        ),
        (wanted.time_since, wanted.time_until, "--time-since is after --time-until: no time is in between"),
        (wanted.min_age, wanted.max_age, "--min-age is above --max-age: no age is in between"),
    ):
        if least not in (None, "") and most not in (None, "") and least > most:  # type: ignore[operator]
            raise click.UsageError(problem)
    return wanted
