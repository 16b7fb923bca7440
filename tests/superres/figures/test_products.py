"""Figures of products and patches: pictures of any GSD, grey or in colour, histograms, positions."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from common.pixels.sentinel2 import BANDS
from common.scenes.scene import Scene
from superres.figures import products as product_plots
from superres.figures.products import plot_histograms, plot_pictures, plot_splits
from tests.support.pictures import assert_only_picture


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def drawn(monkeypatch) -> list[Figure]:
    """Figures that were drawn and not saved."""
    figures: list[Figure] = []
    monkeypatch.setattr(product_plots, "save_png", lambda figure, path: figures.append(figure))
    return figures


def test_pictures_are_saved(tmp_path, rng):
    pictures = {"10 m": rng.random((60, 60)), "60 m": rng.random((10, 10)), "in colour": rng.random((30, 30, 3))}
    plot_pictures(pictures, tmp_path / "pictures.png", columns=2, caption="random")
    assert_only_picture(tmp_path, "pictures.png")


@pytest.mark.parametrize("one_stretch", [True, False])
def test_pictures_share_a_stretch_on_request(drawn, tmp_path, one_stretch):
    ramp = np.linspace(0, 1, 100).reshape(10, 10)
    plot_pictures({"dark": ramp / 10, "bright": ramp}, tmp_path / "pictures.png", one_stretch=one_stretch)
    dark = drawn[0].axes[0].get_images()[0].get_array()
    assert (dark.max() < 0.2) == one_stretch


def test_a_constant_picture(drawn, tmp_path):
    plot_pictures({"flat": np.full((4, 4), 7.0)}, tmp_path / "pictures.png")
    assert np.isfinite(drawn[0].axes[0].get_images()[0].get_array()).all()


def test_histograms_have_a_line_for_every_band(drawn, tmp_path, rng):
    scene = Scene("s", Path(), "L1C", "", "S2B", "", "", {}, 10000.0, {})
    reflectance = {band: rng.random((12, 12)) for band in BANDS if band != "B10"}
    plot_histograms(reflectance, scene, tmp_path / "histograms.png")
    assert [text.get_text() for text in drawn[0].axes[2].get_legend().get_texts()] == ["B01 442 nm", "B09 943 nm"]
    assert [len(ax.patches) for ax in drawn[0].axes] == [4, 6, 2]
    for ax in drawn[0].axes:
        for line in ax.patches:
            assert line.get_data().values.sum() == pytest.approx(100, abs=2)


def test_patches_outside_the_square_are_not_drawn(drawn, tmp_path, rng):
    positions = rng.integers(0, 300, (50, 2))
    held_out = rng.random(50) < 0.3
    plot_splits({"one": (positions, held_out), "other": (positions, ~held_out)}, 32, 200, tmp_path / "splits.png")
    shown = np.count_nonzero((positions < 200).all(axis=1))
    assert [len(ax.patches) for ax in drawn[0].axes] == [shown, shown]
