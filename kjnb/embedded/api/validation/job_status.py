"""A Job's status that a client writes: what contradicts itself, the spec, or what was said before.

A rule looks only where what it is about has changed: a status that was stored before the rule can still be written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from kjnb.embedded.api.answers import FieldError
from kjnb.embedded.api.validation import meta
from kjnb.embedded.api.validation.errors import at_least_zero, duplicate, required, wrong

Object = dict[str, Any]
COUNTS = ("active", "ready", "succeeded", "failed", "terminating")
TERMINAL = ("Failed", "Complete", "FailureTarget", "SuccessCriteriaMet")


class Status:
    """A Job's status beside its spec, its conditions by type."""

    def __init__(self, job: Object) -> None:
        self.spec: Object = job["spec"]
        self.fields: Object = job.get("status") or {}
        self.true = {c["type"] for c in self.fields.get("conditions") or [] if c["status"] == "True"}
        self.finished = bool(self.true & {"Complete", "Failed"})

    def told(self, name: str) -> Any:
        """A field, a condition, or whether the Job is finished."""
        if name == "finished":
            return self.finished
        return name in self.true if name in TERMINAL else self.fields.get(name)

    def count(self, name: str) -> int:
        """A count; none is 0."""
        return self.fields.get(name) or 0


class Rule(NamedTuple):
    """`broken` is asked when any of `about` has changed; the refusal names the field."""

    about: str
    broken: Callable[[Status], bool]
    field: str
    words: str
    required: bool = False


def both(one: str, other: str) -> Callable[[Status], bool]:
    """Both conditions are True."""
    return lambda status: status.true >= {one, other}


def without(one: str, other: str) -> Callable[[Status], bool]:
    """The one condition is True, the other is not."""
    return lambda status: one in status.true and other not in status.true


def timed(status: Status) -> bool:
    """It says when it was completed."""
    return status.fields.get("completionTime") is not None


def before_its_start(status: Status) -> bool:
    """It was completed before it started; times of this form are ordered as text."""
    return timed(status) and bool(status.fields["completionTime"] < (status.fields.get("startTime") or ""))


def uncounted(status: Status) -> bool:
    """Pods have ended that are not counted yet."""
    return status.finished and any((status.fields.get("uncountedTerminatedPods") or {}).values())


def overlapping(status: Status) -> bool:
    """An index has both failed and succeeded; what cannot be read is another rule's."""
    try:
        sets = [intervals(status.fields.get(name) or "", None) for name in ("completedIndexes", "failedIndexes")]
    except ValueError:
        return False
    return any(a <= d and c <= b for a, b in sets[0] for c, d in sets[1])


RULES = (
    Rule("Complete Failed", both("Complete", "Failed"), "conditions", "Complete and Failed exclude each other"),
    Rule("Complete FailureTarget", both("Complete", "FailureTarget"), "conditions",
         "Complete and FailureTarget exclude each other"),
    Rule("Complete completionTime", lambda s: timed(s) and "Complete" not in s.true, "completionTime",
         "cannot be set when there is no Complete=True condition"),
    Rule("Complete completionTime", lambda s: "Complete" in s.true and not timed(s), "completionTime",
         "a Complete job has one", required=True),
    Rule("startTime completionTime", before_its_start, "completionTime", "cannot be before startTime"),
    Rule("Failed FailureTarget", without("Failed", "FailureTarget"), "conditions",
         "cannot set Failed=True without FailureTarget=True"),
    Rule("Complete SuccessCriteriaMet", without("Complete", "SuccessCriteriaMet"), "conditions",
         "cannot set Complete=True without SuccessCriteriaMet=True"),
    Rule("finished active", lambda s: s.finished and s.count("active") > 0, "active", "a finished job has none"),
    Rule("finished startTime", lambda s: s.finished and s.fields.get("startTime") is None, "startTime",
         "a finished job has one", required=True),
    Rule("finished uncountedTerminatedPods", uncounted, "uncountedTerminatedPods", "a finished job has none"),
    Rule("completedIndexes", lambda s: bool(s.fields.get("completedIndexes")) and not is_indexed(s),
         "completedIndexes", "cannot be set when the completion mode is not Indexed"),
    Rule("failedIndexes", lambda s: s.fields.get("failedIndexes") is not None and not per_index(s), "failedIndexes",
         "cannot be set when backoffLimitPerIndex is not"),
    Rule("completedIndexes failedIndexes", overlapping, "failedIndexes", "an index cannot both fail and succeed"),
    Rule("finished terminating", lambda s: s.finished and s.count("terminating") > 0, "terminating",
         "a finished job has none"),
    Rule("ready active", lambda s: s.count("ready") > max(s.count("active"), 0), "ready", "cannot be more than active"),
    Rule("SuccessCriteriaMet Failed", both("SuccessCriteriaMet", "Failed"), "conditions",
         "SuccessCriteriaMet and Failed exclude each other"),
    Rule("SuccessCriteriaMet FailureTarget", both("SuccessCriteriaMet", "FailureTarget"), "conditions",
         "SuccessCriteriaMet and FailureTarget exclude each other"),
)  # fmt: skip


def is_indexed(status: Status) -> bool:
    """The Job's completions are told apart."""
    return status.spec.get("completionMode") == "Indexed"


def per_index(status: Status) -> bool:
    """Failures are counted for each index."""
    return status.spec.get("backoffLimitPerIndex") is not None


def status_update(new: Object, old: Object) -> list[FieldError]:
    """What is wrong with a status that is to follow the stored one."""
    now, was = Status(new), Status(old)
    found = meta.metadata_update(new["metadata"], old["metadata"])
    for name in COUNTS:
        found += at_least_zero(now.fields.get(name), f"status.{name}")
    found += uids(now)
    for rule in RULES:
        changed = any(now.told(name) != was.told(name) for name in rule.about.split())
        if changed and rule.broken(now):
            found.append(said(rule, now))
    return found + list(unreadable(now, was)) + list(taken_back(now, was))


def said(rule: Rule, status: Status) -> FieldError:
    """The refusal of a rule."""
    field = f"status.{rule.field}"
    if rule.required:
        return required(field, rule.words)
    value = None if rule.field == "conditions" else status.fields.get(rule.field)
    return wrong(field, value, rule.words)


def uids(status: Status) -> list[FieldError]:
    """Uncounted pods are named, each once."""
    found, seen = [], set()
    for kind, some in (status.fields.get("uncountedTerminatedPods") or {}).items():
        for place, uid in enumerate(some or []):
            field = f"status.uncountedTerminatedPods.{kind}[{place}]"
            if not uid:
                found.append(wrong(field, uid, "must not be empty"))
            elif uid in seen:
                found.append(duplicate(field, uid))
            seen.add(uid)
    return found


def unreadable(now: Status, was: Status) -> Iterator[FieldError]:
    """Sets of indexes are increasing intervals below the number of completions."""
    completions = now.spec.get("completions")
    for name in ("completedIndexes", "failedIndexes"):
        text = now.fields.get(name)
        counts = completions is not None and (name == "completedIndexes" or per_index(now))
        if text is None or text == was.fields.get(name) or not counts:
            continue
        try:
            intervals(text, completions)
        except ValueError as error:
            yield wrong(f"status.{name}", text, f"error parsing {name}: {error}")


def intervals(text: str, completions: int | None) -> list[tuple[int, int]]:
    """The (first, last) of "0,2-5". ValueError."""
    found: list[tuple[int, int]] = []
    for part in text.split(",") if text else ():
        words = part.split("-")
        if len(words) > 2:
            raise ValueError(f'"{part}" is no interval')
        for word in words:
            if not (word.isascii() and word.isdecimal()) or len(word) > 10:
                raise ValueError(f'cannot convert string to integer for index: "{word}"')
        first, last = int(words[0]), int(words[-1])
        if completions is not None and last >= completions:
            raise ValueError(f'too large index: "{last}"')
        if (found and first <= found[-1][1]) or (len(words) == 2 and first >= last):
            raise ValueError(f"non-increasing order, at: {part}")
        found.append((first, last))
    return found


def taken_back(now: Status, was: Status) -> Iterator[FieldError]:
    """What was final stays; what was counted stays counted."""
    for kind in TERMINAL:
        if kind in was.true and kind not in now.true:
            yield wrong("status.conditions", None, f"cannot disable the {kind}=True condition")
    if "Complete" in was.true and "SuccessCriteriaMet" in now.true - was.true:
        yield wrong("status.conditions", None, "SuccessCriteriaMet=True comes before Complete=True")
    for name in ("failed", "succeeded"):
        if now.count(name) < was.count(name) and not (name == "succeeded" and is_indexed(now)):
            yield wrong(f"status.{name}", now.count(name), f"cannot decrease the {name} counter")
    if timed(now) and timed(was) and now.fields["completionTime"] != was.fields["completionTime"]:
        yield wrong("status.completionTime", now.fields["completionTime"], "cannot be changed")
    start = was.fields.get("startTime")
    if start is not None and now.fields.get("startTime") != start and not now.spec.get("suspend"):
        yield required("status.startTime", "cannot be removed for unsuspended job")
