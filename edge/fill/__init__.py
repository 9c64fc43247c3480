"""Filling an edge with what placement asks for, ahead of demand."""

from edge.fill.agent import FillAgent

__all__ = ["FillAgent"]
