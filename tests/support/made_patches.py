"""Synthetic BigEarthNet files whose labels follow from band statistics, so that a network can learn them.

Spectra are medians of real patches (BigEarthNet 1.0, CDLA-Permissive-1.0). Each patch mixes one to three of them by random
fields, then changes the brightness as a whole and adds noise. A twin class has the visible bands of one real spectrum and
the other bands of another, so that an RGB image cannot tell it from the first. One class is rare.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from bigearthnet.archive.groups import GROUP_BANDS, NATIVE_PX, group_shapes
from bigearthnet.prepared.writer import create_file, find_slots, finish_file

VISIBLE = 3  # the first of the bands below: B02, B03, B04
# DN of B02, B03, B04, B08; B05, B06, B07, B8A, B11, B12; B01, B09.
SPECTRA = {
    "Pastures": (286, 696, 320, 5050, 1167, 3988, 4863, 5237, 2052, 976, 285, 5146),  # S2A_..20170617T113321_48_5
    "Sea and ocean": (101, 114, 53, 24, 43, 21, 24, 27, 23, 25, 75, 1),  # S2A_..20180419T101031_63_45
    "Peatbogs": (3414, 3631, 3718, 4574, 4149, 4596, 4462, 4293, 337, 237, 3323, 4432),  # S2B_..20180417T102019_73_24
    "Moors and heathland": (73, 293, 216, 1575, 604, 1289, 1434, 1577, 1028, 536, 14, 1569),  # ..20171121T112351_61_0
    "Non-irrigated arable land": (332, 615, 484, 2677, 1124, 2148, 2431, 2686, 1909, 1119, 257, 2701),  # ..39_25
    "Coniferous forest": (213, 385, 236, 2546, 656, 2043, 2396, 2596, 1377, 669, 119, 2584),  # S2B_..94030_55_30
    "Transitional woodland/shrub": (379, 514, 512, 1811, 874, 1503, 1668, 1828, 636, 356, 485, 1932),  # S2A_..90_7
}
RARE = "Transitional woodland/shrub"
TWINS = {
    "Twin of arable land": ("Non-irrigated arable land", "Moors and heathland"),
    "Twin of coniferous forest": ("Coniferous forest", "Pastures"),
}
SPECTRA |= {twin: SPECTRA[seen][:VISIBLE] + SPECTRA[hidden][VISIBLE:] for twin, (seen, hidden) in TWINS.items()}
CLASSES = tuple(SPECTRA)
COMMON = tuple(index for index, name in enumerate(CLASSES) if name != RARE)
SENTINEL_1 = {"VV": -12.6, "VH": -19.3}


def made_labels(patches: int, rng: np.random.Generator, rare: float = 0.01) -> np.ndarray:
    """Return labels, (N, C) uint8: one to three common classes in each patch, and the rare class in a share of them."""
    labels = np.zeros((patches, len(CLASSES)), np.uint8)
    for row in labels:
        row[rng.choice(COMMON, rng.integers(1, 4), replace=False)] = 1
    labels[rng.choice(patches, round(rare * patches), replace=False), CLASSES.index(RARE)] = 1
    return labels


def made_images(present: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return a patch that holds the classes `present`, (C,) of 0 and 1: group -> (rows, cols, bands) uint16."""
    spectra = np.array(list(SPECTRA.values()), np.float32)[np.flatnonzero(present)]
    fields = 3 * rng.standard_normal((10, 10, len(spectra)), np.float32)
    shares = np.exp(fields) / np.exp(fields).sum(axis=-1, keepdims=True)
    mixed = shares @ spectra * rng.uniform(0.85, 1.15)  # (10, 10, 12)
    images, first = {}, 0
    for group in ("s2_10m", "s2_20m", "s2_60m"):
        count, repeats = len(GROUP_BANDS[group]), NATIVE_PX[group] // 10
        clean = mixed[..., first : first + count].repeat(repeats, axis=0).repeat(repeats, axis=1)
        noisy = clean * (1 + 0.1 * rng.standard_normal(clean.shape, np.float32))
        noisy += 30 * rng.standard_normal(clean.shape, np.float32)
        images[group] = noisy.clip(1, 20000).astype(np.uint16)
        first += count
    return images


def write_made(
    path: Path,
    splits: Sequence[str],
    seed: int = 0,
    rare: float = 0.01,
    with_s1: bool = False,
    classes: Sequence[str] = CLASSES,
) -> Path:
    """Write a prepared file with one patch for each entry of `splits`, under made-up names."""
    rng = np.random.default_rng(seed)
    labels = made_labels(len(splits), rng, rare)
    patches = [made_images(row, rng) for row in labels]
    images = {group: np.stack([patch[group] for patch in patches]) for group in patches[0]}
    if with_s1:
        decibels = np.array(list(SENTINEL_1.values()), np.float32)
        images["s1"] = decibels + rng.standard_normal((len(splits), 120, 120, 2), np.float32)
    names = [f"S2A_MSIL2A_20170617T113321_{number // 100}_{number % 100}" for number in range(len(splits))]
    write_prepared_file(path, images, labels, classes, names, splits)
    return path


def write_prepared_file(
    path: Path,
    images: Mapping[str, np.ndarray],
    labels: np.ndarray,
    class_names: Sequence[str],
    names: Sequence[str],
    splits: Sequence[str],
) -> None:
    """Write a small prepared file from arrays: images of each group (N, rows, cols, bands), labels (N, C)."""
    superres = [name for name, array in images.items() if array.shape[1] != NATIVE_PX[name]]
    shapes = group_shapes("s1" in images, superres)
    create_file(path, shapes, labels, class_names, names, splits, {"plan": "", "superres": ",".join(superres)})
    slots = find_slots(path)
    with open(path, "r+b", buffering=0) as file:
        slots.write(
            file.fileno(), 0, [{group: array[row] for group, array in images.items()} for row in range(len(names))]
        )
    finish_file(path, {})


def tiny_network(image):
    """Build the body of a network that compiles in a second; add it to `bigearthnet.networks.catalogue.NETWORKS`."""
    import keras

    image = keras.layers.Conv2D(8, 12, strides=12, name="first")(image)
    image = keras.layers.BatchNormalization(name="norm")(image)
    return keras.layers.GlobalAveragePooling2D(name="mean")(keras.layers.ReLU(name="relu")(image))


def split_names(train: int, val: int, test: int) -> list[str]:
    """Return a split for each patch: first those of train, then of val, then of test."""
    return ["train"] * train + ["val"] * val + ["test"] * test
