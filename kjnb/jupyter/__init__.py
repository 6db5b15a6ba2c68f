"""The doors inside a notebook: thin shells over the road."""
