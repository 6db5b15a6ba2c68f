"""A run as the batch/v1 Job that a cluster gets: every default that Kubernetes does not give, in one place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kjnb.errors import UsageError
from kjnb.model.merge import strategic_merge
from kjnb.model.names import label_value
from kjnb.model.spec import JobSpec, check_size
from kjnb.worker.attempt import FATAL, TASK_UNLOADABLE

RUN_LABEL = "kjnb.dev/run"
LAUNCH_LABEL = "kjnb.dev/launch"
OWNER_LABEL = "kjnb.dev/owner"
STAGE_ANNOTATION = "kjnb.dev/stage"
CONTAINER = "worker"
DEFAULT_PARALLELISM = 4
DEFAULT_CPU = "1"
DEFAULT_MEMORY = "512Mi"
FIELD_ENV = {
    "KJNB_ATTEMPT": "metadata.uid",
    "KJNB_POD": "metadata.name",
    "KJNB_NODE": "spec.nodeName",
}


@dataclass(frozen=True)
class Site:
    """What a cluster wants by default: image, interpreter in it, root of all stages, patch of the pod template."""

    image: str = ""
    python: str = "python"
    stage: str = ""
    template: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, data: Mapping[str, str] | None, executable: str) -> Site:
        """The site that the data of a `kjnb-defaults` ConfigMap describes; None where there is none.

        `{executable}` in image and python stands for the notebook's own interpreter.
        """
        given = {name: text.replace("{executable}", executable) for name, text in (data or {}).items()}
        return cls(
            image=given.get("image", ""),
            python=given.get("python") or "python",
            stage=given.get("stage", ""),
            template=read_template(given.get("template", "")),
        )


def read_template(text: str) -> dict[str, Any]:
    """The template patch in a ConfigMap, as JSON; UsageError tells the platform team what is wrong with it."""
    try:
        patch = json.loads(text or "{}")
    except json.JSONDecodeError as error:
        patch = str(error)
    if not isinstance(patch, dict):
        what = patch if isinstance(patch, str) else "not a JSON object"
        raise UsageError(
            f"the template in the cluster's ConfigMap kjnb-defaults cannot be read: {what}",
            fix="its owner should make it a strategic merge patch of a pod template, in JSON",
        )
    return patch


def manifest(
    spec: JobSpec,
    *,
    name: str,
    run: str,
    launch: str,
    owner: str,
    completions: int,
    stage: str,
    site: Site,
) -> dict[str, Any]:
    """A Job of a run, suspended until everything it needs is there. UsageError if no image is known.

    A Job whose name is not the run's is a retry: its pods find their indexes in the stage, in its map.
    """
    check_size(spec, completions)
    labels = {RUN_LABEL: run, LAUNCH_LABEL: launch, OWNER_LABEL: label_value(owner)}
    template = {"metadata": {"labels": {**labels}}, "spec": pod_spec(spec, stage, site)}
    patched = strategic_merge(template, dict(site.template))
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "labels": labels,
            "annotations": {LAUNCH_LABEL: launch, STAGE_ANNOTATION: stage},
        },
        "spec": job_spec(spec, completions) | {"template": with_env(patched, spec, "" if name == run else name)},
    }


def with_env(template: dict[str, Any], spec: JobSpec, retry: str = "") -> dict[str, Any]:
    """The template with the user's variables, which outrank the site's, and with what a retry's worker must know."""
    ours = {"KJNB_RETRY": retry, "KJNB_RETRY_ON": ",".join(spec.retry_on)} if retry else {}
    env = [{"name": name, "value": value.replace("$(", "$$(")} for name, value in (*spec.env, *ours.items())]
    return strategic_merge(template, {"spec": {"containers": [{"name": CONTAINER, "env": env}]}}) if env else template


def job_spec(spec: JobSpec, completions: int) -> dict[str, Any]:
    """The Job's own fields, without its template."""
    fields = {
        "completionMode": "Indexed",
        "completions": completions,
        "parallelism": spec.parallelism or min(completions, DEFAULT_PARALLELISM),
        "suspend": True,
        "backoffLimitPerIndex": spec.backoff_limit_per_index,
        "maxFailedIndexes": spec.max_failed_indexes,
        "activeDeadlineSeconds": spec.active_deadline_seconds,
        "ttlSecondsAfterFinished": spec.ttl_seconds_after_finished,
        "podReplacementPolicy": "Failed",
        "podFailurePolicy": {"rules": failure_rules()},
    }
    return {name: value for name, value in fields.items() if value is not None}


def failure_rules() -> list[dict[str, Any]]:
    """What a pod's end means: nothing can run here, this index never will, or not the task's fault."""
    disruption = {"type": "DisruptionTarget", "status": "True"}
    return [
        {"action": "FailJob", "onExitCodes": exit_code(TASK_UNLOADABLE)},
        {"action": "FailIndex", "onExitCodes": exit_code(FATAL)},
        {"action": "Ignore", "onPodConditions": [disruption]},
    ]


def exit_code(code: int) -> dict[str, Any]:
    """The rule's condition for one exit code of our container."""
    return {"containerName": CONTAINER, "operator": "In", "values": [code]}


def pod_spec(spec: JobSpec, stage: str, site: Site) -> dict[str, Any]:
    """The pod, in the restricted form of the Pod Security Standards but for the stage's hostPath."""
    fields = {
        "restartPolicy": "Never",
        "activeDeadlineSeconds": spec.timeout,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 1000,
            "runAsGroup": 1000,
            "fsGroup": 1000,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container(spec, stage, site)],
        "volumes": [
            {"name": "stage", "hostPath": {"path": stage, "type": "Directory"}},
            {"name": "tmp", "emptyDir": {}},
        ],
    }
    return {name: value for name, value in fields.items() if value is not None}


def container(spec: JobSpec, stage: str, site: Site) -> dict[str, Any]:
    """The one container: the worker of the stage, with the stage at its own path and /tmp to write to."""
    image = spec.image or site.image
    if not image:
        raise UsageError(
            "image: this cluster names no default image, and none was given",
            fix="say image='registry/name:tag' of an image with this Python, pandas and pyarrow",
        )
    amounts = {"cpu": spec.cpu or DEFAULT_CPU, "memory": spec.memory or DEFAULT_MEMORY}
    return {
        "name": CONTAINER,
        "image": image,
        "command": [text.replace("$(", "$$(") for text in (site.python, f"{stage}/worker.py", stage)],
        "env": env(),
        "resources": {"requests": amounts, "limits": dict(amounts)},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [{"name": "stage", "mountPath": stage}, {"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108
    }


def env() -> list[dict[str, Any]]:
    """Who the attempt is, and a home to write to: /tmp is the only place in a restricted pod."""
    ours = [{"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in FIELD_ENV.items()]
    return [*ours, {"name": "HOME", "value": "/tmp"}]  # noqa: S108
