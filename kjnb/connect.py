"""Which cluster: what `use` was told, a context of the user's kubeconfig, or the embedded cluster, started on demand.

One Session object holds what the notebook said; every door is given it. Nothing else in kjnb knows that there is an
embedded cluster: from here on it is a kubeconfig like any other.
"""

from __future__ import annotations

import contextlib
import getpass
import ipaddress
import os
import socket
import threading
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from kjnb.cluster.client import Cluster
from kjnb.errors import ClusterError, UsageError
from kjnb.model.names import label_value

LOCAL, IN_CLUSTER = "local", "in-cluster"


def home() -> Path:
    """The user's own folder: KJNB_HOME, else ~/.kjnb."""
    return Path(os.environ.get("KJNB_HOME") or Path.home() / ".kjnb")


def owner() -> str:
    """Whose runs these are: the user's name, as a label can hold it."""
    try:
        name = os.environ.get("JUPYTERHUB_USER") or getpass.getuser()
    except (KeyError, OSError):  # a container's uid without a name
        name = f"uid-{os.getuid()}"
    return label_value(name) or "unknown"


class Session:
    """What a notebook works with: the cluster it chose and the run it spoke of last.

    `target` is "local" (the embedded cluster), the name of a context in the user's kubeconfig, or "in-cluster". It
    comes from `use`, else from KJNB_CLUSTER, else it is "local".
    """

    def __init__(self) -> None:
        self.last_run: str | None = None
        self._told: tuple[str, str | None, dict[str, str]] | None = None
        self._clusters: dict[tuple[str, str | None, str], Cluster] = {}
        self._lock = threading.Lock()

    @property
    def target(self) -> str:
        """The session's cluster as it was told."""
        return self._told[0] if self._told else os.environ.get("KJNB_CLUSTER") or LOCAL

    @property
    def cluster(self) -> Cluster:
        """The session's cluster, connected on first need."""
        return self.connect()

    def use(
        self, target: str, namespace: str | None = None, stage: str | None = None, image: str | None = None
    ) -> Cluster:
        """Make `target` the session's cluster; `stage` and `image` go before what the cluster has as defaults.

        Raises UsageError for a context that is not in the kubeconfig; the session then keeps what it had.
        """
        over = {k: v for k, v in {"stage": stage, "image": image}.items() if v}
        cluster = self._connected(target, namespace, over)
        self._told = (target, namespace, over)
        return cluster

    def connect(self, target: str | Cluster | None = None, namespace: str | None = None) -> Cluster:
        """Give the session's cluster, or another one for this call; the embedded one is started if it is not running.

        `namespace` is another one than the session's or the context's.
        Raises UsageError for an unknown context, ClusterError when the embedded cluster cannot be started.
        """
        if isinstance(target, Cluster):
            return target
        if target is None or (self._told and target == self._told[0]):
            chosen, usual, over = self._told or (self.target, None, {})
            return self._connected(chosen, namespace or usual, over)
        return self._connected(target, namespace, {})

    def _connected(self, target: str, namespace: str | None, over: dict[str, str]) -> Cluster:
        if not isinstance(target, str) or not target.strip():
            raise UsageError(f"a cluster is named by a text, not {target!r}", fix="'local', a context, or 'in-cluster'")
        key = (target, namespace, f"{sorted(over.items())} {home()}")
        with self._lock:
            known = self._clusters.get(key)
            if known is not None and (target != LOCAL or _listens(known.server)):
                return known
            loaded, context, default = _load(target)
            again = None if target == IN_CLUSTER else lambda: _reloaded(target)
            cluster = Cluster(target, context, namespace or default, loaded, over, again)
            self._clusters[key] = cluster
            return cluster


SESSION = Session()
use = SESSION.use
connect = SESSION.connect


def _load(target: str) -> tuple[Any, str, str]:
    if target == IN_CLUSTER:
        return in_cluster()
    if target != LOCAL:
        return configuration(target)
    from kjnb import embedded

    try:
        kubeconfig = embedded.start(home())
    except embedded.StartError as error:
        raise ClusterError(str(error), fix="`kjnb cluster status` says more") from error
    except OSError as error:
        raise no_home(error) from error
    loaded, _, namespace = configuration(None, kubeconfig)
    return loaded, LOCAL, namespace


def no_home(error: OSError) -> ClusterError:
    """The embedded cluster has no folder to work in."""
    what = f"the embedded cluster cannot keep its state in {home()}: {error.strerror or error}"
    return ClusterError(what, fix="set KJNB_HOME to a folder that you can write to")


def embedded_cluster() -> ModuleType:
    """The embedded cluster's own commands (start, stop, status, kubeconfig); each is given `home()`."""
    from kjnb import embedded

    return embedded


def _reloaded(target: str) -> Any:
    """Load a cluster's configuration once more, without starting anything."""
    if target != LOCAL:
        return configuration(target)[0]
    from kjnb import embedded

    return configuration(None, embedded.kubeconfig(home()))[0]


def _listens(server: str) -> bool:
    """Whether anything still answers there; the embedded cluster comes back at another port after it was stopped."""
    where = urlsplit(server)
    with contextlib.suppress(OSError), socket.create_connection((where.hostname or "", where.port or 443), timeout=1):
        return True
    return False


def configuration(context: str | None, kubeconfig: Path | None = None) -> tuple[Any, str, str]:
    """Load a kubeconfig's context into the official client's configuration; returns it with context and namespace.

    Raises UsageError naming the contexts there are when `context` is none of them.
    """
    from kubernetes.client import Configuration
    from kubernetes.config import ConfigException, kube_config

    where = str(kubeconfig) if kubeconfig else os.environ.get("KUBECONFIG")  # as it is now, not as it was on import
    loaded = Configuration()
    try:
        contexts, current = kube_config.list_kube_config_contexts(where)
        chosen = next((c for c in contexts if c["name"] == context), None) if context else current
        if chosen is None:
            raise UsageError(f"no context {context!r} here", fix=f"one of: {', '.join(_names(contexts))}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the client's own making, about its temporary files
            kube_config.load_kube_config(where, chosen["name"], loaded, persist_config=False)
    except ConfigException as error:
        what = f"context {context!r} cannot be used: {error}" if context else f"the kubeconfig cannot be used: {error}"
        raise UsageError(what, fix="kjnb.use('local') needs no kubeconfig") from error
    return _direct(loaded), chosen["name"], chosen["context"].get("namespace") or "default"


def targets() -> list[str]:
    """What a cluster can be named here: "local", then the contexts of the user's kubeconfig, if it can be read."""
    from kubernetes.config import ConfigException, kube_config

    try:
        contexts, _ = kube_config.list_kube_config_contexts(os.environ.get("KUBECONFIG"))
    except (ConfigException, OSError):
        contexts = []
    return list(dict.fromkeys(_names(contexts)))


def in_cluster() -> tuple[Any, str, str]:
    """Load the credentials that a pod's service account gives."""
    from kubernetes.client import Configuration
    from kubernetes.config import ConfigException, load_incluster_config

    loaded = Configuration()
    try:
        load_incluster_config(client_configuration=loaded)
    except ConfigException as error:
        raise UsageError(f"this is not a pod with a service account: {error}", fix="kjnb.use(CONTEXT)") from error
    namespace = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
    return _direct(loaded), "in-cluster", namespace.read_text().strip() if namespace.exists() else "default"


def _names(contexts: list[dict[str, Any]]) -> list[str]:
    return [LOCAL, *(c["name"] for c in contexts)]


def _direct(loaded: Any) -> Any:
    """Keep connections alive, as many as we have threads; never go to loopback through a proxy."""
    from urllib3.connection import HTTPConnection

    if _is_loopback(urlsplit(loaded.host).hostname or ""):
        loaded.proxy = None
    loaded.socket_options = [*HTTPConnection.default_socket_options, *_keepalive()]
    loaded.connection_pool_maxsize = 16
    return loaded


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _keepalive() -> list[tuple[int, int, int]]:
    wanted = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))
    known = [(socket.IPPROTO_TCP, getattr(socket, n), v) for n, v in wanted if hasattr(socket, n)]
    return [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), *known]
