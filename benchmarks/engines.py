"""Speed and memory of prediction with OpenVINO, compared with TensorFlow.

    python -m benchmarks.engines speed PRECISION     prints one line of JSON
    python -m benchmarks.engines memory ENGINE       prints one line of JSON

Both engines predict the same window with its margins, in turns. In bfloat16, both compute the convolutions of the blocks
in it, and everything else in float32. The memory is the peak after windows of three sizes, as at the borders of a scene.
"""

import json
import sys

import numpy as np

from benchmarks.measure import Result, Spent, best_of_turns, peak_memory_gib, run_child
from benchmarks.prediction import random_scene, random_weights
from common.networks.engines import ENGINES, OPENVINO, TENSORFLOW, describe_engine, openvino_obstacle
from superres.networks.build import build_network
from superres.networks.margin import margin_px
from superres.prediction.options import WINDOW_PX
from superres.prediction.windows import compile_model

GSD = 20
MEASURED = ("dsen2", "lowres")
ROUNDS = 3
BORDER_SIZES = (0, 120, 300)  # pixels that a window is smaller than the largest one


def speed(precision: str) -> dict[str, Spent]:
    """Return the best seconds and processor seconds for one window, by `network engine`, and the difference of the results."""
    ways, differences = {}, {}
    for name in MEASURED:
        scene = random_scene(WINDOW_PX + 2 * margin_px(name, GSD))
        model = random_weights(build_network(name, GSD, precision))
        results = {}
        for engine in ENGINES:
            predict = compile_model(model, engine)
            results[engine] = predict(scene)
            ways[f"{name} {engine}"] = lambda predict=predict, scene=scene: predict(scene)
        largest = np.abs(results[TENSORFLOW]).max()
        differences[f"{name} difference"] = float(np.abs(results[OPENVINO] - results[TENSORFLOW]).max() / largest)
    return {**best_of_turns(ways, ROUNDS), **differences}


def memory(engine: str) -> dict[str, float]:
    """Return the peak memory in GiB of a process that predicts windows of several sizes with DSen2."""
    predict = compile_model(random_weights(build_network("dsen2", GSD)), engine)
    for smaller in BORDER_SIZES:
        predict(random_scene(WINDOW_PX + 2 * margin_px("dsen2", GSD) - smaller))
    return {"memory": peak_memory_gib()}


def run(precision: str) -> list[Result]:
    """Return the rows of this benchmark."""
    if obstacle := openvino_obstacle(precision):
        return [Result(f"prediction, OpenVINO / TensorFlow, {precision}", f"not measured: {obstacle}", "")]
    measured = run_child([sys.executable, "-m", "benchmarks.engines", "speed", precision])[0]
    used = {
        engine: run_child([sys.executable, "-m", "benchmarks.engines", "memory", engine])[0]["memory"]
        for engine in ENGINES
    }
    rows = [_speed_row(name, precision, measured) for name in MEASURED]
    text = f"{used[OPENVINO]:.2f} / {used[TENSORFLOW]:.2f} GiB"
    return [*rows, Result("prediction, peak memory of OpenVINO / TensorFlow, DSen2, float32", text, "")]


def _speed_row(name: str, precision: str, measured: dict) -> Result:
    seconds, processor = (
        {engine: measured[f"{name} {engine}"][index] for engine in ENGINES} for index in range(len(Spent._fields))
    )
    rates = " / ".join(f"{WINDOW_PX**2 / seconds[engine]:,.0f}" for engine in (OPENVINO, TENSORFLOW))
    return Result(
        f"prediction, {describe_engine(OPENVINO)} / TensorFlow, {name}, useful pixels/s, {precision}",
        f"{seconds[TENSORFLOW] / seconds[OPENVINO]:.2f} ({rates} px/s); by processor time "
        f"{processor[TENSORFLOW] / processor[OPENVINO]:.2f}; results differ by {measured[f'{name} difference']:.0e}",
        "at least 1.5 where bfloat16 is in the hardware, in bfloat16" if name == "dsen2" else "",
    )


if __name__ == "__main__":
    kind, argument = sys.argv[1:]
    print(json.dumps({"speed": speed, "memory": memory}[kind](argument)))
