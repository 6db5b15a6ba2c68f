"""Images that a node cannot get: which one, what the registry said, and what may cure it."""

from __future__ import annotations

import re

from kjnb.model.causes.remedy import WAITS, Scene
from kjnb.model.findings import Cause
from kjnb.model.podfacts import Box

PULL = ("ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable", "ErrImageNeverPull")
REASONS = (*PULL, "InvalidImageName", "SignatureValidationFailed")
IMAGE = "image='registry/name:tag'"
TELLING = (  # what a registry says, what it means, and what to do; the first that is found
    (r"unauthorized|denied|authentication|authorization|forbidden|\b40[13]\b", "the registry refuses to give it",
     "a name that may be pulled without credentials, or ask the cluster's owner for a pull secret"),
    (r"not ?found|manifest unknown|does not exist|name unknown|\b404\b", "there is no such image or tag",
     "check name and tag"),
    (r"no such host|refused|timed? ?out|timeout|unreachable|deadline|\bEOF\b|\b5\d\d\b", "the registry does not answer",
     "check the registry's name, and wait if it is right"),
    (r"too ?many ?requests|rate limit|\b429\b", "the registry wants fewer requests", "wait, or use another registry"),
    (r"no space left", "the node has no room for it", "a smaller image, or ask the cluster's owner"),
    (r"no match for platform|exec format", "it is made for another kind of processor", "an image for these nodes"),
)  # fmt: skip


def cause(box: Box, events: list[str], scene: Scene) -> Cause | None:
    """Why the image of a container that waits is not there; `events` are what the pod's events say, the latest last."""
    reason = box.waiting.reason if box.waiting else ""
    if reason not in REASONS or box.waiting is None:
        return None
    again = scene.again(IMAGE)
    if reason == "InvalidImageName":
        said, short = f"{box.image!r} is not a name of an image", f"{box.image!r} is no image name"
        return Cause("image-name", said, f"correct it: {again}", short, told(box.waiting.message))
    message = detail(box.waiting.message, events)
    meaning, advice = meant(reason, message)
    return Cause(
        "image-pull",
        f"the image {box.image} cannot be pulled{': ' if meaning else ''}{meaning}",
        f"{advice}; another image: {again}",
        f"image {box.image} cannot be pulled",
        told(message),
    )


def detail(message: str, events: list[str]) -> str:
    """The registry's words: the state of a pod that waits for its next try leaves them out, its events have them."""
    if (message and not message.startswith("Back-off pulling")) or ": " in message:
        return message
    pulls = [one for one in events if one.startswith("Failed to pull image")]
    return pulls[-1] if pulls else message


def meant(reason: str, message: str) -> tuple[str, str]:
    """What the message means, and what to do about it."""
    if reason == "ErrImageNeverPull":
        return "it is not on the node, and is never to be pulled", "an image that is there"
    found = ((meaning, advice) for words, meaning, advice in TELLING if re.search(words, message, re.IGNORECASE))
    return next(found, ("", f"check its name, and that the nodes reach its registry ({WAITS} then)"))


def told(message: str) -> str:
    """The message without what it repeats: the image's name, and the ways it was tried in."""
    parts = re.sub(r'(failed to pull and unpack image|Failed to pull image) "[^"]*": ', "", message)
    return re.sub(r"^(rpc error: code = \w+ desc = |failed to resolve image: |Back-off pulling image.*?: )+", "", parts)
