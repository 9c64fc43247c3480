"""Programs that look for bytes which a parser cannot take; `make fuzz` runs each for a while."""
