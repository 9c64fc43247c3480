"""What the fuzzing programs share: their command line, and how atheris is started.

A program holds one parser family to what must be true of any input. Atheris changes the input
towards code that was not run before; an input that breaks a rule ends the program with a traceback
and status 77, and is kept in ``.cache/fuzz``.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import atheris  # type: ignore[import-untyped]  # it publishes no types

FOUND: Final = Path(".cache/fuzz")
LONGEST_INPUT: Final = 2000
"""Bytes. The bounds of the parsers themselves are for the unit tests."""


def fuzz(check: Callable[[bytes], None], examples: Iterable[bytes]) -> None:
    """Calls ``check`` with as many inputs as ``--runs`` tells, and ends the process.

    Args:
        check: raises for an input that breaks a rule.
        examples: inputs to begin with.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=250_000, help="inputs to try")
    runs = parser.parse_args().runs
    FOUND.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as corpus:
        for number, example in enumerate(examples):
            Path(corpus, str(number)).write_bytes(example)
        options = [f"-atheris_runs={runs}", f"-max_len={LONGEST_INPUT}", "-timeout=5"]
        options += [f"-artifact_prefix={FOUND}/", "-verbosity=0"]
        atheris.Setup([sys.argv[0], *options, corpus], check)
        atheris.Fuzz()
