"""Filling an edge with what placement asks for, and emptying it of what is removed or purged."""

from edge.fill.agent import FillAgent
from edge.fill.purges import Purges
from edge.fill.removals import Removals

__all__ = ["FillAgent", "Purges", "Removals"]
