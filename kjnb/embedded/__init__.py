"""A single-machine Kubernetes for batch: one API, pods as local processes."""
