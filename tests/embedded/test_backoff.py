import pytest

from kjnb.embedded.controllers.backoff import Record, after, delay, finished_at, remaining, remaining_for_index
from tests.embedded.job_words import NOW, pods


def test_delays_double_up_to_sixty_times_the_base():
    assert [delay(10, n) for n in range(9)] == [0, 10, 20, 40, 80, 160, 320, 600, 600]
    assert delay(1, 10_000) == 60


def test_failures_since_the_last_success_count():
    ended = after(Record(), pods("Succeeded/at=-20"), pods("Failed/at=-30 Failed/at=-10 Failed/at=-5"), NOW)
    assert ended == Record(2, NOW - 5)
    assert remaining(ended, 10, NOW) == 15
    assert remaining(ended, 10, NOW + 60) == 0
    assert remaining(after(ended, pods("Succeeded/at=0"), [], NOW), 10, NOW) == 0


@pytest.mark.parametrize(("n", "wait"), [(2, 20), (4, 80), (6, 320)])
def test_waves_of_two_failures_wait_as_measured_on_a_real_cluster(n, wait):
    record = Record()
    for _ in range(n // 2):
        record = after(record, [], pods("Failed/at=0 Failed/at=0"), NOW)
    assert remaining(record, 10, NOW) == wait


def test_a_success_in_the_same_second_comes_before_the_failure():
    assert after(Record(3, NOW), pods("Succeeded/at=0"), pods("Failed/at=0"), NOW) == Record(1, NOW)


def test_the_end_of_a_pod_without_container_states():
    pending = pods("Pending")[0]
    assert finished_at(pending, NOW + 7) == NOW + 7
    assert finished_at(pods("Running/deleting")[0], NOW + 7) == NOW


def test_an_index_has_its_own_clock():
    pod = pods("0:Failed/at=-5/failures=1/ignored=1")[0]
    assert remaining_for_index(pod, 10, NOW) == 35
    assert remaining_for_index(pod, 10, NOW + 40) == 0
