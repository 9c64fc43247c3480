"""Sound of every kind, through the real encoder."""

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from tests.integration.encoding import SHORT, encode, loudness_of
from tests.integration.scenes import FLASH, scene
from tests.unit.ingest.clips import FOLDER, ffmpeg

LOUD = replace(SHORT, loudness=-23.0)
WITH_OPUS = replace(SHORT, opus=True)

LAYOUTS = {"mono": "aac", "stereo": "aac", "5.1": "ac3", "7.1": "flac"}


@pytest.mark.parametrize("layout", LAYOUTS)
async def test_every_layout_becomes_stereo(layout: str, tmp_path: Path) -> None:
    source = scene(f"{layout}.mkv", "-c:a", LAYOUTS[layout], sound=layout)

    heard = (await encode(source, tmp_path)).samples()

    assert heard.levels.shape[0] == 2
    assert heard.loud()[0] == pytest.approx(FLASH, abs=0.03)
    left, right = (float(np.abs(channel).max()) for channel in heard.levels)
    assert left == pytest.approx(right, rel=0.05)


async def test_a_channel_of_its_own_stays_on_its_side(tmp_path: Path) -> None:
    ffmpeg(
        *("-f", "lavfi", "-i", "color=black:s=32x32:r=25:d=2"),
        *("-f", "lavfi", "-i", "sine=440:r=48000:d=2,pan=5.1|BL=c0"),
        *("-c:v", "libx264", "-c:a", "flac", "behind.mkv"),
    )

    heard = (await encode(FOLDER / "behind.mkv", tmp_path)).samples()

    left, right = (float(np.sqrt((channel**2).mean())) for channel in heard.levels)
    assert left > 10 * right


async def test_every_track_is_there_with_its_language(tmp_path: Path) -> None:
    ffmpeg(
        *("-f", "lavfi", "-i", "color=black:s=32x32:r=25:d=2"),
        *("-f", "lavfi", "-i", "sine=440:r=48000:d=2", "-f", "lavfi", "-i", "sine=880:r=44100:d=2"),
        *("-map", "0", "-map", "1", "-map", "2", "-c:v", "libx264", "-c:a", "aac"),
        *("-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=ger", "two.mkv"),
    )

    encoded = await encode(FOLDER / "two.mkv", tmp_path)

    assert [track.language for track in encoded.plan.audio] == ["en", "de"]
    pitches = [encoded.samples(track.renditions[0].name).pitch() for track in encoded.plan.audio]
    assert pitches == pytest.approx([440, 880], abs=2)


async def test_a_silent_film_has_no_sound(tmp_path: Path) -> None:
    encoded = await encode(scene("silent-film.mp4", sound=None), tmp_path)

    assert encoded.plan.audio == ()
    assert encoded.times() == encoded.grid()


async def test_opus_lasts_as_long_as_aac(tmp_path: Path) -> None:
    encoded = await encode(scene("for-opus.mp4", "-c:a", "aac"), tmp_path, WITH_OPUS)

    names = [rendition.name for rendition in encoded.plan.audio[0].renditions]
    assert names == ["aac-128k", "opus-96k"]
    for name in names:
        heard = encoded.samples(name)
        assert heard.loud()[0] == pytest.approx(FLASH, abs=0.03)
        assert heard.start == pytest.approx(0, abs=0.025)
        assert heard.end == pytest.approx(3, abs=0.03)
    counts = {len(encoded.segments(name)) for name in names}
    assert counts == {2}


def made(name: str, filters: str, seconds: float = 8) -> Path:
    ffmpeg(
        *("-f", "lavfi", "-i", f"color=black:s=32x32:r=10:d={seconds}"),
        *("-f", "lavfi", "-i", filters, "-t", str(seconds)),
        *("-c:v", "libx264", "-preset", "ultrafast", "-c:a", "flac", name),
    )
    return FOLDER / name


NOISE = "anoisesrc=c=pink:r=48000:a=0.5:seed=1:d=8"


@pytest.mark.parametrize("level", ["-30dB", "0dB", "6dB"])
async def test_sound_becomes_as_loud_as_it_should_be(level: str, tmp_path: Path) -> None:
    source = made(f"noise{level}.mkv", f"{NOISE},volume={level}")

    encoded = await encode(source, tmp_path, LOUD)

    assert loudness_of(encoded.joined(encoded.sound)) == pytest.approx(-23, abs=0.5)


async def test_what_is_quiet_beside_what_is_loud_stays_so(tmp_path: Path) -> None:
    source = made("dynamic.mkv", f"{NOISE},volume='if(lt(t,4),0.02,0.2)':eval=frame")

    encoded = await encode(source, tmp_path, LOUD)

    levels = encoded.samples().levels
    quiet, loud = (
        float(np.sqrt((levels[:, a:b] ** 2).mean()))
        for a, b in ((48_000, 144_000), (240_000, 336_000))
    )
    assert loud / quiet == pytest.approx(10, rel=0.05)


async def test_peaks_stay_below_the_ceiling(tmp_path: Path) -> None:
    # Clicks over quiet noise: raised as it is, every click would be far too loud.
    clicks = f"{NOISE},asetnsamples=64,volume='if(lt(mod(t,1),0.002),1,0.004)':eval=frame"
    source = made("clicks.mkv", clicks)

    encoded = await encode(source, tmp_path, LOUD)

    assert float(np.abs(encoded.samples().levels).max()) < 10 ** (-0.5 / 20)


@pytest.mark.parametrize("seconds", [0.2, 3])
async def test_silence_stays_silent(seconds: float, tmp_path: Path) -> None:
    source = made(f"nothing{seconds}.mkv", "anullsrc=r=48000", seconds)

    encoded = await encode(source, tmp_path, LOUD)

    assert float(np.abs(encoded.samples().levels).max()) < 0.001


async def test_loudness_changes_no_moment(tmp_path: Path) -> None:
    source = scene("for-loudness.mp4", "-c:a", "aac")

    encoded = await encode(source, tmp_path, LOUD)

    heard = encoded.samples()
    assert heard.loud()[0] == pytest.approx(FLASH, abs=0.03)
    assert heard.end == pytest.approx(3, abs=0.03)
