"""Trained classifiers: read from a run folder, built with its weights, and matched with a prepared file."""

import json
from pathlib import Path

import numpy as np
import pytest

from bigearthnet.networks.build import build_network
from bigearthnet.prediction.trained import TrainedClassifier, describe_shapes, method_names, read_trained
from bigearthnet.prepared.file import BigEarthNetFile
from common.errors import RunFolderError, SettingError, WeightsError
from common.runs.folder import CONFIG, THRESHOLDS, WEIGHTS
from tests.support.made_patches import CLASSES, write_made
from tests.support.made_runs import write_classifier

pytestmark = pytest.mark.usefixtures("tiny")


def change_config(folder: Path, **changes: object) -> None:
    """Change entries of `config.json`, or of its settings; None takes an entry away."""
    config = json.loads((folder / CONFIG).read_text())
    for name, value in changes.items():
        entries = config["settings"] if name in config["settings"] else config
        entries[name] = value
        if value is None:
            del entries[name]
    (folder / CONFIG).write_text(json.dumps(config))


def test_run_folder_gives_its_settings(tmp_path: Path) -> None:
    trained = write_classifier(tmp_path, "rgb", resampling="stem", precision="bfloat16", sync_batch_norm=True)
    assert trained.folder == tmp_path
    assert (trained.network_name, trained.bands, trained.title) == ("small", "rgb", "small-rgb")
    assert (trained.upsampling, trained.precision, trained.sync_batch_norm) == ("stem", "bfloat16", True)
    assert trained.class_names == CLASSES
    assert trained.image_shapes == {"s2_10m": (120, 120, 4)}
    assert trained.thresholds.shape == (len(CLASSES),)


def test_built_network_has_the_weights_of_the_run(tmp_path: Path) -> None:
    trained = write_classifier(tmp_path, seed=3)
    saved = build_network("small", trained.image_shapes, len(CLASSES))
    saved.load_weights(tmp_path / WEIGHTS)
    for built, expected in zip(trained.build().get_weights(), saved.get_weights(), strict=True):
        np.testing.assert_array_equal(built, expected)


def test_missing_weights(tmp_path: Path) -> None:
    trained = write_classifier(tmp_path)
    (tmp_path / WEIGHTS).unlink()
    with pytest.raises(WeightsError, match=r"the weights \S+best\.weights\.h5 do not exist"):
        trained.build()
    with pytest.raises(RunFolderError, match=r"best\.weights\.h5 does not exist; restore it, or train again"):
        read_trained(tmp_path)
    (tmp_path / WEIGHTS).symlink_to("gone")
    with pytest.raises(
        RunFolderError, match=r"is a link to \S+/gone, which does not exist; restore it, or train again"
    ):
        read_trained(tmp_path)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"application": "superres"}, r"holds no run of bigearthnet-train; give the run folder of one"),
        ({"class_names": list(CLASSES[::-1])}, r"thresholds\.csv is of other classes than the network in"),
        ({"bands": "s3"}, r"config\.json was written by another version \(bands 's3' is unknown\)"),
        ({"model": "vgg"}, r"\(model 'vgg' is unknown\)"),
        ({"resampling": "nearest"}, r"\(resampling 'nearest' is unknown\)"),
        ({"precision": "int8"}, r"\(precision 'int8' is unknown\)"),
        ({"sync_batch_norm": None}, r"\('sync_batch_norm'\)"),
        ({"image_shapes": None}, r"\('image_shapes'\)"),
        ({"image_shapes": [1]}, r"written by another version"),
        ({"image_shapes": {"s2_10m": [120, 120, 4]}}, r"\(image_shapes are of s2_10m\)"),
        ({"image_shapes": {f"s2_{gsd}m": [9**9, 9**9, 4] for gsd in (10, 20, 60)}}, r"\(s2_10m has the shape"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_config_of_another_run(tmp_path: Path, changes: dict, message: str) -> None:
    write_classifier(tmp_path)
    change_config(tmp_path, **changes)
    with pytest.raises(RunFolderError, match=message):
        read_trained(tmp_path)


def test_unfinished_run(tmp_path: Path) -> None:
    write_classifier(tmp_path)
    (tmp_path / THRESHOLDS).unlink()
    with pytest.raises(RunFolderError, match=r"has no thresholds\.csv: its training is not over; finish it with"):
        read_trained(tmp_path)


def test_damaged_thresholds_do_not_count_as_unfinished(tmp_path: Path) -> None:
    write_classifier(tmp_path)
    (tmp_path / THRESHOLDS).write_text("class,threshold,f1,support\nPastures,half,1,2\n")
    with pytest.raises(RunFolderError, match=r"thresholds\.csv cannot be read \(could not convert .*'half'\)"):
        read_trained(tmp_path)


def test_thresholds_that_the_system_refuses_do_not_count_as_unfinished(tmp_path: Path) -> None:
    write_classifier(tmp_path)
    (tmp_path / THRESHOLDS).unlink()
    (tmp_path / THRESHOLDS).symlink_to(THRESHOLDS)
    with pytest.raises(
        RunFolderError, match=r"thresholds\.csv cannot be read \(Too many levels of symbolic links\); ch"
    ):
        read_trained(tmp_path)


def test_patches_of_a_file_with_the_same_classes_and_sizes(tmp_path: Path) -> None:
    trained = write_classifier(tmp_path / "run", "rgb")
    file = BigEarthNetFile(write_made(tmp_path / "made.h5", ["test"] * 3))
    patches = trained.patches(file, np.array([2, 0]))
    assert patches.origins(np.arange(2)) == [file.names[2], file.names[0]]
    assert patches.image_shapes == trained.image_shapes


def test_file_that_does_not_fit(tmp_path: Path) -> None:
    file = BigEarthNetFile(write_made(tmp_path / "made.h5", ["test"] * 2))
    rows = np.arange(2)
    with pytest.raises(RunFolderError, match=r"was trained on 2 classes from 'a' on, \S+made\.h5 holds 9 classes from"):
        write_classifier(tmp_path / "classes", class_names=("a", "b")).patches(file, rows)
    with pytest.raises(
        RunFolderError, match=r"s2_20m 120 x 120 x 6, .* \S+made\.h5 holds s2_10m .* s2_20m 60 x 60 x 6"
    ):
        write_classifier(tmp_path / "sizes", superres=["s2_20m"]).patches(file, rows)
    with pytest.raises(SettingError, match=r"made\.h5 holds no Sentinel-1"):
        write_classifier(tmp_path / "s1", "s1s2").patches(file, rows)


def test_shapes_in_a_message() -> None:
    assert describe_shapes({"s2_10m": (120, 120, 4), "s1": (120, 120, 2)}) == "s2_10m 120 x 120 x 4, s1 120 x 120 x 2"


def trained_in(folder: str, bands: str = "s2") -> TrainedClassifier:
    """A classifier that is never built."""
    return TrainedClassifier(Path(folder), "small", bands, "bilinear", "float32", False, 0.0, CLASSES, {}, np.zeros(9))


def test_methods_that_share_network_and_bands_are_told_apart_by_their_folder() -> None:
    trained = [trained_in("runs/a"), trained_in("runs/b"), trained_in("runs/c", "rgb")]
    assert method_names(trained) == ["small-s2 a", "small-s2 b", "small-rgb"]
    with pytest.raises(SettingError, match="two run folders hold the same network and have the same name; rename"):
        method_names([trained_in("first/run"), trained_in("second/run")])
