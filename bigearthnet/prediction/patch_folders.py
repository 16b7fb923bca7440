"""Patch folders -> probabilities, each rank a share of the folders."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import common.distributed as hvd
from bigearthnet.archive.band_sets import BAND_SETS
from bigearthnet.archive.folders import S1_NAME, S2_NAME, find_patches, read_partner
from bigearthnet.archive.images import PatchFolders, read_images
from bigearthnet.archive.reben import is_reben, read_reben_partners
from bigearthnet.prediction.trained import TrainedClassifier
from common.errors import ProductError, SettingError
from common.runs.progress import progress
from common.scenes.patch_folder import is_patch_folder

if TYPE_CHECKING:
    import keras


def find_patch_folders(path: Path, s1_root: Path | None, trained: TrainedClassifier) -> tuple[PatchFolders, ...]:
    """Return the patch at a path, or the patches below it, with their Sentinel-1 partners if the network needs them.

    Args:
        path: a patch folder, or a folder of patch folders.
        s1_root: folder of the Sentinel-1 partners.
        trained: the classifier that will predict them.

    Raises:
        ProductError: there is no patch, or s1_root lacks the partner of one.
        SettingError: the network needs Sentinel-1, and s1_root is None.
    """
    folders = {path.absolute().name: str(path.absolute())} if is_patch_folder(path) else find_patches(path, S2_NAME)
    if "s1" not in BAND_SETS[trained.bands]:
        return tuple(PatchFolders(name, folder) for name, folder in folders.items())
    if s1_root is None:
        raise SettingError(
            f"{trained.folder} was trained with --bands {trained.bands}; give the folder of the Sentinel-1 partners "
            f"with --s1-root."
        )
    partners = find_partners(folders, path, s1_root)
    missing = [name for name in folders if name not in partners]
    if missing:
        raise ProductError(f"{s1_root} lacks the Sentinel-1 partner of {missing[0]}; give the folder that holds it.")
    return tuple(PatchFolders(name, folder, partners[name]) for name, folder in folders.items())


def find_partners(folders: Mapping[str, str], path: Path, s1_root: Path) -> dict[str, str]:
    """Return Sentinel-2 patch -> folder of its Sentinel-1 partner.

    In version 1, a JSON file in the partner's folder names the patch; in version 2, the metadata of the archive do.

    Args:
        folders: Sentinel-2 patch -> its folder.
        path: of these patches.
        s1_root: folder of the partners.

    Raises:
        ProductError: there is no partner, or the JSON files or metadata are missing or damaged.
        SettingError: the metadata need the package pyarrow, which is not installed.
    """
    s1_folders = find_patches(s1_root, S1_NAME)
    if any(map(is_reben, folders)):
        partner_of = read_reben_partners(path, s1_root)
        return {name: s1_folders[s1] for name in folders if (s1 := partner_of.get(name)) in s1_folders}
    return {read_partner(name, folder): folder for name, folder in s1_folders.items()}


def predict_patch_folders(
    model: "keras.Model", patches: Sequence[PatchFolders], batch_size: int, show_progress: bool = False
) -> np.ndarray:
    """Return the probabilities of all patches on all ranks, (N, C) float32. Every rank must call it."""
    from bigearthnet.prediction.probabilities import predict_images

    own_indices = range(hvd.rank(), len(patches), hvd.size())
    own_probabilities: dict[int, list[np.ndarray]] = {}
    with progress(len(own_indices), "patches", "predicting", show_progress) as advance:
        for first in range(0, len(own_indices), batch_size):
            indices = own_indices[first : first + batch_size]
            batch = [read_images(patches[index]) for index in indices]
            images = {group: np.stack([patch[group] for patch in batch]) for group in batch[0]}
            for index, probabilities in zip(indices, predict_images(model, images, batch_size), strict=True):
                own_probabilities[index] = [probabilities]
            advance(len(indices))
    return np.stack(hvd.gather_in_order(own_probabilities))
