"""What a client's network carries, as far as players have told edges (CTA-5004)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estimate:
    """What players in one network told lately."""

    throughput: float
    """Bits per second that they measured."""
    starving: float
    """Of what they told, the share that was of an empty buffer, 0 to 1."""
    weight: float
    """How many of their words it rests on; older ones count less."""
