"""What a forked pod costs: page faults and CPU of the child, CPU of kubelet, supervisor and zygote, pods a second.

`python -m tests.bench.forked_pods [PODS]`. The pages that a child touches decide the rate of real pods.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from kjnb.embedded.supervisor.processes import children
from tests.embedded.node import Node, node

REPORT = (
    "\nimport resource as _r\n_u = _r.getrusage(_r.RUSAGE_SELF)\n"
    "print(_u.ru_minflt, round(1000 * (_u.ru_utime + _u.ru_stime), 2))\n"
)
WORK = {
    "nothing": "",
    "numpy": "import numpy as np\nnp.arange(1000).sum()",
    "pandas groupby": "import pandas as pd, numpy as np\n"
    "pd.DataFrame({'a': np.arange(1000) % 7, 'b': 1.0}).groupby('a').b.sum()",
}
AT_ONCE = 16


def cpu_ms(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(here: Node, script: Path, pods: int) -> str:
    await here.ran(here.pod([sys.executable, str(script)]))
    supervisor = here.supervisor_pid()
    others = [supervisor, *children(supervisor)]
    before, own, began = [cpu_ms(pid) for pid in others], time.process_time(), time.monotonic()
    live, logs, left = [], [], pods
    while left or live:
        while left and len(live) < AT_ONCE:
            live.append(here.pod([sys.executable, str(script)]))
            left -= 1
        await asyncio.sleep(0.002)
        over = [pod for pod in live if here.now(pod)["status"].get("phase") == "Succeeded"]
        logs += [here.log(pod).split() for pod in over]
        live = [pod for pod in live if pod not in over]
    rate, kubelet = pods / (time.monotonic() - began), 1000 * (time.process_time() - own) / pods
    spent = [(cpu_ms(pid) - then) / pods for pid, then in zip(others, before, strict=True)]
    faults, child = (statistics.median(float(log[column]) for log in logs) for column in (0, 1))
    return (
        f"{rate:7.0f}/s  {faults:6.0f} faults  child {child:5.2f} ms  kubelet {kubelet:4.2f}  "
        f"supervisor {spent[0]:4.2f}  zygote {sum(spent[1:]):4.2f}"
    )


async def main(pods: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, work in WORK.items():
            script = Path(folder) / "work.py"
            script.write_text(work + REPORT)
            async with node(Path(folder) / name.replace(" ", "-")) as here:
                print(f"{name:15} {await measure(here, script, pods)}")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 300))
