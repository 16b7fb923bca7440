"""Patch folders: which are found, with which partners, and their probabilities."""

from pathlib import Path

import numpy as np
import pytest

from bigearthnet.archive.images import PatchFolders, read_images
from bigearthnet.prediction.patch_folders import find_patch_folders, predict_patch_folders
from bigearthnet.prediction.probabilities import predict_images
from common.errors import ProductError, SettingError
from tests.support.fake_safe import write_patch_folder, write_s1_patch
from tests.support.made_runs import write_classifier

pytestmark = pytest.mark.usefixtures("tiny", "line_after_each_piece")
NAMES = ["S2A_MSIL2A_20170617T113321_36_85", "S2A_MSIL2A_20170617T113321_4_55", "S2B_MSIL2A_20170924T93020_69_24"]
S1_NAMES = [f"S1A_IW_GRDH_1SDV_20170617T064724_29UPU_{number}_5" for number in range(len(NAMES))]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Folders S2 and S1 of three patches and their partners."""
    for index, (name, s1_name) in enumerate(zip(NAMES, S1_NAMES, strict=True)):
        write_patch_folder(tmp_path / "S2", name)
        write_s1_patch(tmp_path / "S1", s1_name, name, shift=index)
    return tmp_path


def test_folder_of_patches_and_one_patch(archive: Path) -> None:
    trained = write_classifier(archive / "run", "s2")
    patches = find_patch_folders(archive / "S2", None, trained)
    assert patches == tuple(PatchFolders(name, str(archive / "S2" / name)) for name in sorted(NAMES))
    assert find_patch_folders(archive / "S2" / NAMES[1], None, trained) == (
        PatchFolders(NAMES[1], str(archive / "S2" / NAMES[1])),
    )


def test_patch_in_the_working_directory(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(archive / "S2" / NAMES[0])
    (patch,) = find_patch_folders(Path("."), None, write_classifier(archive / "run", "s2"))
    assert (patch.name, patch.s2) == (NAMES[0], str(archive / "S2" / NAMES[0]))


def test_partners_are_found_by_their_own_word(archive: Path) -> None:
    """The JSON file of a Sentinel-1 patch names its Sentinel-2 patch."""
    patches = find_patch_folders(archive / "S2", archive / "S1", write_classifier(archive / "run", "s1s2"))
    partners = {patch.name: Path(patch.s1).name for patch in patches}
    assert partners == dict(zip(NAMES, S1_NAMES, strict=True))


def test_partners_of_version_2_stand_in_the_metadata(tmp_path: Path) -> None:
    """Their Sentinel-1 patches hold no JSON file."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="pip install pyarrow to test metadata in Parquet")
    import pyarrow

    name, s1_name = "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP_26_57", "S1A_IW_GRDH_1SDV_20170613T165043_33UUP_26_57"
    patch = write_patch_folder(tmp_path / "BigEarthNet-S2/product", name)
    partner = write_s1_patch(tmp_path / "BigEarthNet-S1/product", s1_name, "")
    next(partner.glob("*.json")).unlink()
    row = {"patch_id": name, "labels": ["Pastures"], "split": "test", "s1_name": s1_name}
    parquet.write_table(pyarrow.Table.from_pylist([row]), tmp_path / "metadata.parquet")
    trained = write_classifier(tmp_path / "run", "s1s2")
    for source in (tmp_path, tmp_path / "BigEarthNet-S2", patch):
        (found,) = find_patch_folders(source, tmp_path / "BigEarthNet-S1", trained)
        assert (found.name, found.s2, found.s1) == (name, str(patch), str(partner))


def test_partners_that_are_missing(archive: Path) -> None:
    trained = write_classifier(archive / "run", "s1")
    with pytest.raises(SettingError, match=r"was trained with --bands s1; give the folder of .* with --s1-root"):
        find_patch_folders(archive / "S2", None, trained)
    other = "S2B_MSIL2A_20180417T102019_73_24"
    write_patch_folder(archive / "S2", other)
    with pytest.raises(ProductError, match=rf"S1 lacks the Sentinel-1 partner of {other}; give the folder"):
        find_patch_folders(archive / "S2", archive / "S1", trained)


def test_probabilities_are_in_the_order_of_the_patches(archive: Path, caplog: pytest.LogCaptureFixture) -> None:
    trained = write_classifier(archive / "run", "s1s2")
    model = trained.build()
    patches = find_patch_folders(archive / "S2", archive / "S1", trained)
    probabilities = predict_patch_folders(model, patches, batch_size=2)
    assert [line.split(",")[0] for line in caplog.messages if "predicting" in line] == [
        "predicting: 2 of 3 patches",
        "predicting: 3 of 3 patches",
    ]
    assert np.abs(np.diff(probabilities, axis=0)).max(axis=1).min() > 1e-3  # their Sentinel-1 images differ
    for patch, values in zip(patches, probabilities, strict=True):
        images = {group: image[None] for group, image in read_images(patch).items()}
        np.testing.assert_allclose(values, predict_images(model, images, 1)[0], atol=1e-5)
