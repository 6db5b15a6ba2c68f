"""Pure: what a run looks like."""
