"""A video is published in its lowest useful renditions before the others are encoded."""

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import m3u8

from tests.integration.ingest_service import FIRST_AT_ONCE, ControlEar, Service, running


def service(folder: Path, ear: ControlEar, **encoding: Any) -> Service:
    settings = {"preset": "ultrafast", "threads": 1, "hevc_preset": "superfast", **encoding}
    return Service(folder, ear, plan=FIRST_AT_ONCE, encoding=settings)


def published_first(one: Service, clip: bytes) -> Any:
    """The job of ``clip``, as it is as soon as its first version is out."""
    job = one.upload(clip).json
    one.until(lambda: bool(one.job(job["job_id"])["playable"]), "viewers have it")
    return one.job(job["job_id"])


def listed(one: Service, announcement: dict[str, Any]) -> set[str]:
    """The objects of an announced version, by its manifest, and the manifest."""
    manifest = announcement["manifest_key"]
    document = json.loads((one.folder / "objects" / manifest).read_text())
    return {manifest, *(item["key"] for item in document["objects"])}


def test_the_first_version_is_out_while_the_others_are_encoded(
    tmp_path: Path, ear: ControlEar, early_clip: bytes
) -> None:
    with running(service(tmp_path, ear)) as one:
        early = published_first(one, early_clip)
        assert early["state"] == "encoding"
        [first] = ear.heard
        assert first["version"] < early["version"]
        assert all(name.startswith(("h264", "aac")) for name in first["renditions"])
        objects = listed(one, first)
        assert objects <= set(one.objects())

        assert one.finished(early["job_id"])["state"] == "done"
        _, last = ear.heard
        assert last["version"] == early["version"]
        assert set(first["renditions"]) < set(last["renditions"])
        # Who plays the first version still finds all of it.
        assert set(one.objects()) == objects | listed(one, last)


def test_no_progress_goes_back_while_both_versions_are_made(
    tmp_path: Path, ear: ControlEar, early_clip: bytes
) -> None:
    with running(service(tmp_path, ear)) as one:
        job_id = one.upload(early_clip).json["job_id"]
        seen: dict[str, float] = {}
        playable = False

        def ended() -> bool:
            nonlocal playable
            job = one.job(job_id)
            now = {"": job["percent"]} | {each["name"]: each["percent"] for each in job["stages"]}
            assert all(now.get(name, percent) >= percent for name, percent in seen.items()), now
            seen.update(now)
            assert job["playable"] >= playable
            playable = job["playable"]
            return bool(job["state"] == "done")

        one.until(ended, "it is done")
        assert set(seen.values()) == {100.0}


def test_the_same_file_sent_again_while_the_first_version_is_out_is_encoded_once(
    tmp_path: Path, ear: ControlEar, early_clip: bytes
) -> None:
    with running(service(tmp_path, ear)) as one:
        early = published_first(one, early_clip)
        again = one.upload(early_clip).json
        assert one.finished(early["job_id"])["state"] == "done"
        copied = one.finished(again["job_id"])
        assert (copied["state"], copied["playable"]) == ("done", True)
        by_asset = [told["asset_id"] for told in ear.heard]
        # A copy has all its renditions at once, so it has no first version.
        assert by_asset == [early["asset_id"], early["asset_id"], again["asset_id"]]
        assert ear.heard[1]["renditions"] == ear.heard[2]["renditions"]
        assert set(one.objects()) == set().union(*(listed(one, told) for told in ear.heard))
        names = [name for name, _ in tasks_of(one, again["job_id"])]
        assert not [name for name in names if name.startswith("c0")]


def tasks_of(one: Service, job_id: str) -> list[tuple[str, str]]:
    """The job's tasks: name and state."""
    with contextlib.closing(sqlite3.connect(one.folder / "jobs.sqlite")) as database:
        statement = "SELECT body ->> 'name', body ->> 'state' FROM tasks WHERE job_id = ?"
        return [(str(name), str(state)) for name, state in database.execute(statement, (job_id,))]


def test_playlists_of_the_first_version_name_objects_of_the_last(
    tmp_path: Path, ear: ControlEar, early_clip: bytes
) -> None:
    with running(service(tmp_path, ear)) as one:
        job = published_first(one, early_clip)
        one.finished(job["job_id"])
        first, last = ear.heard
        store = one.folder / "objects"
        entry = m3u8.load(str(store / first["entry"]))
        assert len(entry.playlists) >= 2
        for variant in entry.playlists:
            media = m3u8.load(str((store / first["entry"]).parent / variant.uri))
            place = (store / first["entry"]).parent / Path(variant.uri).parent
            segments = [(place / segment.uri).resolve() for segment in media.segments]
            home = (store / last["entry"]).parent.resolve()
            assert segments
            assert all(path.is_relative_to(home) and path.is_file() for path in segments)


def test_a_job_that_is_cancelled_now_takes_its_first_version_back(
    tmp_path: Path, ear: ControlEar, early_clip: bytes
) -> None:
    with running(service(tmp_path, ear, hevc_preset="veryslow")) as one:
        job = published_first(one, early_clip)
        assert one.ask("POST", f"/v1/jobs/{job['job_id']}/cancel", b"").status == 200
        ended = one.finished(job["job_id"])
        assert (ended["state"], ended["playable"]) == ("cancelled", False)
        [first] = ear.heard
        home = f"/v1/packages/{job['asset_id']}"
        assert ear.withdrawn == [f"{home}/{first['version']}", f"{home}/{job['version']}"]
        assert one.leftovers() == []
