"""What runs in a pod, started as a pod starts it: its results, its accounts, its ways to fail."""

import json
import resource
import signal
import subprocess
import sys

import pandas as pd
import pytest

from kjnb.errors import StageError
from kjnb.model.partition import partition
from kjnb.task.task import Task
from kjnb.worker import attempt as worker
from kjnb.worker.layout import Layout
from tests.road.stages import environment, frame, put, start, work
from tests.waiting import eventually

NASTY = ["a b", 'it\'s; echo "x"', "new\nline", "日本 ü", "$HOME `id` %41"]


def account(stage, index=0):
    (one,) = [a for a in stage.attempts() if a["index"] == index]
    return one


@pytest.mark.parametrize("name", NASTY)
def test_a_part_becomes_a_result_whatever_the_folder_is_called(tmp_path, name):
    stage = put(tmp_path / name, "print('hello')\npart.n.sum() * scale", namespace={"scale": 10})
    assert work(stage, 1, tmp_path / "pod", KJNB_ATTEMPT="uid-1", KJNB_POD="p", KJNB_NODE="node") == (0, "hello\n", "")
    assert stage.result(1) == (4 + 5 + 6 + 7) * 10
    assert type(stage.result(1)).__name__ == "int64"
    told = account(stage, 1)
    assert [told[k] for k in ("attempt", "pod", "node", "outcome", "exit_code", "error", "rows")] == [
        "uid-1", "p", "node", "succeeded", 0, None, 4,
    ]  # fmt: skip
    assert told["start"] <= told["end"]
    assert told["usage"]["max_rss_bytes"] > 1e7
    assert told["usage"]["cpu_seconds"] > 0
    assert told["versions"]["pandas"] == pd.__version__


def test_index_and_completions_are_passed_by_name(tmp_path):
    def fn(completions, part, index):
        return [index, completions, len(part)]

    stage = put(tmp_path / "s", fn)
    assert work(stage, 2, tmp_path / "pod")[0] == 0
    assert stage.result(2) == [2, 3, 4]


def test_the_cell_s_lines_are_in_the_traceback_and_ours_are_not(tmp_path):
    stage = put(tmp_path / "s", "def inner(rows):\n    return rows['carier']\n\nwanted = inner(part)\nwanted")
    code, _, err = work(stage, 0, tmp_path / "pod")
    error = account(stage)["error"]
    assert code == worker.FATAL
    assert (error["type"], error["line"], error["source"]) == ("KeyError", 2, "return rows['carier']")
    assert error["group"] == "KeyError: 'carier', line 2"
    assert err.splitlines()[2].strip() == "wanted = inner(part)"
    assert "worker.py" not in err
    assert err == error["traceback"]


def test_a_notebook_function_shows_its_lines(tmp_path):
    source = "def cleaned(part):\n    raise ValueError(f'bad row {len(part)}')\n"
    worker.fill_linecache({"/tmp/ipykernel_1/2.py": source})
    namespace = {"__name__": "__main__"}
    exec(compile(source, "/tmp/ipykernel_1/2.py", "exec"), namespace)
    stage = put(tmp_path / "s", "cleaned(part)", namespace=namespace)
    assert work(stage, 0, tmp_path / "pod")[0] == worker.FAILED
    error = account(stage)["error"]
    assert (error["line"], error["source"]) == (2, "raise ValueError(f'bad row {len(part)}')")
    assert error["group"] == "ValueError: bad row #, line 2"
    assert error["message"] == "bad row 4"


FAILURES = {
    "1 / 0": worker.FAILED,
    "undefined.x if (undefined := None) is None else 0": worker.FATAL,
    "part.nothing": worker.FATAL,
    "len(3)": worker.FATAL,
    "{}['a']": worker.FATAL,
    "__import__('not_there')": worker.FATAL,
    "compile('a b', 'f', 'exec')": worker.FATAL,
    "open('/nowhere')": worker.FAILED,
    "__import__('sys').exit()": 1,
    "__import__('sys').exit(0)": 1,
    "__import__('sys').exit(256)": 1,
    "__import__('sys').exit('no')": 1,
    "__import__('sys').exit(87)": 1,
    "__import__('sys').exit(88)": 1,
    "__import__('sys').exit(5)": 5,
    "(_ for _ in ()).throw(KeyboardInterrupt)": 1,
    "(n for n in part.n)": worker.FATAL,
}


@pytest.mark.parametrize("body", FAILURES)
def test_exit_codes(tmp_path, body):
    stage = put(tmp_path / "s", body)
    assert work(stage, 0, tmp_path / "pod")[0] == FAILURES[body]
    told = account(stage)
    assert (told["outcome"], told["exit_code"]) == ("failed", FAILURES[body])
    assert told["error"]["type"]
    assert stage.committed() == []
    assert list(Layout(stage.root).results.iterdir()) == []


def test_retry_on_makes_an_error_worth_another_try(tmp_path):
    stage = put(tmp_path / "s", "{}['a']", spec={"retry_on": ["LookupError"]})
    assert work(stage, 0, tmp_path / "pod")[0] == worker.FAILED


def test_a_result_that_cannot_be_pickled_says_so(tmp_path):
    stage = put(tmp_path / "s", "(n for n in part.n)")
    assert work(stage, 0, tmp_path / "pod")[0] == worker.FATAL
    assert "the result, a generator, cannot be pickled" in account(stage)["error"]["message"]


HINTS = {
    "open('data/prices.csv')": "--file data/prices.csv",
    "__import__('os').environ['TOKEN']": "--env TOKEN",
    "__import__('not_there')": "install not_there",
}


@pytest.mark.parametrize("body", HINTS)
def test_the_cure_is_named(tmp_path, body):
    stage = put(tmp_path / "s", body)
    _, _, err = work(stage, 0, tmp_path / "pod")
    assert HINTS[body] in account(stage)["error"]["hint"]
    assert err.endswith(f"-> {account(stage)['error']['hint']}\n")


def test_shipped_files_are_in_the_pod_s_folder(tmp_path):
    (tmp_path / "prices.csv").write_text("a\n1\n")
    task = Task.cell("open('prices.csv').read()", {}, frame_name="df", files=[str(tmp_path / "prices.csv")])
    stage = put(tmp_path / "s", task)
    assert work(stage, 0, tmp_path / "pod")[0] == 0
    assert stage.result(0) == "a\n1\n"


def test_another_python_or_pandas_cannot_load_the_task(tmp_path):
    stage = put(tmp_path / "s", "1")
    about = json.loads(Layout(stage.root).about.read_text())
    for library, version in (("python", "3.1.4"), ("pandas", "0.25.1")):
        changed = about | {"versions": about["versions"] | {library: version}}
        Layout(stage.root).about.write_text(json.dumps(changed))
        code, _, err = work(stage, 0, tmp_path / "pod", KJNB_ATTEMPT=library)
        assert code == worker.TASK_UNLOADABLE
        assert f"the notebook has {library} {version}, this pod's image has {library} " in err


def test_a_module_that_is_not_in_the_image_ends_the_run_with_its_name(tmp_path):
    stage = put(tmp_path / "s", "1")
    Layout(stage.root).task.write_bytes(b"cnot_in_the_image\nthing\n.")
    code, _, err = work(stage, 0, tmp_path / "pod")
    assert code == worker.TASK_UNLOADABLE
    assert "the task needs not_in_the_image, which this pod's image cannot import" in err


def test_kjnb_is_not_needed_in_the_pod(tmp_path):
    stage = put(tmp_path / "s", "import sys\nsorted(n for n in sys.modules if n.partition('.')[0] == 'kjnb')")
    assert work(stage, 0, tmp_path / "pod")[0] == 0
    assert stage.result(0) == []


def test_the_shipped_cloudpickle_is_used_where_the_image_s_differs(tmp_path):
    def fn(part):
        import cloudpickle

        return cloudpickle.__file__

    stage = put(tmp_path / "s", fn)
    other = tmp_path / "image" / "cloudpickle"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("__version__ = '1.0'\n")
    assert work(stage, 0, tmp_path / "pod", PYTHONPATH=str(other.parent))[0] == 0
    assert stage.result(0).startswith(str(stage.root))


def test_a_late_attempt_changes_nothing(tmp_path):
    stage = put(tmp_path / "s", "import uuid\nstr(uuid.uuid4())")
    assert work(stage, 0, tmp_path / "pod", KJNB_ATTEMPT="first")[0] == 0
    first = stage.result(0)
    assert work(stage, 0, tmp_path / "pod", KJNB_ATTEMPT="second")[0] == 0
    assert stage.result(0) == first
    assert [a["outcome"] for a in stage.attempts()] == ["succeeded", "superseded"]
    assert len(list(Layout(stage.root).results.iterdir())) == 1


def test_a_killed_process_leaves_no_result(tmp_path):
    stage = put(tmp_path / "s", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    assert work(stage, 0, tmp_path / "pod")[0] == -signal.SIGKILL
    assert (stage.committed(), stage.attempts()) == ([], [])


def test_sigterm_leaves_an_account(tmp_path):
    stage = put(tmp_path / "s", "import threading\nprint('here', flush=True)\nthreading.Event().wait()\n0")
    with start(stage, 0, tmp_path / "pod") as process:
        assert process.stdout.readline() == "here\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM
        process.communicate()
    assert account(stage)["outcome"] == "terminated"
    assert stage.committed() == []


def small_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))


def test_a_full_disk_is_an_error_with_nothing_torn(tmp_path):
    stage = put(tmp_path / "s", "'x' * 1_000_000")
    command = [sys.executable, str(stage.root / "worker.py"), str(stage.root)]
    (tmp_path / "pod").mkdir()
    done = subprocess.run(
        command, cwd=tmp_path / "pod", env=environment(0), preexec_fn=small_files, capture_output=True, text=True
    )
    assert done.returncode == worker.FAILED
    told = account(stage)["error"]
    assert told["type"] == "OSError"
    assert f"the result cannot be stored in {stage.root}: File too large" in told["message"]
    assert told["group"].startswith("OSError: [Errno 27] the result cannot be stored")
    assert done.stderr.splitlines() == [f"OSError: {told['message']}"], "where our code wrote it is no news"
    assert stage.committed() == []
    assert list(Layout(stage.root).results.iterdir()) == []


def test_a_full_disk_may_take_the_account_but_not_the_exit_code(tmp_path):
    stage = put(tmp_path / "s", "'x' * 1_000_000")
    layout = Layout(stage.root)
    layout.attempts.rmdir()
    layout.attempts.write_text("in the way")
    code, _, err = work(stage, 0, tmp_path / "pod")
    assert code == 0
    assert "the account of this attempt could not be written" in err
    assert len(stage.result(0)) == 1_000_000


def test_torn_results_are_noticed(tmp_path):
    stage = put(tmp_path / "s", "'x' * 1000")
    assert work(stage, 0, tmp_path / "pod")[0] == 0
    (path,) = Layout(stage.root).results.iterdir()
    whole = path.read_bytes()
    for content in (whole[:-1], b"y" + whole[1:], b""):
        path.write_bytes(content)
        with pytest.raises(StageError, match=r"not what was committed[\s\S]*run.retry\(\[0\]\)"):
            stage.result(0)
    path.unlink()
    with pytest.raises(StageError, match="is gone"):
        stage.collect()


HUNDRED = """
import sys
from kjnb.worker import attempt as worker
for index in range(100):
    worker.main(sys.argv[1], {"JOB_COMPLETION_INDEX": str(index)})
"""


def test_a_hundred_indexes_draw_a_hundred_numbers_and_the_same_again(tmp_path):
    body = "float(np.random.rand()), random.random(), part.sample(1).n.iloc[0].item(), index"
    import random

    import numpy as np

    namespace = {"np": np, "random": random}
    drawn = []
    for folder, seed in (("a", 5), ("b", 5), ("c", 6)):
        stage = put(tmp_path / folder, body, partition(frame(6000), 100), namespace=namespace, seed=seed)
        subprocess.run([sys.executable, "-c", HUNDRED, str(stage.root)], check=True, cwd=tmp_path)
        drawn.append([stage.result(i) for i in range(100)])
    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2]
    for position in (0, 1, 2):
        assert len({one[position] for one in drawn[0]}) == 100


def test_a_big_captured_value_and_a_waiting_reader(tmp_path):
    table = pd.DataFrame({"x": range(300_000)})
    stage = put(tmp_path / "s", "int(table.x.sum()) + index", namespace={"table": table})
    assert work(stage, 2, tmp_path / "pod")[0] == 0
    assert eventually(stage.committed) == [2]
    assert stage.result(2) == int(table.x.sum()) + 2
    assert stage.task().carries[0][:2] == ("table", "DataFrame")
