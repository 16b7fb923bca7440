"""Speed of one network for the eight bands of 20 m and 60 m, compared with two DSen2, which take turns with it.

python -m benchmarks.joint PRECISION    prints one line of JSON
"""

import json
import sys
import time

from benchmarks.measure import Result, run_child
from common.pixels.sentinel2 import JOINT
from superres.prediction.options import WINDOW_PX

ROUNDS = 3
LEAST_FASTER = 6


def speed(precision: str) -> dict[str, list[float]]:
    """Return the useful pixels/s of both ways in each round: pixels with all eight bands, margins of windows not counted."""
    from benchmarks.prediction import our_way

    ways = {
        "pair": [our_way("dsen2", precision, gsd) for gsd in JOINT],
        "joint": [our_way("joint", precision, JOINT)],
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(ROUNDS + 1):
        for name, networks in ways.items():
            started = time.perf_counter()
            for predict in networks:
                predict()
            if number:  # the first calls build the graphs
                rates[name].append(WINDOW_PX**2 / (time.perf_counter() - started))
    return rates


def run(precision: str) -> list[Result]:
    """Return the rows of this benchmark."""
    rates = run_child([sys.executable, "-m", "benchmarks.joint", precision])[0]
    ratios = sorted(joint / pair for joint, pair in zip(rates["joint"], rates["pair"], strict=True))
    return [
        Result(
            f"prediction of all eight bands, joint / two DSen2, useful pixels/s, {precision}",
            f"{ratios[len(ratios) // 2]:.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}; best {max(rates['joint']):,.0f} / "
            f"{max(rates['pair']):,.0f} px/s)",
            f"at least {LEAST_FASTER}",
        )
    ]


if __name__ == "__main__":
    print(json.dumps(speed(sys.argv[1])))
