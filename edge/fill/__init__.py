"""Filling an edge with what placement asks for, and emptying it of what is removed."""

from edge.fill.agent import FillAgent
from edge.fill.removals import Removals

__all__ = ["FillAgent", "Removals"]
