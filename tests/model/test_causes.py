"""What the recorded states do not show: other words of clusters, other ends of pods, and many pods at once."""

from __future__ import annotations

import pytest

from kjnb.model.causes import backoff, scheduling
from kjnb.model.causes.remedy import Scene
from kjnb.model.diagnosis import Rank, Seen, diagnose, read_pod, short
from kjnb.model.facts import JobSeen, ResultLost
from kjnb.model.findings import LONGEST_QUOTE, SHORT, Cause, Diagnosis, about
from kjnb.model.suspicion import looks_stuck
from tests.model.facts import FAILED, START, account, job, pod, run

NOW = START + 100
BATCH = "batch.kubernetes.io"
BUDGETS = {"backoffLimitPerIndex": 3, "completions": 10, "parallelism": 4, "completionMode": "Indexed"}


def stamp(seconds):
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def the_job(name="r", *conditions, spec=BUDGETS, **status):
    """A Job as the API serves it."""
    told = [{"type": c[0], "status": "True", "reason": c[1], "message": c[2]} for c in conditions]
    return {
        "metadata": {"name": name, "namespace": "ns"},
        "spec": spec,
        "status": {"startTime": stamp(START), "conditions": told, **status},
    }


def the_pod(index=0, phase="Pending", *, waiting=None, ended=None, box=None, failures=0, node="n1", **status):
    """A pod as the API serves it; `waiting` and `ended` are the state of its container."""
    state = {"waiting": waiting} if waiting else {"terminated": ended} if ended else {"running": {}}
    return read_pod(
        {
            "metadata": {
                "name": f"r-{index}-x",
                "uid": f"r-{index}-1",
                "creationTimestamp": stamp(START),
                "labels": {f"{BATCH}/job-name": "r"},
                "annotations": {
                    f"{BATCH}/job-completion-index": str(index),
                    f"{BATCH}/job-index-failure-count": str(failures),
                },
                **status.pop("metadata", {}),
            },
            "spec": {"nodeName": node, "containers": [{"name": "worker", "image": "i:1", **(box or {})}]},
            "status": {"phase": phase, "containerStatuses": [{"name": "worker", "state": state}], **status},
        }
    )


def event(message, reason="Failed", name="r-0-x", kind="Pod", at=START):
    return {
        "involvedObject": {"kind": kind, "name": name},
        "reason": reason,
        "message": message,
        "lastTimestamp": stamp(at),
    }


def found(*pods, jobs=(), events=(), state=None, now=NOW, **more):
    return diagnose(state, Seen(list(jobs), list(pods), events, **more), now)


def only(*pods, **more):
    """The one finding."""
    told = found(*pods, **more)
    assert len(told) == 1, told
    return told[0]


def unscheduled(message, **more):
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return the_pod(node="", conditions=[condition], **more)


ASKS = {"resources": {"requests": {"cpu": "2", "memory": "1Gi"}}}


# ---------------------------------------------------------------- scheduling


def test_room_that_others_have_now():
    told = only(unscheduled("0/3 nodes are available: 3 Insufficient cpu.", box=ASKS), cores=4.0, memory=2**33)
    assert told.rank == Rank.WAITING
    assert "waiting for room: no node has 2 CPU free now" in told.what
    assert "a launch with cpu='1' has more of them run at a time" in told.fix


def test_more_than_the_largest_node_has():
    message = "0/3 nodes are available: 2 Insufficient memory, 3 Insufficient cpu."
    told = only(unscheduled(message, box=ASKS), cores=1.0, memory=2**33)
    assert told.rank == Rank.STUCK
    assert "no node of the cluster has 2 CPU, 1Gi of memory" in told.what
    assert "run.retry(cpu='1', memory='8191Mi')" in told.fix


def test_room_for_what_was_not_asked():
    assert "enough CPU" in only(unscheduled("0/1 nodes: 1 Insufficient cpu.")).what
    assert "enough memory" in only(unscheduled("0/1 nodes: 1 Insufficient memory.")).what
    assert "enough x/y" in only(unscheduled("0/1 nodes: 1 Insufficient x/y.")).what


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("0/2 nodes are available: 2 node(s) had untolerated taint {dedicated: gpu}.", "unschedulable-taint"),
        ("0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.", "unschedulable-selector"),
        ("0/2 nodes are available: 2 node(s) had volume node affinity conflict.", "volume-claim-unbound"),
        ("0/2 nodes are available: 2 Too many pods.", "unschedulable"),
        ("", "unschedulable"),
    ],
)
def test_other_reasons_for_no_node(message, code):
    assert only(unscheduled(message)).code == code


def test_a_gate_without_a_name():
    condition = {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}
    assert "cannot be read" in only(the_pod(node="", conditions=[condition])).what


def test_only_the_pod_without_a_node_is_asked():
    assert scheduling.cause(the_pod(), Scene(), {}) is None


# ---------------------------------------------------------------- images, configuration, volumes


@pytest.mark.parametrize(
    ("reason", "message", "says"),
    [
        ("ErrImagePull", "pull access denied", "the registry refuses to give it"),
        ("ErrImagePull", "manifest unknown", "there is no such image or tag"),
        ("ErrImagePull", "dial tcp: lookup r: no such host", "the registry does not answer"),
        ("ErrImagePull", "toomanyrequests: slow down", "the registry wants fewer requests"),
        ("ErrImagePull", "write: no space left on device", "the node has no room for it"),
        ("ErrImagePull", "no match for platform in manifest", "another kind of processor"),
        ("ErrImageNeverPull", "", "it is not on the node, and is never to be pulled"),
        ("ErrImagePull", "odd", "cannot be pulled (odd)"),
    ],
)
def test_what_registries_say(reason, message, says):
    told = only(the_pod(waiting={"reason": reason, "message": message}))
    assert says in told.what
    assert "run.retry(image=" in told.fix


def test_between_two_pulls_the_events_tell():
    waiting = {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "i:1"'}
    events = [event('Failed to pull image "i:1": manifest unknown'), event("Error: ErrImagePull")]
    assert "no such image or tag (manifest unknown)" in only(the_pod(waiting=waiting), events=events).what
    assert "cannot be pulled" in only(the_pod(waiting=waiting)).what
    newer = {**waiting, "message": 'Back-off pulling image "i:1": ErrImagePull: manifest unknown'}
    assert "no such image or tag" in only(the_pod(waiting=newer)).what


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("couldn't find key a in ConfigMap ns/settings", "configmap-key-missing"),
        ("couldn't find key a in Secret ns/login", "secret-key-missing"),
        ("something odd", "container-config"),
    ],
)
def test_configuration(message, code):
    assert only(the_pod(waiting={"reason": "CreateContainerConfigError", "message": message})).code == code


def test_a_config_map_that_nobody_is_known_to_want():
    waiting = {"reason": "CreateContainerConfigError", "message": 'configmap "c" not found'}
    assert "the ConfigMap c does not exist" in only(the_pod(waiting=waiting)).what


MOUNT = 'MountVolume.SetUp failed for volume "v" : '
LATE = "Unable to attach or mount volumes: unmounted volumes=[v]: timed out waiting for the condition"


@pytest.mark.parametrize(
    ("messages", "code", "says"),
    [
        ([f'{MOUNT}secret "s" not found', LATE], "secret-missing", "the Secret s, from which the volume v is to come"),
        ([f"{MOUNT}references non-existent config key: k"], "volume-key-missing", "no key k"),
        ([f"{MOUNT}hostPath type check failed: /s is not a directory"], "volume-folder-missing", "the folder /s"),
        ([f"{MOUNT}mount failed: exit status 32"], "volume-mount", "the volume v cannot be mounted (Mount"),
        ([LATE], "volume-mount", "a volume cannot be mounted"),
    ],
)
def test_volumes(messages, code, says):
    waiting = {"reason": "ContainerCreating"}
    told = only(the_pod(waiting=waiting), events=[event(one, "FailedMount") for one in messages])
    assert (told.code, says in told.what) == (code, True)


def test_a_program_that_cannot_be_started():
    for message, code in [
        ('exec: "pyhton": executable file not found in $PATH', "command-not-found"),
        ("exec /run.sh: permission denied", "command-denied"),
        ("odd", "container-start"),
    ]:
        told = only(the_pod(waiting={"reason": "RunContainerError", "message": message}))
        assert (told.code, told.rank) == (code, Rank.STUCK)
        ended = {"exitCode": 127, "reason": "ContainerCannotRun", "message": message}
        told = only(the_pod(phase="Failed", ended=ended))
        assert (told.code, told.rank) == (code, Rank.FAILED)
    bare = the_pod(box={"image": ""}, waiting={"reason": "RunContainerError", "message": "odd"})
    assert "of the image cannot be started" in only(bare).what


def test_a_container_that_is_restarted_in_place():
    waiting = {"reason": "CrashLoopBackOff", "message": "back-off 20s restarting failed container=worker"}
    assert "the next restart comes within 20s" in only(the_pod(phase="Running", waiting=waiting)).what


# ---------------------------------------------------------------- ends


@pytest.mark.parametrize(
    ("code", "says"),
    [(139, "exit code 139 (SIGSEGV)"), (137, "exit code 137 (SIGKILL)"), (None, "an unknown exit code")],
)
def test_exit_codes(code, says):
    told = only(the_pod(phase="Failed", ended={"exitCode": code, "reason": "Error", "message": "a\nlast\n\n"}))
    assert f"ended with {says} (last)" in told.what
    assert ("killed it" in told.fix) == (code == 137)


def test_a_reason_of_its_own():
    assert "(Odd)" in only(the_pod(phase="Failed", ended={"exitCode": 1, "reason": "Odd"})).what


def test_nothing_was_seen_of_the_end():
    told = only(the_pod(phase="Failed"))
    assert "nothing was seen of why" in told.what
    assert told.fix == "run.logs(0) is what it printed; to try it again: run.stop(), then run.retry()"


def test_out_of_memory_without_a_limit():
    for phase, code in (("Failed", 137), ("Succeeded", 0)):
        told = only(the_pod(phase=phase, ended={"exitCode": code, "reason": "OOMKilled"}))
        assert told.code.startswith("oom-killed")
        assert "memory='2Gi'" in told.fix
    limit = {"resources": {"limits": {"memory": "odd"}}}
    assert (
        "memory='2Gi'" in only(the_pod(phase="Failed", box=limit, ended={"exitCode": 137, "reason": "OOMKilled"})).fix
    )


def test_out_of_memory_before_the_task():
    told = only(
        the_pod(
            phase="Failed",
            waiting={"reason": "PodInitializing"},
            initContainerStatuses=[{"name": "get", "state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}],
        )
    )
    assert "the init container get was killed" in told.what


@pytest.mark.parametrize(
    ("reason", "message", "says"),
    [
        ("Evicted", "The node was low on resource: memory.", "the node ran out of memory and gave it up"),
        ("Evicted", "Pod ephemeral local storage usage exceeds the total limit", "the node gave it up: Evicted"),
        ("OutOfcpu", "Node didn't have enough resource", "the node would not have it: OutOfcpu"),
        ("DeadlineExceeded", "", "ran longer than the limit of one attempt"),
    ],
)
def test_reasons_of_the_pod(reason, message, says):
    assert says in only(the_pod(phase="Failed", reason=reason, message=message)).what


def test_disruptions_are_not_the_tasks_fault():
    condition = {"type": "DisruptionTarget", "status": "True", "reason": "New"}
    lost = the_pod(phase="Failed", conditions=[condition])
    ignores = [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}]
    kept = the_job(spec={**BUDGETS, "podFailurePolicy": {"rules": ignores}})
    told = found(lost, jobs=[kept])[-1]
    assert "taken away by the cluster: New" in told.what
    assert "tried again, and does not count" in told.fix
    over = the_job("r", ("Failed", "FailedIndexes", ""))
    assert "fault: run.retry()" in next(one for one in found(lost, jobs=[over]) if one.code == "disrupted").fix


def test_a_pod_that_does_not_stop():
    metadata = {"deletionTimestamp": stamp(NOW - 60), "name": "p"}
    told = only(the_pod(phase="Running", metadata=metadata))
    assert told.code == "not-stopping"
    assert "kubectl delete pod p --force" in told.fix
    assert found(the_pod(phase="Running", metadata={"deletionTimestamp": stamp(NOW + 5)})) == ()


def test_what_is_not_explained_is_said_so():
    slow = the_pod(waiting={"reason": "ContainerCreating"})
    told = only(slow, events=None)
    assert "not running yet after 100 s (ContainerCreating)" in told.what
    assert "cannot be read with your rights" in told.what
    assert "rights" not in only(slow).what
    assert found(slow, now=START + 1) == ()
    assert "its node does not answer" in only(the_pod(phase="Unknown")).what
    assert "not running yet" in only(read_pod({})).what


# ---------------------------------------------------------------- Jobs


REFUSED = 'Error creating: pods "r-0-x" is forbidden: '


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("failed quota: q: must specify limits.memory for: worker", "quota"),
        ('admission webhook "policy.example" denied the request: no', "admission"),
        ("maximum memory usage per Container is 1Gi, but limit is 2Gi", "limit-range"),
        ("minimum cpu usage per Pod is 1, but request is 100m", "limit-range"),
        ("odd", "refused"),
    ],
)
def test_refusals(message, code):
    told = only(jobs=[the_job()], events=[event(REFUSED + message, "FailedCreate", "r", "Job")])
    assert told.code == code
    assert told.what.startswith("none of 4 pods can be created: ")


@pytest.mark.parametrize(
    ("asked", "fix"),
    [
        (("requests.memory=1Gi", "requests.memory=3Gi", "requests.memory=3584Mi"), "run.retry(memory='512Mi')"),
        (("limits.cpu=2,requests.cpu=2", "limits.cpu=3,requests.cpu=3", "limits.cpu=4,requests.cpu=4"), "cpu='1'"),
        (("pods=1,requests.cpu=2", "pods=1,requests.cpu=3", "pods=9,requests.cpu=4"), "run.retry(cpu='1')"),
        (("requests.cpu=2", "requests.cpu=4", "requests.cpu=4"), ""),
        (("count/jobs=1", "count/jobs=4", "count/jobs=4"), ""),
    ],
)
def test_what_a_quota_has_left(asked, fix):
    requested, used, limited = asked
    said = f"exceeded quota: q, requested: {requested}, used: {used}, limited: {limited}"
    told = only(jobs=[the_job()], events=[event(REFUSED + said, "FailedCreate", "r", "Job")])
    assert fix in told.fix
    assert ("to ask for less" in told.fix) == bool(fix)


def test_a_refusal_is_over_when_a_pod_came_later():
    events = [
        event(REFUSED + "odd", "FailedCreate", "r", "Job"),
        event("Created", "SuccessfulCreate", "r", "Job", START + 5),
    ]
    assert [one.code for one in found(jobs=[the_job()], events=events)] == ["no-pods"]
    assert found(the_pod(phase="Running"), jobs=[the_job()], events=events, now=START + 2) == ()
    assert found(jobs=[the_job(active=4)], events=events[:1]) == ()


def test_no_pods_and_nobody_says_why():
    assert found(jobs=[the_job()], now=START + 1) == ()
    told = only(jobs=[the_job()], events=None)
    assert "no pod of it is there, 100 s after its start (its events" in told.what
    assert "kubectl describe job r" in told.fix
    unborn = {"metadata": {"name": "r"}, "spec": {"parallelism": 0}, "status": {}}
    assert found(jobs=[unborn]) == ()
    assert "no pod of it is there" in only(jobs=[{"metadata": {"name": "r"}, "status": {}}]).what


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("PodFailurePolicy", "failure-policy"),
        ("MaxFailedIndexesExceeded", "max-failed-indexes"),
        ("Odd", "job-failed"),
        ("", "job-failed"),
        ("FailedIndexes", "indexes-failed"),
        ("BackoffLimitExceeded", "backoff-limit"),
        ("DeadlineExceeded", "job-deadline"),
    ],
)
def test_ends_of_jobs(reason, code):
    for spec in ({}, {**BUDGETS, "maxFailedIndexes": 3}):
        told = only(jobs=[the_job("r", ("Failed", reason, "in its words"), spec=spec)])
        assert told.code == code
        assert "run.retry(" in told.fix


def test_a_launch_that_was_cut_off():
    cut = the_job(spec={"suspend": True})
    cut["metadata"]["annotations"] = {"kjnb.dev/launcher": "host/1/2"}
    assert "kjnb.attach('r')" in only(jobs=[cut]).fix


def test_waiting_for_pods_that_are_not_known():
    told = found(jobs=[the_job("r", ("FailureTarget", "Odd", ""))])
    assert "waits for its pods to stop" in told[-1].what


# ---------------------------------------------------------------- back-off


def failed(index, ended_at, failures=0, **more):
    return the_pod(
        index,
        "Failed",
        failures=failures,
        ended={"exitCode": 1, "reason": "Error", "finishedAt": stamp(ended_at)},
        **more,
    )


def test_the_clock_of_each_index():
    pods = [failed(0, NOW - 4, 1), failed(1, NOW - 15, 1), failed(2, NOW - 50), failed(3, NOW, 3)]
    told = {one.indexes: one for one in found(*pods, jobs=[the_job()]) if one.code == "back-off"}
    assert set(told) == {(0, 1), (2,)}, "index 3 has spent its budget of four attempts"
    assert (
        "indexes 0-1: 2 attempts failed; the next one begins in 5 to 16 s (attempt 3 of at most 4)" in told[0, 1].what
    )
    assert "1 attempt failed; the next one begins now" in told[(2,)].what
    assert short(told.values()).startswith("next try")


def test_a_retried_index_has_no_clock():
    again = the_pod(0, "Running", metadata={"creationTimestamp": stamp(NOW), "name": "r-0-y"})
    for pods in ((failed(0, NOW - 4), again), (again, failed(0, NOW - 4))):
        assert found(*pods, jobs=[the_job(active=4)]) == ()
    missing = found(again, jobs=[the_job()], now=NOW + 30)[0]
    assert missing.what == "3 of 4 pods are missing, 30 s after the last one"
    for given_up, wanted in (("0-7", "1 of 2"), ("odd", "3 of 4")):
        missing = found(again, jobs=[the_job(failedIndexes=given_up)], now=NOW + 30)[0]
        assert f"{wanted} pods are missing" in missing.what
    odd = {**the_job(), "spec": {"backoffLimitPerIndex": "x"}}
    assert [one.code for one in found(failed(0, NOW - 4), jobs=[odd])] == ["exit-code", "back-off"]


def test_the_clock_of_a_job_is_set_back_by_a_success():
    spec = {"completions": 9, "parallelism": 1}
    good = the_pod(1, "Succeeded", ended={"exitCode": 0, "finishedAt": stamp(NOW - 30)})
    pods = [failed(0, NOW - 60), good, failed(2, NOW - 3)]
    told = next(one for one in found(*pods, jobs=[the_job(spec=spec)]) if one.code == "back-off")
    assert told.what == "1 attempt failed; the next one begins in 7 s"
    with_one = [*pods, the_pod(3, "Running")]
    assert "back-off" not in [one.code for one in found(*with_one, jobs=[the_job(spec=spec)])]
    assert "back-off" not in [one.code for one in found(good, jobs=[the_job(spec=spec)])]


def test_delays_double_up_to_ten_minutes():
    assert [backoff.delay(n) for n in (0, 1, 2, 3, 7, 50)] == [10, 10, 20, 40, 600, 600]
    assert backoff.delay(3, 0.1) == pytest.approx(0.4)


# ---------------------------------------------------------------- with the run's state


def test_the_tasks_error_is_told_by_its_group():
    state = run(3, pod(0, "Failed", exit_code=88), account(0, exit_code=88), job(failed="0"))
    dead = the_pod(0, "Failed", ended={"exitCode": 88, "reason": "Error"})
    told = found(dead, jobs=[the_job(active=4)], state=state)[0]
    assert told.what.endswith("the task failed with KeyError: 'carier', line 2, and is not tried again")
    assert told.fix.startswith("run.debug(0) shows it")
    assert told.short == "KeyError: 'carier', line 2"


def test_a_task_that_leaves_or_cannot_be_loaded():
    for code, group, says in [
        (87, "ModuleNotFoundError, line 1", "cannot load the task"),
        (3, "SystemExit: 3", "the task failed with SystemExit: 3"),
        (1, "OSError, line 1", "OSError, line 1 (OSError, line 1: 'carier')"),
    ]:
        state = run(3, pod(0, "Failed", exit_code=code), account(0, group=group, exit_code=code), job(failed="0"))
        told = found(state=state)[0]
        assert says in told.what
        assert ("run.logs(0)" in told.fix) == (code == 3)
    silent = run(1, pod(0, "Failed"), account(0, group="Odd", message=""), job(failed="0"))
    assert "the task failed with Odd (Odd)" in found(state=silent)[0].what


def test_what_is_known_without_its_pods():
    state = run(
        5,
        pod(0, "Failed", reason="OOMKilled", exit_code=137),
        pod(1, "Failed", reason="EvictionByEvictionAPI", exit_code=None),
        pod(2, "Failed", reason="DeadlineExceeded", exit_code=137),
        job(failed="0-3", conditions=FAILED),
    )
    limits = {"template": {"spec": {"containers": [{"resources": {"limits": {"memory": "64Mi"}}}]}}}
    told = {one.indexes: one for one in found(state=state, jobs=[the_job("r", ("Failed", "Odd", ""), spec=limits)])}
    assert "the limit of 64Mi" in told[(0,)].what
    assert "the node is being emptied" in told[(1,)].what
    assert told[(2,)].code == "pod-deadline"
    assert "nothing was seen" in told[(3,)].what
    alone = found(state=state)
    assert {"indexes-failed", "oom-killed"} <= {one.code for one in alone}, "the Job as it was last seen"


def test_an_attempt_that_is_followed_by_another():
    state = run(2, pod(0, "Failed", exit_code=3), pod(0, "Running", attempt=2), job(active=1))
    again = the_pod(0, "Running")
    told = only(again, jobs=[the_job(active=4)], state=state)
    assert told.rank == Rank.NOTE
    assert "an attempt failed, another follows: ended with exit code 3" in told.what
    assert short([told]) == ""


def test_a_disrupted_attempt_whose_pod_is_gone_is_not_made_up():
    state = run(1, job(failed="0"), pod(0, "Succeeded"))
    assert [one.code for one in found(state=state)] == []


def test_indexes_of_a_retry_are_the_runs():
    state = run(9, job(name="r"), job(name="r-retry"), jobs={"r": None, "r-retry": (4, 7)})
    waiting = {"reason": "ErrImagePull", "message": "manifest unknown"}
    labels = {"labels": {f"{BATCH}/job-name": "r-retry"}}
    pods = [the_pod(i, waiting=waiting, metadata={**labels, "name": f"p{i}"}) for i in (0, 1, 2)]
    told = found(*pods, jobs=[the_job("r-retry")], state=state)
    assert told[0].indexes == (4, 7)
    assert told[0].pods == ("p0", "p1", "p2")


def test_an_index_with_a_result_is_not_blamed():
    state = run(2, job("0"))
    assert found(failed(0, NOW), jobs=[the_job(active=4)], state=state) == ()


def test_results_that_are_lost():
    state = run(3, job("0-2", conditions=(("Complete", "True", "", ""),)), ResultLost(1))
    told = only(state=state)
    assert (told.code, told.indexes) == ("result-lost", (1,))


def test_a_stopped_run():
    from dataclasses import replace

    state = run(3, job(conditions=(("Failed", "True", "DeadlineExceeded", ""),)))
    told = only(state=replace(state, outcome="stopped"))
    assert told.code == "stopped"
    assert "run.retry() goes on" in told.fix


def test_a_job_that_is_gone():
    state = run(2, JobSeen("r", "u", gone=True))
    assert found(state=state) == ()


def test_many_pods_are_one_sentence():
    waiting = {"reason": "ErrImagePull", "message": "manifest unknown"}
    pods = [the_pod(i, waiting=waiting, node=f"n{i % 5}") for i in range(40)]
    told = only(*pods)
    assert told.indexes == tuple(range(40))
    assert told.what.startswith("indexes 0-39 (nodes n0, n1, n2, … (5 in all)): the image i:1 cannot be pulled")


# ---------------------------------------------------------------- findings


def test_a_diagnosis_reads_as_lines():
    one = about(Cause("x", "it does not go", "run.resume()", "no go", "because\n  of  that."), "index 3", indexes=[3])
    told = Diagnosis("r", "0 of 4 done", (one,))
    assert repr(told) == "r: 0 of 4 done\nindex 3: it does not go (because of that)\n  -> run.resume()"
    assert told.text(str.upper).endswith("-> RUN.RESUME()")
    assert (len(told), list(told), bool(told)) == (1, [one], True)
    assert repr(Diagnosis("r", "all done", ())) == "r: all done\nnothing is stuck"
    assert not Diagnosis("r", "", ()).findings
    assert str(about(Cause("x", "so it is", ""))) == "so it is"


def test_long_words_are_cut():
    one = about(Cause("x", "y", "z", "s" * 200, "q" * 1000))
    assert len(one.what) <= LONGEST_QUOTE + 10
    assert len(short([one])) == SHORT


# ---------------------------------------------------------------- suspicion


@pytest.mark.parametrize(
    ("facts", "after", "stuck"),
    [
        ([], 100, False),
        ([job()], 2, False),
        ([job()], 10, True),
        ([job(suspended=True)], 0, True),
        ([job(parallelism=2), pod(0, "Running")], 5, False),
        ([job(parallelism=2), pod(0, "Running")], 15, True),
        ([job(parallelism=1), pod(0, "Running")], 15, False),
        ([job(), pod(0, "Failed")], 0, True),
        ([job("0-3", conditions=(("Complete", "True", "", ""),))], 50, False),
        ([job("0", "1-3", conditions=FAILED)], 50, True),
        ([job(parallelism=9), *(pod(i, "Running") for i in range(4))], 60, False),
    ],
)
def test_only_what_looks_stuck_is_looked_at(facts, after, stuck):
    assert looks_stuck(run(4, *facts), START + after) == stuck
