"""Pure: what a run is."""
