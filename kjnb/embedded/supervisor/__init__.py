"""The parent of every container: it outlives the server, so that no exit code is lost."""
