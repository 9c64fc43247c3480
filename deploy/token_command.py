"""``nearcast token``, as the command line has it."""

import time
from pathlib import Path
from typing import Any

import click

LONGEST_LIFETIME = 10 * 366 * 86_400
"""Seconds."""


@click.command("token")
@click.argument("asset", required=False)
@click.option("--version", "version", metavar="VERSION", help="Only that version of ASSET.")
@click.option("--prefix", help="In place of ASSET: every path that begins so, such as /films/.")
@click.option(
    "--config",
    required=True,
    type=click.Path(path_type=Path),
    help="TOML file of a control plane with [tokens], or of an edge with [[token_keys]]: the first "
    "key signs.",
)
@click.option(
    "--lifetime",
    type=click.IntRange(1, LONGEST_LIFETIME),
    default=3600,
    show_default=True,
    help="Seconds that it is good.",
)
@click.option("--address", help="The only client that may use it.")
@click.option("--session", help="The only session that may use it, as players tell it in CMCD.")
@click.option("--cat", is_flag=True, help="Makes it a Common Access Token (CTA-5007).")
def token(*, config: Path, **asked: Any) -> None:
    """Prints a token that opens ASSET at edges that ask for one.

    What it prints, /t/TOKEN, goes before the path: https://EDGE/t/TOKEN/v/ASSET/VERSION/main.m3u8
    """
    from deploy.token import first_key, opening  # noqa: PLC0415 - roles start faster without it

    click.echo(opening(first_key(config), int(time.time()), **asked))
