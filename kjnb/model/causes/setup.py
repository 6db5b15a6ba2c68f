"""Containers that a node cannot make: a ConfigMap, a Secret or a volume is missing, or the image's user is refused."""

from __future__ import annotations

import re

from kjnb.model.causes.images import IMAGE
from kjnb.model.causes.remedy import WAITS, Scene
from kjnb.model.findings import Cause, Rank
from kjnb.model.podfacts import Box, Pod

OBJECT = re.compile(r'\b(configmap|secret)s? "([^"]+)" (?:is )?(?:not found|is forbidden)', re.IGNORECASE)
KEY = re.compile(r"couldn't find key (\S+) in (ConfigMap|Secret) (?:[^/\s]+/)?([^\s,]+)")
KEY_OF_VOLUME = re.compile(r"references non-existent (?:config|secret) key: (\S+)")
VOLUME = re.compile(r'for volume "([^"]+)"')
FOLDER = re.compile(r"hostPath type check failed: (\S+) is not")
CACHE = re.compile(r"^failed to sync (configmap|secret) cache")
NAMES = {"configmap": "ConfigMap", "secret": "Secret"}
NO_CONTAINER = ("CreateContainerError", "RunContainerError", "PostStartHookError", "CreatePodSandboxError")


def config(pod: Pod, box: Box, scene: Scene) -> Cause | None:
    """Why a container cannot be configured (CreateContainerConfigError)."""
    if box.waiting is None or box.waiting.reason != "CreateContainerConfigError":
        return None
    message = box.waiting.message
    found = OBJECT.search(message)
    if found:
        return missing(NAMES[found[1].lower()], found[2], users(pod, found[2]), scene)
    lacking = KEY.search(message)
    if lacking:
        return missing_key(lacking[2], lacking[3], lacking[1], scene)
    if "root" in message:
        return Cause(
            "runs-as-root",
            f"the image {box.image} runs as root, and the pod must not (runAsNonRoot)",
            f"an image whose user is a number other than 0: {scene.again(IMAGE)}",
            f"image {box.image} runs as root, which is refused",
        )
    said = "the node cannot configure the container"
    return Cause("container-config", said, "correct what is named here, then launch it again", said, message)


def users(pod: Pod, name: str) -> str:
    """For what a ConfigMap or Secret is wanted, in words."""
    wanted = [one for one in pod.references if one.name == name]
    named = [f"{one.variable} (key {one.key})" for one in wanted if one.variable]
    if named:
        return f", from which the variable {', '.join(named)} is to come"
    return ", from which variables are to come" if wanted else ""


def missing(kind: str, name: str, use: str, scene: Scene) -> Cause:
    """A ConfigMap or Secret that is not there."""
    which = "configmap" if kind == "ConfigMap" else "secret generic"
    return Cause(
        f"{kind.lower()}-missing",
        f"the {kind} {name}{use}{',' if use else ''} does not exist in {scene.where}",
        f"create it: kubectl create {which} {name} …; {WAITS} then",
        f"the {kind} {name} does not exist",
    )


def missing_key(kind: str, name: str, key: str, scene: Scene) -> Cause:
    """A ConfigMap or Secret without the key that is asked for."""
    return Cause(
        f"{kind.lower()}-key-missing",
        f"the {kind} {name} in {scene.where} has no key {key}",
        f"add the key {key} to it; {WAITS} then",
        f"the {kind} {name} has no key {key}",
    )


def mount(events: list[str], scene: Scene) -> Cause | None:
    """Why volumes are not there, from what the pod's FailedMount and FailedAttachVolume events say, the latest last."""
    told = [one for one in events if "olume" in one and not CACHE.search(one)]
    if not told:
        return None
    message = next((one for one in reversed(told) if "timed out waiting" not in one), told[-1])
    volume = VOLUME.search(message)
    name = f"the volume {volume[1]}" if volume else "a volume"
    found, key, folder = OBJECT.search(message), KEY_OF_VOLUME.search(message), FOLDER.search(message)
    if found:
        return missing(NAMES[found[1].lower()], found[2], f", from which {name} is to come", scene)
    if key:
        said = f"the ConfigMap or Secret of {name} has no key {key[1]}"
        return Cause("volume-key-missing", said, f"add the key {key[1]} to it; {WAITS} then", said)
    if folder:
        return Cause(
            "volume-folder-missing",
            f"the folder {folder[1]} is not on the node",
            f"a folder that every node has: kjnb.use(CONTEXT, stage='/a/shared/folder'); then {scene.again()}",
            f"the folder {folder[1]} is not on the node",
            message,
        )
    return Cause(
        "volume-mount",
        f"{name} cannot be mounted",
        "ask the cluster's owner about that volume; it is tried again by itself",
        f"{name} cannot be mounted",
        message,
    )


def container(box: Box, scene: Scene) -> Cause | None:
    """A container that the node could not make or start, and tries again."""
    if box.waiting is None or box.waiting.reason not in NO_CONTAINER:
        return None
    return not_started(box, box.waiting.message, scene)


PROGRAM = re.compile(r'exec: "([^"]+)"[^"]*(?:not found|no such file)|(\S+): no such file or directory', re.IGNORECASE)


def not_started(box: Box, message: str, scene: Scene) -> Cause:
    """A container whose program could not be started."""
    program = PROGRAM.search(message)
    image = f"the image {box.image}" if box.image else "the image"
    if program:
        name = program[1] or program[2]
        said = f"the program {name} is not in {image}"
        return Cause("command-not-found", said, f"an image that has it: {scene.again(IMAGE)}", said, program[0])
    if "permission denied" in message.lower():
        said = f"the program in {image} may not be run by the pod's user"
        return Cause("command-denied", said, f"an image in which it may: {scene.again(IMAGE)}", said, message)
    said = f"the container of {image} cannot be started"
    return Cause("container-start", said, f"another image: {scene.again(IMAGE)}", said, message)


def restarting(box: Box) -> Cause | None:
    """A container that ends again and again and is restarted in place."""
    looping = box.waiting is not None and box.waiting.reason == "CrashLoopBackOff"
    if not looping and not (box.restarts and box.before and box.ended is None):
        return None
    last = f", the last time with exit code {box.before.code}" if box.before and box.before.code is not None else ""
    pause = re.search(r"back-off (\S+) restarting", box.waiting.message) if looping and box.waiting else None
    clock = f"; the next restart comes within {pause[1]}" if pause else ""
    kind = "init container" if box.init else "container"
    return Cause(
        "restarts",
        f"the {kind} {box.name} has failed and was restarted in place {box.restarts} times{last}{clock}",
        "run.logs(INDEX) says why it ends; restartPolicy Never, kjnb's own, makes each try a pod that can be read",
        f"container {box.name} fails and restarts",
        rank=Rank.FAILED,
    )
