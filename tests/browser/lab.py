"""A JupyterLab server of the tests' own: its folders, its token and its kernels end with it."""

from __future__ import annotations

import json
import pathlib
import secrets
import subprocess
import sys
import urllib.request
from typing import Any

import nbformat
import psutil

from tests import homes
from tests.waiting import eventually

SETTINGS: dict[str, dict[str, Any]] = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/apputils-extension/themes": {"theme": "JupyterLab Light", "adaptive-theme": False},
    "@jupyterlab/docmanager-extension/plugin": {"autosave": False},
}
FLAGS = [
    "--no-browser",
    "--allow-root",
    "--ServerApp.ip=127.0.0.1",
    "--ServerApp.port=0",
    "--ServerApp.terminals_enabled=False",
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate",
    "--LabApp.extension_manager=readonly",
    "--KernelManager.shutdown_wait_time=2",
]


class Lab:
    """A running JupyterLab whose notebooks lie in `root` and whose kernels have `home` as KJNB_HOME."""

    def __init__(self, folder: pathlib.Path, home: pathlib.Path) -> None:
        self.folder, self.root, self.home = folder, folder / "notebooks", home
        self.token = secrets.token_hex(16)
        self.root.mkdir(parents=True)
        self._write_settings()
        self._write_kernelspec()
        self.log = folder / "jupyter.log"
        command = [sys.executable, "-m", "jupyterlab", *FLAGS, f"--ServerApp.root_dir={self.root}"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, env=self.environment(), cwd=self.root, stdout=log, stderr=log, start_new_session=True
            )
        self.url = eventually(self._address, within=60)

    def environment(self) -> dict[str, str]:
        """What the server and its kernels see."""
        folders = {f"JUPYTER_{kind.upper()}_DIR": str(self.folder / kind) for kind in ("config", "data", "runtime")}
        lab = {
            "JUPYTERLAB_SETTINGS_DIR": str(self.folder / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(self.folder / "workspaces"),
        }
        return homes.environment(
            self.home, JUPYTER_TOKEN=self.token, IPYTHONDIR=str(self.folder / "ipython"), **folders, **lab
        )

    def _write_settings(self) -> None:
        for plugin, values in SETTINGS.items():
            self.setting(plugin, values)

    def setting(self, plugin: str, values: dict[str, Any]) -> None:
        """Set a plugin's settings for the pages that are opened from now on."""
        file = self.folder / "settings" / f"{plugin}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))

    def theme(self, dark: bool) -> None:
        """Light or dark for the pages that are opened from now on."""
        name = "JupyterLab Dark" if dark else "JupyterLab Light"
        self.setting("@jupyterlab/apputils-extension/themes", {"theme": name, "adaptive-theme": False})

    def _write_kernelspec(self) -> None:
        spec = self.folder / "data" / "kernels" / "python3"
        spec.mkdir(parents=True)
        argv = [sys.executable, "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        spec.joinpath("kernel.json").write_text(
            json.dumps({"argv": argv, "display_name": "Python 3", "language": "python"})
        )

    def _address(self) -> str:
        if self.process.poll() is not None:
            raise AssertionError(f"JupyterLab ended: {self.log.read_text()}")
        for file in (self.folder / "runtime").glob("jpserver-*.json"):
            try:
                return str(json.loads(file.read_text())["url"])
            except ValueError:
                return ""  # being written
        return ""

    def write(self, name: str, *cells: str) -> pathlib.Path:
        """A notebook of these code cells in the server's root."""
        made = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(text, id=f"cell-{i}") for i, text in enumerate(cells)],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        )
        path = self.root / name
        nbformat.write(made, path)
        return path

    def request(self, method: str, path: str) -> Any:
        """The JSON answer of the server's REST API."""
        asked = urllib.request.Request(
            f"{self.url}{path}", method=method, headers={"Authorization": f"token {self.token}"}
        )
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return json.loads(answer.read() or "null")

    def end_kernels(self) -> None:
        """End every notebook's kernel."""
        for session in self.request("GET", "api/sessions"):
            self.request("DELETE", f"api/sessions/{session['id']}")

    def end(self) -> None:
        """End the server and its kernels."""
        server = psutil.Process(self.process.pid)
        kernels = server.children(recursive=True)
        self.process.terminate()
        self.process.wait(timeout=20)
        homes.end([k for k in kernels if k.is_running()])
