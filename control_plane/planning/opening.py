"""Opening the database that keeps the plan."""

from functools import partial

from common.service import DatabaseSettings
from control_plane.planning.mongodb import MongoPlanStore
from control_plane.planning.port import PlanStore
from control_plane.planning.sqlite import SqlitePlanStore


async def open_plan_store(settings: DatabaseSettings, *, later: bool = False) -> PlanStore:
    """The plan in the database that ``settings`` name.

    Args:
        settings: of the database.
        later: whether MongoDB may be away now; it is found when it comes.

    Raises:
        SettingsInvalid: they name none, or two.
        Unavailable: the database does not answer.
    """
    return await settings.open(SqlitePlanStore.open, partial(MongoPlanStore.open, later=later))
