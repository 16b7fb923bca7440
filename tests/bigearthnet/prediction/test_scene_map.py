"""The map of a scene: each square has the probabilities of its own pixels."""

from pathlib import Path

import numpy as np
import pytest

from bigearthnet.prediction import squares
from bigearthnet.prediction.probabilities import predict_images
from bigearthnet.prediction.scene_map import predict_scene
from bigearthnet.prediction.squares import read_squares, square_grid, square_strips
from common.scenes.tile_list import open_scene
from tests.support.fake_safe import textured_pixels, with_nodata, write_safe
from tests.support.made_runs import write_classifier

pytestmark = pytest.mark.usefixtures("tiny", "line_after_each_piece")


@pytest.mark.parametrize("bands, rows_at_once", [("rgb", 1), ("s2", 8)])
def test_squares_have_their_own_probabilities(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    bands: str,
    rows_at_once: int,
) -> None:
    """2 x 2 squares; the lower right one holds nodata."""
    pixels = with_nodata(textured_pixels(np.random.default_rng(0), 240), 120, 120, 60, 60)
    scene = open_scene(write_safe(tmp_path, level="L2A", baseline="04.00", pixels=pixels))
    grid = square_grid(scene)
    model = write_classifier(tmp_path / "run", bands).build()
    (whole,) = square_strips(grid)
    rows = list(read_squares(scene, whole, tuple(model.input)))
    monkeypatch.setattr(squares, "ROWS_AT_ONCE", rows_at_once)
    probabilities = predict_scene(model, scene, grid, batch_size=1)
    assert ("predicting: 1 of 2 strips, " if rows_at_once == 1 else "predicting: 1 of 1 strips, ") in caplog.text
    assert np.isfinite(probabilities).all(axis=-1).tolist() == [[True, True], [True, False]]
    assert np.isnan(probabilities[1, 1]).all()
    expected = [predict_images(model, images, batch_size=2) for images, _ in rows]
    np.testing.assert_allclose(probabilities[0], expected[0], atol=1e-5)
    np.testing.assert_allclose(probabilities[1, 0], expected[1][0], atol=1e-5)
