"""Weights of our runs and of the published format load; other files are refused with a reason."""

from functools import partial
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from common.errors import WeightsError
from common.networks.weights import write_weights
from common.runs.folder import WEIGHTS
from superres.networks.build import build_network
from superres.networks.catalogue import ATTENTION, NETWORKS, Network
from superres.networks.dsen2 import residual_network
from superres.networks.weights import load_init_weights, load_weights
from tests.support.checks import random_batch, set_random_weights
from tests.support.patch_files import write_random_patches
from tests.support.tiny_training import residual_reach

PUBLISHED_ORDER = ("B04", "B03", "B02", "B08")  # of the 10 m bands
OUR_ORDER = ("B02", "B03", "B04", "B08")
BLOCKS = 6  # 14 convolutions, so that `conv2d_10` comes before `conv2d_2` by name


@pytest.fixture(autouse=True)
def small_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add DSen2 with 4 features, and the same with one block less."""
    for name, blocks in (("small", BLOCKS), ("shorter", BLOCKS - 1)):
        body = partial(residual_network, blocks=blocks, features=4)
        monkeypatch.setitem(NETWORKS, name, Network(body, residual_reach(blocks)))


def random_network(gsd: int, seed: int = 1) -> keras.Model:
    model = build_network("small", gsd)
    set_random_weights(model, seed)
    return model


def write_published(path: Path, model: keras.Model, root: str = "model_weights") -> Path:
    """Write a Keras 2 HDF5 file as the DSen2 authors did, with the weights of `model`.

    Its first kernel has the 10 m bands in the authors' order. It also holds layers without weights.
    """
    with h5py.File(path, "w") as file:
        group = file.create_group(root) if root else file
        group.attrs["layer_names"] = [b"input_1"]
        for name in ("input_1", "activation_1", "lambda_1", "add_1"):
            group.create_group(name).attrs["weight_names"] = np.array([], dtype="S1")
        number = 0
        for layer in model.layers:
            if not isinstance(layer, keras.layers.Conv2D):
                continue
            kernel, bias = np.asarray(layer.kernel), np.asarray(layer.bias)
            if layer.name == "first":
                bands = {band: kernel[:, :, i] for i, band in enumerate(OUR_ORDER)}
                bands_10m = np.stack([bands[band] for band in PUBLISHED_ORDER], axis=2)
                kernel = np.concatenate([bands_10m, kernel[:, :, 4:]], axis=2)
            name = f"conv2d_{number}" if number else "conv2d"
            folder = group.create_group(name)
            folder.attrs["weight_names"] = [f"{name}/kernel:0".encode(), f"{name}/bias:0".encode()]
            folder[f"{name}/kernel:0"], folder[f"{name}/bias:0"] = kernel, bias
            number += 1
    return path


def outputs(model: keras.Model, gsd: int) -> np.ndarray:
    return np.asarray(model(random_batch(gsd)[0]))


@pytest.mark.parametrize("gsd", [20, 60])
@pytest.mark.parametrize("root", ["model_weights", ""])
def test_published_weights_give_the_same_outputs(tmp_path: Path, gsd: int, root: str) -> None:
    """The authors' network on bands in their order equals our network on bands in our order."""
    authors = random_network(gsd)
    ours = build_network("small", gsd)
    load_weights(ours, write_published(tmp_path / "l1c.hdf5", authors, root))
    assert np.ptp(outputs(authors, gsd)) > 0.1
    np.testing.assert_array_equal(outputs(ours, gsd), outputs(authors, gsd))


@pytest.mark.parametrize("gsd", [20, 60])
@pytest.mark.parametrize("as_folder", [True, False])
def test_our_weights_load_from_run_folder_or_file(tmp_path: Path, gsd: int, as_folder: bool) -> None:
    trained = random_network(gsd)
    trained.save_weights(tmp_path / WEIGHTS)
    model = build_network("small", gsd, "bfloat16")  # weights do not depend on the precision of the run
    load_weights(model, tmp_path if as_folder else str(tmp_path / WEIGHTS))
    for ours, theirs in zip(weights_of(model), weights_of(trained), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def weights_of(model: keras.Model) -> list[np.ndarray]:
    return [np.asarray(variable).copy() for variable in model.weights]


def check_refused(model: keras.Model, path: Path, message: str) -> None:
    before = weights_of(model)
    with pytest.raises(WeightsError, match=message):
        load_weights(model, path)
    for now, then in zip(weights_of(model), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_published_weights_of_the_other_gsd(tmp_path: Path) -> None:
    path = write_published(tmp_path / "l1c.hdf5", random_network(20))
    check_refused(
        build_network("small", 60),
        path,
        r"has a kernel \(3, 3, 10, 4\) where small_60m has \(3, 3, 12, 4\); give weights for the same GSD",
    )


def test_published_weights_of_another_network(tmp_path: Path) -> None:
    path = write_published(tmp_path / "l1c.hdf5", random_network(20))
    check_refused(
        build_network("shorter", 20), path, "has 14 convolutions, shorter_20m has 12; give weights of the same network"
    )


@pytest.mark.parametrize(
    "saved, name, gsd", [("small", "small", 60), ("small", "shorter", 20), ("shorter", "small", 20)]
)
def test_our_weights_of_another_network(tmp_path: Path, saved: str, name: str, gsd: int) -> None:
    build_network(saved, 20).save_weights(tmp_path / WEIGHTS)
    with pytest.raises(
        WeightsError,
        match=rf"does not hold weights of {name}_{gsd}m \(.*\); give weights of the same "
        rf"network, trained with the same options",
    ):
        load_weights(build_network(name, gsd), tmp_path)


@pytest.mark.parametrize("name, gsd", [("dsen2", 20), ("palsson", 60), ("fuse", 60), ("lowres", 20), ("tiny", 60)])
def test_weights_of_the_network_with_attention(tmp_path: Path, name: str, gsd: int) -> None:
    """Keras would leave the arrays of the attention out, and the result would be wrong by hundreds of DN."""
    build_network(name + ATTENTION, gsd).save_weights(tmp_path / WEIGHTS)
    check_refused(
        build_network(name, gsd),
        tmp_path,
        rf"does not hold weights of {name}_{gsd}m \(\d+ arrays where the network has",
    )


def test_weights_of_another_upsampling_only_start_a_training(tmp_path: Path) -> None:
    """The arrays are the same, but the network was trained on other inputs."""
    trained = random_network(20)
    write_weights(tmp_path / WEIGHTS, trained)
    model = build_network("small", 20, upsample="bicubic")
    check_refused(model, tmp_path, r"does not hold weights of small_20m_bicubic \(but of small_20m\); give weights")
    load_init_weights(model, "small", 20, tmp_path, "bicubic")
    np.testing.assert_array_equal(weights_of(model)[0], weights_of(trained)[0])


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99])
@pytest.mark.parametrize("published", [True, False])
def test_cut_short(tmp_path: Path, share: float, published: bool) -> None:
    path = tmp_path / "cut.weights.h5"
    if published:
        write_published(path, random_network(20))
    else:
        random_network(20).save_weights(path)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    check_refused(build_network("small", 20), path, r"cut\.weights\.h5 is cut short; restore it, or train again")


def test_other_files(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no weights")
    check_refused(
        build_network("small", 20), tmp_path / "notes.txt", r"does not hold weights of small_20m \(it is no HDF5"
    )
    with h5py.File(tmp_path / "patches.h5", "w") as file:
        file["row"] = np.arange(3)
    check_refused(build_network("small", 20), tmp_path / "patches.h5", "does not hold weights of small_20m")
    patches = write_random_patches(tmp_path, "T32TNS").path
    check_refused(build_network("small", 20), patches, "does not hold weights of small_20m")


def test_missing(tmp_path: Path) -> None:
    model = build_network("small", 20)
    check_refused(
        model, tmp_path / "none.h5", r"there are no weights .*none\.h5; give a run folder, a file of weights, or"
    )
    check_refused(model, tmp_path, rf"there are no weights .*{WEIGHTS}")
