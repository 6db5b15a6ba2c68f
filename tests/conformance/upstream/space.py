"""A namespace of a life's own, and few words to ask for Jobs in it and to wait for what becomes of them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from tests.conformance.play import PATCH_TYPES, Server
from tests.waiting import eventually

Object = dict[str, Any]
Life = Callable[["Space"], None]
LIVES: dict[str, Life] = {}
BUSYBOX = "registry.k8s.io/e2e-test-images/busybox:1.37.0-1"
PAUSE = "registry.k8s.io/pause:3.10.2"
WITHIN = 90.0
INDEX = "batch.kubernetes.io/job-completion-index"


def life(told: Life) -> Life:
    """Add it to `LIVES`."""
    LIVES[told.__name__] = told
    return told


class Space:
    """See the module. Every answer but those asked for with `call` must be a good one."""

    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        self.name = f"{name.replace('_', '-')[:40].strip('-')}-{uuid.uuid4().hex[:6]}"
        meta = {"name": self.name, "labels": {"pod-security.kubernetes.io/enforce": "privileged"}}
        self.ask("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
        self.core = f"/api/v1/namespaces/{self.name}"
        self.jobs = f"/apis/batch/v1/namespaces/{self.name}/jobs"

    def close(self) -> None:
        """Delete the namespace with all that is in it."""
        self.server.call("DELETE", f"/api/v1/namespaces/{self.name}")

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any]:
        """(code, document)."""
        code, document = self.server.call(method, path, body, **more)
        return code, document

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """The document of a request that must succeed."""
        code, document = self.call(method, path, body, **more)
        assert code < 300, (method, path, code, document)
        return document

    # -- Jobs

    def create(self, job: Object) -> Object:
        """The new Job."""
        return self.ask("POST", self.jobs, job)

    def job(self, name: str = "job") -> Object:
        """The Job as it is now."""
        return self.ask("GET", f"{self.jobs}/{name}")

    def status(self) -> Object:
        """The Job's status."""
        return self.job().get("status") or {}

    def change(self, edit: Callable[[Object], None], path: str = "") -> Object:
        """Read, edit and PUT it until nobody came between."""
        path = path or f"{self.jobs}/job"
        changed: list[Object] = []

        def tried() -> bool:
            found = self.ask("GET", path)
            edit(found)
            code, document = self.call("PUT", path, found)
            assert code in (200, 409), (code, document)
            changed.append(document)
            return code == 200

        eventually(tried, within=WITHIN, every=0.1)
        return changed[-1]

    def suspend(self, value: bool) -> None:
        """Suspend or resume by PUT."""
        self.change(lambda job: job["spec"].update(suspend=value))

    def patch(self, path: str, body: Any, kind: str = "merge") -> Object:
        """PATCH it."""
        return self.ask("PATCH", path, body, headers={"Content-Type": PATCH_TYPES[kind]})

    def delete(self, path: str, **options: Any) -> None:
        """DELETE it with these options."""
        self.ask("DELETE", path, {"apiVersion": "v1", "kind": "DeleteOptions", **options})

    # -- pods

    def pods(self, *, at_work: bool = False, job: str = "job") -> list[Object]:
        """The Job's pods; `at_work` those only that neither ended nor are to end."""
        query = {"labelSelector": f"batch.kubernetes.io/job-name={job}"}
        found = self.ask("GET", f"{self.core}/pods", query=query)["items"]
        return [pod for pod in found if not at_work or is_at_work(pod)]

    def phases(self) -> list[str]:
        """The phases of its pods, in order."""
        return sorted(pod["status"]["phase"] for pod in self.pods())

    # -- waiting

    def wait(self, predicate: Callable[[], Any], within: float = WITHIN) -> Any:
        """The predicate's first true value."""
        return eventually(predicate, within=within, every=0.15)

    def until(self, **wanted: Any) -> Object:
        """The Job's status once it says that; None stands for an absent or zero number."""
        return self.wait(lambda: self._said(wanted))

    def _said(self, wanted: Object) -> Object | None:
        status = self.status()
        return status if all((status.get(name) or None) == value for name, value in wanted.items()) else None

    def ended(self, condition: str) -> Object:
        """The status once that condition is True; no other end may come first."""

        def come() -> Object | None:
            status = self.status()
            over = [c for c in conditions(status) if c in ("Complete", "Failed")]
            assert over in ([], [condition]), status
            return status if over else None

        return self.wait(come)

    def running(self, count: int) -> list[Object]:
        """Its pods once so many run and are ready."""

        def come() -> list[Object]:
            pods = [pod for pod in self.pods(at_work=True) if pod["status"]["phase"] == "Running" and is_ready(pod)]
            return pods if len(pods) == count else []

        return self.wait(come)


def is_at_work(pod: Object) -> bool:
    """Neither over nor to be deleted."""
    return pod["status"]["phase"] not in ("Succeeded", "Failed") and "deletionTimestamp" not in pod["metadata"]


def is_ready(pod: Object) -> bool:
    """Its Ready condition is True."""
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions") or [])


def conditions(status: Object) -> list[str]:
    """The types of the conditions that are True, in order."""
    return [c["type"] for c in status.get("conditions") or [] if c["status"] == "True"]


def reasons(status: Object) -> list[tuple[str, str]]:
    """(type, reason) of the conditions that are True, in order."""
    return [(c["type"], c.get("reason", "")) for c in status.get("conditions") or [] if c["status"] == "True"]


def a_job(script: str | None, *, pod: Object | None = None, container: Object | None = None, **spec: Any) -> Object:
    """A Job named job: two at once, four wanted, a shell script, or what its image does by itself (pause: it waits)."""
    command = {"command": ["/bin/sh", "-c", script]} if script is not None else {}
    one = {"name": "c", "image": BUSYBOX, **command, "securityContext": {}, **(container or {})}
    inside = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 2, "containers": [one], **(pod or {})}
    given = {"parallelism": 2, "completions": 4, "backoffLimit": 6, **spec}
    template = {"metadata": {"labels": {"job": "job"}}, "spec": inside}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "job"},
        "spec": {**given, "template": template},
    }


def waiting(**spec: Any) -> Object:
    """A Job whose pods run until they are told to stop."""
    return a_job(None, container={"image": PAUSE}, **spec)


def on_one_node(space: Space, folder: str = "") -> Object:
    """What makes all pods of a Job share /data: the node's name and a folder of it."""
    nodes = space.ask("GET", "/api/v1/nodes")["items"]
    host = nodes[0]["metadata"]["labels"]["kubernetes.io/hostname"]
    path = folder or f"/tmp/job-e2e/{uuid.uuid4().hex[:10]}"
    source = {"path": path, "type": "DirectoryOrCreate"}
    return {"nodeSelector": {"kubernetes.io/hostname": host}, "volumes": [{"name": "data", "hostPath": source}]}


DATA = {
    "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    "securityContext": {"privileged": True},
}
FAIL_ONCE = "if [[ -r /data/seen ]] ; then exit 0 ; fi ; touch /data/seen ; exit 1"
FAIL_ONCE_EACH = "f=/data/seen-$JOB_COMPLETION_INDEX ; if [[ -r $f ]] ; then exit 0 ; fi ; touch $f ; exit 1"
ODD_FAILS = "exit $(expr ${JOB_COMPLETION_INDEX} % 2)"


def on_exit(action: str, *codes: int) -> Object:
    """A podFailurePolicy of one rule."""
    return {"rules": [{"action": action, "onExitCodes": {"operator": "In", "values": list(codes)}}]}
