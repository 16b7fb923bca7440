"""One window of a scene: units, margins, holes, and networks that fail."""

from pathlib import Path

import numpy as np
import pytest

from common.errors import WeightsError
from common.pixels.sentinel2 import BANDS, BANDS_BY_GSD, JOINT, input_gsds
from common.pixels.windows import Window
from common.scenes.scene import Scene
from superres.networks.units import DN_DIVISOR
from superres.prediction.interpolation import interpolate
from superres.prediction.sharpening import Sharpener
from superres.uncertainty.score import error_score
from tests.support.calibrations import made_calibration

SIDE = 60
WHOLE, SHAPE = Window(0, 0, SIDE, SIDE), (SIDE, SIDE)
MARGIN = 6
WINDOW = Window(24, 18, 12, 18)


@pytest.fixture
def scene() -> Scene:
    return Scene("s", Path(), "L2A", "", "S2A", "04.00", "", {}, 10000.0, dict.fromkeys(BANDS, -1000.0))


@pytest.fixture
def dn() -> dict[int, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        gsd: rng.integers(2000, 5000, (SIDE * 10 // gsd, SIDE * 10 // gsd, len(bands)), np.uint16)
        for gsd, bands in BANDS_BY_GSD.items()
    }


class Repeat:
    """In place of a network: repeats the pixels of the coarsest input, and remembers its inputs."""

    def __call__(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        self.inputs = inputs
        coarse = list(inputs.values())[-1]
        factor = len(inputs["input_10m"]) // len(coarse)
        return coarse.repeat(factor, axis=0).repeat(factor, axis=1)


def sharpened(sharpener: Sharpener, dn: dict[int, np.ndarray], read_window: Window, window: Window) -> np.ndarray:
    """The estimate; there are no expected errors without a calibration."""
    estimates, errors = sharpener.sharpen(sharpener.read_inputs(dn, read_window, window, SHAPE), window, SHAPE)
    assert errors == {}
    return estimates[sharpener.gsd]


@pytest.mark.parametrize("gsd", [20, 60])
def test_the_window_is_reflectance_without_its_margin(scene, dn, gsd):
    network = Repeat()
    sharp = sharpened(Sharpener(scene, gsd, MARGIN, network), dn, WHOLE, WINDOW)
    assert sharp.dtype == np.float32
    factor = gsd // 10
    expected = (dn[gsd].astype(np.float32) - 1000).repeat(factor, axis=0).repeat(factor, axis=1)[WINDOW.slices]
    np.testing.assert_allclose(sharp, expected, rtol=1e-6)
    assert network.inputs["input_10m"].shape == (WINDOW.height + 2 * MARGIN, WINDOW.width + 2 * MARGIN, 4)
    np.testing.assert_allclose(
        network.inputs["input_10m"], (dn[10][18:42, 12:42].astype(np.float32) - 1000) / DN_DIVISOR, rtol=1e-6
    )


def test_a_read_of_just_the_read_margin_is_enough(scene, dn):
    sharpener = Sharpener(scene, 20, MARGIN, Repeat())
    read_window = WINDOW.grown(sharpener.read_margin, *SHAPE)
    part = {gsd: dn[gsd][read_window.coarsened(gsd // 10).slices] for gsd in (10, 20)}
    np.testing.assert_array_equal(
        sharpened(sharpener, part, read_window, WINDOW), sharpened(sharpener, dn, WHOLE, WINDOW)
    )


def test_holes_are_filled_as_in_the_whole_scene(scene, dn):
    """A hole at the edge of the network's margin may be nearest to a pixel beyond it."""
    holes = np.random.default_rng(1).random(dn[10].shape) < 0.3
    holes[WINDOW.slices] = False
    dn[10][holes] = 0
    inputs = []
    for window in (WHOLE, WINDOW):
        network = Repeat()
        sharpened(Sharpener(scene, 20, MARGIN, network), dn, WHOLE, window)
        inputs.append(network.inputs["input_10m"])
    np.testing.assert_array_equal(inputs[1], inputs[0][WINDOW.grown(MARGIN, *SHAPE).slices])


@pytest.mark.parametrize("special", [0, 65535])
def test_the_network_reads_holes_filled_from_their_surroundings(scene, dn, special):
    network = Repeat()
    dn[10][:] = 3000
    dn[10][26:30, 20:25] = special
    sharpened(Sharpener(scene, 20, MARGIN, network), dn, WHOLE, WINDOW)
    np.testing.assert_allclose(network.inputs["input_10m"], 2000 / DN_DIVISOR)


def test_a_window_without_data_is_not_predicted(scene, dn):
    def fail(inputs):
        raise AssertionError("the network was called")

    dn[10][WINDOW.slices] = 0
    sharp = sharpened(Sharpener(scene, 60, MARGIN, fail), dn, WHOLE, WINDOW)
    np.testing.assert_array_equal(sharp, np.zeros((WINDOW.height, WINDOW.width, 2), np.float32))


@pytest.mark.parametrize("members", [1, 2])
@pytest.mark.parametrize("gsd", [20, 60])
def test_expected_errors_follow_from_the_calibrated_score(scene, dn, gsd, members):
    """They leave the estimate as it is, and a read of just the read margin is enough for them."""

    def predict(inputs):
        return np.concatenate([image := Repeat()(inputs), *([0.1 * image] * (members - 1))], axis=2)

    plain, sharpener = (
        Sharpener(scene, gsd, MARGIN, Repeat()),
        Sharpener(scene, gsd, MARGIN, predict, {gsd: made_calibration(gsd, ())}),
    )
    whole, whole_errors = (
        images[gsd] for images in sharpener.sharpen(sharpener.read_inputs(dn, WHOLE, WHOLE, SHAPE), WHOLE, SHAPE)
    )
    coarse = dn[gsd].astype(np.float32) - 1000
    upsampled = interpolate(coarse, whole.shape, 1)
    score = error_score(whole, upsampled, 0.1 * whole if members > 1 else None)
    assert whole_errors.dtype == np.uint16
    np.testing.assert_allclose(whole_errors, made_calibration(gsd, ()).expected_error(score), rtol=1e-4, atol=0.501)
    read_window = WINDOW.grown(sharpener.read_margin, *SHAPE)
    part = {g: dn[g][read_window.coarsened(g // 10).slices] for g in input_gsds(gsd)}
    sharp = sharpener.sharpen(sharpener.read_inputs(part, read_window, WINDOW, SHAPE), WINDOW, SHAPE)
    np.testing.assert_allclose(sharp.errors[gsd], whole_errors[WINDOW.slices], atol=1)
    np.testing.assert_array_equal(sharp.estimates[gsd], sharpened(plain, dn, WHOLE, WINDOW))
    dn[10][WINDOW.slices] = 0
    empty = sharpener.sharpen(sharpener.read_inputs(dn, WHOLE, WINDOW, SHAPE), WINDOW, SHAPE)
    assert empty.errors[gsd].shape == empty.estimates[gsd].shape and not empty.errors[gsd].any()


@pytest.mark.parametrize("members", [1, 2])
def test_a_joint_network_has_expected_errors_of_each_gsd(scene, dn, members):
    """They are those of a network of the GSD alone; a GSD without a calibration has none."""

    def predict_gsd(inputs, gsd):
        coarse = inputs[f"input_{gsd}m"]
        factor = len(inputs["input_10m"]) // len(coarse)
        return coarse.repeat(factor, axis=0).repeat(factor, axis=1)

    def predict(gsds):
        def run(inputs):
            image = np.concatenate([predict_gsd(inputs, gsd) for gsd in gsds], axis=2)
            return np.concatenate([image, *([0.1 * image] * (members - 1))], axis=2)

        return run

    def sharpen(gsd, gsds, *calibrated):
        calibrations = {each: made_calibration(each, ()) for each in calibrated}
        sharpener = Sharpener(scene, gsd, MARGIN, predict(gsds), calibrations)
        return sharpener.sharpen(sharpener.read_inputs(dn, WHOLE, WINDOW, SHAPE), WINDOW, SHAPE)

    both = sharpen(JOINT, JOINT, 20, 60)
    for gsd in JOINT:
        alone = sharpen(gsd, (gsd,), gsd)
        np.testing.assert_array_equal(both.estimates[gsd], alone.estimates[gsd])
        np.testing.assert_array_equal(both.errors[gsd], alone.errors[gsd])
    one = sharpen(JOINT, JOINT, 60)
    assert list(one.estimates) == [20, 60] and list(one.errors) == [60]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_an_error(scene, dn, value):
    def predict(inputs):
        image = np.ones((*inputs["input_10m"].shape[:2], 6), np.float32)
        image[MARGIN + 2, MARGIN + 3, 1] = value
        return image

    with pytest.raises(
        WeightsError, match="the network for 20 m gives values that are not finite at row 24, column 18 of s"
    ):
        sharpened(Sharpener(scene, 20, MARGIN, predict), dn, WHOLE, WINDOW)
