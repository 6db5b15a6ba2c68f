"""Pods that are stuck or have failed look here as they looked on a real node.

`stuck_pods.json` holds pods of a Kubernetes v1.36.2 cluster: their spec, and what the kubelet said of them in their
status and in events, less times, ids and addresses.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
from pathlib import Path
from typing import Any

import pytest

from tests.embedded.node import Node, node

RECORDED: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("stuck_pods.json").read_text())
OF_A_RUN = ("startedAt", "finishedAt", "containerID")


def container(shown: dict[str, Any]) -> dict[str, Any]:
    names = ("name", "ready", "restartCount", "started", "lastState", "resources", "allocatedResources")
    state = {how: {k: v for k, v in told.items() if k not in OF_A_RUN} for how, told in shown["state"].items()}
    return {name: shown[name] for name in names if name in shown} | {"state": state}


def view(status: dict[str, Any]) -> dict[str, Any]:
    conditions = [
        {key: one[key] for key in ("type", "status", "reason", "message") if key in one}
        for one in status.get("conditions") or ()
    ]
    lists = {
        key: [container(one) for one in status[key]]
        for key in ("initContainerStatuses", "containerStatuses")
        if key in status
    }
    plain = {key: status[key] for key in ("phase", "reason", "message") if key in status}
    return {**plain, "podIP": "podIP" in status, "conditions": conditions, **lists}


def events(here: Node, pod: dict[str, Any]) -> list[list[str]]:
    own = [one for one in here.store.list("events") if one["involvedObject"]["uid"] == pod["metadata"]["uid"]]
    return sorted([e["type"], e["reason"], e["message"], e["involvedObject"].get("fieldPath", "")] for e in own)


def seen(here: Node, pod: dict[str, Any]) -> tuple[dict[str, Any], list[list[str]]]:
    return view(here.now(pod)["status"]), events(here, pod)


@pytest.mark.parametrize("name", RECORDED)
def test_as_on_a_real_node(tmp_path: Path, name: str) -> None:
    recorded = RECORDED[name]

    async def main() -> None:
        async with node(tmp_path / "state", fork=False) as here:
            pod = here.pod(spec=copy.deepcopy(recorded["spec"]))
            with contextlib.suppress(AssertionError):
                await here.eventually(lambda: seen(here, pod) == wanted, within=20)
            assert seen(here, pod) == wanted

    wanted = (recorded["status"], recorded["events"])
    asyncio.run(main())
