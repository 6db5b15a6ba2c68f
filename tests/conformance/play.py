"""Plays a scenario against an API server and says what differs from what a real cluster answered; see README.md."""

from __future__ import annotations

import base64
import contextlib
import copy
import itertools
import json
import pathlib
import re
import shlex
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.parse
import uuid

import urllib3
import yaml

HERE = pathlib.Path(__file__).resolve().parent
JOBS = "/apis/batch/v1/namespaces/{ns}/jobs"
PODS = "/api/v1/namespaces/{ns}/pods"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
PATCH_TYPES = {
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "json": "application/json-patch+json",
}


class Server:
    """The smallest possible client: a kubeconfig, one URL, raw JSON in and out."""

    def __init__(self, kubeconfig: str, context: str | None = None):
        self.kubeconfig, path = kubeconfig, pathlib.Path(kubeconfig)
        cfg = yaml.safe_load(path.read_text())

        def pick(kind, name):
            return next(one[kind] for one in cfg[kind + "s"] if one["name"] == name)

        ctx = pick("context", context or cfg["current-context"])
        cluster, user = pick("cluster", ctx["cluster"]), pick("user", ctx["user"])
        self.url, self.ns = cluster["server"].rstrip("/"), ctx.get("namespace", "default")

        def material(holder, key):
            if holder.get(key + "-data"):
                with tempfile.NamedTemporaryFile(delete=False) as file:
                    file.write(base64.b64decode(holder[key + "-data"]))
                return file.name
            return str(path.parent / holder[key]) if holder.get(key) else None

        kw = {}
        if self.url.startswith("https"):
            ca = material(cluster, "certificate-authority")
            ctxssl = ssl.create_default_context(cafile=ca) if ca else ssl._create_unverified_context()
            cert = material(user, "client-certificate")
            if cert:
                ctxssl.load_cert_chain(cert, material(user, "client-key"))
            kw["ssl_context"] = ctxssl
        self.headers = {"Authorization": "Bearer " + user["token"]} if user.get("token") else {}
        self.http = urllib3.PoolManager(maxsize=16, retries=urllib3.Retry(2, redirect=0), **kw)

    def call(self, method, path, body=None, headers=None, query=None):
        h = {"Accept": "application/json", **self.headers, **(headers or {})}
        data = None
        if body is not None:
            h.setdefault("Content-Type", "application/json")
            data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        url = self.url + path + ("?" + urllib.parse.urlencode(query) if query else "")
        r = self.http.request(method, url, body=data, headers=h, timeout=urllib3.Timeout(10, 60))
        text = r.data.decode("utf-8", "replace")
        try:
            return r.status, json.loads(text)
        except ValueError:
            return r.status, text


# ---------------------------------------------------------------- normalising

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_DROP_META = {"uid", "resourceVersion", "managedFields", "selfLink", "generation"}


def scrub(value, names):
    """Replace what differs from run to run: times, uids, the run's own name prefix."""
    if isinstance(value, dict):
        return {scrub(k, names): scrub(v, names) for k, v in value.items() if k not in _DROP_META}
    if isinstance(value, list):
        return [scrub(v, names) for v in value]
    if isinstance(value, str):
        value = _UID.sub("<uid>", _RFC3339.sub("<time>", value))
        for real, stand_in in names.items():
            value = value.replace(real, stand_in)
        return value
    return value


def conditions(status):
    return sorted(
        [c["type"], c["status"], c.get("reason", ""), c.get("message", "")] for c in status.get("conditions") or []
    )


def job_view(job):
    s = job.get("status", {})
    view = {
        k: s[k]
        for k in ("active", "ready", "succeeded", "failed", "terminating", "completedIndexes", "failedIndexes")
        if k in s
    }
    view["conditions"] = conditions(s)
    view["has"] = sorted(k for k in ("startTime", "completionTime") if s.get(k))
    return view


def pod_view(pod):
    meta, s = pod["metadata"], pod.get("status", {})
    ann, labels = meta.get("annotations") or {}, meta.get("labels") or {}
    containers = []
    for c in s.get("containerStatuses") or []:
        state, last = c.get("state") or {}, c.get("lastState") or {}
        kind = next(iter(state), None)
        d = {"name": c["name"], "state": kind, "restarts": c.get("restartCount", 0)}
        for k in ("exitCode", "reason", "signal"):
            if kind and k in state[kind]:
                d[k] = state[kind][k]
        if kind == "terminated" and state[kind].get("message"):
            d["message"] = state[kind]["message"]
        if last:
            d["last"] = {"state": next(iter(last)), "exitCode": next(iter(last.values())).get("exitCode")}
        containers.append(d)
    return {
        "index": ann.get("batch.kubernetes.io/job-completion-index"),
        "failureCount": ann.get("batch.kubernetes.io/job-index-failure-count"),
        "labels": sorted(k for k in labels),
        "hostname": pod["spec"].get("hostname"),
        "restartPolicy": pod["spec"].get("restartPolicy"),
        "phase": s.get("phase"),
        "reason": s.get("reason"),
        "deleting": bool(meta.get("deletionTimestamp")),
        "finalizers": sorted(f for f in meta.get("finalizers") or []),
        "disruption": [c[2] for c in conditions(s) if c[0] == "DisruptionTarget"],
        "containers": containers,
        "owner": [
            (o["kind"], o.get("controller"), o.get("blockOwnerDeletion")) for o in meta.get("ownerReferences") or []
        ],
    }


def status_view(body):
    """A Status object (an error). Keys that begin with _ are for reading: they are not compared."""
    if not isinstance(body, dict) or body.get("kind") != "Status":
        return body
    d = body.get("details") or {}
    return {
        "kind": "Status",
        "status": body.get("status"),
        "reason": body.get("reason"),
        "code": body.get("code"),
        "causes": sorted([c.get("field", ""), c.get("reason", "")] for c in d.get("causes") or []),
        "_words": [body.get("message")] + [c.get("message", "") for c in d.get("causes") or []],
    }


# ---------------------------------------------------------------- playing


class Play:
    def __init__(self, server: Server, scenario: dict):
        self.server, self.scenario = server, scenario
        self.prefix = "c" + uuid.uuid4().hex[:7]
        self.names = {self.prefix: "RUN"}
        self.out, self.peak_active, self.peak_pods = [], 0, 0

    def render(self, value):
        if isinstance(value, dict):
            return {k: self.render(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self.render(v) for v in value]
        if isinstance(value, str):
            return value.replace("RUN", self.prefix)
        return value

    def do_log(self, arg):
        """GET pods/log of the run's only pod with the given query."""
        pod = self.pods()[0]["metadata"]["name"]
        code, body = self.server.call(
            "GET", self.path("pod", pod) + "/log", headers={"Accept": "*/*"}, query=self.render(arg or {})
        )
        return {"code": code, "text": _RFC3339.sub("<time>", body) if isinstance(body, str) else status_view(body)}

    def path(self, kind, name=""):
        base = {
            "job": JOBS,
            "pod": PODS,
            "configmap": "/api/v1/namespaces/{ns}/configmaps",
            "secret": "/api/v1/namespaces/{ns}/secrets",
            "event": "/api/v1/namespaces/{ns}/events",
        }[kind]
        return base.format(ns=self.server.ns) + ("/" + name if name else "")

    def job(self, name=None):
        code, body = self.server.call("GET", self.path("job", name or self.prefix))
        return body if code == 200 else None

    def pods(self, name=None):
        _, body = self.server.call(
            "GET", self.path("pod"), query={"labelSelector": "batch.kubernetes.io/job-name=" + (name or self.prefix)}
        )
        return body.get("items") or []

    # -- steps: each returns what is recorded (None records nothing)

    def do_create(self, arg):
        body = self.render(copy.deepcopy(arg))
        kind = body["kind"].lower()
        query = body.pop("_query", None)
        code, got = self.server.call("POST", self.path(kind), body, query=query)
        if code >= 400:
            return {"code": code, "error": status_view(got)}
        spec = got.get("spec", {})
        return {"code": code, "spec": spec if kind == "job" else None}

    def do_job(self, arg):
        """Create a Job named RUN: `sh` is its container's script, `pod` and `container` add fields."""
        spec = copy.deepcopy(arg)
        query = {"_query": spec.pop("query")} if "query" in spec else {}
        container = {
            "name": "worker",
            "image": "busybox:1.36",
            "command": ["sh", "-c", spec.pop("sh", "true")],
            **spec.pop("container", {}),
        }
        pod = {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 1,
            "containers": [container],
            **spec.pop("pod", {}),
        }
        meta = {"name": "RUN", **spec.pop("metadata", {})}
        template = {"spec": pod, **({"metadata": spec.pop("podMetadata")} if "podMetadata" in spec else {})}
        return self.do_create(
            {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": {**spec, "template": template}, **query}
        )

    def do_dry(self, arg):
        """A Job as in `job`, with dryRun=All: only the server's verdict."""
        return self.do_job({**(arg or {}), "query": {"dryRun": "All"}})

    def do_patch(self, arg):
        arg = self.render(arg)
        kind, name = arg.get("kind", "job"), arg.get("name", self.prefix)
        path = self.path(kind, name) + ("/" + arg["subresource"] if arg.get("subresource") else "")
        code, got = self.server.call(
            "PATCH", path, arg["body"], {"Content-Type": PATCH_TYPES[arg.get("type", "merge")]}
        )
        return {"code": code, "error": status_view(got) if code >= 400 else None}

    def do_delete(self, arg):
        arg = self.render(arg or {})
        kind, name = arg.get("kind", "job"), arg.get("name", self.prefix)
        if "index" in arg:
            name = next(
                p["metadata"]["name"]
                for p in self.pods()
                if (p["metadata"].get("annotations") or {}).get("batch.kubernetes.io/job-completion-index")
                == str(arg["index"])
                and not p["metadata"].get("deletionTimestamp")
            )
            kind = "pod"
        code, _ = self.server.call("DELETE", self.path(kind, name), arg.get("options"))
        return {"code": code}

    def do_request(self, arg):
        """A raw request; `pick` names dotted paths of the body to record, else the whole body is."""
        arg = self.render(arg)
        code, body = self.server.call(
            arg.get("method", "GET"),
            arg["path"].replace("NS", self.server.ns),
            arg.get("body"),
            arg.get("headers"),
            arg.get("query"),
        )
        if code >= 400:
            return {"code": code, "error": status_view(body)}
        if arg.get("table"):
            columns = [c["name"] for c in body.get("columnDefinitions", [])]
            return {
                "code": code,
                "columns": columns,
                "cells": [
                    [_cell(c, x) for c, x in zip(columns, r["cells"], strict=True)] for r in body.get("rows", [])
                ],
            }
        if arg.get("pick"):
            return {"code": code, **{p: _dig(body, p) for p in arg["pick"]}}
        return {"code": code, "body": body}

    def do_kubectl(self, arg):
        """Run kubectl as a person would, `arg` being its command line; ages, durations and addresses are blanked."""
        p = subprocess.run(
            ["kubectl", "--kubeconfig", self.server.kubeconfig, *shlex.split(self.render(arg))],
            capture_output=True,
            text=True,
            timeout=90,
        )
        keep = [re.sub(r"[ \t]+", " ", _blank(line)).rstrip() for line in p.stdout.splitlines()]
        return {
            "command": arg,
            "exit": p.returncode,
            "out": keep,
            "_err": [line for line in p.stderr.splitlines() if "WARNING: version difference" not in line],
        }

    def do_watch(self, arg):
        """Open a watch, play the steps of `during`, wait `seconds`, and record the events: type, kind, name, picks.

        `from`: "list" (the version of a list made first, the default), "none", or a version given literally.
        Bookmarks come when a server likes: only the one that ends a streamed list is recorded, if `bookmarks` is set.
        """
        arg = self.render(arg)
        path = arg["path"].replace("NS", self.server.ns)
        query = {"watch": "1", "timeoutSeconds": str(int(arg.get("seconds", 2)) + 6), **arg.get("query", {})}
        start = arg.get("from", "list")
        if start == "list":
            plain = {k: v for k, v in arg.get("query", {}).items() if k.endswith("Selector")}
            query["resourceVersion"] = self.server.call("GET", path, query=plain)[1]["metadata"]["resourceVersion"]
        elif start != "none":
            query["resourceVersion"] = str(start)
        url = self.server.url + path + "?" + urllib.parse.urlencode(query)
        r = self.server.http.request(
            "GET",
            url,
            headers={"Accept": "application/json", **self.server.headers, **arg.get("headers", {})},
            preload_content=False,
            timeout=urllib3.Timeout(10, 30),
        )
        if r.status >= 400:
            return {"code": r.status, "error": status_view(json.loads(r.data))}
        raw = bytearray()

        def pull():
            with contextlib.suppress(urllib3.exceptions.HTTPError, ValueError, AttributeError, OSError):  # closed below
                for chunk in r.stream(None):
                    raw.extend(chunk)

        reader = threading.Thread(target=pull, daemon=True)
        reader.start()
        for step in arg.get("during", []):
            ((verb, given),) = step.items()
            getattr(self, "do_" + verb)(copy.deepcopy(given))
        time.sleep(arg.get("seconds", 2))
        events = [json.loads(line) for line in bytes(raw).rpartition(b"\n")[0].splitlines() if line]
        r.close()
        seen = [
            [
                e["type"],
                e["object"].get("kind"),
                e["object"].get("metadata", {}).get("name"),
                *[_dig(e["object"], p) for p in arg.get("pick", [])],
            ]
            for e in events
            if e["type"] != "BOOKMARK" or (arg.get("bookmarks") and e["object"]["metadata"].get("annotations"))
        ]
        return {"code": r.status, "events": [k for k, _ in itertools.groupby(seen)] if arg.get("fold") else seen}

    def do_sleep(self, arg):
        time.sleep(float(arg))

    def do_wait(self, arg):
        """Wait until each fact holds: condition, gone, active, ready, succeeded, failed, pods, phase, podReason."""
        arg = self.render(arg)
        limit = time.monotonic() + arg.pop("timeout", 60)
        name = arg.pop("name", None)
        while True:
            job = self.job(name)
            if self._holds(arg, job, name):
                return {"waited": True}
            if time.monotonic() > limit:
                return {
                    "waited": False,
                    "wanted": arg,
                    "job": job_view(job) if job else None,
                    "pods": [pod_view(p) for p in self.pods(name)],
                }
            time.sleep(0.15)

    def _holds(self, want, job, name):
        if want.get("gone"):
            return job is None and not self.pods(name)
        if job is None:
            return False
        s = job.get("status", {})
        self.peak_active = max(self.peak_active, s.get("active", 0))
        for k in ("active", "ready", "succeeded", "failed"):
            if k in want and s.get(k, 0) != want[k]:
                return False
        for k in ("completedIndexes", "failedIndexes"):
            if k in want and s.get(k, "") != want[k]:
                return False
        if "condition" in want and not any(
            c["type"] == want["condition"] and c["status"] == want.get("is", "True") for c in s.get("conditions") or []
        ):
            return False
        return not want.keys() & {"pods", "phase", "podReason", "settled"} or _pods_hold(want, self.pods(name))

    def do_show(self, arg):
        """Record the present state: any of job, pods, events, logs, peak."""
        wanted = arg if isinstance(arg, list) else [arg]
        got = {}
        if "events" in wanted:  # they are written beside the status, a little later
            time.sleep(1)
        if "job" in wanted:
            job = self.job()
            got["job"] = job_view(job) if job else None
        if "pods" in wanted:
            got["pods"] = sorted((pod_view(p) for p in self.pods()), key=lambda p: json.dumps(p, sort_keys=True))
        if "logs" in wanted:
            got["logs"] = sorted(self._log(p) for p in self.pods())
        if "events" in wanted:
            _, body = self.server.call("GET", self.path("event"))
            got["events"] = sorted(
                {
                    (
                        e["involvedObject"]["kind"],
                        e["type"],
                        e["reason"],
                        re.sub(r"RUN-(\d+-)?\w{5}\b", "RUN-<pod>", scrub(e.get("message", ""), self.names)),
                    )
                    for e in body.get("items", [])
                    if e["involvedObject"]["kind"] == "Job" and e["involvedObject"]["name"] == self.prefix
                }
            )
        if "peak" in wanted:
            got["peakActive"] = self.peak_active
        return got

    def _log(self, pod):
        code, text = self.server.call(
            "GET", self.path("pod", pod["metadata"]["name"]) + "/log", headers={"Accept": "*/*"}
        )
        index = (pod["metadata"].get("annotations") or {}).get("batch.kubernetes.io/job-completion-index")
        return [index or "", code, text if isinstance(text, str) else json.dumps(text)]

    def run(self):
        try:
            for step in self.scenario["steps"]:
                ((verb, arg),) = step.items()
                got = getattr(self, "do_" + verb)(copy.deepcopy(arg))
                if got is not None:
                    self.out.append({verb: got})
        finally:
            self.server.call("DELETE", self.path("job", self.prefix), {"propagationPolicy": "Background"})
        text = json.dumps(scrub(self.out, self.names))
        text = re.sub(r"RUN-(\d+)-[a-z0-9]{5}\b", r"RUN-\1-<suffix>", text)
        return json.loads(re.sub(r"RUN-[a-z0-9]{5}\b(?!-)", "RUN-<suffix>", text))


def _pods_hold(want, pods):
    if "pods" in want and len(pods) != want["pods"]:
        return False
    if "phase" in want and not (pods and all(p["status"].get("phase") == want["phase"] for p in pods)):
        return False
    if "podReason" in want and not any(want["podReason"] in json.dumps(p.get("status", {})) for p in pods):
        return False
    return not (want.get("settled") and any(_unsettled(p) for p in pods))


def _unsettled(pod):
    tracked = "batch.kubernetes.io/job-tracking" in (pod["metadata"].get("finalizers") or [])
    return tracked or pod["status"].get("phase") in ("Pending", "Running")


_VARIES = [
    (re.compile(r"\b\d+(\.\d+)?(ms|s|m|h|d)(\d+(s|m|h))?\b"), "<age>"),
    (re.compile(r"\b10\.\d+\.\d+\.\d+\b"), "<ip>"),
    (re.compile(r"\b127\.0\.0\.1\b"), "<ip>"),
    (re.compile(r"(containerd|process)://\S+"), "<container id>"),
    (re.compile(r"[A-Z][a-z]{2}, \d+ [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}"), "<date>"),
    (re.compile(r"(Created|Deleted) pod: \S+"), r"\1 pod: <pod>"),
    (re.compile(r"<age> \(x\d+ over <age>\)"), "<age>"),
    (re.compile(r"(Node:|Successfully assigned \S+ to) .*"), r"\1 <node>"),
    (re.compile(r"(Image ID:|Container image \".*\").*"), r"\1"),
]


def _blank(line):
    line = _UID.sub("<uid>", line)
    for pattern, stand_in in _VARIES:
        line = pattern.sub(stand_in, line)
    return line


def _cell(column, value):
    if column in ("IP", "Node"):
        return "<any>"
    return "<age>" if isinstance(value, str) and re.fullmatch(r"(\d+[smhd])+", value) else value


def _dig(body, dotted):
    for part in dotted.split("."):
        if isinstance(body, list):
            body = body[int(part)] if part.lstrip("-").isdigit() and len(body) > int(part) else None
        else:
            body = (body or {}).get(part)
    return body


def differences(want, got, where=""):
    if type(want) is not type(got):
        yield f"{where or '.'}: want {json.dumps(want)[:300]}, got {json.dumps(got)[:300]}"
    elif isinstance(want, dict):
        for k in sorted(want.keys() | got.keys()):
            if k.startswith("_"):
                continue
            if k not in got:
                yield f"{where}.{k}: missing, want {json.dumps(want[k])[:300]}"
            elif k not in want:
                yield f"{where}.{k}: not in the recording, got {json.dumps(got[k])[:300]}"
            else:
                yield from differences(want[k], got[k], f"{where}.{k}")
    elif isinstance(want, list):
        if len(want) != len(got):
            yield f"{where}: want {len(want)} items {json.dumps(want)[:400]}, got {len(got)} {json.dumps(got)[:400]}"
        else:
            for i, (a, b) in enumerate(zip(want, got, strict=True)):
                yield from differences(a, b, f"{where}[{i}]")
    elif want != got:
        yield f"{where}: want {json.dumps(want)[:300]}, got {json.dumps(got)[:300]}"


def scenarios() -> dict[str, dict]:
    """Every scenario by name."""
    every = [one for file in sorted((HERE / "scenarios").glob("*.yaml")) for one in yaml.safe_load(file.read_text())]
    return {one["name"]: one for one in every}


def recording(name: str) -> list:
    """What the real cluster answered."""
    return json.loads((HERE / "recordings" / f"{name}.json").read_text())


def compare(server: Server, name: str) -> list[str]:
    """Play it, and list the differences."""
    got = json.loads(json.dumps(Play(server, scenarios()[name]).run()))
    return list(differences(recording(name), got))
