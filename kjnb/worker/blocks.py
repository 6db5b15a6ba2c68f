"""A frame put together of finished columns, as the constructor of pandas ends: it looks at each column first.

Those looks cost a pod a tenth of the pages it touches. This file is copied into the stage next to the worker and
imports nothing of kjnb.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

try:
    from pandas.api.internals import create_dataframe_from_blocks as from_blocks  # type: ignore[import-not-found]
except ImportError:  # before pandas 3
    from_blocks = None

AS_THEY_ARE = (np.ndarray, pd.Categorical, getattr(pd.arrays, "ArrowStringArray", pd.Categorical))


def frame(columns: list[Any], index: pd.Index, labels: pd.Index) -> pd.DataFrame | None:
    """The frame, each column a block of its own and none copied; None where that cannot be said so plainly."""
    if from_blocks is None or not columns or any(type(values) not in AS_THEY_ARE for values in columns):
        return None
    blocks = [
        (values.reshape(1, -1) if type(values) is np.ndarray else values, slice(n, n + 1))
        for n, values in enumerate(columns)
    ]
    made: pd.DataFrame = from_blocks(blocks, index=index, columns=labels)
    return made
