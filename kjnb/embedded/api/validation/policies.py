"""podFailurePolicy and successPolicy."""

from __future__ import annotations

from typing import Any

from kjnb.embedded.api.answers import FieldError
from kjnb.embedded.api.validation import meta
from kjnb.embedded.api.validation.errors import at_least_zero, duplicate, required, too_long, unsupported, wrong

Object = dict[str, Any]
ACTIONS = ("Count", "FailIndex", "FailJob", "Ignore")
OPERATORS = ("In", "NotIn")
STATUSES = ("False", "True", "Unknown")
MOST_RULES, MOST_CODES, MOST_CONDITIONS, MOST_LISTED = 20, 255, 20, 64 * 1024


def failure_policy(spec: Object, field: str) -> list[FieldError]:
    """podFailurePolicy, rule by rule."""
    policy = spec.get("podFailurePolicy")
    if policy is None:
        return []
    field = f"{field}.podFailurePolicy.rules"
    rules = policy.get("rules") or []
    found = too_many(rules, MOST_RULES, field)
    pod = spec["template"]["spec"]
    names = {one.get("name") for kind in ("containers", "initContainers") for one in pod.get(kind) or []}
    for place, rule in enumerate(rules):
        found += failure_rule(rule, f"{field}[{place}]", names, "backoffLimitPerIndex" in spec)
    return found


def too_many(items: list[Any], most: int, field: str) -> list[FieldError]:
    """A list that may not be longer."""
    words = f"Too many: {len(items)}: must have at most {most} items"
    return [FieldError(field, "FieldValueTooMany", words)] if len(items) > most else []


def failure_rule(rule: Object, field: str, names: set[Any], per_index: bool) -> list[FieldError]:
    """One rule: its action, and either exit codes or pod conditions."""
    found = []
    action, codes, conditions = rule.get("action", ""), rule.get("onExitCodes"), rule.get("onPodConditions")
    if action not in ACTIONS:
        found.append(
            unsupported(f"{field}.action", action, ACTIONS)
            if action
            else required(f"{field}.action", f"valid values: {ACTIONS}")
        )
    if action == "FailIndex" and not per_index:
        found.append(wrong(f"{field}.action", action, "requires the backoffLimitPerIndex to be set"))
    if codes is not None:
        found += exit_codes(codes, f"{field}.onExitCodes", names)
    for place, condition in enumerate(conditions or []):
        found += pod_condition(condition, f"{field}.onPodConditions[{place}]")
    found += too_many(conditions or [], MOST_CONDITIONS, f"{field}.onPodConditions")
    if codes is not None and conditions:
        words = "Invalid value: specifying both OnExitCodes and OnPodConditions is not supported"
        found.append(FieldError(field, "FieldValueInvalid", words))
    if codes is None and not conditions:
        words = "Invalid value: specifying one of OnExitCodes and OnPodConditions is required"
        found.append(FieldError(field, "FieldValueInvalid", words))
    return found


def pod_condition(condition: Object, field: str) -> list[FieldError]:
    """The pattern of one pod condition."""
    kind, status = condition.get("type", ""), condition.get("status", "")
    found = [wrong(f"{field}.type", kind, words) for words in meta.qualified_name(kind)]
    if not status:
        found.append(required(f"{field}.status", f"valid values: {STATUSES}"))
    elif status not in STATUSES:
        found.append(unsupported(f"{field}.status", status, STATUSES))
    return found


def exit_codes(codes: Object, field: str, names: set[Any]) -> list[FieldError]:
    """Operator, container and values of a rule on exit codes."""
    found = []
    operator, values = codes.get("operator", ""), codes.get("values") or []
    if operator not in OPERATORS:
        found.append(
            unsupported(f"{field}.operator", operator, OPERATORS) if operator else required(f"{field}.operator")
        )
    if "containerName" in codes and codes["containerName"] not in names:
        words = "must be one of the container or initContainer names in the pod template"
        found.append(wrong(f"{field}.containerName", codes["containerName"], words))
    if not values:
        found.append(wrong(f"{field}.values", [], "at least one value is required"))
    found += too_many(values, MOST_CODES, f"{field}.values")
    seen: set[int] = set()
    for place, value in enumerate(values):
        if value == 0 and operator == "In":
            found.append(wrong(f"{field}.values[{place}]", value, "must not be 0 for the In operator"))
        if value in seen:
            found.append(duplicate(f"{field}.values[{place}]", value))
        seen.add(value)
    return found if values == sorted(values) else [*found, wrong(f"{field}.values", values, "must be ordered")]


def success_policy(spec: Object, field: str) -> list[FieldError]:
    """successPolicy, rule by rule; for Indexed Jobs only."""
    policy = spec.get("successPolicy")
    if policy is None:
        return []
    field = f"{field}.successPolicy"
    if spec["completionMode"] != "Indexed":
        return [wrong(field, policy, "requires indexed completion mode")]
    rules = policy.get("rules") or []
    if not rules:
        return [required(f"{field}.rules", "at least one rules must be specified when the successPolicy is specified")]
    found = too_many(rules, MOST_RULES, f"{field}.rules")
    for place, rule in enumerate(rules):
        found += success_rule(rule, spec.get("completions") or 0, f"{field}.rules[{place}]")
    return found


def success_rule(rule: Object, completions: int, field: str) -> list[FieldError]:
    """One rule: a count, a set of indexes, or both."""
    count, indexes = rule.get("succeededCount"), rule.get("succeededIndexes")
    if count is None and indexes is None:
        return [required(field, "at least one of succeededCount or succeededIndexes must be specified")]
    found = at_least_zero(count, f"{field}.succeededCount")
    listed = 0
    if indexes is not None:
        if len(indexes) > MOST_LISTED:
            found.append(too_long(f"{field}.succeededIndexes", MOST_LISTED))
        try:
            listed = count_indexes(indexes, completions)
        except ValueError as error:
            found.append(wrong(f"{field}.succeededIndexes", indexes, f"error parsing succeededIndexes: {error}"))
    if count is not None and count > completions:
        words = f"must be less than or equal to {completions} (the number of specified completions)"
        found.append(wrong(f"{field}.succeededCount", count, words))
    if count is not None and indexes is not None and count > listed:
        words = (
            f"must be less than or equal to {listed} (the number of indexes in the specified succeededIndexes field)"
        )
        found.append(wrong(f"{field}.succeededCount", count, words))
    return found


def count_indexes(text: str, completions: int) -> int:
    """How many indexes `0,2-5` lists. ValueError when it is not increasing, or reaches beyond the completions."""
    total, last = 0, -1
    for part in text.split(",") if text else []:
        ends = part.split("-")
        if len(ends) > 2:
            raise ValueError(
                f'the fragment "{part}" violates the requirement that an index interval can have at most two parts '
                "separated by '-'"
            )
        first, final = _index(ends[0], completions), _index(ends[-1], completions)
        if first <= last:
            raise ValueError(f"non-increasing order, previous: {last}, current: {first}")
        if len(ends) == 2 and final <= first:
            raise ValueError(f"non-increasing order, previous: {first}, current: {final}")
        total, last = total + final - first + 1, final
    return total


def _index(text: str, completions: int) -> int:
    if not text.isdecimal():
        raise ValueError(f'cannot convert string to integer for index: "{text}"')
    if int(text) >= completions:
        raise ValueError(f'too large index: "{text}"')
    return int(text)
