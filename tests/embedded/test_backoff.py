import pytest

from kjnb.embedded.api.timestamps import stamp
from kjnb.embedded.controllers.backoff import Record, after, delay, finished_at, remaining, remaining_for_index
from tests.embedded.job_words import NOW, pods


def test_delays_double_up_to_sixty_times_the_base():
    assert [delay(10, n) for n in range(9)] == [0, 10, 20, 40, 80, 160, 320, 600, 600]
    assert delay(1, 10_000) == 60


def test_failures_since_the_last_success_count():
    ended = after(Record(), pods("Succeeded/at=-20"), pods("Failed/at=-30 Failed/at=-10 Failed/at=-5"))
    assert ended == Record(2, NOW - 5)
    assert remaining(ended, 10, NOW) == 15
    assert remaining(ended, 10, NOW + 60) == 0
    assert remaining(after(ended, pods("Succeeded/at=0"), []), 10, NOW) == 0


@pytest.mark.parametrize(("n", "wait"), [(2, 20), (4, 80), (6, 320)])
def test_waves_of_two_failures_wait_as_measured_on_a_real_cluster(n, wait):
    record = Record()
    for _ in range(n // 2):
        record = after(record, [], pods("Failed/at=0 Failed/at=0"))
    assert remaining(record, 10, NOW) == wait


def test_only_failures_after_the_second_of_the_last_success_count():
    assert after(Record(3, NOW), pods("Succeeded/at=0"), pods("Failed/at=0")) == Record()
    assert after(Record(3, NOW), pods("Succeeded/at=0"), pods("Failed/at=1 Failed/at=-9")) == Record(1, NOW + 1)


def test_the_end_of_a_pod_whose_containers_did_not_all_end():
    [pending, deleted, unready] = pods("Pending Running/deleting Failed")
    assert finished_at(pending) == NOW - 100
    deleted["metadata"]["deletionGracePeriodSeconds"] = 30
    assert finished_at(deleted) == NOW - 30
    unready["status"]["containerStatuses"].append({"name": "other", "state": {"waiting": {}}})
    unready["status"]["conditions"] = [{"type": "Ready", "status": "False", "lastTransitionTime": stamp(NOW - 5)}]
    assert finished_at(unready) == NOW - 5


def test_a_sidecar_that_ends_last_ends_the_pod():
    [pod] = pods("Failed/at=-9")
    pod["spec"] = {**pod["spec"], "initContainers": [{"name": "side", "restartPolicy": "Always"}, {"name": "first"}]}
    ends = [{"name": name, "state": {"terminated": {"finishedAt": stamp(NOW)}}} for name in ("first", "side")]
    pod["status"]["initContainerStatuses"] = ends[:1]
    assert finished_at(pod) == NOW - 9
    pod["status"]["initContainerStatuses"] = ends
    assert finished_at(pod) == NOW


def test_an_index_has_its_own_clock():
    pod = pods("0:Failed/at=-5/failures=1/ignored=1")[0]
    assert remaining_for_index(pod, 10, NOW) == 35
    assert remaining_for_index(pod, 10, NOW + 40) == 0
