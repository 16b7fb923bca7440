"""The small real sample is unpacked from its wheel once; its tile lists open."""

import hashlib
import io
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest

from common import sample
from common.errors import DownloadError, ProductError
from common.files import downloads
from common.files.downloads import SAMPLE, Wheel, cache_folder
from common.sample import fetch_sample
from common.scenes.tile_list import read_tile_list
from tests.support.fake_safe import write_patch_folder

S2_NAMES = [sample.HELD_OUT, "S2A_MSIL2A_20170617T113321_4_55", "S2B_MSIL2A_20170924T93020_69_24"]


def archive_of(files: dict[str, bytes]) -> bytes:
    """Return a `.tar.bz2` with the files below another folder, as in the real archives."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:bz2") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"Example/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def put_wheel(monkeypatch: pytest.MonkeyPatch, folder: Path, names: list[str]) -> None:
    """Put a small wheel of fake patches into the cache in place of the real one."""
    patches = {}
    for name in names:
        patch = write_patch_folder(folder / "patches", name, size=12)
        patches |= {f"{name}/{path.name}": path.read_bytes() for path in patch.iterdir()}
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    (cache_folder() / "downloads").mkdir(parents=True)
    path = cache_folder() / "downloads" / "fake_sample-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(sample.ARCHIVES["BigEarthNet-S2"], archive_of(patches))
        archive.writestr(sample.ARCHIVES["BigEarthNet-S1"], archive_of({"S1A_1/S1A_1_VV.tif": b"radar"}))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(sample, "SAMPLE", Wheel("fake-sample", "1.0", digest, 0.1))


def test_unpacked_with_lists(tmp_path, monkeypatch):
    put_wheel(monkeypatch, tmp_path, S2_NAMES)
    folder = fetch_sample()
    assert folder == cache_folder() / "sample"
    assert {path.name for path in folder.iterdir()} == {"BigEarthNet-S2", "BigEarthNet-S1", "train.txt", "test.txt"}
    assert (folder / "BigEarthNet-S1" / "S1A_1" / "S1A_1_VV.tif").read_bytes() == b"radar"
    assert [scene.name for scene in read_tile_list(folder / "train.txt")] == S2_NAMES[1:]
    assert [scene.name for scene in read_tile_list(folder / "test.txt")] == [sample.HELD_OUT]


def test_the_second_time_nothing_is_done(tmp_path, monkeypatch):
    put_wheel(monkeypatch, tmp_path, S2_NAMES)
    folder = fetch_sample()
    shutil.rmtree(cache_folder() / "downloads")
    monkeypatch.setattr(downloads, "download", lambda *_: pytest.fail("a download was started"))
    assert fetch_sample() == folder


def test_a_folder_that_lacks_a_list_is_an_error(tmp_path, monkeypatch):
    put_wheel(monkeypatch, tmp_path, S2_NAMES)
    (fetch_sample() / "test.txt").unlink()
    with pytest.raises(DownloadError, match=r"sample lacks test\.txt; rename this folder and run the command again"):
        fetch_sample()


def test_only_the_last_two_parts_of_a_name_count(tmp_path):
    with tarfile.open(fileobj=io.BytesIO(archive_of({"deep/deeper/a.tif": b"a"})), mode="r:bz2") as tar:
        sample.unpack_patches(tar, tmp_path / "S2")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / "S2/deeper/a.tif"]


@pytest.mark.parametrize("name", ["../../evil/a.tif", "a/../a.tif"])
def test_a_name_that_leads_out_is_refused(tmp_path, name):
    with (
        tarfile.open(fileobj=io.BytesIO(archive_of({name: b"a"})), mode="r:bz2") as tar,
        pytest.raises(
            ProductError, match=r"S2 holds 'Example/.*a\.tif', a name outside the product folder; do not use"
        ),
    ):
        sample.unpack_patches(tar, tmp_path / "S2")
    assert not list(tmp_path.iterdir())


def test_a_missing_patch_leaves_nothing_behind(tmp_path, monkeypatch):
    put_wheel(monkeypatch, tmp_path, S2_NAMES[1:])
    with pytest.raises(DownloadError, match=f"lacks the patch {sample.HELD_OUT}; report this"):
        fetch_sample()
    assert [path.name for path in cache_folder().iterdir()] == ["downloads"]


def test_the_command_prints_the_folder(tmp_path, monkeypatch, capsys):
    put_wheel(monkeypatch, tmp_path, S2_NAMES)
    assert sample.main([]) == 0
    assert capsys.readouterr().out == f"{cache_folder() / 'sample'}\n"


def test_the_real_wheel(tmp_path, monkeypatch):
    name = f"{SAMPLE.package.replace('-', '_')}-{SAMPLE.version}-py3-none-any.whl"
    wheel = cache_folder() / "downloads" / name
    if not wheel.exists():
        pytest.skip(f"run common/sample.py once: {name} is not in the cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (cache_folder() / "downloads").mkdir(parents=True)
    shutil.copy(wheel, cache_folder() / "downloads")
    folder = fetch_sample()
    scenes = [*read_tile_list(folder / "train.txt"), *read_tile_list(folder / "test.txt")]
    assert len(scenes) == len({scene.name for scene in scenes}) == 6
    assert all(len(scene.band_paths) == 12 for scene in scenes)
    assert len(list((folder / "BigEarthNet-S1").iterdir())) == 6
