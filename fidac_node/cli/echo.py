"""``fidac-node echo``: does another DICOM application answer?"""

from __future__ import annotations

import click


@click.command(name="echo")
@click.argument("address", metavar="AET@HOST:PORT")
@click.option("--calling", default="FIDACNODE", show_default=True, help="AE title to call with.")
@click.option(
    "--timeout", default=10.0, show_default=True, type=click.FloatRange(0.1, 600), help="Seconds to wait for each step."
)
def command(address: str, calling: str, timeout: float) -> None:
    """Ask another DICOM application whether it answers (C-ECHO)."""
    from fidac_node.dicom.ae import Peer, ae_title_problem

    peer = Peer.parse(address)
    if problem := ae_title_problem(calling):
        raise click.UsageError(f"--calling {problem}")
    from fidac_node.send.echo import ask

    answer = ask(peer, calling, timeout=timeout)
    click.echo(f"{peer} answers {calling} ({answer.seconds * 1000:.0f} ms)")
