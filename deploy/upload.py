"""``nearcast upload``: sends a video and, when asked, waits until viewers can have it."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from common.errors import NearcastError
from common.messages import AssetView, JobState, JobView
from common.service import os_sentence
from deploy.client import Api, NotReached, Refused, open_api
from deploy.progress import ProgressDisplay
from deploy.stages import held_sentence, show_stages
from deploy.subtitles import read_subtitles, send_subtitles
from deploy.tus import send_file

ESTIMATE_AFTER = 2.0
"""Seconds of sending after which it is told how fast it goes."""
FILL_PATIENCE = 600.0
"""Seconds without any more bytes on the edges after which waiting for them ends."""


class JobFailed(NearcastError):
    """The video could not be published: {reason}."""


async def upload_command(
    file: Path,
    *,
    title: str | None,
    wait: bool,
    home: Path,
    url: str | None,
    token: str | None,
    ca: Path | None,
    subtitles: Sequence[str] = (),
    channel: str | None = None,
) -> int:
    """Uploads ``file`` and prints job and asset; the exit status tells whether it went well.

    ``subtitles`` follow it, each told as ``LANGUAGE=FILE``. ``channel`` publishes it, where the
    token is of an account that has several.
    """
    try:
        read = await read_subtitles(subtitles)
        api = await open_api(home, url=url, token=token, ca=ca, option="--ingest")
        try:
            if channel is not None:
                api.act_for(channel)
            with ProgressDisplay() as display:
                job = await send(api, file, title or file.stem, display)
                # At once: a job takes no more of them when it is packaged.
                await send_subtitles(api, job.job_id, read)
                display.say(f"Uploaded: job {job.job_id}, asset {job.asset_id}.")
                if wait:
                    await follow_encode(api, job.job_id, display)
                    display.say(f"Published: asset {job.asset_id}.")
        finally:
            await api.close()
    except NearcastError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Error: {os_sentence(error)}", file=sys.stderr)
        return 1
    return 0


async def send(api: Api, file: Path, title: str, display: ProgressDisplay) -> JobView:
    """Uploads ``file`` and shows how much of it is sent.

    Raises:
        Refused: the server refuses it.
        NotReached: the server does not answer.
    """
    size = (await asyncio.to_thread(file.stat)).st_size
    loop = asyncio.get_running_loop()
    began: tuple[float, int] | None = None

    def on_sent(sent: int) -> None:
        nonlocal began
        # An upload that goes on has some bytes already: they tell nothing of how fast it is.
        began = began or (loop.time(), sent)
        note = sent_note(sent, size, before=began[1], seconds=loop.time() - began[0])
        display.show("Upload", 100 * sent / size if size else 0, note)

    return await api.job(await send_file(api, file, title, on_sent))


def sent_note(sent: int, size: int, *, before: int, seconds: float) -> str:
    """How much is sent, and once that is known how fast it goes and how long it takes: all but
    ``before`` bytes took so many ``seconds``."""
    note = f"{sent / 1e6:.1f} of {size / 1e6:.1f} MB"
    if sent in {before, size} or seconds < ESTIMATE_AFTER:
        return note
    rate = (sent - before) / seconds
    return f"{note}, {rate / 1e6:.1f} MB/s, {(size - sent) / rate:.0f} s left"


async def follow_encode(api: Api, job_id: str, display: ProgressDisplay) -> JobView:
    """Shows a job's stages until it is done.

    Raises:
        JobFailed: it failed or was cancelled.
        NotReached: ingest stays away.
    """
    held = False
    async for view in api.follow(job_id):
        show_stages(view, display)
        if view.state is JobState.REVIEW and not held:
            held = True
            display.say(held_sentence(view))
        if view.state is JobState.DONE:
            return view
    raise JobFailed(reason=(view.error or str(view.state)).rstrip("."))


async def follow_fill(api: Api, asset_id: str, display: ProgressDisplay) -> AssetView:
    """Shows how full each region is of an asset until every wanted copy is held.

    Gives up waiting, without an error, when nothing moves for long.

    Raises:
        NotReached: the control plane stays away.
        Refused: it does not know the asset.
    """
    loop = asyncio.get_running_loop()
    moved, held = loop.time(), -1
    while True:
        try:
            view: AssetView | None = await api.asset(asset_id)
        except (NotReached, Refused):
            view = None
            if loop.time() - moved > 30:
                raise
        if view is not None:
            for copies in view.copies:
                percent = (
                    100 * copies.bytes_held / copies.bytes_wanted if copies.bytes_wanted else 0
                )
                display.show(
                    f"Fill {copies.region}", percent, f"{copies.held} of {copies.wanted} edges"
                )
            total = sum(copies.bytes_held for copies in view.copies)
            if total != held:
                moved, held = loop.time(), total
            whole = view.copies and all(0 < copies.wanted == copies.held for copies in view.copies)
            if whole or loop.time() - moved > FILL_PATIENCE:
                return view
        await asyncio.sleep(0.25)
