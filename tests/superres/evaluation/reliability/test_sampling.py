"""Samples of errors: valid pixels only, evenly spread, with the score of the prediction."""

import numpy as np
import pytest

from common.errors import WeightsError
from common.pixels.sentinel2 import JOINT
from superres.evaluation.methods import Method
from superres.evaluation.reduced_scale import DegradedImages
from superres.evaluation.reliability import sampling
from superres.evaluation.reliability.sampling import ErrorSampler, network_methods, sample_errors
from superres.prediction.interpolation import interpolate
from superres.uncertainty.score import error_score


@pytest.fixture
def degraded() -> DegradedImages:
    rng = np.random.default_rng(0)
    inputs = {
        f"input_{gsd}m": rng.uniform(0, 1, (side, side, 6)).astype(np.float32) for gsd, side in ((10, 24), (20, 12))
    }
    valid = np.ones((24, 24), bool)
    valid[:6] = False
    return DegradedImages(rng.uniform(0, 1, (24, 24, 6)).astype(np.float32), inputs, valid, valid[::2, ::2])


@pytest.mark.parametrize("with_spread", [False, True])
def test_scores_and_errors_of_valid_pixels(degraded, with_spread):
    estimate, spread = np.random.default_rng(1).uniform(0, 1, (2, 24, 24, 6)).astype(np.float32)
    spread = spread if with_spread else None
    sample = sample_errors(degraded, estimate, spread, 20)
    upsampled = interpolate(degraded.inputs["input_20m"], estimate.shape, 1)
    np.testing.assert_allclose(sample.scores, error_score(estimate, upsampled, spread)[6:].reshape(-1, 6), rtol=1e-5)
    np.testing.assert_array_equal(sample.errors, np.abs(estimate - degraded.truth)[6:].reshape(-1, 6))


def test_a_large_scene_gives_evenly_spread_pixels(degraded):
    """Of a row of 24 pixels, not always those of the same place in a coarse pixel."""
    numbered = degraded._replace(truth=np.zeros_like(degraded.truth))
    estimate = np.arange(24 * 24, dtype=np.float32).reshape(24, 24, 1).repeat(6, axis=2)
    places = sample_errors(numbered, estimate, None, 20, 100).errors[:, 0]
    assert len(places) == 100 and places[0] == 6 * 24
    assert set(np.diff(places)) == {4, 5} and set(places % 2) == {0, 1}


def test_values_that_are_not_finite_are_an_error(degraded):
    estimate = degraded.truth.copy()
    estimate[20, 20, 3] = np.nan
    with pytest.raises(WeightsError, match="the network for 20 m gives values that are not finite at reduced scale"):
        sample_errors(degraded, estimate, None, 20)


@pytest.mark.parametrize(("network_gsd", "bands"), [(20, 6), (JOINT, 8)])
def test_the_method_is_the_mean_and_its_spread_is_kept(degraded, monkeypatch, network_gsd, bands):
    """Only its own estimate is sampled. Of a joint network, only the bands of the GSD."""
    everything = np.random.default_rng(1).uniform(0, 1, (24, 24, 2 * bands)).astype(np.float32)
    both = everything[..., [*range(6), *range(bands, bands + 6)]]
    monkeypatch.setattr(sampling, "load_method", lambda name, trained, precision, gsd, engine: name)
    sampler = ErrorSampler(Method("mean of 2", lambda images: everything, 6), network_gsd, 20)
    estimate = sampler.method.sharpen(degraded.inputs)
    np.testing.assert_array_equal(estimate, both[..., :6])
    sampler.observe("bicubic", degraded, 0 * estimate)
    assert sampler.sample is None
    sampler.observe("mean of 2", degraded, estimate)
    expected = sample_errors(degraded, both[..., :6], both[..., 6:], 20)
    np.testing.assert_array_equal(sampler.sample.scores, expected.scores)
    assert network_methods({"a": None, "b": None}, "float32", sampler, 20) == ["a", "b", sampler.method]
    assert network_methods({"mean of 2": None}, "float32", sampler, 20) == [sampler.method]
    assert network_methods({"a": None}, "float32", None, 20) == ["a"]
