"""Pods without a node: what the scheduler says, in a sentence."""

from __future__ import annotations

import re
from collections.abc import Mapping

from kjnb.model.causes.remedy import WAITS, Scene, amount, fitting
from kjnb.model.findings import Cause, Rank
from kjnb.model.podfacts import Pod
from kjnb.model.quantity import cpu_quantity, memory_quantity

PREEMPTION = re.compile(r"\.? (no new claims to deallocate|preemption:).*", re.DOTALL)
HELPLESS = re.compile(r"preemption: 0/(\d+) nodes are available: (\d+) Preemption is not helpful")
INSUFFICIENT = re.compile(r"Insufficient ([^\s,]+?)(?=[,.]?(?:\s|$))")
UNKNOWN_CLAIM = re.compile(r'persistentvolumeclaim "([^"]+)" not found')
TEMPLATE = "comes from the pod template of this cluster (ConfigMap kjnb-defaults): ask its owner"


def cause(pod: Pod, scene: Scene, claims: Mapping[str, str]) -> Cause | None:
    """Why no node takes the pod; None if it has one, or nothing was said. `claims`: what is said of volume claims."""
    status, reason, message = pod.conditions.get("PodScheduled", ("", "", ""))
    if pod.node or status != "False":
        return None
    if reason == "SchedulingGated" or pod.gates:
        return gated(pod)
    return volume(pod, message, scene, claims) or room(pod, message, scene) or place(pod, message)


def gated(pod: Pod) -> Cause:
    """A scheduling gate holds it."""
    gates = ", ".join(pod.gates) or "a gate that cannot be read"
    return Cause(
        "scheduling-gate",
        f"held back by the scheduling gate {gates}; no node is looked for until it is taken away",
        "whoever set the gate takes it away (a queue or quota controller, as a rule): ask the cluster's owner",
        f"held by the scheduling gate {gates}",
    )


def volume(pod: Pod, message: str, scene: Scene, claims: Mapping[str, str]) -> Cause | None:
    """A volume claim that is not there, or not bound."""
    missing = UNKNOWN_CLAIM.search(message)
    if missing:
        return Cause(
            "volume-claim-missing",
            f"the volume claim {missing[1]} does not exist in {scene.where}",
            f"create the PersistentVolumeClaim {missing[1]} there; {WAITS} then",
            f"the volume claim {missing[1]} does not exist",
            trimmed(message),
        )
    if "unbound" not in message and "volume" not in message.lower():
        return None
    names = ", ".join(pod.claims)
    said = next((claims[name] for name in pod.claims if claims.get(name)), "")
    return Cause(
        "volume-claim-unbound",
        f"the volume claim {names} has no volume" if "unbound" in message else f"no node can have the volume {names}",
        f"ask for a storage class or a volume for the claim {names} in {scene.where}; {WAITS} then",
        f"the volume claim {names} has no volume",
        said or trimmed(message),
    )


def room(pod: Pod, message: str, scene: Scene) -> Cause | None:
    """No node has what the pod asks for: never, or not as long as others have it."""
    lacking = sorted(set(INSUFFICIENT.findall(message)))
    if not lacking:
        return None
    asks = ", ".join(wish(pod, resource) for resource in lacking)
    hopeless = too_much(pod, lacking, scene)
    if hopeless or (hopeless is None and helpless(message)):
        return never(lacking, asks, message, scene)
    return Cause(
        f"unschedulable-{lacking[0]}",
        f"waiting for room: no node has {asks} free now",
        f"{WAITS} as others end{less(pod, lacking)}",
        f"no node has {asks} free",
        trimmed(message),
        Rank.WAITING,
    )


def less(pod: Pod, lacking: list[str]) -> str:
    """What would let more run at a time: half of what the pod asks of what is lacking; "" if no setting asks for it."""
    halves = {"cpu": cpu_quantity, "memory": memory_quantity}
    asked = {one: max((amount(box.asked.get(one, "0")) for box in pod.boxes), default=0) for one in lacking}
    found = [f"{one}='{halves[one](most / 2)}'" for one, most in asked.items() if one in halves and most]
    return f"; a launch with {', '.join(found)} has more of them run at a time" if found else ""


def never(lacking: list[str], asks: str, message: str, scene: Scene) -> Cause:
    """No node has so much, even when it is empty."""
    asked = changes(lacking, scene)
    fix = f"ask for less: {scene.again(*asked)}" if asked else f"it {TEMPLATE} for nodes with {', '.join(lacking)}"
    return Cause(
        f"unschedulable-{lacking[0]}",
        f"no node of the cluster has {asks}",
        fix,
        f"no node has {asks}",
        trimmed(message),
    )


def changes(lacking: list[str], scene: Scene) -> list[str]:
    """The settings that ask for less of what is lacking; none for what no setting asks for."""
    return [fitting(resource, scene) for resource in lacking if resource in ("cpu", "memory")]


def wish(pod: Pod, resource: str) -> str:
    """What the pod asks of a resource, in words: "64 CPU", "900Gi of memory", "1 nvidia.com/gpu"."""
    asked = [box.asked[resource] for box in pod.boxes if resource in box.asked]
    most = max(asked, key=amount, default="")
    if resource == "memory":
        return f"{most} of memory" if most else "enough memory"
    if resource == "cpu":
        return f"{cpu_quantity(amount(most))} CPU" if most else "enough CPU"
    return f"{most} {resource}" if most else f"enough {resource}"


def too_much(pod: Pod, lacking: list[str], scene: Scene) -> bool | None:
    """Whether the pod asks for more than the largest node has; None where that is not known."""
    known = {"cpu": scene.cores, "memory": scene.memory}
    sums = {resource: sum(amount(box.asked.get(resource, "0")) for box in pod.boxes) for resource in lacking}
    told = [sums[resource] > most for resource in lacking if (most := known.get(resource)) is not None]
    return any(told) if told else None


def helpless(message: str) -> bool:
    """Whether the scheduler says that no node would do, even if others were put aside."""
    told = HELPLESS.search(message)
    return told is not None and told[1] == told[2]


def place(pod: Pod, message: str) -> Cause:
    """Nodes there are, but none that the pod may go to."""
    if "free ports" in message:
        return Cause(
            "host-port",
            "waiting for a port of the node that another pod has (hostPort)",
            f"run as many at a time as there are nodes: run.scale(1); the port {TEMPLATE}",
            "another pod has the node's port",
            trimmed(message),
        )
    if "affinity" in message or "selector" in message:
        wanted = ", ".join(f"{key}={value}" for key, value in pod.selector.items())
        return Cause(
            "unschedulable-selector",
            f"no node has the label {wanted}" if wanted else "no node is one that the pod's affinity accepts",
            f"the node selector {TEMPLATE}, or use another cluster: kjnb.use(CONTEXT)",
            f"no node has the label {wanted}" if wanted else "no node matches the pod's affinity",
            trimmed(message),
        )
    if "taint" in message:
        return Cause(
            "unschedulable-taint",
            "the nodes with room are tainted, and the pod does not tolerate that",
            f"a toleration {TEMPLATE}, or use another cluster: kjnb.use(CONTEXT)",
            "no node without a taint has room",
            trimmed(message),
        )
    return Cause(
        "unschedulable",
        "no node takes it" if message else "no node yet",
        f"{WAITS} once a node can; ask the cluster's owner if none should",
        "no node takes the pods",
        trimmed(message),
    )


def trimmed(message: str) -> str:
    """The scheduler's reason without what it says about preemption, which helps nobody here."""
    return PREEMPTION.sub("", message).removesuffix(". not found")
