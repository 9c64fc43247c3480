"""The command line, the all-in-one system and what operators deploy."""
