"""Packages of the real pipeline, and the players that play them."""
