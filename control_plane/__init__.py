"""Catalog, placement, health and routing: who should watch what from where."""
