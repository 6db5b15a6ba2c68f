"""Pods that ended badly, or are taken away: killed for memory, for time, by the cluster, or their program failed."""

from __future__ import annotations

from kjnb.model.causes.images import IMAGE
from kjnb.model.causes.remedy import Scene, more_memory
from kjnb.model.causes.setup import not_started
from kjnb.model.failures import Failure
from kjnb.model.findings import Cause, Rank
from kjnb.model.podfacts import Box, Ended, Pod
from kjnb.worker.attempt import FATAL, TASK_UNLOADABLE

SIGNALS = {134: "SIGABRT", 135: "SIGBUS", 136: "SIGFPE", 137: "SIGKILL", 139: "SIGSEGV", 143: "SIGTERM"}
DISRUPTIONS = {
    "EvictionByEvictionAPI": "the node is being emptied, and evicts its pods",
    "PreemptionByScheduler": "preempted: a pod of higher priority takes its place",
    "DeletionByTaintManager": "the node is not well, or was tainted",
    "DeletionByPodGC": "the node is gone",
    "TerminationByKubelet": "the node runs out of something, or shuts down",
}
REFUSED = ("OutOf", "NodeAffinity", "UnexpectedAdmissionError", "NodePorts", "TopologyAffinityError", "Preempting")
OF_CONTAINERS = ("", "Error", "OOMKilled", "StartError", "ContainerCannotRun", "Completed")
SMALLER = "or more and smaller partitions"


def cause(pod: Pod, scene: Scene, failure: Failure | None) -> Cause | None:
    """Why a pod ended or is taken away; None if it ended well. `failure` is what is known of its index."""
    if pod.phase != "Succeeded":
        return bad(pod, scene, failure)
    killed = out_of_memory(pod)
    return child_killed(killed) if killed else None


def bad(pod: Pod, scene: Scene, failure: Failure | None) -> Cause:
    """Why a pod failed, or is taken away before its end."""
    disrupted = pod.held("DisruptionTarget")
    if disrupted:
        return disruption(pod, *disrupted, scene)
    killed = out_of_memory(pod)
    return killed_for_memory(killed, scene) if killed else failed(pod, scene, failure)


def out_of_memory(pod: Pod) -> Box | None:
    """The container in which something was killed for memory."""
    return next((box for box in pod.boxes if box.ended and box.ended.reason == "OOMKilled"), None)


def failed(pod: Pod, scene: Scene, failure: Failure | None) -> Cause:
    """A pod that failed: by its own reason, its task's error, or the container that ended first with an error."""
    if pod.reason == "DeadlineExceeded":
        return too_slow(pod, scene)
    if pod.reason:
        return taken(pod, scene)
    if failure and failure.error:
        return raised(failure, scene)
    box, end = first_error(pod)
    if box is None or end is None:
        said = "failed, and nothing was seen of why"
        fix = f"run.logs(INDEX) is what it printed; to try it again: {scene.again()}"
        return Cause("failed", said, fix, "", pod.message)
    if end.reason in ("StartError", "ContainerCannotRun"):
        return not_started(box, end.message, scene)._replace(rank=Rank.FAILED)
    return init_failed(box, end) if box.init else exited(end, scene)


def first_error(pod: Pod) -> tuple[Box | None, Ended | None]:
    """The first container that ended with an error; those that run first come first."""
    return next(((box, box.ended) for box in pod.boxes if box.ended and box.ended.code != 0), (None, None))


def killed_for_memory(box: Box, scene: Scene) -> Cause:
    """The container was over its memory limit."""
    limit = box.limits.get("memory", "")
    over = f"more than the limit of {limit}" if limit else "more than there was, without a limit of its own"
    which = f"the init container {box.name} was killed" if box.init else "killed"
    return Cause(
        "oom-killed",
        f"out of memory: {which} for using {over} (OOMKilled)",
        f"give more: {scene.again(more_memory(limit))}, {SMALLER}",
        f"out of memory (limit {limit})" if limit else "out of memory",
        rank=Rank.FAILED,
    )


def child_killed(box: Box) -> Cause:
    """The container ended well, but some process in it was killed for memory."""
    limit = box.limits.get("memory", "")
    over = f"the limit of {limit}" if limit else "all memory there was"
    return Cause(
        "oom-killed-child",
        f"ended well, but a process inside was killed for using more than {over}: the result may lack something",
        f"look at the result; to run it again with more: launch it with {more_memory(limit)}, fresh=True",
        rank=Rank.NOTE,
    )


def too_slow(pod: Pod, scene: Scene) -> Cause:
    """The pod's own deadline passed."""
    limit = f" of {pod.deadline} s" if pod.deadline else ""
    longer = f"timeout={2 * pod.deadline}" if pod.deadline else "timeout=3600"
    return Cause(
        "pod-deadline",
        f"ran longer than the limit{limit} of one attempt (timeout)",
        f"give more time: {scene.again(longer)}, {SMALLER}",
        f"an attempt ran longer than {pod.deadline} s" if pod.deadline else "an attempt ran too long",
        rank=Rank.FAILED,
    )


def taken(pod: Pod, scene: Scene) -> Cause:
    """The pod's own reason: the node gave it up, or would not have it."""
    said = f"the node gave it up: {pod.reason}"
    if pod.reason.startswith(REFUSED):
        said = f"the node would not have it: {pod.reason}"
    if pod.reason == "Evicted" and "memory" in pod.message:
        said = "the node ran out of memory and gave it up: Evicted"
    fix = f"it is not the task's fault: {tried_again(scene)}"
    return Cause("evicted", said, fix, f"given up by the node: {pod.reason}", pod.message, Rank.FAILED)


def disruption(pod: Pod, reason: str, message: str, scene: Scene) -> Cause:
    """The cluster takes the pod away."""
    said = DISRUPTIONS.get(reason, f"taken away by the cluster: {reason or 'DisruptionTarget'}")
    fix = f"it is not the task's fault: {tried_again(scene)}; short partitions lose less by it"
    return Cause("disrupted", said, fix, said, message or pod.message, Rank.WAITING)


def tried_again(scene: Scene) -> str:
    """What becomes of an attempt that the cluster ended."""
    if not scene.going:
        return scene.again()
    return "it is tried again, and does not count" if scene.ignores_disruption else "it is tried again, and counts"


def raised(failure: Failure, scene: Scene) -> Cause:
    """The task itself told its error."""
    tail = f"{failure.error}: {failure.message}" if failure.message else failure.error
    quote = "" if failure.message and failure.message in failure.group else tail.split("\n")[0]
    if failure.exit_code == TASK_UNLOADABLE:
        return Cause(
            "task-unloadable",
            "the pod's Python cannot load the task: its libraries are not those of the notebook",
            f"an image with the notebook's versions: {scene.again(IMAGE)}",
            "the image's Python cannot load the task",
            quote,
            Rank.FAILED,
        )
    once = ", and is not tried again" if failure.exit_code == FATAL else ""
    look = "run.logs({0})" if failure.error == "SystemExit" else "run.debug({0})"
    return Cause(
        "error",
        f"the task failed with {failure.group}{once}",
        f"{look.format(failure.index)} shows it; correct the task and launch it again",
        failure.group,
        quote,
        Rank.FAILED,
    )


def init_failed(box: Box, end: Ended) -> Cause:
    """A container that runs before the task failed, so that the task never began."""
    return Cause(
        "init-container",
        f"the task never began: the init container {box.name} ended with {code_text(end.code)}",
        f"kubectl logs POD -c {box.name} says why; the container comes from the pod template of this cluster "
        "(ConfigMap kjnb-defaults)",
        f"init container {box.name} failed",
        last_line(end.message),
        Rank.FAILED,
    )


def exited(end: Ended, scene: Scene) -> Cause:
    """The program ended with an error code."""
    said = f"ended with {code_text(end.code)}"
    if end.reason not in ("", "Error"):
        said += f" ({end.reason})"
    who = "nothing says who killed it (the node, short of memory?); " if end.code == 137 else ""
    again = "what has tries left is tried again by itself" if scene.going else f"to try it again: {scene.again()}"
    fix = f"{who}run.logs(INDEX) is what it printed; {again}"
    return Cause("exit-code", said, fix, said, last_line(end.message), Rank.FAILED)


def code_text(code: int | None) -> str:
    """An exit code in words: "exit code 3", "exit code 139 (SIGSEGV)"."""
    if code is None:
        return "an unknown exit code"
    return f"exit code {code} ({SIGNALS[code]})" if code in SIGNALS else f"exit code {code}"


def last_line(message: str) -> str:
    """The last line of a log's end that says something."""
    return next((line.strip() for line in reversed(message.splitlines()) if line.strip()), "")


def unseen(failure: Failure, limits: dict[str, str]) -> Pod:
    """The pod of a failure as far as it is known, where the pod itself is no longer there."""
    of_box = failure.reason in OF_CONTAINERS and failure.exit_code is not None
    end = Ended(failure.exit_code, failure.reason if of_box else "", failure.message, None)
    disrupted = failure.reason in DISRUPTIONS
    return Pod(
        name=failure.pod,
        uid=failure.uid,
        job="",
        index=failure.index,
        phase="Failed",
        reason="" if of_box or disrupted else failure.reason,
        message=failure.message,
        node=failure.node,
        conditions={"DisruptionTarget": ("True", failure.reason, failure.message)} if disrupted else {},
        boxes=(Box("worker", "", init=False, asked=limits, limits=limits, ended=end),) if of_box else (),
    )
