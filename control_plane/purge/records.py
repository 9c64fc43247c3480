"""A purge as the log has it. Times are POSIX seconds by the control plane's own clock."""

import msgspec

from common.messages import OrderedPurge, PurgeScope


class PurgeRecord(msgspec.Struct, frozen=True):
    """A purge, and who asked for it."""

    purge_id: str
    scope: PurgeScope
    value: str
    """A path without its leading slash, the beginning of one, a surrogate key, or nothing."""
    soft: bool
    by: str
    """The name of the credential that asked for it."""
    at: float
    sequence: int = 0
    """Its number in the log, from 1 on; 0 before it is there."""

    @property
    def ordered(self) -> OrderedPurge:
        """What edges are told of it."""
        return OrderedPurge(
            self.sequence, self.purge_id, self.scope, self.value, self.soft, self.at
        )
