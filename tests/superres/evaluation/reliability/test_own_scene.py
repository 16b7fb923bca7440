"""A scene as its own calibration: windows give the pixels of the whole scene, and windows without data are passed over."""

import numpy as np
import pytest

from common.patches.settings import PatchSettings
from common.pixels.sentinel2 import JOINT, Gsd, sharpened_bands
from common.pixels.windows import Window
from common.scenes.scene import Scene
from common.scenes.tile_list import open_scene
from superres.evaluation.methods import Images, Method
from superres.evaluation.reduced_scale import degraded_images
from superres.evaluation.reliability import own_scene
from superres.evaluation.reliability.own_scene import margin_around, sample_scene, sample_window, spread_windows
from superres.evaluation.reliability.sampling import MOST_PIXELS, ErrorSample, ErrorSampler
from superres.prediction.ranks import RankGroup
from tests.support.fake_safe import textured_pixels, with_nodata, write_safe

SIZE = 720
REACH = 40  # of the method below, in pixels of the estimate


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A scene with a hole in its upper left."""
    pixels = with_nodata(textured_pixels(np.random.default_rng(3), SIZE), 0, 0, 60, 60)
    return open_scene(write_safe(tmp_path_factory.mktemp("scene"), size=SIZE, pixels=pixels))


def sampler_of(gsd: int, network_gsd: Gsd) -> ErrorSampler:
    """The sampler of a method that mixes repeated coarse pixels with 10 m pixels up to REACH away, in place of a network."""

    def sharpen(images: Images) -> np.ndarray:
        fine = images["input_10m"][...].mean(axis=2)
        padded = np.pad(fine, REACH, mode="edge")
        far = padded[: -2 * REACH, : -2 * REACH] + padded[2 * REACH :, 2 * REACH :]
        parts = []
        for each in (20, 60):
            if f"input_{each}m" in images:
                coarse = images[f"input_{each}m"][...]
                factor = len(fine) // len(coarse)
                parts.append(coarse.repeat(factor, axis=0).repeat(factor, axis=1))
        bands = np.concatenate(parts, axis=2)[..., -len(sharpened_bands(network_gsd)) :]
        return bands + 0.3 * (fine - far / 2)[..., None]

    return ErrorSampler(Method("mix", sharpen, REACH), network_gsd, gsd)


@pytest.mark.parametrize(
    ("gsd", "network_gsd", "side", "degradation"),
    [(20, 20, 90, "gaussian"), (60, 60, 30, "mtf"), (20, JOINT, 90, "mtf")],
)
def test_windows_give_the_scores_and_errors_of_the_whole_scene(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, gsd: int, network_gsd: Gsd, side: int, degradation: str
) -> None:
    """They are those that an evaluation samples. Each window is cut out of the scene, and most of them touch no border of it."""
    settings, sampler = PatchSettings(gsd, 1, degradation, joint=network_gsd == JOINT), sampler_of(gsd, network_gsd)
    whole = degraded_images(scene, settings)
    sampler.observe("mix", whole, sampler.method.sharpen(whole.inputs))
    monkeypatch.setattr(own_scene, "SIDE_PX", max(whole.valid.shape))
    (alone,) = sample_scene(scene, sampler, settings, RankGroup())
    np.testing.assert_array_equal(alone, sampler.sample)
    monkeypatch.setattr(own_scene, "SIDE_PX", side)
    places = np.full(whole.valid.shape, -1)
    places[whole.valid] = np.arange(len(alone.errors))
    for window in spread_windows(*whole.valid.shape)[:3]:
        expected = places[window.slices][whole.valid[window.slices]]
        found = sample_window(scene, sampler, settings, window, MOST_PIXELS)
        assert len(expected) == len(found.errors)
        np.testing.assert_allclose(found.scores, alone.scores[expected], rtol=1e-4, atol=1e-2)
        np.testing.assert_allclose(found.errors, alone.errors[expected], rtol=1e-4, atol=1e-2)


def test_the_margin_around_a_window_holds_network_score_and_blur() -> None:
    assert margin_around(PatchSettings(20, 1), 16) == 16 + 2 + 2
    assert (
        margin_around(PatchSettings(60, 1), 18) == 42
    )  # bicubic interpolation near holes reaches farther than the network
    assert margin_around(PatchSettings(20, 1, joint=True), 36) == 48  # 60 m pixels are blurred, too


def test_the_first_windows_are_spread_over_the_scene() -> None:
    windows = spread_windows(5490, 5490)
    assert len(set(windows)) == len(windows) == 23**2
    for side in ("row", "col"):
        assert len({getattr(window, side) // 240 for window in windows[:64]}) >= 22
    assert spread_windows(240, 200) == [Window(0, 0, 240, 200)]
    assert len(set(spread_windows(480, 480))) == 4


@pytest.mark.parametrize(("data", "rounds"), [(range(529), 1), (range(64, 120), 2), ((), 9)])
def test_windows_follow_until_enough_pixels_hold_data(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, data: range, rounds: int
) -> None:
    sampled = []

    def sample(*arguments: object) -> ErrorSample:
        sampled.append(arguments[3])
        pixels = 4000 if len(sampled) - 1 in data else 0
        return ErrorSample(*np.zeros((2, pixels, 1), np.float32))

    monkeypatch.setattr(own_scene, "target_shape", lambda scene, settings: (5490, 5490))
    monkeypatch.setattr(own_scene, "sample_window", sample)
    sample_scene(scene, sampler_of(20, 20), PatchSettings(20, 1), RankGroup())
    assert sampled == spread_windows(5490, 5490)[: 64 * rounds]


def test_a_window_without_pixels_that_count_is_not_sharpened(scene: Scene) -> None:
    def fail(images: Images) -> np.ndarray:
        raise AssertionError("the network was called")

    sampler = ErrorSampler(Method("none", fail, REACH), 20, 20)
    sample = sample_window(scene, sampler, PatchSettings(20, 1), Window(0, 0, 30, 30), 100)
    assert sample.errors.shape == sample.scores.shape == (0, 6)
