"""The home folder: tokens made once, one run at a time, damage told."""

import subprocess
import sys
from pathlib import Path

import pytest

from common.service import write_atomically
from deploy.up.home import Home, HomeDamaged, HomeTaken, HomeUnusable, Uploaded


def test_tokens_are_made_once(tmp_path: Path) -> None:
    home = Home(tmp_path)

    assert home.secrets(["eu-1"]) == home.secrets(["eu-1"])


def test_tokens_differ_from_one_another(tmp_path: Path) -> None:
    made = Home(tmp_path).secrets(["eu-1", "eu-2"])

    assert len({made.operator, made.ingest, made.control, *made.edges.values()}) == 5


def test_a_new_edge_gets_a_token_and_the_others_keep_theirs(tmp_path: Path) -> None:
    home = Home(tmp_path)
    before = home.secrets(["eu-1"])

    after = home.secrets(["eu-1", "us-1"])

    assert after.operator == before.operator
    assert after.edges["eu-1"] == before.edges["eu-1"]
    assert len(after.edges["us-1"]) >= 32


def test_tokens_are_for_the_owner_alone(tmp_path: Path) -> None:
    Home(tmp_path).secrets(["eu-1"])

    assert (tmp_path / "secrets.json").stat().st_mode & 0o077 == 0


def test_damaged_tokens_are_told_and_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text("{")

    with pytest.raises(HomeDamaged, match=r"secrets\.json is damaged"):
        Home(tmp_path).secrets(["eu-1"])
    assert (tmp_path / "secrets.json").read_text() == "{"


def test_a_second_run_on_the_same_home_is_refused(tmp_path: Path) -> None:
    with (
        Home(tmp_path).taken(),
        pytest.raises(HomeTaken, match="Another `nearcast up` runs on"),
        Home(tmp_path).taken(),
    ):
        pass


def test_a_home_is_free_again_after_its_run_was_killed(tmp_path: Path) -> None:
    hold = (
        "import sys, time; from pathlib import Path; from deploy.up.home import Home\n"
        "with Home(Path(sys.argv[1])).taken(): print('taken', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "taken\n"
        holder.kill()

    with Home(tmp_path).taken():
        pass


def test_a_home_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(HomeUnusable), Home(tmp_path / "file").taken():
        pass


def test_uploads_are_remembered_by_digest(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.remember_upload("aa", Uploaded("job-1", "asset-1"))
    home.remember_upload("bb", Uploaded("job-2", "asset-2"))

    assert home.uploads() == {
        "aa": Uploaded("job-1", "asset-1"),
        "bb": Uploaded("job-2", "asset-2"),
    }


def test_a_failed_write_leaves_the_old_content_and_no_litter(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    target.mkdir()

    with pytest.raises(IsADirectoryError):
        write_atomically(target, b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
