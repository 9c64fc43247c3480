"""Rolling back to versions and removing them everywhere, with proof."""
