"""Samples of errors: valid pixels only, evenly spread, with the score of the prediction."""

from types import SimpleNamespace

import numpy as np
import pytest

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
    sample = sample_errors(degraded, estimate, spread, "input_20m")
    upsampled = interpolate(degraded.inputs["input_20m"], estimate.shape, 1)
    np.testing.assert_allclose(sample.scores, error_score(estimate, upsampled, spread)[6:].reshape(-1, 6), rtol=1e-5)
    np.testing.assert_array_equal(sample.errors, np.abs(estimate - degraded.truth)[6:].reshape(-1, 6))


def test_a_large_scene_gives_evenly_spread_pixels(degraded, monkeypatch):
    monkeypatch.setattr(sampling, "MOST_PIXELS", 100)
    sample = sample_errors(degraded, degraded.truth + 1, None, "input_20m")
    assert len(sample.errors) == 18 * 24 // 5 + 1


def test_the_method_is_the_mean_and_its_spread_is_kept(degraded, monkeypatch):
    """Only its own estimate is sampled."""
    both = np.random.default_rng(1).uniform(0, 1, (24, 24, 12)).astype(np.float32)
    monkeypatch.setattr(sampling, "build_for_errors", lambda trained, precision: None)
    monkeypatch.setattr(
        sampling, "network_method", lambda name, model, margin, engine: Method(name, lambda images: both, margin)
    )
    monkeypatch.setattr(sampling, "load_method", lambda name, trained, precision, gsd, engine: name)
    sampler = ErrorSampler("mean of 2", SimpleNamespace(gsd=20, margin=6), "float32")
    estimate = sampler.method.sharpen(degraded.inputs)
    np.testing.assert_array_equal(estimate, both[..., :6])
    sampler.observe("bicubic", degraded, 0 * estimate)
    assert sampler.sample is None
    sampler.observe("mean of 2", degraded, estimate)
    expected = sample_errors(degraded, both[..., :6], both[..., 6:], "input_20m")
    np.testing.assert_array_equal(sampler.sample.scores, expected.scores)
    assert network_methods({"a": None, "b": None}, "float32", sampler, 20) == ["a", "b", sampler.method]
    assert network_methods({"mean of 2": None}, "float32", sampler, 20) == [sampler.method]
    assert network_methods({"a": None}, "float32", None, 20) == ["a"]
