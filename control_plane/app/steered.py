"""Steering, put together."""

from control_plane.api.steer import SteerApi
from control_plane.app.known import Known
from control_plane.router import Router
from control_plane.settings import Settings


def steer_api(settings: Settings, known: Known, router: Router) -> SteerApi:
    """What answers players that ask where to play from."""
    return SteerApi(
        router,
        known.metrics,
        settings.steering,
        known.clock,
        known.networks.from_edge,
    )
