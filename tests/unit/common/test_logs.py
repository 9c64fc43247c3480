"""Logs are one JSON object a line on standard error, whoever writes them."""

import json
import subprocess
import sys
from typing import Any

import pytest


def lines_of(program: str, level: str = "info") -> list[dict[str, Any]]:
    """What a process logs that runs ``program``. Logging is set up once per process."""
    setup = f"import logging\nfrom common import logs\nlogs.configure('demo', level={level!r})\n"
    done = subprocess.run(
        [sys.executable, "-c", setup + program], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_a_line_tells_event_fields_level_role_and_time() -> None:
    (line,) = lines_of("logs.get('x').warning('disk is full', where='cache')")

    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "disk is full",
        "where": "cache",
        "level": "warning",
        "role": "demo",
    }


def test_the_standard_librarys_logs_look_the_same() -> None:
    (line,) = lines_of("logging.getLogger('lib').error('port %d', 9, extra={'host': 'a'})")

    assert (line["event"], line["level"], line["role"]) == ("port 9", "error", "demo")
    assert line["host"] == "a"


@pytest.mark.parametrize(("level", "heard"), [("debug", 3), ("info", 2), ("error", 1)])
def test_the_level_counts_for_both(level: str, heard: int) -> None:
    words = "error", "info", "debug"
    for logger in ("logs.get('x')", "logging.getLogger('x')"):
        program = "\n".join(f"{logger}.{word}('x')" for word in words)
        assert len(lines_of(program, level)) == heard


def test_an_exception_stays_on_its_line() -> None:
    program = "try:\n    1 / 0\nexcept ZeroDivisionError:\n    logs.get('x').exception('oh')"

    (line,) = lines_of(program)

    assert line["exception"][0]["exc_type"] == "ZeroDivisionError"


def test_a_line_feed_in_a_value_makes_no_line_of_its_own() -> None:
    (line,) = lines_of("logs.get('x').info('asked', path='/a\\n{\"level\": \"error\"}')")

    assert line["path"] == '/a\n{"level": "error"}'


def test_an_exception_does_not_tell_what_variables_held() -> None:
    program = (
        "token = 'sec' + 'ret-of-somebody'\n"
        "try:\n    1 / 0\nexcept ZeroDivisionError:\n    logs.get('x').exception('oh')"
    )

    (line,) = lines_of(program)

    assert "secret-of-somebody" not in json.dumps(line)
