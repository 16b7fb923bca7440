"""Speed of prediction, compared with the plain way, the convolutions alone and a fast network; its memory on a full tile.

    python -m benchmarks.prediction speed PRECISION    prints one line of JSON
    python -m benchmarks.prediction memory SCENE [NETWORK]       prints one line of JSON; without NETWORK, of DSen2
    python -m benchmarks.prediction everything SCENE [NETWORK]   prints one line of JSON, with all options
    python -m benchmarks.prediction beside SCENE NETWORK PIXELS PRECISION    prints one line of JSON

The plain way is the code of the DSen2 paper: patches of 128 px with a border of 8 px, upsampled by scikit-image, predicted
by `model.predict` in float32, and joined. Our way is the code of `superres-predict` for one window. The convolutions alone
are those of DSen2, without any other layer, on tensors of the size of our window.

The memory is measured while a whole scene, 20 m and 60 m bands together, is read, predicted and written by the code of
`superres-predict`. It is measured again with all options that need more memory: --copy-10m, --consistent and --cog. To
save hours, the networks run only once for each shape of a window, which does not change the memory. All the rest runs as
it is; its processor time and its duration are what is left of the command with an infinitely fast network.

`beside` sharpens PIXELS x PIXELS of a scene, 20 m and 60 m, with --copy-10m and --cog, and compares the time with that of
the same networks alone on windows of the same sizes.
"""

import itertools
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from skimage.transform import resize

from benchmarks.measure import Result, peak_memory_gib, run_child, seconds
from common.pixels.degrade import repeat_pixels
from common.pixels.sentinel2 import BANDS_BY_GSD, JOINT, Gsd, input_gsds
from common.pixels.windows import Window
from common.rasters.files import limit_cache
from common.rasters.geotiff import RasterInfo, write_geotiff
from common.rasters.grids import georeference
from common.scenes.tile_list import open_scene
from superres.networks.build import build_network, network_body
from superres.networks.catalogue import NETWORKS
from superres.networks.margin import margin_px
from superres.prediction.options import WINDOW_PX
from superres.prediction.result import result_bands
from superres.prediction.scene import ScenePrediction
from superres.prediction.sharpening import Sharpener
from superres.prediction.stages.threads import Waits, behind
from superres.prediction.windows import Predict, array_reader, compile_model

PATCH_PX, BORDER_PX = 128, 8
ROUNDS = 3
GSD = 20
FEATURES, CONVOLUTIONS = 128, 14  # of DSen2
FAST = "lowres"
LEAST_RATIO, LEAST_SHARE, LEAST_FASTER, MOST_GIB = 2.5, 0.8, 3, 3


def random_scene(size: int, gsd: Gsd = GSD) -> dict[str, np.ndarray]:
    """Return random inputs of a network, in network units."""
    rng = np.random.default_rng(0)
    sides = {g: size * 10 // g for g in input_gsds(gsd)}
    return {f"input_{g}m": rng.random((side, side, len(BANDS_BY_GSD[g])), np.float32) for g, side in sides.items()}


def random_weights(model: keras.Model) -> keras.Model:
    """Set random weights and return the model."""
    rng = np.random.default_rng(0)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(0, 0.03, variable.shape))
    return model


def plain_network() -> keras.Model:
    """Return DSen2 for inputs that are already upsampled."""
    inputs = [keras.Input((None, None, bands)) for bands in (4, 6)]
    return random_weights(keras.Model(inputs, network_body(NETWORKS["dsen2"])(inputs, 6, "float32")))


def plain_way(model: keras.Model, scene: dict[str, np.ndarray]) -> np.ndarray:
    """Predict the whole scene except its border, the plain way: (rows, cols, 6) float32."""
    size = len(scene["input_10m"])
    step = PATCH_PX - 2 * BORDER_PX
    coarse = scene["input_20m"]
    windows = [
        Window(row, col, PATCH_PX, PATCH_PX)
        for row in range(0, size - PATCH_PX + 1, step)
        for col in range(0, size - PATCH_PX + 1, step)
    ]
    fine = np.stack([scene["input_10m"][window.slices] for window in windows])
    large = np.empty((len(windows), PATCH_PX, PATCH_PX, coarse.shape[2]), np.float32)
    for index, window in enumerate(windows):
        patch = coarse[window.coarsened(2).slices]
        for band in range(coarse.shape[2]):
            large[index, ..., band] = resize(patch[..., band], (PATCH_PX, PATCH_PX), order=1, mode="reflect")
    result = np.empty((size, size, 6), np.float32)
    inner = slice(BORDER_PX, -BORDER_PX)
    for window, patch in zip(windows, model.predict([fine, large], verbose=0), strict=True):
        inner_window = Window(window.row + BORDER_PX, window.col + BORDER_PX, step, step)
        result[inner_window.slices] = patch[inner, inner]
    return result


def our_way(network_name: str, precision: str, gsd: Gsd = GSD) -> Callable[[], np.ndarray]:
    """Return a function that predicts one window with its margin and cuts the margin off."""
    margin = margin_px(network_name, gsd)
    size = WINDOW_PX + 2 * margin
    read = array_reader(random_scene(size, gsd))
    predict = compile_model(random_weights(build_network(network_name, gsd, precision)))
    return lambda: predict(read(Window(0, 0, size, size)))[margin:-margin, margin:-margin]


def bare_convolutions(precision: str) -> Callable[[tf.Tensor], tf.Tensor]:
    """Return the convolutions of DSen2, one after the other; the first and the last in float32, as in the network."""
    rng = np.random.default_rng(0)
    widths = [10, *[FEATURES] * (CONVOLUTIONS - 1), 6]
    kernels = [
        tf.constant(rng.normal(0, 0.03, (3, 3, *pair)).astype(np.float32)) for pair in itertools.pairwise(widths)
    ]

    @tf.function(input_signature=[tf.TensorSpec((1, None, None, 10))])
    def run(tensor: tf.Tensor) -> tf.Tensor:
        for index, kernel in enumerate(kernels):
            dtype = precision if 0 < index < CONVOLUTIONS - 1 else "float32"
            tensor = tf.nn.conv2d(tf.cast(tensor, dtype), tf.cast(kernel, dtype), 1, "SAME")
        return tensor

    return run


def speed(precision: str) -> dict[str, float]:
    """Return the speed of each way in pixels/s, margins not counted, and of the convolutions alone, margins counted.

    Each is the best of several rounds, in which the ways take turns.
    """
    margin = margin_px("dsen2", GSD)
    size = 3 * (PATCH_PX - 2 * BORDER_PX) + 2 * BORDER_PX
    scene, plain, bare = random_scene(size), plain_network(), bare_convolutions(precision)
    tensor = tf.random.uniform((1, WINDOW_PX + 2 * margin, WINDOW_PX + 2 * margin, 10))
    ways = {
        "plain": (lambda: plain_way(plain, scene), (size - 2 * BORDER_PX) ** 2),
        "ours": (our_way("dsen2", precision), WINDOW_PX**2),
        FAST: (our_way(FAST, precision), WINDOW_PX**2),
        "convolutions": (lambda: bare(tensor).numpy(), (WINDOW_PX + 2 * margin) ** 2),
    }
    for run, _ in ways.values():
        run()  # the first call builds the graph
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, (run, pixels) in ways.items():
            started = time.perf_counter()
            run()
            rates[name].append(pixels / (time.perf_counter() - started))
    return {name: max(way_rates) for name, way_rates in rates.items()}


def memory(scene_path: str, network_name: str = "dsen2", all_options: bool = False) -> dict[str, float]:
    """Return the peak memory in GiB, the rows of the scene, and the seconds and processor seconds without the networks."""
    clock = {"networks": 0.0, "processor": 0.0}
    whole, duration, processor, _ = sharpen(
        scene_path, partial(once_a_shape, clock=clock), network_name, all_options=all_options
    )
    return {
        "memory": peak_memory_gib(),
        "rows": whole.height,
        "around": duration - clock["networks"],
        "processor": processor - clock["processor"],
    }


def sharpen(
    scene_path: str,
    wrap: Callable[[Predict], Predict],
    network_name: str,
    size: int | None = None,
    all_options: bool = False,
    precision: str = "float32",
) -> tuple[Window, float, float, Waits]:
    """Sharpen 20 m and 60 m bands of a scene as the command does, and write them with the 10 m bands as COG.

    Args:
        scene_path: the product.
        wrap: changes the function of a network.
        network_name: with random weights.
        size: rows and columns to sharpen, from the upper left; None sharpens all.
        all_options: --copy-10m, --consistent and --cog; otherwise none of them, but with a size --copy-10m and --cog.
        precision: of the networks.

    Returns:
        The region, the seconds, the processor seconds, and the seconds that the networks waited for each stage.
    """
    scene = open_scene(scene_path)
    scene_grid = georeference(scene, 10)
    limit_cache()
    gsds = (JOINT,) if NETWORKS[network_name].joint else JOINT
    models = {gsd: build_network(network_name, gsd, precision) for gsd in gsds}
    sharpeners = [
        Sharpener(scene, gsd, margin_px(network_name, gsd), wrap(compile_model(model))) for gsd, model in models.items()
    ]
    region = Window(0, 0, size or scene_grid.rows, size or scene_grid.cols)
    bands = result_bands((20, 60), copy_10m=all_options or size is not None)
    prediction = ScenePrediction(scene, sharpeners, region, bands, consistent=all_options)
    info = RasterInfo.of_region(scene, scene_grid, region, prediction.bands, {})
    started, processor = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:

        def write(strips: Iterator[np.ndarray]) -> None:
            write_geotiff(Path(folder) / "out.tif", info, strips, all_options or size is not None)

        with behind(write, "writing", prediction.waits) as writer:
            for strip in prediction.strips(writer.require_no_error):
                writer.put(strip)
    return region, time.perf_counter() - started, time.process_time() - processor, prediction.waits


def beside(scene_path: str, network_name: str, size: str, precision: str) -> dict[str, float]:
    """Return the seconds of a whole prediction and of its networks alone, their ratio, and what else it spent.

    `other processor` is the processor seconds of all but the networks. The other numbers are seconds that the networks waited.
    """
    calls: list[tuple[Predict, dict[str, np.ndarray]]] = []
    examples: dict[tuple, dict[str, np.ndarray]] = {}

    def remembering(predict: Predict) -> Predict:
        def run(inputs: dict[str, np.ndarray]) -> np.ndarray:
            shapes = tuple(image.shape for image in inputs.values())
            calls.append((predict, examples.setdefault(shapes, inputs)))
            return predict(inputs)

        return run

    sharpen_region = partial(sharpen, scene_path, remembering, network_name, precision=precision)
    sharpen_region(WINDOW_PX)  # builds the graphs
    calls.clear()
    _, total, processor, waits = sharpen_region(int(size))
    before = time.process_time()
    alone = seconds(lambda: [predict(inputs) for predict, inputs in calls])
    besides = processor - (time.process_time() - before)
    return {"total": total, "networks alone": alone, "ratio": total / alone, "other processor": besides, **waits}


def once_a_shape(predict: Predict, clock: dict[str, float]) -> Predict:
    """Return a function that predicts only the first window of each shape, and returns repeated input pixels for others.

    Args:
        predict: the network, also a joint one.
        clock: the seconds and the processor seconds of this thread in the function, and of the network's threads, are added
            to its entries `networks` and `processor`.
    """
    bands: dict[tuple[int, ...], int] = {}  # shape of the 10 m input -> bands of the result

    def run(inputs: dict[str, np.ndarray]) -> np.ndarray:
        started, processor = time.perf_counter(), time.thread_time()
        shape = inputs["input_10m"].shape
        if shape in bands:
            result = repeated_inputs(inputs, bands[shape])
            clock["processor"] += time.thread_time() - processor
        else:
            processor = time.process_time()
            result = predict(inputs)
            bands[shape] = result.shape[2]
            clock["processor"] += time.process_time() - processor
        clock["networks"] += time.perf_counter() - started
        return result

    return run


def repeated_inputs(inputs: dict[str, np.ndarray], bands: int) -> np.ndarray:
    """Return pixels of the bands that a network sharpens, repeated to 10 m: shape of its result.

    Args:
        inputs: of the network, (rows / factor, cols / factor, bands) by name, the finest first.
        bands: of the result: those of all coarse inputs for a joint network, else those of the coarsest.
    """
    coarse = list(inputs.values())[1:]
    is_joint = bands == sum(image.shape[2] for image in coarse)
    rows = len(inputs["input_10m"])
    repeated = [repeat_pixels(image, rows // len(image)) for image in (coarse if is_joint else coarse[-1:])]
    return np.concatenate(repeated, axis=2)


def run(product: str, precision: str) -> list[Result]:
    """Return the rows of this benchmark."""
    rates = run_child([sys.executable, "-m", "benchmarks.prediction", "speed", precision])[0]
    plain_run, all_options = (
        run_child([sys.executable, "-m", "benchmarks.prediction", kind, product])[0]
        for kind in ("memory", "everything")
    )
    ours, plain, bare = rates["ours"], rates["plain"], rates["convolutions"]
    computed = ours * (1 + 2 * margin_px("dsen2", GSD) / WINDOW_PX) ** 2
    return [
        Result(
            f"prediction / the plain way, useful pixels/s, {precision}",
            f"{ours / plain:.2f} ({ours:,.0f} / {plain:,.0f} px/s)",
            f"at least {LEAST_RATIO} where bfloat16 is in the hardware",
        ),
        Result(
            f"prediction / its convolutions alone, {precision}",
            f"{computed / bare:.2f}; without the margins, which are cut off, {ours / bare:.2f}",
            f"at least {LEAST_SHARE}",
        ),
        Result(
            f"prediction, {FAST} / DSen2, useful pixels/s, {precision}",
            f"{rates[FAST] / ours:.2f} ({rates[FAST]:,.0f} / {ours:,.0f} px/s)",
            f"at least {LEAST_FASTER}",
        ),
        Result(
            f"prediction, peak memory, {plain_run['rows']} rows, 20 and 60 m",
            f"{plain_run['memory']:.2f} GiB; with --copy-10m --consistent --cog {all_options['memory']:.2f} GiB",
            f"under {MOST_GIB} GiB on a full tile",
        ),
        Result(
            f"prediction, all but the networks, {all_options['rows']} rows, --copy-10m --consistent --cog",
            f"{all_options['processor']:.0f} processor seconds, beside the networks",
            "",
        ),
    ]


if __name__ == "__main__":
    kind, *arguments = sys.argv[1:]
    kinds = {"speed": speed, "memory": memory, "everything": partial(memory, all_options=True), "beside": beside}
    print(json.dumps(kinds[kind](*arguments)))
