"""No upload makes anything read another file or open a connection, wherever it gets on its way."""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import imageio_ffmpeg
import msgspec
import pytest

from ingest.inspect import InspectionLimits, MediaInfo, UploadRefused
from ingest.inspect.containers import CONTAINERS
from ingest.inspect.errors import ContainerForbidden, FileNotVideo
from ingest.inspect.probe import inspect
from ingest.plan import PlanSettings, plan
from ingest.subtitles import extract
from ingest.transcode import sound
from ingest.transcode.command import Command
from ingest.transcode.commands import video_chunk
from ingest.transcode.errors import EncodeFailed
from ingest.transcode.loudness import Correction
from ingest.transcode.pictures import poster, preview, storyboard
from ingest.transcode.runner import run
from ingest.transcode.settings import Preset, TranscodeSettings
from tests.integration.canary import Canary
from tests.integration.hostile import playlist, references, texts
from tests.unit.ingest.clips import FOLDER, clip, ffmpeg, jpegs
from tests.unit.ingest.crafting import avi
from tests.unit.ingest.media import media_info

COST = InspectionLimits(wall_seconds=30)
QUICK = TranscodeSettings(preset=Preset.ULTRAFAST, threads=1, stall_seconds=20)
AS_IT_IS = Correction(gain=0.0, limited=False)
ANY_PROTOCOL = ("-protocol_whitelist", "file,crypto,data,http,https,tcp,tls,udp,rtp,concat,subfile")
UNCONFINED = """
import sys
from pathlib import Path
from ingest.inspect.child import find
from ingest.inspect.limits import MediaLimits
for path in sys.argv[1:]:
    print(find(Path(path), MediaLimits()).error)
"""


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Canary]:
    # A video that would play, so that a playlist that is followed leads somewhere.
    secret = tmp_path / "secret.ts"
    secret.write_bytes(clip("secret.ts", seconds=1, size="64x48").read_bytes())
    canary = Canary(secret)
    yield canary
    canary.close()


def uploaded(canary: Canary, content: bytes) -> Path:
    """``content`` as a file beside the secret."""
    path = canary.secret.with_name("upload")
    path.write_bytes(content)
    return path


def commands(media: MediaInfo, source: Path, folder: Path) -> list[Command]:
    """All that ffmpeg is told for a source."""
    planned = plan(media, PlanSettings(), short=False)
    made = [
        poster(planned, source, folder / "pictures", QUICK, seek=True),
        preview(planned, source, folder / "pictures", QUICK, seek=False),
        storyboard(planned, source, folder / "pictures", QUICK),
        *(
            video_chunk(planned, group, chunk, source, folder / "video", QUICK)
            for group in planned.groups
            for chunk in planned.chunks
        ),
    ]
    for track in planned.audio:
        made += [
            sound.measurement(planned, track, source, folder / "sound", QUICK),
            sound.encode(planned, track, AS_IT_IS, source, folder / "sound", QUICK),
        ]
    if planned.subtitles:
        made.append(extract.command(planned, source, folder / "subtitles", QUICK))
    return made


def forced(container: str) -> MediaInfo:
    """An inspection that took whatever it was for ``container``."""
    media = media_info(width=64, height=48, seconds=1)
    return msgspec.structs.replace(media, container=container)


async def refused_or_encoded(source: Path, folder: Path) -> MediaInfo | UploadRefused:
    """Takes the whole way of an upload."""
    try:
        media = await inspect(source, COST)
    except UploadRefused as refusal:
        return refusal
    for command in commands(media, source, folder):
        await run(command, stall_timeout=20)
    return media


def bare(arguments: tuple[str, ...], folder: Path) -> str:
    """Runs ffmpeg without any confinement; answers what it says."""
    done = subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=30,
        check=False,
    )
    return done.stderr.decode(errors="replace")


def inspected_bare(*sources: Path) -> list[str]:
    """Inspects without any confinement; answers the names of the errors."""
    done = subprocess.run(
        [sys.executable, "-c", UNCONFINED, *map(str, sources)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.split()


NAMES = [name for name, _ in texts(Path("/secret.ts"), 1)]


@pytest.mark.parametrize("name", NAMES)
async def test_a_text_that_names_other_files_is_refused_and_not_followed(
    name: str, canary: Canary, tmp_path: Path
) -> None:
    source = uploaded(canary, dict(texts(canary.secret, canary.port))[name])

    refusal = await refused_or_encoded(source, tmp_path)

    assert isinstance(refusal, ContainerForbidden | FileNotVideo), refusal
    assert refusal.status == 415
    assert str(refusal).count(".") == 1
    assert str(canary.secret) not in str(refusal)
    assert canary.heard() == set()


def test_not_one_text_is_followed_without_confinement_either(
    canary: Canary, tmp_path: Path
) -> None:
    sources = []
    for number, (_, content) in enumerate(texts(canary.secret, canary.port)):
        # Beside the secret, as some name it from there.
        sources.append(canary.secret.with_name(f"upload-{number}"))
        sources[-1].write_bytes(content)

    refused = {"ContainerForbidden", "FileNotVideo"}
    met = zip(NAMES, inspected_bare(*sources), strict=True)
    assert [(name, error) for name, error in met if error not in refused] == []
    assert canary.heard() == set()


@pytest.mark.parametrize("container", CONTAINERS)
def test_ffmpeg_follows_no_text_whatever_it_was_taken_for(
    container: str, canary: Canary, tmp_path: Path
) -> None:
    planned = plan(forced(container), PlanSettings(), short=False)
    command = poster(planned, tmp_path / "upload", tmp_path, QUICK, seek=True)
    for name, content in texts(canary.secret, canary.port):
        uploaded(canary, content)
        assert bare(command.arguments, tmp_path), name
        assert canary.heard() == set(), name


@pytest.mark.parametrize("name", [name for name, _ in references(b"", Path("/s.ts"), 1)])
async def test_a_movie_whose_media_are_elsewhere_stays_alone(
    name: str, canary: Canary, tmp_path: Path
) -> None:
    movie = clip("movie.mov", seconds=1, size="64x48").read_bytes()
    source = uploaded(canary, dict(references(movie, canary.secret, canary.port))[name])

    met = await refused_or_encoded(source, tmp_path)

    assert canary.heard() == set()
    assert inspected_bare(source)
    media = met if isinstance(met, MediaInfo) else forced("mov,mp4,m4a,3gp,3g2,mj2")
    for command in commands(media, source, tmp_path):
        bare(command.arguments, command.folder if command.folder.exists() else tmp_path)
    assert canary.heard() == set()


@pytest.mark.parametrize("kind", ["file", "http", "concat"])
async def test_a_playlist_in_an_avi_file_is_not_followed(
    kind: str, canary: Canary, tmp_path: Path
) -> None:
    uri = {"file": f"file://{canary.secret}", "http": f"http://127.0.0.1:{canary.port}/a.ts"}
    text = playlist(uri.get(kind, ""))
    if kind == "concat":
        text = f"ffconcat version 1.0\nfile '{canary.secret}'\n".encode()
    source = uploaded(canary, avi(jpegs(), text))

    media = await refused_or_encoded(source, tmp_path)

    assert isinstance(media, MediaInfo), media
    assert (media.video.codec, media.video.frame_count) == ("mjpeg", 25)
    assert inspected_bare(source) == ["None"]
    for command in commands(media, source, tmp_path):
        bare(command.arguments, command.folder)
    assert canary.heard() == set()


async def test_attachments_and_chapters_are_left_alone(canary: Canary, tmp_path: Path) -> None:
    plain = clip("movie.mov", seconds=1, size="64x48")
    (FOLDER / "font").write_bytes(playlist(str(canary.secret)))
    (FOLDER / "chapters").write_text(
        f";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1\nSTART=0\nEND=1\ntitle={canary.secret}\n"
    )
    (FOLDER / "subtitles.srt").write_text(f"1\n00:00:00,000 --> 00:00:01,000\n{canary.secret}\n")
    odd = ("-attach", "font", "-metadata:s:t", "mimetype=application/x-truetype-font")
    ffmpeg(
        *("-i", plain.name, "-i", "chapters", "-i", "subtitles.srt", "-map", "0", "-map", "2"),
        *("-map_metadata", "1", *odd, "-metadata:s:t", f"filename=../../{canary.secret}"),
        *("-c", "copy", "-c:s", "srt", "odd.mkv"),
    )
    source = uploaded(canary, (FOLDER / "odd.mkv").read_bytes())
    before = set(tmp_path.iterdir())

    media = await refused_or_encoded(source, tmp_path)

    assert isinstance(media, MediaInfo), media
    made = {path.name for path in set(tmp_path.iterdir()) - before}
    assert made == {"pictures", "video", "sound", "subtitles"}
    assert canary.heard() == set()


@pytest.mark.parametrize("name", ["p.png", "p.jpg", "p.gif", "p.bmp", "p.webp", "p.ppm", "p.tiff"])
async def test_a_picture_is_no_upload_nor_are_its_neighbours(
    name: str, canary: Canary, tmp_path: Path
) -> None:
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:d=1", "-frames:v", "1", name)
    picture = (FOLDER / name).read_bytes()
    for number in range(3):
        (tmp_path / f"upload{number}").write_bytes(picture)
    (tmp_path / "upload%d").write_bytes(picture)

    with pytest.raises(ContainerForbidden):
        await inspect(tmp_path / "upload%d", COST)

    assert canary.heard() == set()


async def test_a_vob_file_is_taken_and_a_directory_of_a_disc_is_not(canary: Canary) -> None:
    vob = clip("disc.vob", "-c:v", "mpeg2video", "-c:a", "ac3", seconds=1, size="64x48")
    source = uploaded(canary, vob.read_bytes())

    assert (await inspect(source, COST)).container == "mpeg"


async def sings(canary: Canary, arguments: tuple[str, ...]) -> set[str]:
    """What the canary hears first of an ffmpeg that may do anything."""
    process = await asyncio.create_subprocess_exec(
        imageio_ffmpeg.get_ffmpeg_exe(), *arguments, stdin=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(20):
            # The kernel's own queues tell; there is no event to wait for.
            while not (heard := canary.heard()):  # noqa: ASYNC110 -- see above
                await asyncio.sleep(0.01)
            return heard
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@pytest.mark.parametrize(
    ("uri", "song"),
    [("file://{secret}", {"opened"}), ("http://127.0.0.1:{port}/a.ts", {"called"})],
)
async def test_confinement_holds_where_ffmpeg_itself_would_not(
    uri: str, song: set[str], canary: Canary, tmp_path: Path
) -> None:
    text = playlist(uri.format(secret=canary.secret, port=canary.port))
    source = uploaded(canary, text)
    arguments = (
        *("-v", "error", *ANY_PROTOCOL, "-allowed_extensions", "ALL", "-extension_picky", "0"),
        *("-f", "hls", "-i", str(source), "-f", "null", "-"),
    )

    assert await sings(canary, arguments) == song
    canary.heard()
    command = Command(arguments, tmp_path / "work", (), 1.0, reads=(source,))
    with pytest.raises(EncodeFailed):
        await run(command, stall_timeout=20)

    assert canary.heard() == set()
