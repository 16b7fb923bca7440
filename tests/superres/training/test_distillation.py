"""Patches in other colours, which a teacher answers for; teaching itself is in `tests/cli/test_superres_train.py`."""

from pathlib import Path

import numpy as np
import pytest

from common.patches.file import LOCATIONS, write_patch_file
from common.pixels.sentinel2 import BANDS_BY_GSD, input_gsds
from superres.training.distillation import MOST_BRIGHTER, is_taught, recolour
from superres.training.patch_source import file_offsets
from tests.superres.training.test_patch_source import make_file


@pytest.mark.parametrize("gsd", [20, 60])
def test_other_colours_are_factors_of_reflectance(tmp_path: Path, gsd: int) -> None:
    """One for each band of each patch; the first patches, and the file, stay as they are."""
    file = make_file(tmp_path, "scene", gsd, 0, -1000.0)
    names = [f"input_{g}m" for g in input_gsds(gsd)]
    before = {name: np.maximum(file.arrays[name] // 2, 1500) for name in names}  # room for twice as much
    arrays = {name: image.copy() for name, image in before.items()}
    recolour(arrays, file, gsd, first=2, rng=np.random.default_rng(1))
    for name in names:
        offsets = file_offsets(file, BANDS_BY_GSD[int(name[6:-1])])
        was, found = (images[name] + offsets for images in (before, arrays))
        np.testing.assert_array_equal(found[:2], was[:2])
        factors = (found[2:] / was[2:]).mean(axis=(1, 2), keepdims=True)
        np.testing.assert_allclose(found[2:], factors * was[2:], atol=30)
        assert factors.min() >= 0.99 / MOST_BRIGHTER and factors.max() <= 1.01 * MOST_BRIGHTER
        assert len(np.unique(factors.round(3))) == factors.size


def test_a_taught_file_that_lacks_an_array_is_made_again(tmp_path: Path) -> None:
    file = make_file(tmp_path, "scene", 20, 0, 0.0)
    arrays = file.arrays | dict.fromkeys(LOCATIONS, np.zeros(len(file.arrays["target"]), np.int32))
    attributes = file.attributes | {"taught_from": file.attributes["checksum"]}
    for lacking in (None, "row", "target"):
        kept = {name: array for name, array in arrays.items() if name != lacking}
        write_patch_file(tmp_path / "taught.h5", kept, attributes)
        assert is_taught(tmp_path / "taught.h5", file) == (lacking is None)
