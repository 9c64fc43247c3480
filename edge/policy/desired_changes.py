"""Changes of desired state that wait to be carried out, joined into one."""

from common.messages import DesiredChange, PackageName


def joined(first: DesiredChange, second: DesiredChange) -> DesiredChange:
    """What ``first`` and then ``second``, which follows it or is the whole, come to."""
    if second.since != first.revision:
        return second
    packages = {PackageName(each.asset_id, each.version): each for each in first.packages}
    dropped = dict.fromkeys(first.dropped)
    for name in second.dropped:
        packages.pop(name, None)
        dropped[name] = None
    for each in second.packages:
        name = PackageName(each.asset_id, each.version)
        packages[name] = each
        dropped.pop(name, None)
    return DesiredChange(
        edge_id=second.edge_id,
        since=first.since,
        revision=second.revision,
        packages=tuple(packages.values()),
        dropped=() if first.since == 0 else tuple(dropped),
    )
