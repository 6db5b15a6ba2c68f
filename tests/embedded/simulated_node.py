"""A kubelet without processes: every pod of the node runs and succeeds at once, written and told of as the real one's.

For tests and benches of everything but the processes: five writes a pod, two of them from here, and three Events.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from kjnb.embedded.api.timestamps import stamp
from kjnb.embedded.events import Recorder
from kjnb.embedded.store.store import Object, Store

NODE = "simulated"
EVENTS = (
    ("Pulled", 'Container image "{image}" already present on machine and can be accessed by the pod'),
    ("Created", "Container created"),
    ("Started", "Container started"),
)


class SimulatedKubelet:
    """See the module. `run` serves until it is cancelled."""

    def __init__(self, store: Store, recorder: Recorder, clock: Callable[[], float]) -> None:
        self._store = store
        self._recorder = recorder
        self._clock = clock
        self.runs: dict[str, int] = {}  # how often each pod was run, by uid

    async def run(self) -> None:
        """Take in what is there, then follow the pods."""
        since = self._store.resource_version
        for pod in self._store.list("pods"):
            self.see(pod)
        async for batch in self._store.watch("pods", since):
            for event in batch:
                if event.type != "DELETED":
                    self.see(event.obj)

    def see(self, seen: Object) -> None:
        """A pod as it was written last: what is bound runs, what runs ends."""
        meta = seen["metadata"]
        if not seen["spec"].get("nodeName"):
            return
        phase = seen["status"].get("phase")
        if phase == "Pending":
            self._begin(seen)
        elif phase == "Running" or meta.get("deletionTimestamp"):
            self._end(seen)

    def _begin(self, seen: Object) -> None:
        pod = self._current(seen)
        if pod is None:
            return
        self.runs[pod["metadata"]["uid"]] = self.runs.get(pod["metadata"]["uid"], 0) + 1
        now = self._clock()
        for container in pod["spec"]["containers"]:
            place = f"spec.containers{{{container['name']}}}"
            for reason, words in EVENTS:
                message = words.format(image=container["image"])
                self._recorder.record(pod, "Normal", reason, message, now, "kubelet", field_path=place, host=NODE)
        self._write(pod, {"running": {"startedAt": stamp(now)}}, now, over=False)

    def _end(self, seen: Object) -> None:
        pod = self._current(seen)
        if pod is None:
            return
        now = self._clock()
        if pod["metadata"].get("deletionTimestamp"):
            pod = {**pod, "metadata": {**pod["metadata"], "deletionGracePeriodSeconds": 0}}
        times = {"startedAt": stamp(now), "finishedAt": stamp(now)}
        self._write(pod, {"terminated": {"exitCode": 0, "reason": "Completed", **times}}, now, over=True)

    def _current(self, seen: Object) -> Object | None:
        """The pod, if nobody wrote it meanwhile: what was written will be heard."""
        meta = seen["metadata"]
        found = self._store.get("pods", meta["namespace"], meta["name"])
        same = found is not None and found["metadata"]["resourceVersion"] == meta["resourceVersion"]
        return found if same else None

    def _write(self, pod: Object, state: Object, now: float, *, over: bool) -> None:
        self._store.update("pods", {**pod, "status": status(pod, state, stamp(now), over=over)})


def status(pod: Object, state: Object, now: str, *, over: bool) -> Object:
    """The pod's status as a kubelet writes it, with all its containers in one state."""
    old = pod["status"]
    said = {one["type"]: one for one in old.get("conditions") or ()}
    for kind in ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady"):
        holds = not over or kind == "Initialized"
        one = {"type": kind, "status": "True" if holds else "False", "lastProbeTime": None, "lastTransitionTime": now}
        said[kind] = {**one, "reason": "PodCompleted"} if over else one
    containers = [
        {
            "name": one["name"],
            "state": state,
            "lastState": {},
            "ready": not over,
            "started": not over,
            "restartCount": 0,
            "image": one["image"],
            "imageID": one["image"],
            "containerID": f"process://{pod['metadata']['uid']}_{one['name']}_0",
        }
        for one in pod["spec"]["containers"]
    ]
    places = {"hostIP": "127.0.0.1", "hostIPs": [{"ip": "127.0.0.1"}], "podIP": "127.0.0.1"}
    return {
        **places,
        "phase": "Succeeded" if over else "Running",
        "qosClass": old.get("qosClass", "BestEffort"),
        "startTime": old.get("startTime") or now,
        "conditions": list(said.values()),
        "containerStatuses": containers,
    }


def machine(cpu: str = "1k") -> Object:
    """Its Node object: room for as many pods as a Job wants at once."""
    room = {"cpu": cpu, "memory": "4Ti", "pods": "100k"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": NODE, "labels": {"kubernetes.io/hostname": NODE}},
        "spec": {},
        "status": {"allocatable": room, "capacity": room},
    }


async def simulated(store: Store, recorder: Recorder, clock: Callable[[], float]) -> asyncio.Task[None]:
    """The node, and its kubelet running."""
    if store.get("nodes", None, NODE) is None:
        store.create("nodes", machine())
    return asyncio.get_running_loop().create_task(SimulatedKubelet(store, recorder, clock).run(), name="kubelet")
