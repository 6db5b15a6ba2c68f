"""When enough indexes have succeeded for the Job to be called complete."""

from __future__ import annotations

from kjnb.embedded.controllers.indexes import Intervals, common, parse, total
from kjnb.embedded.controllers.job_pods import Object


def met(policy: Object | None, succeeded: Intervals, completions: int) -> str:
    """The message of the first rule that is met; empty when none is."""
    for place, rule in enumerate((policy or {}).get("rules") or ()):
        if _rule_met(rule, succeeded, completions):
            return f"Matched rules at index {place}"
    return ""


def _rule_met(rule: Object, succeeded: Intervals, completions: int) -> bool:
    listed, enough = rule.get("succeededIndexes"), rule.get("succeededCount")
    if not succeeded:
        return False
    if listed is None:
        return total(succeeded) >= int(rule["succeededCount"])
    wanted = parse(listed, completions)
    got = common(wanted, succeeded)
    return bool(wanted) and (got == total(wanted) or (enough is not None and got >= int(enough)))
