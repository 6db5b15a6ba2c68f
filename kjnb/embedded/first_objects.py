"""What every cluster has from its start: two namespaces, its one Node, the site's defaults."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path
from typing import Any

from kjnb.embedded.api import defaults
from kjnb.embedded.store.store import Store

Object = dict[str, Any]
DEFAULTS = "kjnb-defaults"


def node_name() -> str:
    """The host's name as a DNS subdomain."""
    name = re.sub(r"[^a-z0-9.-]+", "-", socket.gethostname().lower()).strip("-.")
    return name or "localhost"


def ensure_node(store: Store, node: Object) -> None:
    """This machine's Node, with what it has now."""
    found = store.get("nodes", None, node["metadata"]["name"])
    if found is None:
        store.create("nodes", node)
    else:
        store.update("nodes", {**node, "metadata": {**found["metadata"], "labels": node["metadata"]["labels"]}})


def ensure_objects(store: Store, root: Path, backoff_base: float) -> None:
    """What every cluster has from its start: two namespaces and the site's defaults."""
    for name in ("default", "kube-system"):
        if store.get("namespaces", None, name) is None:
            meta = {"name": name}
            store.create("namespaces", defaults.namespace({"apiVersion": "v1", "kind": "Namespace", "metadata": meta}))
    wanted = site_defaults(root, backoff_base)
    found = store.get("configmaps", "default", DEFAULTS)
    if found is None:
        meta = {"name": DEFAULTS, "namespace": "default"}
        store.create("configmaps", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": wanted})
    elif found.get("data") != wanted:
        store.update("configmaps", {**found, "data": wanted})


async def keep_site_defaults(store: Store, root: Path, backoff_base: float) -> None:
    """For ever: publish the site's defaults anew when somebody has cleared their namespace."""
    async for batch in store.watch("configmaps"):
        if any(event.type == "DELETED" and event.obj["metadata"]["name"] == DEFAULTS for event in batch):
            ensure_objects(store, root, backoff_base)


def ensure_service(store: Store, port: int) -> None:
    """The Service by which clients find this very server."""
    family = {"ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack", "sessionAffinity": "None"}
    at = {"name": "https", "port": port, "protocol": "TCP", "targetPort": port}
    spec = {"clusterIP": "127.0.0.1", "clusterIPs": ["127.0.0.1"], "type": "ClusterIP", "ports": [at], **family}
    labels = {"component": "apiserver", "provider": "kubernetes"}
    meta = {"name": "kubernetes", "namespace": "default", "labels": labels}
    wanted = {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec, "status": {"loadBalancer": {}}}
    if store.get("services", "default", "kubernetes") is None:
        store.create("services", wanted)
    else:
        store.update("services", wanted)


def site_defaults(root: Path, backoff_base: float) -> dict[str, str]:
    """The ConfigMap `kjnb-defaults`: pods run here in the caller's interpreter, as the caller, on this file system."""
    patch = {
        "spec": {
            "securityContext": None,
            "containers": [
                {
                    "name": "worker",
                    "securityContext": None,
                    "env": [{"name": "HOME", "$patch": "delete"}],
                    "volumeMounts": [{"mountPath": "/tmp", "$patch": "delete"}],  # noqa: S108
                }
            ],
            "volumes": [{"name": "tmp", "$patch": "delete"}],
        }
    }
    own = "{executable}"  # the caller puts its own interpreter here
    return {
        "image": f"local://{own}",
        "python": own,
        "stage": str(root / "runs"),
        "template": json.dumps(patch),
        "backoffBase": f"{backoff_base:g}",  # what nothing else of the API tells
    }
