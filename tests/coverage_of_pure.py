"""The pure modules are covered whole, branch by branch; run after the unit tests wrote their data."""

import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).parents[1]
CONTROLLERS = ["indexes", "backoff", "conditions", "failure_policy", "success_policy", "job_controller", "job_counting"]
CONTROLLERS += [
    "admission",
    "claims",
    "node_admission",
    "node_fit",
    "job_pods",
    "job_scale",
    "job_view",
    "pod_garbage",
    "pod_template",
    "scheduler",
]
API = [
    "answers",
    "bodies",
    "bounds",
    "caveats",
    "collections",
    "defaults",
    "discovery",
    "list_options",
    "log_options",
    "namespaces",
    "newer_events",
    "paging",
    "patches",
    "pod_words",
    "protobuf",
    "quantity",
    "representation",
    "resources",
    "reviews",
    "routes",
]
API += [
    "schema",
    "selectors",
    "strategy",
    "tables",
    "timestamps",
    *(
        f"validation/{name}"
        for name in ("core", "errors", "job", "job_status", "meta", "pod", "pod_object", "policies")
    ),
    *(
        f"validation/{name}"
        for name in (
            "containers",
            "environment",
            "handlers",
            "mounts",
            "paths",
            "placement",
            "resources",
            "security",
            "volumes",
        )
    ),
]
NODE = ["container/image_names", "container/pod_env"]
NODE += [f"node/{name}" for name in ("lifecycle", "pod_status", "probes", "restarts")]
PURE = ["kjnb/model/*", "kjnb/model/causes/*", "kjnb/view/*"]
PURE += [f"kjnb/embedded/controllers/{name}.py" for name in CONTROLLERS]
PURE += [f"kjnb/embedded/api/{name}.py" for name in API]
PURE += [f"kjnb/embedded/{name}.py" for name in NODE]
# what the tests trace: nothing else, for a traced line costs several times what it costs otherwise
TRACED = [name.removesuffix(".py").removesuffix("/*").replace("/", ".") for name in PURE]


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder, "coverage.json")
        command = [sys.executable, "-m", "coverage", "json", "-q", "-o", str(out), f"--include={','.join(PURE)}"]
        subprocess.run(command, cwd=ROOT, check=True)
        files = json.loads(out.read_text())["files"]
    bad = {
        name: got["summary"]["percent_covered"]
        for name, got in files.items()
        if got["summary"]["percent_covered"] < 100
    }
    for name, percent in sorted(bad.items()):
        lines = files[name]["missing_lines"]
        branches = files[name].get("missing_branches", [])
        print(f"{name}: {percent:.1f} %, lines {lines}, branches {branches}")
    print(f"{len(files)} pure modules, {len(bad)} not covered whole")
    return 1 if bad or not files else 0


if __name__ == "__main__":
    sys.exit(main())
