"""batch/v1 Job: its counts, modes and names, and what of it may change."""

from __future__ import annotations

import re
from typing import Any

from kjnb.embedded.api.answers import FieldError
from kjnb.embedded.api.validation import meta, placement, pod, policies
from kjnb.embedded.api.validation.errors import (
    at_least_zero,
    forbidden,
    immutable,
    required,
    too_long,
    unsupported,
    wrong,
)

Object = dict[str, Any]
MODES = ("NonIndexed", "Indexed")
MOST_PARALLEL, MOST_COMPLETIONS, MOST_FAILED = 100_000, 100_000, 100_000
MOST_PARALLEL_OF_MANY, MOST_FAILED_OF_MANY = 10_000, 10_000
COUNTS = (
    "parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished",
    "backoffLimitPerIndex", "maxFailedIndexes",
)  # fmt: skip
FIXED = ("selector", "completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy")
SCHEDULING = ("nodeSelector", "tolerations", "schedulingGates")
MOST_MANAGED = 63
HTTP_PATH = re.compile(r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+")


def job(obj: Object) -> list[FieldError]:
    """A new Job, defaults filled in."""
    return meta.metadata(obj["metadata"]) + generated_selector(obj) + job_name(obj) + job_spec(obj["spec"])


def job_name(obj: Object) -> list[FieldError]:
    """The largest index must leave a DNS label: it becomes a pod's host name."""
    spec, name = obj["spec"], obj["metadata"].get("name", "")
    completions = spec.get("completions") or 0
    if spec.get("completionMode") != "Indexed" or completions < 1:
        return []
    host = f"{name}-{completions - 1}"
    words = "will not able to create pod with invalid DNS label"
    return [wrong("metadata.name", name, f"{words}: {host}")] if meta.dns_label(host) else []


def job_spec(spec: Object) -> list[FieldError]:
    """Everything in spec."""
    found: list[FieldError] = []
    for name in COUNTS:
        found += at_least_zero(spec.get(name), f"spec.{name}")
    found += mode(spec) + per_index(spec) + replacement(spec) + managed_by(spec)
    found += policies.failure_policy(spec, "spec") + policies.success_policy(spec, "spec")
    return found + template(spec) + selector(spec)


def selector(spec: Object) -> list[FieldError]:
    """The selector fits the template's labels."""
    given, labels = spec.get("selector"), (spec["template"].get("metadata") or {}).get("labels") or {}
    found = [required("spec.selector")] if given is None else placement.selector(given, "spec.selector")
    if given is None or not (found or selects(given, labels)):
        words = "`selector` does not match template `labels`"
        found.append(wrong("spec.template.metadata.labels", labels, words))
    return found


def generated_selector(obj: Object) -> list[FieldError]:
    """Unless the selector is the caller's own, labels and selector are the server's to write."""
    spec, meta_ = obj["spec"], obj["metadata"]
    if spec.get("manualSelector") or spec.get("selector") is None:
        return []
    uid, name = meta_.get("uid", ""), meta_.get("name", "")
    ours = {
        "controller-uid": uid, "job-name": name,
        "batch.kubernetes.io/controller-uid": uid, "batch.kubernetes.io/job-name": name,
    }  # fmt: skip
    labels, found = (spec["template"].get("metadata") or {}).get("labels") or {}, []
    for key, value in ours.items():
        field = f"spec.template.metadata.labels[{key}]"
        if key not in labels:
            found.append(required(field, f"must be '{value}'"))
        elif labels[key] != value:
            found.append(wrong(field, labels, f"must be '{value}'"))
    if not selects(spec["selector"], ours):
        found.append(wrong("spec.selector", spec["selector"], "`selector` not auto-generated"))
    return found


def selects(selector: Object, labels: Object) -> bool:
    """Labels pass a selector."""
    wanted = selector.get("matchLabels") or {}
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    return all(passes(one, labels) for one in selector.get("matchExpressions") or [])


def passes(one: Object, labels: Object) -> bool:
    """Labels pass one expression of a selector."""
    key = one.get("key", "")
    there, value = key in labels, labels.get(key)
    among = value in (one.get("values") or [])
    return {"In": there and among, "NotIn": not among, "Exists": there}.get(one.get("operator", ""), not there)


def mode(spec: Object) -> list[FieldError]:
    """completionMode, and the largest Indexed Jobs."""
    given = spec["completionMode"]
    if given not in MODES:
        return [unsupported("spec.completionMode", given, MODES)]
    if given == "NonIndexed":
        return []
    found = []
    if "completions" not in spec:
        found.append(required("spec.completions", "when completion mode is Indexed"))
    if spec["parallelism"] > MOST_PARALLEL:
        words = f"must be less than or equal to {MOST_PARALLEL} when completion mode is Indexed"
        found.append(wrong("spec.parallelism", spec["parallelism"], words))
    return found


def per_index(spec: Object) -> list[FieldError]:
    """backoffLimitPerIndex and maxFailedIndexes, which hold for Indexed Jobs only."""
    limit, most = spec.get("backoffLimitPerIndex"), spec.get("maxFailedIndexes")
    found = []
    if most is not None and limit is None:
        found.append(required("spec.backoffLimitPerIndex", "when maxFailedIndexes is specified"))
    if spec["completionMode"] == "NonIndexed":
        words = "requires indexed completion mode"
        pairs = (("backoffLimitPerIndex", limit), ("maxFailedIndexes", most))
        found += [wrong(f"spec.{name}", value, words) for name, value in pairs if value is not None]
    return found + (of_indexed(spec, limit, most) if spec["completionMode"] == "Indexed" else [])


def of_indexed(spec: Object, limit: int | None, most: int | None) -> list[FieldError]:
    """How many indexes may fail, of how many."""
    found, completions = [], spec.get("completions")
    if most is not None and completions is not None and most > completions:
        found.append(wrong("spec.maxFailedIndexes", most, "must be less than or equal to completions"))
    if most is not None and most > MOST_FAILED:
        found.append(wrong("spec.maxFailedIndexes", most, f"must be less than or equal to {MOST_FAILED}"))
    if limit is not None and (completions or 0) > MOST_COMPLETIONS:
        found += many_indexes(spec, most)
    return found


def many_indexes(spec: Object, most: int | None) -> list[FieldError]:
    """Above 100,000 completions with a limit per index, the rest must be smaller."""
    found = []
    words = f"when completions are above {MOST_COMPLETIONS} and used with backoff limit per index"
    if most is None:
        found.append(
            required("spec.maxFailedIndexes", f"must be specified when completions is above {MOST_COMPLETIONS}")
        )
    elif most > MOST_FAILED_OF_MANY:
        found.append(
            wrong("spec.maxFailedIndexes", most, f"must be less than or equal to {MOST_FAILED_OF_MANY} {words}")
        )
    if spec["parallelism"] > MOST_PARALLEL_OF_MANY:
        said = f"must be less than or equal to {MOST_PARALLEL_OF_MANY} {words}"
        found.append(wrong("spec.parallelism", spec["parallelism"], said))
    return found


def replacement(spec: Object) -> list[FieldError]:
    """podReplacementPolicy; with a podFailurePolicy it must be Failed."""
    known = ("Failed",) if "podFailurePolicy" in spec else ("Failed", "TerminatingOrFailed")
    given = spec.get("podReplacementPolicy")
    return [] if given in known else [unsupported("spec.podReplacementPolicy", given, known)]


def managed_by(spec: Object) -> list[FieldError]:
    """managedBy is a path with a domain, of 63 characters at most."""
    given, field = spec.get("managedBy"), "spec.managedBy"
    if given is None:
        return []
    domain, _, path = given.partition("/")
    if not given:
        return [required(field)]
    if not domain or not path:
        found = [wrong(field, given, 'must be a domain-prefixed path (such as "acme.io/foo")')]
    else:
        found = [wrong(field, domain, words) for words in meta.dns_subdomain(domain)]
        found += [] if HTTP_PATH.fullmatch(path) else [wrong(field, path, "Invalid path")]
    if len(given.encode()) > MOST_MANAGED:
        found.append(too_long(field, MOST_MANAGED))
    return found


def template(spec: Object) -> list[FieldError]:
    """The pod template: its labels, its spec, and a restart policy that ends."""
    given = spec["template"]
    marks = given.get("metadata") or {}
    found = meta.labels(marks.get("labels") or {}, "spec.template.labels")
    found += meta.annotation_keys(marks.get("annotations") or {}, "spec.template.annotations")
    found += pod.pod_spec(given["spec"], "spec.template.spec")
    if given["spec"].get("ephemeralContainers"):
        words = "ephemeral containers not allowed in pod template"
        found.append(forbidden("spec.template.spec.ephemeralContainers", words))
    policy, field = given["spec"].get("restartPolicy"), "spec.template.spec.restartPolicy"
    if policy in (None, "", "Always"):
        found.append(required(field, 'valid values: "OnFailure", "Never"'))
    elif policy not in ("OnFailure", "Never"):
        found.append(unsupported(field, policy, ("OnFailure", "Never")))
    elif policy == "OnFailure" and "podFailurePolicy" in spec:
        found.append(wrong(field, policy, 'only "Never" is supported when podFailurePolicy is specified'))
    return found


# -- updates


def job_update(new: Object, old: Object) -> list[FieldError]:
    """A new state of a Job against the one that is stored: it is checked as a new Job is, and then as a change."""
    return job(new) + meta.metadata_update(new["metadata"], old["metadata"]) + spec_update(new["spec"], old)


def spec_update(spec: Object, old: Object) -> list[FieldError]:
    """What of a spec may change; Kubernetes checks the new spec a second time here, and so says things twice."""
    was = old["spec"]
    found = job_spec(spec) + completions_update(spec, was)
    for name in FIXED:
        found += immutable(spec.get(name), was.get(name), f"spec.{name}")
    return found + template_update(spec["template"], was["template"], may_reschedule(old))


def completions_update(spec: Object, was: Object) -> list[FieldError]:
    """Only an Indexed Job may change its completions, and its parallelism with them."""
    new, before = spec.get("completions"), was.get("completions")
    if new == before:
        return []
    if spec["completionMode"] != "Indexed" or new is None:
        return [wrong("spec.completions", new, "field is immutable")]
    if new != spec["parallelism"]:
        return [wrong("spec.completions", new, "can only be modified in tandem with spec.parallelism")]
    return []


def may_reschedule(old: Object) -> bool:
    """A suspended Job whose pods are all gone may be sent elsewhere and given other resources."""
    status = old.get("status") or {}
    suspended = any(c["type"] == "Suspended" and c["status"] == "True" for c in status.get("conditions") or [])
    return bool(old["spec"].get("suspend")) and (suspended or not status.get("startTime")) and not status.get("active")


def template_update(new: Object, old: Object, loose: bool) -> list[FieldError]:
    """The template stays; where it may be rescheduled, scheduling fields, labels and resources may change."""
    if new == old:
        return []
    if loose and without_scheduling(new) == without_scheduling(old):
        return []
    if not loose and (new.get("metadata") or {}) != (old.get("metadata") or {}) and new["spec"] == old["spec"]:
        return [wrong("spec.template", new, "field is immutable")]
    return [wrong("spec.template.spec" if loose else "spec.template", new["spec"], "field is immutable")]


def without_scheduling(template: Object) -> Object:
    """The template less what may change while a Job is suspended."""
    spec = {name: value for name, value in template["spec"].items() if name not in SCHEDULING}
    affinity = {name: value for name, value in (spec.pop("affinity", None) or {}).items() if name != "nodeAffinity"}
    if affinity:
        spec["affinity"] = affinity
    for kind in ("containers", "initContainers"):
        if kind in spec:
            spec[kind] = [{name: value for name, value in one.items() if name != "resources"} for one in spec[kind]]
    return spec
