"""Errors of the brightest 1 % of the pixels, from the `reflectance.csv` of an evaluation. NumPy only.

Pixels are those of each band and scene, by reflectance of the truth. Over bands b and bins i between quantiles, with the
share w of a band's pixels:

    rmse_brightest   sqrt(mean_b of MSE in the brightest 1 %)
    rmse_others      sqrt(mean_b of MSE in the other 99 %)
    absolute_share   100 * sum_b of w MAE in the brightest 1 % / sum_b,i of w MAE       their share in the loss l1
    square_share     the same with MSE                                                 their share in the loss l2
"""

from collections.abc import Mapping, Sequence

import numpy as np

from common.errors import ProductError
from common.studies.scores import Score
from superres.evaluation.error_statistics import ReflectanceRow
from superres.evaluation.pixel_groups import QUANTILES

BRIGHTEST = QUANTILES[-1]  # the share of the pixels that is darker
Labels = Mapping[str, tuple[str, int | None]]  # method in the tables of an evaluation -> label and seed


def brightness_scores(rows: Sequence[ReflectanceRow], labels: Labels) -> list[Score]:
    """Return the metrics above for each method and scene.

    Args:
        rows: of `reflectance.csv`.
        labels: the methods that count.

    Raises:
        ProductError: a scene has no pixels brighter than 99 % of the others, as if it was uniform.
    """
    groups: dict[tuple[str, str], list[ReflectanceRow]] = {}
    for row in rows:
        if row.method in labels:
            groups.setdefault((row.method, row.scene), []).append(row)
    return [
        Score(*labels[method], scene, metric, value)
        for (method, scene), group in groups.items()
        for metric, value in brightness_metrics(scene, group).items()
    ]


def brightness_metrics(scene: str, rows: Sequence[ReflectanceRow]) -> dict[str, float]:
    """Return the metrics of one method and scene, by name. Bands without such bright pixels are left out.

    Raises:
        ProductError: as `brightness_scores`.
    """
    with_bright = {row.band for row in rows if row.above >= BRIGHTEST}
    if not with_bright:
        raise ProductError(
            f"{scene} has no pixels that are brighter than 99 % of the others, so errors cannot be compared by brightness; "
            f"take it out of --test-tiles."
        )
    chosen = [row for row in rows if row.band in with_bright]
    shares = np.array([row.below - row.above for row in chosen])
    bright = np.array([row.above >= BRIGHTEST for row in chosen])
    squares, sizes = (np.array([getattr(row, name) for row in chosen]) for name in ("rmse", "mae"))
    squares = squares**2

    def root_mean(rows_that_count: np.ndarray) -> float:
        return float(np.sqrt(np.average(squares[rows_that_count], weights=shares[rows_that_count])))

    def share(values: np.ndarray) -> float:
        weighted = shares * values
        return float(100 * weighted[bright].sum() / weighted.sum()) if weighted.sum() else 0.0

    return {
        "rmse_brightest": root_mean(bright),
        "rmse_others": root_mean(~bright),
        "absolute_share": share(sizes),
        "square_share": share(squares),
    }
