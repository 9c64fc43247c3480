"""The command ``nearcast``."""

import asyncio
import ctypes
import os
import signal
import sys
from pathlib import Path

import click

from common.errors import NearcastError
from deploy import operating, roles
from deploy.account_commands import tokens, users
from deploy.admission_commands import policies, zones
from deploy.edge_commands import edges
from deploy.options import ca_option, home_option
from deploy.simulate import simulate
from deploy.token_command import token

PR_SET_PDEATHSIG = 1
"""prctl(2): the signal a process gets when its parent ends."""


class SentenceGroup(click.Group):
    """Tells errors that Nearcast raises on purpose in one sentence."""

    def invoke(self, context: click.Context) -> object:
        """Runs the command.

        Raises:
            ClickException: the command raised a NearcastError.
        """
        try:
            return super().invoke(context)
        except NearcastError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=SentenceGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="nearcast")
def main() -> None:
    """Nearcast: a self-hosted CDN and edge delivery system for HLS video."""


def _add_role(entry: roles.RoleEntry) -> None:
    @main.command(entry.name, help=f"{entry.purpose} Settings: `nearcast config {entry.name}`.")
    @click.option(
        "--config",
        "config",
        required=True,
        type=click.Path(path_type=Path),
        help="TOML file of the role's settings.",
    )
    @click.option("--with-parent", is_flag=True, hidden=True)
    def run(config: Path, *, with_parent: bool) -> None:
        if with_parent:
            _end_with_parent()
        sys.exit(roles.play(entry.name, config))


for _entry in roles.ROLES.values():
    if _entry.name != "edge":
        _add_role(_entry)


@main.command("edge")
@click.option(
    "--config",
    "config",
    type=click.Path(path_type=Path),
    help="TOML file of all settings (`nearcast config edge`); in place of the other options.",
)
@click.option("--listen", metavar="HOST:PORT", help="Where viewers are answered.")
@click.option("--origin", metavar="URL", help="The server before which this edge stands.")
@click.option(
    "--cache-dir", type=click.Path(path_type=Path, file_okay=False), help="Folder of the cache."
)
@click.option("--workers", metavar="N", help="Processes that answer viewers.  [default: 1]")
@click.option("--memory", metavar="SIZE", help="Cache in memory.  [default: 256MiB]")
@click.option("--disk", metavar="SIZE", help="Cache on disk.  [default: 10GiB]")
@click.option("--tls-cert", type=click.Path(path_type=Path), help="TLS certificate chain, PEM.")
@click.option("--tls-key", type=click.Path(path_type=Path), help="The certificate's key, PEM.")
@click.option(
    "--admin",
    metavar="HOST:PORT",
    help="Where health, metrics and purges are; nowhere without this.",
)
@click.option("--with-parent", is_flag=True, hidden=True)
def edge(*, config: Path | None, with_parent: bool, **options: str | Path | None) -> None:
    """Serves viewers from its cache.

    Before any HTTP origin, as a caching reverse proxy:

        nearcast edge --listen 127.0.0.1:8080 --origin https://origin.example.org --cache-dir cache

    With a control plane, as a part of a CDN: nearcast edge --config FILE.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if (config is None) == (not given):
        raise click.UsageError("Give either --config, or --listen, --origin and --cache-dir.")
    if with_parent:
        _end_with_parent()
    if config is not None:
        sys.exit(roles.play("edge", config))
    from deploy.standalone_edge import document_of  # noqa: PLC0415 - roles start faster

    sys.exit(roles.play_document("edge", document_of(given)))


def _end_with_parent() -> None:
    """Has the kernel kill this process when the one that started it ends, however it ends.

    A role survives being killed by design, and so no port stays taken after a crash.
    """
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)


@main.command("config")
@click.argument("role", type=click.Choice(list(roles.ROLES)))
def show_config(role: str) -> None:
    """Prints a commented example of ROLE's settings: units, defaults and bounds."""
    click.echo(roles.example_config(role), nl=False)


@main.command()
@home_option
@click.option(
    "--port-base",
    type=click.IntRange(1024, 65535 - 30),
    default=8440,
    show_default=True,
    help="First of the 30 TCP ports that may be used on the loopback address.",
)
@click.option("--no-sample", is_flag=True, help="Starts without uploading a video.")
@click.option(
    "--video",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Uploads this video instead of a made one.",
)
def up(*, home: Path, port_base: int, no_sample: bool, video: Path | None) -> None:
    """Runs the whole system on this machine: origin, ingest, control plane and five edges."""
    from deploy.up.run import run_up  # noqa: PLC0415 - roles start faster without it

    if no_sample and video is not None:
        raise click.UsageError("--no-sample and --video exclude each other")
    sys.exit(run_up(home, port_base=port_base, sample=not no_sample, video=video))


@main.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--title", help="Title of the video.  [default: the file's name]")
@click.option(
    "--subtitles",
    multiple=True,
    metavar="LANGUAGE=FILE",
    help="SRT or WebVTT file of subtitles, such as en=film.srt; for several languages repeatedly.",
)
@click.option(
    "--channel", help="Identifier of the channel that publishes it, where an account has several."
)
@click.option("--wait", is_flag=True, help="Waits until the video is published, with progress.")
@home_option
@click.option("--ingest", "url", envvar="NEARCAST_INGEST", help="URL of ingest.")
@click.option("--token", envvar="NEARCAST_TOKEN", help="A publisher's token.")
@ca_option
def upload(
    *,
    file: Path,
    title: str | None,
    subtitles: tuple[str, ...],
    channel: str | None,
    wait: bool,
    home: Path,
    url: str | None,
    token: str | None,
    ca: Path | None,
) -> None:
    """Uploads FILE.

    Without --ingest, it goes to the system that `nearcast up` runs on the same --home.
    """
    from deploy.upload import upload_command  # noqa: PLC0415 - roles start faster without it

    sys.exit(
        asyncio.run(
            upload_command(
                file,
                title=title,
                wait=wait,
                home=home,
                url=url,
                token=token,
                ca=ca,
                subtitles=subtitles,
                channel=channel,
            )
        )
    )


@main.command()
@click.argument("target", metavar="URL|DIR")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Prints JSON: the target, how many rules were checked, and findings, each with its rule, "
    "clause, severity (must or should) and sentence.",
)
@ca_option
def check(*, target: str, as_json: bool, ca: Path | None) -> None:
    """Tells which rules of HLS a finished package breaks, anyone's.

    Looks at all playlists and segments behind a URL, or in a folder or at a playlist's path. The
    exit status is 0 when all is well, 1 when a rule that must be kept is broken, and 2 when there
    is nothing that can be checked.
    """
    from deploy.check import check_command  # noqa: PLC0415 - roles start faster without it

    sys.exit(asyncio.run(check_command(target, as_json=as_json, ca=ca)))


@main.command("origin-check")
@click.option(
    "--config",
    required=True,
    type=click.Path(path_type=Path),
    help="TOML file of the settings of an origin with [[sources]].",
)
@click.option("--repair", is_flag=True, help="Puts right what another store has right.")
@click.option("--deep", is_flag=True, help="Reads every byte and computes its SHA-256.")
def origin_check(*, config: Path, repair: bool, deep: bool) -> None:
    """Looks whether the stores of all regions hold the same packages, as their manifests say.

    The exit status is 0 when all is well or repaired, 1 when something is not, and 2 when a store
    cannot be read. One at a time repairs; origins may run meanwhile.
    """
    from deploy.origin_check import origin_check_command  # noqa: PLC0415 - roles start faster

    sys.exit(asyncio.run(origin_check_command(config, deep=deep, repair=repair)))


@main.command()
@click.argument("file", type=click.Path(path_type=Path, readable=False))
@click.option(
    "--out",
    "folder",
    required=True,
    type=click.Path(path_type=Path, readable=False),
    help="Folder of the package; must be empty where it is there.",
)
@click.option("--title", help="Title of the video.  [default: the file's name]")
@click.option(
    "--codecs",
    default="h264",
    show_default=True,
    metavar="LIST",
    help="Of h264, hevc and av1, with commas; h264 is always made.",
)
@click.option(
    "--profile",
    type=click.Choice(["film", "shorts"]),
    default="film",
    show_default=True,
    help="shorts: 10 seconds at most, in segments of 2; film: any length, in segments of 6.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 256),
    metavar="N",
    help="Encodes at the same time.  [default: one per core]",
)
@click.option(
    "--preset", help="x264's and x265's preset, from ultrafast to veryslow.  [default: fast]"
)
@click.option("--ts", is_flag=True, help="Adds MPEG-2 transport streams for old players.")
def transcode(
    *,
    file: Path,
    folder: Path,
    title: str | None,
    codecs: str,
    profile: str,
    jobs: int | None,
    preset: str | None,
    ts: bool,
) -> None:
    """Makes an HLS package of FILE in a folder, with no service running."""
    from deploy.transcode import chosen, transcode_command  # noqa: PLC0415 - roles start faster

    wanted = chosen(
        title=title, codecs=codecs, profile=profile, jobs=jobs, preset=preset, transport_stream=ts
    )
    sys.exit(transcode_command(file, folder, wanted))


for _command in operating.COMMANDS:
    main.add_command(_command)


for _group in (edges, zones, policies, users, tokens):
    main.add_command(_group)


main.add_command(simulate)


main.add_command(token)


@main.group("filter")
def filters() -> None:
    """Helps with content filters."""


@filters.command("config")
@click.argument("kind")
def show_options(kind: str) -> None:
    """Prints a commented example of the options of filters of KIND."""
    from ingest.filter.plugins import example_of  # noqa: PLC0415 - roles start faster without it

    click.echo(example_of(kind), nl=False)


@filters.command("hash")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def hash_file(file: Path) -> None:
    """Prints what block lists would hold of FILE: a PDQ hash a second, and its SHA-256.

    The output is a block list for the filter `perceptual-hash`.
    """
    from deploy.filter_hash import lines_of  # noqa: PLC0415 - roles start faster without it

    for line in asyncio.run(lines_of(file)):
        click.echo(line)


if __name__ == "__main__":
    main()
