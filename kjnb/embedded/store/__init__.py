"""The objects: one write path, one order, durable."""
