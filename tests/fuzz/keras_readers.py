"""Readers that need Keras: checkpoints, files of weights, and run folders as trained networks."""

import json
from functools import cache
from pathlib import Path

import numpy as np

from tests.fuzz.mutations import Seed, make_seed
from tests.fuzz.reader import Read, Reader, seeds_of, without_seal

TEXT_FILES = ("config.json", "thresholds.csv")


def checkpoint(folder: Path) -> tuple[list[Seed], Read]:
    """Checkpoints of a training."""
    import keras

    from common.training.checkpoints.checkpoint import Checkpoint, read_checkpoint, write_checkpoint

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(2)])
    model.compile(keras.optimizers.Nadam(), "mse")
    model.optimizer.build(model.trainable_variables)
    path, identity = folder / "checkpoint.h5", {"model": "tiny", "seed": 0}
    rows = [{"epoch": epoch, "loss": 0.5} for epoch in (1, 2, 3)]
    write_checkpoint(path, model, Checkpoint(3, {"best": 0.5, "wait": 1}, rows), identity)

    def read(content: bytes, _index: int) -> None:
        path.write_bytes(content)
        checkpoint = read_checkpoint(path, model, identity)
        assert 0 <= checkpoint.epoch < 10**9 and isinstance(checkpoint.state, dict)

    return seeds_of([path.read_bytes(), without_seal(path)], "bytes"), read


def weights(folder: Path) -> tuple[list[Seed], Read]:
    """Files of weights: ours, and files of Keras 2 as published weights are."""
    import h5py

    from common.networks.weights import write_weights
    from superres.networks import build, trained
    from superres.networks.catalogue import NETWORKS
    from tests.support.tiny_training import tiny_network

    NETWORKS["dsen2"] = tiny_network(2)
    build.build_network = cache(build.build_network)  # takes long
    model = build.build_network("dsen2", 20)
    path = folder / "weights.weights.h5"
    write_weights(path, model)
    contents = [path.read_bytes(), without_seal(path)]
    with h5py.File(folder / "old.hdf5", "w") as file:
        for number, layer in enumerate(layer for layer in model.layers if type(layer).__name__ == "Conv2D"):
            name = f"conv2d_{number}"
            for part, array in zip(("kernel", "bias"), layer.get_weights(), strict=True):
                file[f"model_weights/{name}/{part}"] = array
            file[f"model_weights/{name}"].attrs["weight_names"] = ["kernel", "bias"]
    contents.append((folder / "old.hdf5").read_bytes())

    def read(content: bytes, _index: int) -> None:
        path.unlink(missing_ok=True)  # HDF5 takes a file of the same inode for one that Keras left open
        path.write_bytes(content)
        trained.read_trained(str(path), "dsen2")

    return seeds_of(contents, "bytes"), read


def classifier(folder: Path) -> tuple[list[Seed], Read]:
    """Run folders of classifiers: `config.json` and `thresholds.csv`."""
    from bigearthnet.networks.catalogue import NETWORKS
    from bigearthnet.prediction.trained import read_trained
    from tests.support.made_patches import tiny_network
    from tests.support.made_runs import write_classifier

    NETWORKS["small"] = tiny_network
    write_classifier(folder / "run")
    valid = [(folder / "run" / name).read_bytes() for name in TEXT_FILES]

    def read(content: bytes, index: int) -> None:
        (folder / "run" / TEXT_FILES[index]).write_bytes(content)
        try:
            trained = read_trained(folder / "run")
            if json.dumps(trained.image_shapes) not in built:  # building takes long
                trained.build()
                built.add(json.dumps(trained.image_shapes))
        finally:
            (folder / "run" / TEXT_FILES[index]).write_bytes(valid[index])
        assert np.isfinite(trained.thresholds).all() and all(isinstance(name, str) for name in trained.class_names)

    built = {json.dumps(read_trained(folder / "run").image_shapes)}
    return [make_seed(valid[0], "json", 0), make_seed(valid[1], "table", 1)], read


def fusion_run(folder: Path) -> tuple[list[Seed], Read]:
    """Run folders of fusion networks: `config.json`."""
    from common.networks.weights import write_weights
    from common.runs.folder import CONFIG, WEIGHTS, write_config
    from superres.networks.build import build_network
    from superres.networks.catalogue import NETWORKS
    from superres.networks.trained import _read_run, trained_levels
    from superres.training.config import SuperresConfig
    from tests.support.tiny_training import tiny_network

    NETWORKS["dsen2"] = tiny_network(2)
    write_config(folder, SuperresConfig(tiles="tiles.txt"), levels=["L1C"])
    write_weights(folder / WEIGHTS, build_network("dsen2", 20))

    def read(content: bytes, _index: int) -> None:
        (folder / CONFIG).write_bytes(content)
        _read_run(str(folder), folder)
        trained_levels(folder)

    return [make_seed((folder / CONFIG).read_bytes(), "json")], read


KERAS_READERS = {
    "checkpoint": Reader(checkpoint, 10, imports=("keras",)),
    "weights": Reader(weights, 5, imports=("keras",)),
    "classifier run": Reader(classifier, 40, imports=("keras",)),
    "fusion run": Reader(fusion_run, 50, imports=("keras",)),
}
