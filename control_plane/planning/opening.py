"""Opening the database that keeps the plan."""

from common.service import DatabaseSettings
from control_plane.planning.mongodb import MongoPlanStore
from control_plane.planning.port import PlanStore
from control_plane.planning.sqlite import SqlitePlanStore


async def open_plan_store(settings: DatabaseSettings) -> PlanStore:
    """The plan in the database that ``settings`` name.

    Raises:
        SettingsInvalid: they name none, or two.
        Unavailable: the database does not answer.
    """
    return await settings.open(SqlitePlanStore.open, MongoPlanStore.open)
