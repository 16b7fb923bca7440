"""Paths and tile lists open the right scenes; wrong ones give clear errors."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import ProductError, ProductNotFoundError, TileListError
from common.scenes.tile_list import open_scene, open_scenes, read_tile_list
from tests.support.fake_eopf import write_eopf
from tests.support.fake_layouts import add_datastrip, tar_product, zip_product
from tests.support.fake_safe import expected_dn, write_patch_folder, write_safe
from tests.support.fake_stac import write_item
from tests.support.permissions import without_permission


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a product, a zipped product, one in the old format, a patch, two EOPF products and a STAC item."""
    folder = tmp_path_factory.mktemp("data")
    write_safe(folder, tile="T32TNS", size=12)
    write_safe(folder, tile="T33UUB", size=12, zipped=True)
    write_safe(folder, old_tiles=("T53HLA", "T53HMA"), size=12)
    write_patch_folder(folder, size=12)
    write_eopf(folder, tile="T30UXB", size=24)
    write_eopf(folder, tile="T30UXC", size=24, zarr_format=3, zipped=True)
    write_item(folder, tile="T29SND", with_files=False)
    return folder


@pytest.fixture(scope="module")
def names(data_dir: Path) -> dict[str, str]:
    """Names of the products without their endings, by kind."""
    return {
        "safe": next(data_dir.glob("*T32TNS*")).stem,
        "zip": next(data_dir.glob("*T33UUB*")).stem,
        "old": next(data_dir.glob("*_OPER_*")).stem,
        "patch": next(data_dir.glob("*_90_7")).name,
        "zarr": next(data_dir.glob("*T30UXB*")).stem,
        "json": next(data_dir.glob("*T29SND*")).stem,
        "zarr.zip": next(data_dir.glob("*T30UXC*")).name.removesuffix(".zarr.zip"),
    }


def write_list(folder: Path, *lines: str) -> Path:
    path = folder / "tiles.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_open_scene_of_every_kind(data_dir: Path, names: dict[str, str]) -> None:
    assert open_scene(data_dir / f"{names['safe']}.SAFE").tile == "T32TNS"
    assert open_scene(data_dir / f"{names['zip']}.zip").tile == "T33UUB"
    assert open_scene(str(data_dir / names["patch"])).name == names["patch"]
    assert open_scene(data_dir / f"{names['json']}.json").tile == "T29SND"
    assert open_scene(data_dir / f"{names['zarr']}.zarr").zarr_format == 2
    assert open_scene(data_dir / f"{names['zarr.zip']}.zarr.zip").zarr_format == 3


def test_an_address_of_an_item() -> None:
    with pytest.raises(
        ProductError, match=r"https:/.+ is an address; download the STAC item, and give its \.json file"
    ):
        open_scene(Path("https://archive.invalid/items/1.json"))


def test_suffix_picks_a_tile(data_dir: Path, names: dict[str, str]) -> None:
    product = data_dir / f"{names['old']}.SAFE"
    assert [scene.tile for scene in open_scenes(product)] == ["T53HLA", "T53HMA"]
    assert open_scene(f"{product}:T53HMA").tile == "T53HMA"
    with pytest.raises(ProductError, match="has no T53HPV; it holds T53HLA, T53HMA"):
        open_scenes(f"{product}:T53HPV")


def test_open_scene_refuses_several_tiles(data_dir: Path, names: dict[str, str]) -> None:
    with pytest.raises(
        ProductError, match=r"holds 2 scenes \(T53HLA, T53HMA\); give one of them, such as .*\.SAFE:T53HLA\.$"
    ):
        open_scene(data_dir / f"{names['old']}.SAFE")


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A product that holds the tile T53HLA twice, in two datastrips."""
    product = write_safe(tmp_path_factory.mktemp("twice"), old_tiles=("T53HLA",), size=12)
    add_datastrip(product)
    return product


def test_message_about_a_tile_held_twice_names_a_way_that_works(twice: Path, tmp_path: Path) -> None:
    for path in (twice, zip_product(twice, tmp_path / "a.zip")):
        for text in (path, f"{path}:T53HLA"):
            with pytest.raises(
                ProductError, match=r"\(T53HLA_20200701T101031, T53HLA_20200701T120000\); give"
            ) as raised:
                open_scene(text)
            advised = str(raised.value).rpartition("such as ")[2].removesuffix(".")
            assert open_scene(advised).name == f"{twice.stem}_T53HLA_20200701T101031"
    granules = sorted((twice / "GRANULE").iterdir())
    for granule in granules:
        assert open_scene(granule).granule == open_scene(f"{twice}:{granule.name}").granule == granule.name


def test_tile_held_twice_in_a_list(twice: Path) -> None:
    scenes = read_tile_list(write_list(twice.parent, twice.name))
    assert len({scene.name for scene in scenes}) == 2
    with pytest.raises(TileListError, match=r"names .*T53HLA_20200701T120000 in line 1 and again in line 2"):
        read_tile_list(write_list(twice.parent, twice.name, f"{twice.name}:T53HLA_20200701T120000"))


def test_folder_around_products(data_dir: Path, names: dict[str, str], tmp_path: Path) -> None:
    outer = tmp_path / "download" / "deeper"
    shutil.copytree(data_dir / f"{names['safe']}.SAFE", outer / f"{names['safe']}.SAFE")
    assert open_scene(tmp_path / "download").tile == open_scene(outer).tile == "T32TNS"
    shutil.copytree(data_dir / f"{names['zarr']}.zarr", outer / "b.zarr")
    with pytest.raises(ProductError, match=r"holds 2 scenes \(T\w+, T\w+\); give one of them, such as \S+:T"):
        open_scene(outer)
    assert open_scene(f"{outer}:T32TNS").zarr_format == 0
    assert open_scene(f"{outer}:T30UXB").zarr_format == 2
    shutil.copytree(outer / "b.zarr", outer / "c.zarr")
    with pytest.raises(ProductError, match=r"T30UXB\S* twice, in \S+b\.zarr and \S+c\.zarr; give the path of one"):
        open_scenes(outer)


def test_path_into_a_zarr(data_dir: Path, names: dict[str, str]) -> None:
    product = data_dir / f"{names['zarr']}.zarr"
    assert open_scene(product / "measurements/reflectance/r10m/b02").path == product


def test_image_of_a_patch_leads_to_the_patch(data_dir: Path, names: dict[str, str]) -> None:
    patch = data_dir / names["patch"]
    assert open_scene(next(patch.glob("*_B02.tif"))).path == patch


def test_unfinished_download_of_a_folder(tmp_path: Path) -> None:
    product = write_safe(tmp_path, size=12).rename(tmp_path / "X.SAFE.incomplete")
    with pytest.raises(ProductError, match=r"X\.SAFE\.incomplete is a download that is not finished"):
        open_scenes(product)


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The forms of a product with one band: archives, and its XML."""
    folder = tmp_path_factory.mktemp("forms")
    product = write_safe(folder, size=12, pixels={"B02": expected_dn("B02", 12, 12)})
    return {
        "zip": zip_product(product, folder / "zip", "a/b/"),
        "zip of Windows": zip_product(product, folder / "windows", separator="\\"),
        "tar": tar_product(product, folder / "tar"),
        "xml": product / "MTD_MSIL1C.xml",
    }


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damaged_products(forms: dict[str, Path], data: st.DataObject) -> None:
    """Any change of bytes in an archive or in the product XML leaves scenes, or one ProductError in one line."""
    source = forms[data.draw(st.sampled_from(sorted(forms)))]
    content = source.read_bytes()
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        damaged[place : place + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    source.write_bytes(damaged)
    try:
        open_scenes(source)
    except ProductError as error:
        assert "\n" not in str(error)
    finally:
        source.write_bytes(content)


def test_path_that_looks_like_a_pick(tmp_path: Path) -> None:
    product = write_safe(tmp_path, size=12).rename(tmp_path / "a:T33UUB")
    assert open_scene(product).tile == open_scene(f"{product}/").tile == "T32TNS"


def test_missing_path(tmp_path: Path) -> None:
    with pytest.raises(ProductNotFoundError, match=r"none\.SAFE does not exist; .* or a BigEarthNet patch folder"):
        open_scenes(tmp_path / "none.SAFE")
    with pytest.raises(ProductNotFoundError, match=r"^an empty path does not exist"):
        open_scenes("")
    with pytest.raises(ProductNotFoundError, match=r"a+ does not exist"):
        open_scenes("a" * 5000)


def test_metadata_without_images(tmp_path: Path) -> None:
    product = write_safe(tmp_path, size=12)
    shutil.rmtree(product / "GRANULE")
    with pytest.raises(ProductNotFoundError, match="no image files in IMG_DATA for T32TNS; download the product again"):
        open_scenes(product)


def test_one_tile_of_several_not_downloaded(tmp_path: Path) -> None:
    product = write_safe(tmp_path, old_tiles=("T53HLA", "T53HMA"), size=12)
    shutil.rmtree(next(product.glob("GRANULE/*T53HLA*")))
    with pytest.raises(ProductNotFoundError, match=r"for T53HLA; give a tile that has them, such as .*:T53HMA"):
        open_scenes(product)
    assert open_scene(f"{product}:T53HMA").tile == "T53HMA"


def test_list_with_names_of_every_spelling(data_dir: Path, names: dict[str, str], tmp_path: Path) -> None:
    list_path = write_list(
        tmp_path,
        "# training",
        "",
        names["safe"],
        f"  {names['zip']}.SAFE  # zipped here",
        f"{names['old']}.SAFE:T53HMA",
        str(data_dir / names["patch"]),
        names["zarr"],
        f"{names['zarr.zip']}.zarr",
        names["json"],
    )
    scenes = read_tile_list(list_path, data_dir)
    assert [scene.tile for scene in scenes] == ["T32TNS", "T33UUB", "T53HMA", "", "T30UXB", "T30UXC", "T29SND"]
    item = write_list(tmp_path, f"{names['json']}.json")
    assert [scene.tile for scene in read_tile_list(item, data_dir)] == ["T29SND"]
    assert [scene.name for scene in read_tile_list(write_list(tmp_path, f"{names['zarr']}.SAFE"), data_dir)] == [
        names["zarr"]
    ]


def test_list_gives_all_tiles_of_a_product(data_dir: Path, names: dict[str, str], tmp_path: Path) -> None:
    scenes = read_tile_list(write_list(tmp_path, names["old"]), data_dir)
    assert [scene.tile for scene in scenes] == ["T53HLA", "T53HMA"]


def test_default_data_dir_is_the_lists_own_folder(tmp_path: Path) -> None:
    product = write_safe(tmp_path, size=12)
    assert read_tile_list(write_list(tmp_path, product.stem))[0].name == product.stem


def test_relative_paths_start_at_the_data_folder_then_at_the_list(tmp_path: Path) -> None:
    beside_list = write_safe(tmp_path / "lists/a", tile="T32TNS", size=12)
    in_data = write_safe(tmp_path / "data/b", tile="T33UUB", size=12)
    list_path = write_list(tmp_path / "lists", f"a/{beside_list.name}", f"b/{in_data.stem}")
    assert [scene.tile for scene in read_tile_list(list_path, tmp_path / "data")] == ["T32TNS", "T33UUB"]


def test_name_without_a_folder_is_not_looked_up_beside_the_list(tmp_path: Path) -> None:
    product = write_safe(tmp_path / "lists", size=12)
    (tmp_path / "data").mkdir()
    with pytest.raises(TileListError, match="cannot find 1 of 1 scenes"):
        read_tile_list(write_list(tmp_path / "lists", product.name), tmp_path / "data")


def test_unknown_names_come_in_one_message(data_dir: Path, names: dict[str, str], tmp_path: Path) -> None:
    list_path = write_list(tmp_path, "A", names["safe"], "B", "C", "D", "E")
    message = (
        r"tiles\.txt: cannot find 5 of 6 scenes in .*data.*, with or without .* "
        r"\(line 1: A, line 3: B, line 4: C and 2 more\)"
    )
    with pytest.raises(TileListError, match=message):
        read_tile_list(list_path, data_dir)


@pytest.mark.parametrize("second", ["{safe}", "{safe}.SAFE", "./{safe}.SAFE/", "{safe}.SAFE/MTD_MSIL1C.xml"])
def test_duplicate(data_dir: Path, names: dict[str, str], tmp_path: Path, second: str) -> None:
    list_path = write_list(tmp_path, names["safe"], names["zip"], second.format(**names))
    with pytest.raises(TileListError, match=r"tiles\.txt names \S+T32TNS\S+ in line 1 and again in line 3; remove"):
        read_tile_list(list_path, data_dir)


def test_duplicate_by_a_tile_of_a_product(data_dir: Path, names: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(TileListError, match="again in line 2"):
        read_tile_list(write_list(tmp_path, names["old"], f"{names['old']}:T53HLA"), data_dir)


@pytest.mark.parametrize("content", ["", "\n\n", "# nothing\n  # at all"])
def test_empty_list(tmp_path: Path, content: str) -> None:
    (tmp_path / "tiles.txt").write_text(content)
    with pytest.raises(TileListError, match=r"tiles\.txt names no scene; write one"):
        read_tile_list(tmp_path / "tiles.txt")


def test_list_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(TileListError, match="does not exist; give a text file"):
        read_tile_list(tmp_path / "none.txt")
    (tmp_path / "item.json").touch()
    for scene in (tmp_path, tmp_path / "item.json"):
        with pytest.raises(
            TileListError, match=rf"{scene} is no tile list; give a text file, and write this path into"
        ):
            read_tile_list(scene)
    with pytest.raises(TileListError, match=r"cannot find 1 of 1 scenes .*\(line 1: b{200}\)"):
        read_tile_list(write_list(tmp_path, "b" * 5000))
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00\xd8")
    with pytest.raises(TileListError, match="is no readable text"):
        read_tile_list(tmp_path / "binary.txt")


def test_a_scene_that_is_a_link_to_nowhere(tmp_path: Path) -> None:
    """Unless its zip, for example, lies beside it."""
    product = write_safe(tmp_path, size=12)
    whole, tile_list = product.rename(tmp_path / "whole"), write_list(tmp_path, product.stem)
    product.symlink_to("gone")
    with pytest.raises(
        ProductNotFoundError, match=rf"{product} is a link to {tmp_path}/gone, which does not exist; give a"
    ):
        read_tile_list(tile_list)
    product.with_suffix(".zarr").symlink_to(whole)
    with pytest.raises(ProductError, match=r"\.zarr has no \.zgroup"):
        read_tile_list(tile_list)


def test_missing_data_folder(tmp_path: Path) -> None:
    with pytest.raises(TileListError, match=r"data folder .*none.* does not exist"):
        read_tile_list(write_list(tmp_path, "A"), tmp_path / "none")
    tile_list = write_list(tmp_path, "A")
    with pytest.raises(
        TileListError, match=rf"data folder {tile_list} for {tile_list} is a file; give the folder that"
    ):
        read_tile_list(tile_list, tile_list)


def test_list_from_windows(tmp_path: Path) -> None:
    product = write_safe(tmp_path, size=12)
    (tmp_path / "tiles.txt").write_bytes(b"\xef\xbb\xbf# list\r\n" + product.stem.encode() + b"\r\n")
    assert read_tile_list(tmp_path / "tiles.txt")[0].name == product.stem


@pytest.mark.real_data
def test_real_list_names_what_is_missing(real_data: Path) -> None:
    list_path = real_data / "tile_lists/dsen2-paper-training.txt"
    with pytest.raises(TileListError, match=r"cannot find 45 of 45 scenes .*\(line 1: S2A_MSIL1C_.* and 42 more\)"):
        read_tile_list(list_path, real_data / "tiles")


def test_list_that_the_system_refuses(tmp_path: Path) -> None:
    (tmp_path / "tiles.txt").touch()
    with (
        without_permission(tmp_path / "tiles.txt"),
        pytest.raises(
            TileListError, match=r"tiles\.txt cannot be read \(Permission denied\); check its permissions\.$"
        ),
    ):
        read_tile_list(tmp_path / "tiles.txt")
