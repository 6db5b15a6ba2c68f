"""An outside watcher: a plain process that reads a watch over HTTPS and decodes every event, whole.

`python -m tests.bench.watcher KUBECONFIG PATH [JOB]` ends when that Job of the watched path is Complete, or with
SIGTERM, and prints what it saw as JSON: events, bytes, CPU seconds, and the time of the end.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from tests.embedded.live import Client


class Seen:
    """What came so far; `follow` reads on until the Job is complete."""

    def __init__(self) -> None:
        self.events = self.bytes = 0

    def follow(self, response: Any, job: str) -> None:
        decode, rest = msgspec.json.Decoder().decode, b""
        for data in response.stream(65536, decode_content=False):
            self.bytes += len(data)
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                obj = decode(line)["object"]
                self.events += 1
                if job and obj["metadata"].get("name") == job and complete(obj):
                    return


def main(kubeconfig: str, path: str, job: str) -> None:
    client, seen = Client(Path(kubeconfig)), Seen()
    url = f"{client.url}{path}{'&' if '?' in path else '?'}watch=1"
    response = client.http.request("GET", url, headers=client.headers, preload_content=False, timeout=300)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    print("watching", flush=True)
    before = time.process_time()
    try:
        seen.follow(response, job)
    finally:
        spent = time.process_time() - before
        print(json.dumps({**vars(seen), "cpu": spent, "end": time.time()}), flush=True)


def complete(job: dict) -> bool:
    """The Job has its condition."""
    return any(one["type"] == "Complete" for one in job["status"].get("conditions") or ())


if __name__ == "__main__":
    main(*sys.argv[1:4])
