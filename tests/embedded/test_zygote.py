"""A forked pod cannot be told from an exec'd one."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from kjnb.embedded.container.images import environment, known, zygote_for
from tests.embedded.node import LOCAL, Node, node, terminated

PROBE = Path(__file__).with_name("probe.py")


def run(tmp_path: Path, scenario: Any, **options: Any) -> None:
    async def main() -> None:
        async with node(tmp_path / "state", **options) as here:
            await scenario(here)

    asyncio.run(main())


async def python(here: Node, script: str, *args: str, forked: bool = True, **more: Any) -> dict[str, Any]:
    """Run a script in a pod: forked, or exec'd because `-X` stands before the file."""
    path = here.state.parent / f"script-{abs(hash(script))}.py"
    path.write_text(script)
    options = [] if forked else ["-s"]
    return await here.ran(here.pod([sys.executable, *options, str(path), *args], **more))


async def both(here: Node, script: str, **more: Any) -> list[tuple[int, str]]:
    """Exit code and log, forked and exec'd."""
    seen = []
    for fork in (True, False):
        path = here.state.parent / "script.py"
        path.write_text(script)
        here.kubelet.orders.fork = fork
        pod = await here.ran(here.pod([sys.executable, str(path)], **more))
        seen.append((terminated(pod)["exitCode"], here.log(pod)))
    return seen


def test_a_probe_prints_the_same_forked_and_execd(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        seen = []
        for exact in (True, False):
            more: dict[str, Any] = {"container": {"env": [{"name": "GREETING", "value": "hello"}]}}
            if not exact:
                here.kubelet.orders.fork = False
            pod = await here.ran(here.pod([sys.executable, str(PROBE), "a", "b c"], **more))
            text = here.log(pod).replace(pod["metadata"]["uid"], "UID").replace(pod["metadata"]["name"], "NAME")
            seen.append(json.loads(text))
        forked, execd = seen
        assert [facts.pop("born of a zygote") for facts in seen] == [True, False]
        assert forked.keys() == execd.keys()
        for name in forked:
            assert forked[name] == execd[name], name
        assert forked["others"] == []
        assert forked["argv"] == [str(PROBE), "a", "b c"]

    run(tmp_path, scenario)


def test_the_first_of_the_two_was_forked(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        forked = await python(here, "import sys; print('pandas' in sys.modules)")
        assert here.log(forked) == "True\n"
        execd = await python(here, "import sys; print('pandas' in sys.modules)", forked=False)
        assert here.log(execd) == "False\n"

    run(tmp_path, scenario)


ENDINGS = {
    "nothing": "",
    "zero": "import sys; sys.exit(0)",
    "number": "import sys; sys.exit(7)",
    "large": "import sys; sys.exit(256 + 3)",
    "sentence": "import sys; print('out'); sys.exit('a sentence')",
    "none": "raise SystemExit",
    "error": "def f():\n    return 1 / 0\nf()\n",
    "chained": "try:\n    {}['a']\nexcept KeyError as e:\n    raise ValueError('b') from e\n",
    "syntax": "x = (1,\ny = 2",
    "warning": "print('\\d')\nassert (1, 'always')\n",
    "latin": "# coding: latin-1\nprint('caf\xe9')\n",
    "long": "x = 1\n" * 40_000 + "print(x)\n1 / 0",
    "null": "print(1)\0\n",
    "signal": "import os; os.kill(os.getpid(), 15)",
    "killed": "import os; os.kill(os.getpid(), 9)",
    "interrupt": "raise KeyboardInterrupt",
    "atexit": "import atexit; atexit.register(print, 'at exit'); print('body')",
    "unclosed": "import os\nf = open(os.environ['TMPDIR'] + '/x', 'w')\nf.write('kept')\n"
    "import atexit, sys\nclass Last:\n    def __del__(self):\n        print('finalised')\nlast = Last()\n",
    "thread": "import threading, time\nthreading.Thread(target=lambda: (time.sleep(.05), print('thread'))).start()\n",
    "order": "import sys, os\nprint('a'); sys.stdout.flush()\n"
    "print('b', file=sys.stderr); os.write(1, b'c\\n'); print('d')",
    "hook": "import sys\nsys.excepthook = lambda *a: print('mine', a[0].__name__)\n1 / 0\n",
    "os._exit": "import os; print('lost'); os._exit(9)",
    "main": "import __main__, sys\nclass A: pass\n"
    "print(A.__module__, __main__ is sys.modules['__main__'], sorted(vars()))",
    "fork": "import os\npid = os.fork()\nif pid == 0:\n    os._exit(5)\n"
    "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))",
}


def test_every_ending_is_the_same_forked_and_execd(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        for name, script in ENDINGS.items():
            forked, execd = await both(here, script)
            assert forked == execd, name

    run(tmp_path, scenario)


def test_forked_pods_do_not_draw_the_same_numbers(tmp_path: Path) -> None:
    script = (
        "import random, numpy as np, pandas as pd\n"
        "print(random.random(), np.random.rand(), np.random.default_rng().random(),"
        " pd.DataFrame({'a': range(10**6)}).sample(1).index[0])\n"
    )

    async def scenario(here: Node) -> None:
        pods = [await python(here, script) for _ in range(8)]
        columns = list(zip(*(here.log(pod).split() for pod in pods), strict=True))
        assert len(columns) == 4
        assert all(len(set(column)) == len(pods) for column in columns)

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    "name", ["PYTHONHASHSEED", "LD_PRELOAD", "MKL_NUM_THREADS", "MALLOC_ARENA_MAX", "ARROW_X", "TZ", "LANG"]
)
def test_what_a_fresh_start_reads_makes_a_fresh_start(name: str) -> None:
    argv, image = [sys.executable, "f.py"], known(LOCAL, {})
    own = {**environment(image), "PATH": "x"}
    assert zygote_for(argv, sys.executable, own, image) == sys.executable
    assert zygote_for(argv, sys.executable, {**own, "MINE": "1"}, image) == sys.executable
    assert zygote_for(argv, sys.executable, {**own, name: "0"}, image) is None
    assert zygote_for([sys.executable, "-c", "1"], sys.executable, own, image) is None
    assert zygote_for(argv, sys.executable, own, known("python:3", {})) is None


def wheel(folder: Path, version: str) -> Path:
    """A small distribution, as a wheel made by hand: nothing is fetched."""
    info = f"kjnb_test_dist-{version}.dist-info"
    path = folder / f"kjnb_test_dist-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("kjnb_test_dist.py", f"VERSION = {version!r}\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: kjnb-test-dist\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


def test_an_upgraded_distribution_is_seen_by_the_next_pod(tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    interpreter = str(venv / "bin" / "python")
    script = tmp_path / "version.py"
    script.write_text(
        "import os, kjnb_test_dist as d\nfrom importlib.metadata import version\n"
        "print(d.VERSION, version('kjnb-test-dist'), os.getppid())\n"
    )
    base = ["--python", interpreter, "install", "--no-index", "--quiet", "--disable-pip-version-check", "-U"]

    def install(version: str) -> None:
        made = wheel(tmp_path, version)
        subprocess.run([sys.executable, "-m", "pip", *base, str(made)], check=True)

    async def scenario(here: Node) -> None:
        parents = []
        for version in ("1.0", "1.0", "2.0"):
            if not parents or version == "2.0":
                await asyncio.to_thread(install, version)
            pod = await here.ran(here.pod([interpreter, str(script)], image=f"local://{interpreter}"))
            module, metadata, parent = here.log(pod).split()
            assert (module, metadata) == (version, version)
            parents.append(parent)
        assert parents[0] == parents[1] != parents[2]  # one zygote for the two, a new one after the upgrade

    run(tmp_path, scenario)


def test_a_zygote_imports_no_module_of_the_user(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("print('imported')\nVALUE = 1\n")
    script = tmp_path / "main.py"
    script.write_text("import helper\nprint(helper.VALUE)\n")

    async def scenario(here: Node) -> None:
        first = await here.ran(here.pod([sys.executable, str(script)]))
        assert here.log(first) == "imported\n1\n"
        (tmp_path / "helper.py").write_text("print('again')\nVALUE = 22\n")
        shutil.rmtree(tmp_path / "__pycache__", ignore_errors=True)
        second = await here.ran(here.pod([sys.executable, str(script)]))
        assert here.log(second) == "again\n22\n"

    run(tmp_path, scenario)


def test_tracebacks_do_not_show_the_zygote(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        pod = await python(here, "def f():\n    raise KeyError('carier')\nf()\n")
        text = here.log(pod)
        assert "zygote" not in text
        assert re.search(r"line 3, in <module>", text)
        assert os.linesep in text

    run(tmp_path, scenario)


def test_arrow_works_with_its_threads_in_a_forked_pod(tmp_path: Path) -> None:
    script = (
        "import os, pandas as pd, pyarrow as pa\n"
        "table = pa.table({f'c{i}': list(range(20_000)) for i in range(8)})\n"
        "path = os.path.join(os.environ['TMPDIR'], 'x.arrow')\n"
        "with pa.ipc.new_file(path, table.schema) as sink:\n    sink.write_table(table)\n"
        "frame = pa.ipc.open_file(pa.memory_map(path)).read_all().to_pandas(use_threads=True)\n"
        "print(frame.c7.sum(), pa.compute.sum(table['c7']))\n"
    )

    async def scenario(here: Node) -> None:
        pods = [await python(here, script) for _ in range(10)]
        assert {here.log(pod) for pod in pods} == {"199990000 199990000\n"}

    run(tmp_path, scenario)
