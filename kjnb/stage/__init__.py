"""Where a run lives: its folder, and the parts in it."""
