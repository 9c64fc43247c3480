"""The control plane put together: the one place that names its parts."""

from control_plane.app.main import main
from control_plane.settings import Settings

__all__ = ["Settings", "main"]
