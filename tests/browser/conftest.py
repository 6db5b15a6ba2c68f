"""Chromium before a real JupyterLab: one server and browser for the session, one page and its kernels for each test."""

from __future__ import annotations

import contextlib
import pathlib
import re
from collections.abc import Callable, Generator, Iterator

import pytest

from tests import homes
from tests.browser.lab import Lab
from tests.gates import Gates

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("jupyterlab", reason="JupyterLab is not installed")

from tests.browser.pages import SHOTS, Notebook  # noqa: E402 - it needs playwright

CHROMIUM = pathlib.Path("/usr/bin/chromium")
FOREIGN = re.compile(r"^https?://(?!127\.0\.0\.1[:/])")
NOT_A_FILE = re.compile(r"^(?!file:|data:|blob:)")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = pathlib.Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The JupyterLab server."""
    folder = tmp_path_factory.mktemp("lab")
    with homes.own_home(folder / "home") as home:
        server = Lab(folder, home)
        try:
            yield server
        finally:
            server.end()


@pytest.fixture(scope="session")
def chromium() -> Iterator[sync_api.Browser]:
    """Debian's Chromium."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not there: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def foreign() -> list[str]:
    """The requests of this test's pages that went to another host than this one."""
    return []


@contextlib.contextmanager
def refusing(
    chromium: sync_api.Browser, refused: re.Pattern[str], foreign: list[str], width: int
) -> Iterator[sync_api.Page]:
    """A page whose requests of that form are refused and stand in `foreign`."""
    context = chromium.new_context(viewport={"width": width, "height": 1000})
    context.set_default_timeout(30_000)
    sync_api.expect.set_options(timeout=30_000)

    def refuse(route: sync_api.Route) -> None:
        foreign.append(route.request.url)
        route.abort()

    context.route(refused, refuse)
    yield context.new_page()
    context.close()


@pytest.fixture
def page(chromium: sync_api.Browser, foreign: list[str]) -> Iterator[sync_api.Page]:
    """A page that reaches this machine only; what it asked of others stands in `foreign`."""
    with refusing(chromium, FOREIGN, foreign, width=1600) as made:
        yield made


@pytest.fixture
def offline(chromium: sync_api.Browser, foreign: list[str]) -> Iterator[sync_api.Page]:
    """A page with no network at all: files only; every other request is refused and stands in `foreign`."""
    with refusing(chromium, NOT_A_FILE, foreign, width=1200) as made:
        yield made


@pytest.fixture
def gates(tmp_path: pathlib.Path) -> Iterator[Gates]:
    """Gates that are open at the latest when the test ends: no pod of it keeps the next one from a CPU."""
    made = Gates(tmp_path / "gates")
    yield made
    made.open()


@pytest.fixture
def notebook(lab: Lab, page: sync_api.Page, request: pytest.FixtureRequest) -> Iterator[Callable[..., Notebook]]:
    """`notebook(*cells)`: a new notebook of these cells, open, its kernel ready. Kernels end with the test."""
    lab.theme(dark=False)

    def opened(*cells: str, name: str = "") -> Notebook:
        path = lab.write(f"{name or request.node.name}.ipynb", *cells)
        return Notebook(page, lab, path).open()

    yield opened
    if request.node.stash.get(FAILED, False):
        page.screenshot(path=SHOTS / f"failed-{request.node.name}.png")
    page.close()
    lab.end_kernels()
