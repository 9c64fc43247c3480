"""What a control plane tells others, hears of them, and asks the edges."""

import secrets
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial

from common.service import new_client_session
from control_plane.app.known import Known
from control_plane.app.running import running
from control_plane.bus import Hint, HintKind, open_bus
from control_plane.health import Probed
from control_plane.probing import Prober, Subject
from control_plane.settings import Settings
from control_plane.sharing import Sharing
from control_plane.token_keys import TokenKeys


async def talk(
    settings: Settings, known: Known, keys: TokenKeys | None, stack: AsyncExitStack
) -> None:
    """Tells other control planes what is new here, hears them, and asks the edges."""
    monitor, fleet = secrets.token_hex(8), known.fleet
    bus = open_bus(settings.redis)
    stack.push_async_callback(bus.close)
    known.away_besides.append(lambda: {"redis": bus.trouble} if bus.trouble is not None else {})
    known.networks.share(bus)
    told: dict[HintKind, Callable[[], None]] = {
        HintKind.PURGES: known.purges.hint,
        HintKind.PACKAGES: partial(known.keeper.hint, "catalog"),
        HintKind.PLACEMENTS: partial(known.keeper.hint, "plan"),
        HintKind.STANDING: partial(known.keeper.hint, "orders"),
        HintKind.ZONES: partial(known.keeper.hint, "zones"),
        HintKind.POLICIES: partial(known.keeper.hint, "policies"),
    }
    bus.subscribe(lambda hint: told.get(hint.kind, lambda: None)())
    known.library.on_write(lambda: bus.publish(Hint(HintKind.PACKAGES)))
    known.planner.on_written = lambda: bus.publish(Hint(HintKind.PLACEMENTS))
    known.purges.on_written = lambda: bus.publish(Hint(HintKind.PURGES))
    known.told.coverage.folder.on_written = lambda: bus.publish(Hint(HintKind.ZONES))
    known.told.policies.folder.on_written = lambda: bus.publish(Hint(HintKind.POLICIES))
    known.standings.on_written = lambda: bus.publish(Hint(HintKind.STANDING))
    heard, found, look = fleet.overhear, known.findings.take, partial(known.keeper.hint, "edges")
    sharing = Sharing(bus, known.clock, monitor, heard=heard, found=found, look=look)
    fleet.on_heard(lambda record: sharing.hear(record.heartbeat))
    await stack.enter_async_context(running(sharing.run))
    if settings.probes is None:
        return

    def noted(edge_id: str, probed: Probed) -> None:
        if probed.failures and not fleet.hears(edge_id) and (not settings.redis or bus.trouble):
            # Its own network may be what is broken: others hear the edge, and it cannot ask them.
            return
        known.findings.note(monitor, edge_id, probed)
        sharing.find(edge_id, probed)

    session = await new_client_session(settings.ca)
    stack.push_async_callback(session.close)
    prober = Prober(
        session,
        known.clock,
        settings.probes,
        signing=lambda: keys.signing() if keys is not None else None,
        subjects=lambda: [
            Subject(record.edge_id, record.heartbeat.url, fleet.listed(record.edge_id))
            for record in fleet.edges()
        ],
        announced=known.library.announced,
        noted=noted,
        caught=lambda edge_id, _: fleet.disbelieve(edge_id),
    )
    await stack.enter_async_context(running(prober.run))
