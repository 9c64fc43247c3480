"""The pages: one for operators, one that uploads."""
