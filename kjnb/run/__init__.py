"""A run from its launch to its end: the transaction, the handle, and how it is found again."""
