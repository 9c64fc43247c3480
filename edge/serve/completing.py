"""Seeing to the missing parts of a stored response before its head is sent on.

Once a viewer has the head, an object that has changed can only be cut; before that it can be
answered with as it is now.
"""

from edge.fetch.fetches import Fetches
from edge.fetch.outcomes import Ask, Coming, Passing
from edge.policy.answering import Decided
from edge.policy.coverage import gaps, range_field, to_ask
from edge.policy.stored import Stored
from edge.serve.requests import Visit


async def ask_for_rest(
    visit: Visit, stored: Stored, decided: Decided, fetches: Fetches
) -> Coming | Passing | None:
    """Begins to fetch the first bytes that are missing.

    Returns:
        None when they come, and go where ``stored`` has the others; otherwise what came instead.

    Raises:
        NearcastError: nothing comes.
    """
    wanted = next(span for span in decided.spans if not stored.holds(*span))
    span = to_ask(stored.held, wanted, stored.size)
    assert span is not None
    ask = Ask(
        visit.request,
        visit.key,
        client=visit.client,
        grow=stored,
        range=range_field(span, stored.size),
        start=gaps(stored.held, wanted)[0][0],
        paced=visit.paced,
    )
    outcome = await fetches.obtain(ask)
    if isinstance(outcome, Coming):
        if outcome.arriving.stored.number != stored.number:
            return outcome
        # It goes on by itself, and whoever reads joins it.
        outcome.arriving.leave()
    elif isinstance(outcome, Passing):
        if outcome.response.status != 206:
            return outcome
        await outcome.stack.aclose()
    return None
