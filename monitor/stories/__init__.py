"""Which articles tell the same story, told from their signatures. Pure: no clock, no store, no network."""
