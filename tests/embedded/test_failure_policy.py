import pytest

from kjnb.embedded.controllers.failure_policy import Match, ends_index, match, next_counts
from tests.embedded.job_words import pods


def rule(action, **how):
    return {"action": action, **how}


def on_exit(action, operator, *values, container=None):
    named = {"containerName": container} if container else {}
    return rule(action, onExitCodes={"operator": operator, "values": list(values), **named})


def policy(*rules):
    return {"rules": list(rules)}


def failed(code):
    return pods(f"0:Failed/exit={code}/failures=2/uid=p")[0]


@pytest.mark.parametrize("rules", [None, policy(), policy(on_exit("FailJob", "In", 3))])
def test_without_a_matching_rule_a_failure_counts(rules):
    assert match(rules, failed(42)) == Match("Count")


def test_the_first_matching_rule_wins():
    rules = policy(on_exit("Ignore", "In", 7), on_exit("FailJob", "In", 42, container="worker"), rule("Count"))
    assert match(rules, failed(7)).action == "Ignore"
    said = "Container worker for pod default/p failed with exit code 42 matching FailJob rule at index 1"
    assert match(rules, failed(42)) == Match("FailJob", said)


def test_other_containers_and_code_zero_do_not_match():
    assert match(policy(on_exit("FailJob", "In", 42, container="other")), failed(42)).action == "Count"
    assert match(policy(on_exit("FailJob", "NotIn", 1)), failed(0)).action == "Count"
    assert match(policy(on_exit("FailJob", "NotIn", 1)), failed(2)).action == "FailJob"


def test_pod_conditions():
    disrupted = pods("0:Failed/condition=DisruptionTarget/uid=p")[0]
    rules = policy(rule("Ignore", onPodConditions=[{"type": "DisruptionTarget"}]))
    assert match(rules, disrupted).counts is False
    assert match(rules, failed(1)).counts is True
    assert match(
        policy(rule("FailJob", onPodConditions=[{"type": "DisruptionTarget", "status": "True"}])), disrupted
    ) == (
        "FailJob",
        "Pod default/p has condition DisruptionTarget matching FailJob rule at index 0",
    )
    other = policy(rule("FailJob", onPodConditions=[{"type": "DisruptionTarget", "status": "False"}]))
    assert match(other, disrupted).action == "Count"


def test_counts_of_an_index():
    ignore = policy(on_exit("Ignore", "In", 7))
    assert next_counts(ignore, failed(1)) == (3, 0)
    assert next_counts(ignore, failed(7)) == (2, 1)
    assert ends_index(None, 2, failed(1))
    assert not ends_index(None, 3, failed(1))
    assert ends_index(policy(on_exit("FailIndex", "In", 7)), 99, failed(7))
