"""What services say to each other: immutable messages and their JSON form.

Readers ignore members they do not know, so that two releases can talk to each other; writers never
change the meaning of a member. Times are POSIX seconds, sizes are bytes.
"""

from common.messages.edges import (
    DesiredPackage,
    DesiredState,
    Heartbeat,
    HeartbeatAnswer,
    HeldPackage,
    Holdings,
)
from common.messages.jobs import (
    Decision,
    Evidence,
    JobEvent,
    JobProgress,
    JobState,
    JobView,
    Review,
    ReviewRequest,
    StageView,
    SubtitlesView,
    Verdict,
)
from common.messages.packages import (
    ManifestObject,
    PackageAnnouncement,
    PackageManifest,
    Profile,
)
from common.messages.removals import (
    CarriedOut,
    EdgeRemoval,
    EdgeRemovalState,
    OrderedRemoval,
    OrderedRemovals,
    OriginRemoval,
    PrefixDeletion,
    RemovalState,
    RemovalView,
    RollbackRequest,
    VersionView,
)
from common.messages.views import (
    AssetState,
    AssetView,
    EdgeState,
    EdgeView,
    RankedEdge,
    RegionCopies,
    RouteView,
)
from common.messages.wire import MessageInvalid, decode, encode, encode_text

__all__ = [
    "AssetState",
    "AssetView",
    "CarriedOut",
    "Decision",
    "DesiredPackage",
    "DesiredState",
    "EdgeRemoval",
    "EdgeRemovalState",
    "EdgeState",
    "EdgeView",
    "Evidence",
    "Heartbeat",
    "HeartbeatAnswer",
    "HeldPackage",
    "Holdings",
    "JobEvent",
    "JobProgress",
    "JobState",
    "JobView",
    "ManifestObject",
    "MessageInvalid",
    "OrderedRemoval",
    "OrderedRemovals",
    "OriginRemoval",
    "PackageAnnouncement",
    "PackageManifest",
    "PrefixDeletion",
    "Profile",
    "RankedEdge",
    "RegionCopies",
    "RemovalState",
    "RemovalView",
    "Review",
    "ReviewRequest",
    "RollbackRequest",
    "RouteView",
    "StageView",
    "SubtitlesView",
    "Verdict",
    "VersionView",
    "decode",
    "encode",
    "encode_text",
]
