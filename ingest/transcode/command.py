"""A call of ffmpeg as a value: what to run, where, and how far it has to go."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Command:
    """Arguments for ffmpeg, and what its progress is measured by."""

    arguments: tuple[str, ...]
    """Without the program. Outputs are named relative to ``folder``."""
    folder: Path
    """Where it runs."""
    subfolders: tuple[str, ...]
    """Folders to make in ``folder`` beforehand, one per rendition."""
    seconds: float
    """Media time that it produces."""
    reads: tuple[Path, ...] = ()
    """All that it may read beside its folder."""
    makes: tuple[str, ...] = ()
    """Files that are in ``folder`` afterwards, where ffmpeg's own word is not enough."""
    frames: int = 0
    """Frames that it produces; 0 where progress is told by time alone."""
    until: float = 1.0
    """How much of its task is done when it has ended, where the task has more commands than one."""

    def reached(self, before: float, fraction: float) -> float:
        """How much of its task is done when ``fraction`` of it is; it began at ``before``."""
        return before + max(0.0, self.until - before) * fraction
