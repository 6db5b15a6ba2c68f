"""Finished pods beyond a number go, oldest first and never one that is not counted; pods of no node fail and go."""

import itertools

from kjnb.embedded.controllers.job_pods import TRACKING
from kjnb.embedded.controllers.pod_garbage import QUARANTINE, collectable, lost, surplus
from kjnb.embedded.controllers.pod_garbage_loop import AT_ONCE, EVERY, PodGarbageLoop
from kjnb.embedded.store.store import Store
from tests.embedded.job_words import NOW, pods
from tests.embedded.simulation import NODE, _taken


def names(found):
    return [pod["metadata"]["name"] for pod in found]


class Yard:
    """A store and the loop, with a clock turned by hand."""

    def __init__(self, threshold):
        uids = itertools.count()
        self.now = NOW
        self.store = Store(None, clock=lambda: self.now, new_uid=lambda: f"u{next(uids)}")
        self.store.create("nodes", NODE)
        self.watches = [self.store.watch(name) for name in ("pods", "nodes")]
        self.threshold = threshold
        self.start()

    def start(self):
        clock = lambda: self.now  # noqa: E731
        self.loop = PodGarbageLoop(self.store, clock=clock, monotonic=clock, threshold=self.threshold)
        self.loop.load()

    def pods(self, words):
        for pod in pods(words):
            self.store.create("pods", pod)

    def settle(self, later=0.0):
        self.now += later
        self.store.flush()
        for watch in self.watches:
            while not watch.idle:
                for event in _taken(watch):
                    self.loop.observe(event)
        return self.loop.run_due()

    def left(self):
        return names(self.store.list("pods"))


def test_a_pod_is_collectable_when_it_is_over_and_counted():
    found = pods("Succeeded/free Failed/free Succeeded Running/free Pending/free")
    assert [collectable(pod) for pod in found] == [True, True, False, False, False]


def test_evicted_pods_go_first_then_the_oldest():
    found = pods("Succeeded/uid=a Failed/uid=b Succeeded/uid=c Failed/uid=d")
    found[3]["status"]["reason"] = "Evicted"
    assert names(surplus(reversed(found), 3)) == ["d", "a", "b"]


def test_a_lost_pod_failed_through_no_fault_of_its_own():
    [pod, over] = pods("Running/condition=DisruptionTarget Succeeded")
    status = lost(pod, NOW)["status"]
    assert status["phase"] == "Failed"
    [said] = status["conditions"]
    assert (said["reason"], said["message"]) == ("DeletionByPodGC", "PodGC: node no longer exists")
    assert lost(over, NOW) is over


def test_the_oldest_beyond_the_threshold_go_when_it_is_time():
    yard = Yard(2)
    yard.pods("Succeeded/free/uid=a Failed/free/uid=b Succeeded/free/uid=c Succeeded/uid=held Running/free/uid=d")
    assert yard.settle() == EVERY
    yard.settle(EVERY)
    assert yard.left() == ["b", "c", "d", "held"]
    yard.pods("Succeeded/free/uid=e")
    assert yard.settle(1) == EVERY - 1
    assert "b" in yard.left()
    assert yard.settle(EVERY) is None
    assert yard.left() == ["c", "d", "e", "held"]


def test_many_go_at_once():
    yard = Yard(10)
    yard.pods(" ".join(f"Succeeded/free/uid=p{number}" for number in range(11)))
    yard.settle(EVERY)
    yard.pods(" ".join(f"Succeeded/free/uid=q{number}" for number in range(AT_ONCE)))
    yard.settle()
    assert len(yard.left()) == 10
    [said] = yard.store.list("events")
    assert (said["reason"], said["involvedObject"]["kind"], said["count"]) == ("PodsCollected", "Node", 2)


def test_a_pod_that_is_not_counted_stays_until_it_is():
    yard = Yard(0)
    yard.pods("Succeeded/uid=a")
    assert yard.settle(100) is None
    pod = yard.store.get("pods", "default", "a")
    assert TRACKING in pod["metadata"]["finalizers"]
    yard.store.update("pods", {**pod, "metadata": {**pod["metadata"], "finalizers": []}})
    yard.settle(EVERY)
    assert yard.left() == []


def test_what_was_there_before_the_loop_is_collected():
    yard = Yard(1)
    yard.pods("Succeeded/free/uid=a Succeeded/free/uid=b")
    yard.start()
    yard.settle(EVERY)
    assert yard.left() == ["b"]


def test_pods_of_a_node_that_is_gone_are_lost_after_a_while():
    yard = Yard(10)
    yard.pods("Running/uid=a Running/free/uid=b Pending/unbound/uid=c Succeeded/free/uid=d")
    assert yard.settle() is None
    yard.store.remove("nodes", None, "node")
    yard.settle()
    yard.store.remove("pods", "default", "d")
    assert yard.settle(QUARANTINE - 1) == 1
    yard.settle(1)
    assert yard.left() == ["a", "c"]
    held = yard.store.get("pods", "default", "a")
    assert (held["status"]["phase"], held["metadata"]["deletionGracePeriodSeconds"]) == ("Failed", 0)


def test_a_node_that_came_back_loses_nothing():
    yard = Yard(10)
    yard.pods("Running/uid=a")
    yard.settle()
    yard.store.remove("nodes", None, "node")
    yard.settle()
    yard.store.create("nodes", NODE)
    assert yard.settle(QUARANTINE) is None
    assert yard.store.get("pods", "default", "a")["status"]["phase"] == "Running"
