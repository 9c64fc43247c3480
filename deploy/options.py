"""Options that several commands of ``nearcast`` have in the same form."""

from collections.abc import Callable
from pathlib import Path

import click

home_option = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".nearcast"),
    show_default=True,
    help="Folder of everything that `nearcast up` keeps.",
)

ca_option = click.option(
    "--ca",
    envvar="NEARCAST_CA",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="File of CA certificates to trust besides the system's.",
)


def at_control(command: Callable[..., None]) -> Callable[..., None]:
    """Options of a command that asks the control plane as an operator."""
    options = (
        home_option,
        click.option(
            "--control", "url", envvar="NEARCAST_CONTROL", help="URL of the control plane."
        ),
        click.option("--token", envvar="NEARCAST_TOKEN", help="An operator's token."),
        ca_option,
    )
    for option in reversed(options):
        command = option(command)
    return command
