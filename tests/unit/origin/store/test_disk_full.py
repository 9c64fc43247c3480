"""A folder on a disk that is full: a small file system of its own, in a namespace of its own."""

import subprocess
import sys
import textwrap
from pathlib import Path

SCRIPT = """
    import asyncio, os, pathlib, subprocess, sys
    from common.errors import StorageFull
    from origin.store.folder import FolderStore

    folder = pathlib.Path(sys.argv[1])
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], check=True)

    async def pieces(count):
        for _ in range(count):
            yield bytes(1_000_000)

    async def main():
        store = await FolderStore.open(folder)
        try:
            await store.put("v/large", pieces(8), content_type="video/mp4")
        except StorageFull as error:
            found = [entry async for entry in store.list("")]
            print(error.status, os.listdir(folder / "~temporary"), found)
        await store.put("v/small", pieces(2), content_type="video/mp4")
        print((await store.head("v/small")).size)

    asyncio.run(main())
"""


def test_a_full_disk_is_507_and_leaves_room_for_the_next(tmp_path: Path) -> None:
    script = textwrap.dedent(SCRIPT)
    ran = subprocess.run(
        ["unshare", "--map-root-user", "--mount", sys.executable, "-c", script, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stderr == ""
    assert ran.stdout.splitlines() == ["507 [] []", "2000000"]
