"""What a confined program can still do, and what it cannot."""

import asyncio
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from ingest.transcode import confinement, launcher
from ingest.transcode.confinement import Confinement, shortcomings
from ingest.transcode.processes import running

PYTHON = (
    Path(sys.base_prefix),
    Path(sysconfig.get_path("stdlib")),
    Path(sys.prefix),
    Path(sys.executable).resolve(),
)
"""What the interpreter itself reads."""


async def outcome(folder: Path, code: str, *, reads: tuple[Path, ...] = ()) -> str:
    """What a confined interpreter prints that runs ``code``; it may read and write ``folder``."""
    limits = Confinement(reads=(*PYTHON, *reads), writes=(folder,))
    program = (str(Path(sys.executable).resolve()), "-I", "-S", "-c", code)
    async with running(program, confinement=limits, folder=folder) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        said, complained = await asyncio.gather(process.stdout.read(), process.stderr.read())
        await process.wait()
    lines = (said or complained).decode().splitlines()
    return lines[-1] if lines else ""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    (tmp_path / "secret").write_text("swordfish")
    return tmp_path / "work"


def test_this_kernel_can_do_all_of_it() -> None:
    assert shortcomings() == ()


def test_what_a_kernel_cannot_do_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher, "landlock_version", lambda: -1)
    monkeypatch.setattr(launcher, "ARCHITECTURES", {})

    files, sockets = shortcomings()

    assert "Landlock" in files
    assert "seccomp" in sockets


async def test_its_folder_is_its_own(folder: Path) -> None:
    code = "open('a', 'w').write('x'); import os; os.rename('a', 'b'); print(os.listdir())"

    assert await outcome(folder, code) == "['b']"


async def test_what_it_may_read_it_can_read_and_not_write(folder: Path) -> None:
    secret = folder.parent / "secret"

    assert await outcome(folder, f"print(open({str(secret)!r}).read())", reads=(secret,)) == (
        "swordfish"
    )
    assert "Permission denied" in await outcome(
        folder, f"open({str(secret)!r}, 'a')", reads=(secret,)
    )
    assert "Permission denied" in await outcome(
        folder, f"import os; os.truncate({str(secret)!r}, 0)", reads=(secret,)
    )
    assert secret.read_text() == "swordfish"


@pytest.mark.parametrize(
    "code",
    [
        "open('../secret')",
        "open('/etc/passwd')",
        "open('/proc/self/environ')",
        "import os; print(os.listdir('..'))",
        "import os; os.symlink('/etc/passwd', 'a'); print(open('a').read())",
        "import os; os.link('../secret', 'a'); print(open('a').read())",
        "import os; os.rename('../secret', 'a')",
        "import os; os.unlink('../secret')",
        "open('../new', 'w')",
        "import os; os.mkfifo('pipe')",
        "import os; os.execv('/usr/bin/env', ['env'])",
        "import os; os.kill(os.getppid(), 0)",
    ],
)
async def test_other_files_and_processes_are_closed_to_it(folder: Path, code: str) -> None:
    said = await outcome(folder, code)

    assert said.startswith(("PermissionError", "OSError: [Errno 18]")), said
    assert (folder.parent / "secret").read_text() == "swordfish"


@pytest.mark.parametrize(
    "code",
    [
        "import socket; socket.socket()",
        "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
        "import socket; socket.socket(socket.AF_UNIX)",
        "import socket; socket.create_connection(('127.0.0.1', 9))",
        "import os; os.fork()",
        "import subprocess; subprocess.run(['/bin/true'])",
        "import subprocess; subprocess.run(['/bin/true'], close_fds=False)",
        "import os; os.posix_spawn('/bin/true', ['true'], {})",
    ],
)
async def test_it_opens_no_socket_and_starts_no_process(folder: Path, code: str) -> None:
    said = await outcome(folder, code)

    assert said.startswith("PermissionError: [Errno 1]"), said


async def test_it_may_have_threads(folder: Path) -> None:
    code = """
import threading
thread = threading.Thread(target=lambda: print("from a thread"))
thread.start()
thread.join()
"""
    assert await outcome(folder, code) == "from a thread"


async def test_it_learns_nothing_of_the_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "swordfish")

    said = await outcome(folder, "import os; print(sorted(os.environ))")

    assert said == str(sorted(confinement.ENVIRONMENT))


async def test_the_number_of_its_files_is_bounded(folder: Path) -> None:
    code = "import os; files = [os.dup(1) for _ in range(1000)]"

    assert "Too many open files" in await outcome(folder, code)


def test_the_launcher_needs_nothing_of_nearcasts() -> None:
    code = (
        f"import runpy, sys; runpy.run_path({launcher.__file__!r}); "
        "print(sorted(name for name in sys.modules if name.partition('.')[0] in "
        "{'ingest', 'common', 'msgspec', 'asyncio', 'json'}))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"


def test_a_launcher_whose_parent_is_gone_starts_nothing() -> None:
    arguments = [sys.executable, "-I", "-S", launcher.__file__, "1", "0", "0", "0", "--"]

    assert os.getpid() != 1
    done = subprocess.run([*arguments, "/bin/echo", "alive"], capture_output=True, check=False)

    assert (done.returncode, done.stdout) == (1, b"")
