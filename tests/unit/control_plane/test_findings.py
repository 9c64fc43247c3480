"""What control planes found of edges, and for how long it is kept."""

from control_plane.findings import FORGOTTEN_AFTER, Findings
from control_plane.health import Probed
from control_plane.presence import Found


def test_what_every_monitor_found_is_known_by_edge() -> None:
    findings = Findings()
    mine = Probed(at=999.0, reached_at=999.0)
    findings.note("control-1", "eu-1", Probed(at=990.0, failures=1))
    findings.note("control-1", "eu-1", mine)
    findings.note("control-1", "eu-2", Probed(at=998.0, failures=3, refused=True))
    findings.take("control-2", Found("eu-1", 4.0, None, failures=2, wrong=True), 1000.0)
    findings.take("control-3", Found("eu-1", 1.5, 9.5, failures=1), 1000.0)

    assert findings.of("eu-1") == {
        "control-1": mine,
        "control-2": Probed(at=996.0, failures=2, wrong=True),
        "control-3": Probed(at=998.5, reached_at=990.5, failures=1),
    }
    assert set(findings.of("eu-2")) == {"control-1"}
    assert findings.of("eu-3") == {}


def test_monitors_that_come_and_go_are_forgotten() -> None:
    findings = Findings()
    for number in range(1000):
        findings.note(f"control-{number}", "eu-1", Probed(at=float(number)))

    assert set(findings.of("eu-1")) == {
        f"control-{number}" for number in range(1000 - int(FORGOTTEN_AFTER), 1000)
    }
