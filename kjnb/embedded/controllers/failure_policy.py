"""Which rule of a Job's podFailurePolicy a failed pod matches: the first one that does, else it simply counts."""

from __future__ import annotations

from typing import NamedTuple

from kjnb.embedded.controllers.job_pods import FAILURES, IGNORED, Object, container_statuses, noted


class Match(NamedTuple):
    """What the policy says of a pod; `message` is the Job's for FailJob."""

    action: str = "Count"  # Ignore, Count, FailIndex, FailJob
    message: str = ""

    @property
    def counts(self) -> bool:
        """Whether the failure is counted."""
        return self.action != "Ignore"


def match(policy: Object | None, pod: Object) -> Match:
    """The first matching rule's action."""
    for place, rule in enumerate((policy or {}).get("rules") or ()):
        cause = _by_exit_code(rule, pod) if rule.get("onExitCodes") else _by_condition(rule, pod)
        if cause:
            return Match(rule["action"], f"{cause} matching {rule['action']} rule at index {place}")
    return Match()


def _by_exit_code(rule: Object, pod: Object) -> str:
    wanted = rule["onExitCodes"]
    meta = pod["metadata"]
    for status in container_statuses(pod):
        code = (status.get("state", {}).get("terminated") or {}).get("exitCode", 0)
        if code == 0 or wanted.get("containerName") not in (None, status["name"]):
            continue
        if (code in wanted["values"]) == (wanted["operator"] == "In"):
            return f"Container {status['name']} for pod {meta['namespace']}/{meta['name']} failed with exit code {code}"
    return ""


def _by_condition(rule: Object, pod: Object) -> str:
    meta = pod["metadata"]
    for condition in pod.get("status", {}).get("conditions") or ():
        for wanted in rule.get("onPodConditions") or ():
            if (wanted["type"], wanted.get("status", "True")) == (condition["type"], condition["status"]):
                return f"Pod {meta['namespace']}/{meta['name']} has condition {condition['type']}"
    return ""


def next_counts(policy: Object | None, pod: Object) -> tuple[int, int]:
    """(failures, ignored failures) of the pod's index, this failed pod included."""
    failures, ignored = noted(pod, FAILURES), noted(pod, IGNORED)
    return (failures + 1, ignored) if match(policy, pod).counts else (failures, ignored + 1)


def ends_index(policy: Object | None, limit: int, pod: Object) -> bool:
    """Whether this failed pod was its index's last try."""
    return match(policy, pod).action == "FailIndex" or next_counts(policy, pod)[0] > limit
