"""A package of plug-ins of somebody else, built and installed with pip, as an operator would.

One is the example in the docstring of `ingest.filter`; the others misbehave, each in its way.
"""

import subprocess
import sys
import textwrap
from pathlib import Path

import ingest.filter

HOSTILE = '''
import math, os, signal, subprocess, sys, time
from pathlib import Path
import msgspec
from ingest.filter import Answer, Decision, Evidence, FilterFailed


class Hostile:
    class Options(msgspec.Struct, frozen=True):
        note: str = ""

    def __init__(self, options):
        self.options = options

    def check(self, subject, tools):
        return getattr(self, type(self).__name__.lower())(subject, tools)


def children():
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


class Killed(Hostile):
    def killed(self, subject, tools):
        os.kill(os.getpid(), signal.SIGKILL)


class Exits(Hostile):
    def exits(self, subject, tools):
        os._exit(3)


class Raises(Hostile):
    def raises(self, subject, tools):
        raise ValueError("a line\\nand another " + "x" * 1000)


class Fails(Hostile):
    def fails(self, subject, tools):
        raise FilterFailed(reason="the moon is full")


class Forgets(Hostile):
    def forgets(self, subject, tools):
        pass


class Mistypes(Hostile):
    def mistypes(self, subject, tools):
        return Answer(Decision.ALLOW, (Evidence(5),))


class Nan(Hostile):
    def nan(self, subject, tools):
        return Answer(Decision.ALLOW, (Evidence("x", math.nan),))


class Surrogate(Hostile):
    def surrogate(self, subject, tools):
        return Answer(Decision.REVIEW, (Evidence("\\ud800 is no character"),))


class Million(Hostile):
    def million(self, subject, tools):
        return Answer(Decision.REVIEW, tuple(Evidence("x" * 500, i, i + 1) for i in range(10**6)))


class Prints(Hostile):
    def prints(self, subject, tools):
        print("y" * 10_000_000)
        print("z" * 10_000_000, file=sys.stderr)
        return Answer(Decision.ALLOW)


class Floods(Hostile):
    """Writes to where answers go."""

    def floods(self, subject, tools):
        while True:
            for descriptor in range(3, 10):
                try:
                    os.write(descriptor, self.options.note.encode() * 1000)
                except OSError:
                    pass


class Greedy(Hostile):
    def greedy(self, subject, tools):
        return bytearray(8 << 30)


class Fills(Hostile):
    def fills(self, subject, tools):
        with open("big", "wb") as file:
            for _ in range(1000):
                file.write(bytes(1 << 20))
        return Answer(Decision.ALLOW)


class Hangs(Hostile):
    """With a child of its own, which it tells of in the file that it is given."""

    def hangs(self, subject, tools):
        subprocess.Popen(["sleep", "600"])
        Path(self.options.note).write_text(" ".join([str(os.getpid()), *children()]))
        time.sleep(600)


class Decodes(Hostile):
    """With ffmpeg at work for ten minutes, whom nobody reads."""

    def decodes(self, subject, tools):
        graph = f"[0:{subject.media.video.index}]loop=-1:32767,realtime"
        with tools.ffmpeg(subject, graph, ("-f", "null", "-")):
            time.sleep(1)
            Path(self.options.note).write_text(" ".join([str(os.getpid()), *children()]))
            time.sleep(600)


class Looks(Hostile):
    """Tells what it finds around it."""

    def looks(self, subject, tools):
        tools.progress(0.5)
        Path("kept").write_text("x")
        facts = (
            " ".join(sorted(os.environ)),
            f"{os.getcwd() == str(tools.workspace)} {sorted(os.listdir())}",
            f"{tools.seconds_left:.0f}",
            subject.title,
        )
        return Answer(Decision.ALLOW, tuple(Evidence(fact) for fact in facts))
'''

KINDS = tuple(
    line.removeprefix("class ").partition("(")[0].lower()
    for line in HOSTILE.splitlines()
    if line.startswith("class ") and "(Hostile)" in line
)


def example() -> tuple[str, str, str]:
    """The parts of the docstring's example: module, entry points, settings."""
    indented = str(ingest.filter.__doc__).partition("::\n")[2].partition("\n`check`")[0]
    _, _, rest = textwrap.dedent(indented).partition("# shouting.py\n")
    module, _, rest = rest.partition("# pyproject.toml of its package\n")
    entry_points, _, settings = rest.partition("# settings of ingest and worker\n")
    return module, entry_points, settings


def install(folder: Path) -> Path:
    """Build the package in `folder` and install it; where to put on the path for it."""
    project, site = folder / "project", folder / "site"
    project.mkdir()
    module, entry_points, _ = example()
    entry_points += "".join(f'{kind} = "hostile:{kind.title()}"\n' for kind in KINDS)
    entry_points += 'broken = "broken:Broken"\nbare = "hostile:sys"\n'
    (project / "shouting.py").write_text(module)
    (project / "hostile.py").write_text(HOSTILE)
    (project / "broken.py").write_text("raise RuntimeError('not today')\n")
    (project / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        '[project]\nname = "somebodys-filters"\nversion = "1"\n'
        '[tool.setuptools]\npy-modules = ["shouting", "hostile", "broken"]\n' + entry_points
    )
    arguments = ("--no-deps", "--no-build-isolation", "--no-index", "--target", str(site))
    subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", "install", *arguments, str(project)],
        check=True,
        capture_output=True,
    )
    return site
