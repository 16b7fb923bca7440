"""Speed of one network for the eight bands of 20 m and 60 m, compared with two DSen2, which take turns with it.

Useful pixels have all eight bands; the margins of windows do not count.

python -m benchmarks.joint PRECISION    prints one line of JSON
"""

import json
import sys

from benchmarks.measure import Result, Spent, best_of_turns, run_child
from common.pixels.sentinel2 import JOINT
from superres.prediction.options import WINDOW_PX

ROUNDS = 3
LEAST_FASTER = 6


def speed(precision: str) -> dict[str, Spent]:
    """Return the best times of both ways to predict one window with all eight bands."""
    from benchmarks.prediction import our_way

    pair = [our_way("dsen2", precision, gsd) for gsd in JOINT]
    ways = {"pair": lambda: [predict() for predict in pair], "joint": our_way("joint", precision, JOINT)}
    return best_of_turns(ways, ROUNDS)


def run(precision: str) -> list[Result]:
    """Return the rows of this benchmark."""
    spent = run_child([sys.executable, "-m", "benchmarks.joint", precision])[0]
    pair, joint = (Spent(*spent[name]) for name in ("pair", "joint"))
    rates = " / ".join(f"{WINDOW_PX**2 / way.seconds:,.0f}" for way in (joint, pair))
    return [
        Result(
            f"prediction of all eight bands, joint / two DSen2, useful pixels/s, {precision}",
            f"{pair.seconds / joint.seconds:.2f} ({rates} px/s); by processor time "
            f"{pair.processor_seconds / joint.processor_seconds:.2f}",
            f"at least {LEAST_FASTER}",
        )
    ]


if __name__ == "__main__":
    print(json.dumps(speed(sys.argv[1])))
