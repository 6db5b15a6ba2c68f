"""One embedded cluster for these tests, in a home of their own, and shells as a user has them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell

from tests import homes
from tests.shells import own_shell


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A KJNB_HOME of the module's own, for this process, too."""
    before = os.environ.get("KJNB_HOME")
    with homes.own_home(tmp_path_factory.mktemp("doors") / "home") as folder:
        os.environ["KJNB_HOME"] = str(folder)
        try:
            yield folder
        finally:
            os.environ.pop("KJNB_HOME")
            if before is not None:
                os.environ["KJNB_HOME"] = before


@pytest.fixture
def shell(home: Any) -> Iterator[InteractiveShell]:
    """A shell with the extension loaded and two frames."""
    with own_shell() as made:
        made.extension_manager.load_extension("kjnb")
        made.user_ns["flights"] = pd.DataFrame({"carrier": list("AABBCCDD"), "delay": range(8)})
        made.user_ns["numbers"] = [1, 2, 3]
        yield made
