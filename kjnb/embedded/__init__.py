"""A single-machine Kubernetes for batch: one API, pods as local processes. `start` it, and any client can use it."""

from __future__ import annotations

from kjnb.embedded.daemon import StartError, kubeconfig, start, status, stop

__all__ = ["StartError", "kubeconfig", "start", "status", "stop"]
