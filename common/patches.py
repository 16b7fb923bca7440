"""Cut training patches from scenes into patch files, one a scene and GSD, shared out over the ranks.

Wald's protocol: all bands are degraded by the scale factor, so that the native 20 m (60 m) bands become the target of
a network that sharpens 40 m -> 20 m (360 m -> 60 m). Positions are counted on the target grid.
"""

import logging
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from tqdm import tqdm

import common.distributed as hvd
from common import degrade
from common.bands import georeference, read_band
from common.errors import PatchFileError, ProductError, SettingError
from common.hdf5 import PatchFile, write_patch_file
from common.radiometry import is_valid
from common.run import code_revision, utc_now
from common.scene import Scene
from common.sentinel2 import BANDS_10M, BANDS_20M, BANDS_60M, BANDS_BY_GSD, input_gsds, scale_factor
from common.windows import Window, spread_positions

logger = logging.getLogger(__name__)

PATCH_PX = {20: 32, 60: 96}  # Lanaras et al. 2018
PATCHES_PER_TILE = {20: 8000, 60: 500}  # Lanaras et al. 2018
PIXELS, PLACES = ("input_10m", "input_20m", "target"), ("row", "col", "block")  # arrays of every patch file
MOST_BLOCKS = 10  # a side of a scene
BLOCK_PATCHES = 3  # at least so many patches fit side by side in a block, where the scene is large enough


@dataclass(frozen=True)
class PatchSettings:
    """What decides the content of a patch file, besides its scene.

    Attributes:
        gsd: native GSD of the target bands, 20 or 60 m.
        count: most patches to cut from a scene.
        degradation: `gaussian` or `mtf`, see `common/degrade.py`.
        seed: of the positions.
    """

    gsd: int
    count: int
    degradation: str = "gaussian"
    seed: int = 0

    @property
    def scale_factor(self) -> int:
        return scale_factor(self.gsd)

    @property
    def patch_px(self) -> int:
        return PATCH_PX[self.gsd]

    def sigmas(self, gsd: int) -> tuple[float, ...]:
        """Blur of each band of one GSD, in its own pixels."""
        return degrade.gaussian_blur_sigmas(BANDS_BY_GSD[gsd], self.scale_factor, self.degradation)


@dataclass(frozen=True)
class ReducedScene:
    """A scene at reduced scale, with its truth.

    Attributes:
        inputs: `input_10m` (R, C, 4), `input_20m` (R/2, C/2, 6), for 60 m also `input_60m` (R/6, C/6, 2): uint16 DN,
            degraded by the scale factor.
        target: (R, C, 6 or 2) uint16 DN, native.
        valid: (R, C) bool: no nodata and no saturated pixel enters the target or an input here.
    """

    inputs: dict[str, np.ndarray]
    target: np.ndarray
    valid: np.ndarray


def reduce_scene(scene: Scene, settings: PatchSettings) -> ReducedScene:
    """Read and degrade a scene.

    Memory: the target bands, the degraded inputs and one 10 m band at a time; 1.3 GB for a full tile at 20 m.

    Raises:
        ProductError: a band is missing or damaged, or the scene is smaller than a coarse pixel.
    """
    rows, cols = target_shape(scene, settings)
    valid = np.ones((rows, cols), dtype=bool)
    inputs = {}
    target = None
    for gsd in input_gsds(settings.gsd):
        native = Window(0, 0, rows * settings.gsd // gsd, cols * settings.gsd // gsd)
        keep = (
            np.empty((native.height, native.width, len(BANDS_BY_GSD[gsd])), np.uint16) if gsd == settings.gsd else None
        )
        inputs[f"input_{gsd}m"], valid_here = reduce_bands(scene, gsd, native, settings, keep)
        valid &= enlarge(valid_here, rows // valid_here.shape[0])
        target = keep if keep is not None else target
    return ReducedScene(inputs, target, valid)


def target_shape(scene: Scene, settings: PatchSettings) -> tuple[int, int]:
    """Rows and columns of the target grid that all bands cover, as multiples of the scale factor.

    Raises:
        ProductError: the scene is smaller than a coarse pixel.
    """
    grids = [(gsd, georeference(scene, gsd)) for gsd in input_gsds(settings.gsd)]
    rows = min(grid.rows * gsd // settings.gsd for gsd, grid in grids)
    cols = min(grid.cols * gsd // settings.gsd for gsd, grid in grids)
    factor = settings.scale_factor
    if min(rows, cols) < factor:
        raise ProductError(
            f"{scene.name} has {rows} x {cols} px at {settings.gsd} m, fewer than {factor}; leave it out."
        )
    return rows - rows % factor, cols - cols % factor


def reduce_bands(
    scene: Scene, gsd: int, window: Window, settings: PatchSettings, keep: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Read and degrade the bands of one GSD, one after the other.

    Args:
        keep: (rows, cols, bands) uint16 to keep the native pixels in, or None.

    Returns:
        Degraded DN, (rows / s, cols / s, bands) uint16, and where no nodata or saturated pixel entered them,
        (rows / s, cols / s) bool.
    """
    factor = settings.scale_factor
    bands = scene.bands_at(gsd)
    reduced = np.empty((window.height // factor, window.width // factor, len(bands)), np.uint16)
    valid = np.ones(reduced.shape[:2], dtype=bool)
    threads = hvd.cores_per_rank()
    for number, (band, sigma) in enumerate(zip(bands, settings.sigmas(gsd), strict=True)):
        dn = read_band(scene, band, window, threads=threads)
        if keep is not None:
            keep[..., number] = dn
        reduced[..., number] = degrade.degrade_to_dn(dn[..., None], factor, (sigma,))[..., 0]
        usable = is_valid(scene, dn)
        if not usable.all():
            valid &= degrade.degrade_mask(usable, factor, degrade.blur_radius(sigma))
    return reduced, valid


def enlarge(mask: np.ndarray, factor: int) -> np.ndarray:
    """Repeat each pixel of a (rows, cols) mask factor x factor times."""
    return mask.repeat(factor, axis=0).repeat(factor, axis=1)


def block_windows(rows: int, cols: int, settings: PatchSettings) -> list[Window]:
    """Cut the target grid into blocks that share no pixel, and no pixel that the degradation mixes in.

    Blocks are kept apart by twice the reach of the blur; corners are multiples of the scale factor.
    """
    factor = settings.scale_factor
    reach = max(degrade.blur_radius(sigma) for sigma in settings.sigmas(settings.gsd))
    margin = -(-reach // factor)
    edges = [axis_blocks(length // factor, settings.patch_px // factor, margin) for length in (rows, cols)]
    return [
        Window(top, left, bottom - top, right - left).scaled(factor)
        for top, bottom in edges[0]
        for left, right in edges[1]
    ]


def axis_blocks(length: int, patch: int, margin: int) -> list[tuple[int, int]]:
    """Start and end of the blocks along one axis, each shortened by `margin` where it meets another."""
    count = min(MOST_BLOCKS, max(1, length // (BLOCK_PATCHES * patch)))
    edges = [number * length // count for number in range(count + 1)]
    return [(start + margin * (start > 0), end - margin * (end < length)) for start, end in pairwise(edges)]


def candidate_positions(rows: int, cols: int, settings: PatchSettings) -> np.ndarray:
    """Positions that a patch may take: (N, 3) int of row, col, block.

    They lie on a lattice inside the blocks, half a patch apart; a quarter, where that gives fewer than are wanted.
    """
    factor, patch = settings.scale_factor, settings.patch_px // settings.scale_factor
    blocks = [window.coarsened(factor) for window in block_windows(rows, cols, settings)]
    for step in (patch // 2, patch // 4):
        positions = [
            (factor * (block.row + row), factor * (block.col + col), number)
            for number, block in enumerate(blocks)
            for row in spread_positions(block.height, patch, step)
            for col in spread_positions(block.width, patch, step)
        ]
        if len(positions) >= settings.count:
            break
    return np.array(positions, dtype=np.int64).reshape(-1, 3)


def holds_only(valid: np.ndarray, positions: np.ndarray, size: int) -> np.ndarray:
    """For each position: are all of its size x size pixels valid? (N,) bool."""
    invalid = np.zeros((valid.shape[0] + 1, valid.shape[1] + 1), dtype=np.int64)
    np.cumsum(np.cumsum(~valid, axis=0), axis=1, out=invalid[1:, 1:])
    row, col = positions[:, 0], positions[:, 1]
    return (
        invalid[row + size, col + size] - invalid[row, col + size] - invalid[row + size, col] + invalid[row, col]
    ) == 0


def cut(image: np.ndarray, positions: np.ndarray, size: int, factor: int) -> np.ndarray:
    """Patches (N, size / factor, size / factor, bands) of an image whose pixels are `factor` times coarser."""
    patches = np.empty((len(positions), size // factor, size // factor, image.shape[2]), image.dtype)
    for patch, (row, col) in zip(patches, positions[:, :2] // factor, strict=True):
        patch[...] = image[row : row + size // factor, col : col + size // factor]
    return patches


def extract_patches(scene: Scene, settings: PatchSettings) -> tuple[dict[str, np.ndarray], int]:
    """Cut patches at random positions of a scene.

    Returns:
        The arrays of a patch file (`common/hdf5.py`), and how many positions were left out because they hold nodata
        or saturated pixels.

    Raises:
        ProductError: the scene is damaged, too small for a patch, or holds no patch without nodata.
    """
    reduced = reduce_scene(scene, settings)
    rows, cols = reduced.valid.shape
    size = settings.patch_px
    candidates = candidate_positions(rows, cols, settings)
    if not len(candidates):
        raise ProductError(
            f"{scene.name} has {rows} x {cols} px at {settings.gsd} m, too few for a patch of "
            f"{size} px; take it out of the list."
        )
    usable = candidates[holds_only(reduced.valid, candidates, size)]
    if not len(usable):
        raise ProductError(
            f"{scene.name} has no patch of {size} px without nodata at {settings.gsd} m; take it out of the list."
        )
    positions = np.random.default_rng(settings.seed).permutation(usable)[: settings.count]
    arrays = {name: cut(image, positions, size, rows // image.shape[0]) for name, image in reduced.inputs.items()}
    arrays["target"] = cut(reduced.target, positions, size, 1)
    arrays["row"], arrays["col"] = positions[:, 0].astype(np.int32), positions[:, 1].astype(np.int32)
    arrays["block"] = positions[:, 2].astype(np.int16)
    return arrays, len(candidates) - len(usable)


def patch_file_path(cache: Path, scene: Scene, settings: PatchSettings) -> Path:
    """`<scene>-20m.h5` in the patch cache."""
    return cache / f"{scene.name}-{settings.gsd}m.h5"


def make_patch_file(scene: Scene, settings: PatchSettings, path: Path) -> None:
    """Cut the patches of a scene and write its patch file."""
    arrays, left_out = extract_patches(scene, settings)
    write_patch_file(path, arrays, {**identity(scene, settings), **provenance(scene, settings, left_out)})


def identity(scene: Scene, settings: PatchSettings) -> dict:
    """The attributes in which a patch file must agree with what is asked for: a product may be cut, or made anew."""
    grid = georeference(scene, settings.gsd)
    return {
        "scene_px": f"{grid.rows} x {grid.cols}",
        "upper_left": f"{grid.geotransform[0]:.0f}, {grid.geotransform[3]:.0f}",
        "quantification_value": scene.quantification,
        "radiometric_offsets": describe_offsets(scene),
        "scene": scene.name,
        "level": scene.level,
        "baseline": scene.baseline,
        "seed": settings.seed,
        "scale_factor": settings.scale_factor,
        "degradation": settings.degradation,
        "patches_requested": settings.count,
    }


def describe_offsets(scene: Scene) -> str:
    """The DN offsets of a scene, by band."""
    return ", ".join(f"{band} {offset:g}" for band, offset in scene.offsets.items())


def provenance(scene: Scene, settings: PatchSettings, left_out: int) -> dict:
    """The other attributes of a patch file."""
    bands = {10: BANDS_10M, 20: BANDS_20M, 60: BANDS_60M if settings.gsd == 60 else ()}
    return {
        "created_utc": utc_now(),
        "code_revision": code_revision(),
        "command": " ".join(sys.argv),
        "nodata": scene.nodata,
        "offsets": [scene.offsets[band] for names in bands.values() for band in names],
        **{f"bands_{gsd}m": ",".join(names) for gsd, names in bands.items()},
        "patch_px": settings.patch_px,
        "patches_with_nodata": left_out,
    }


def open_patch_file(scene: Scene, settings: PatchSettings, path: Path) -> PatchFile:
    """Open a patch file and check that it is what is asked for.

    Raises:
        PatchFileError: it is damaged, or made with other settings.
    """
    file = PatchFile(path)
    check_content(file)
    for name, wanted in identity(scene, settings).items():
        found = file.attributes.get(name)
        if found != wanted:
            raise PatchFileError(
                f"{path} was made with {name} {found}, this run wants {wanted}; "
                f"delete it, or give another --patch-cache."
            )
    return file


def check_content(file: PatchFile) -> None:
    """Raise PatchFileError where arrays or attributes are not as `make_patch_file` writes them."""
    missing = [name for name in (*PIXELS, *PLACES) if name not in file.arrays]
    missing += [name for name in ("checksum", "offsets", "bands_10m") if name not in file.attributes]
    if missing:
        raise PatchFileError(f"{file.path} lacks {', '.join(missing)}; delete it and it is made again.")
    odd = [
        name
        for name, array in file.arrays.items()
        if len(array) != len(file) or (name not in PLACES and (array.dtype != np.uint16 or array.ndim != 4))
    ]
    if odd:
        raise PatchFileError(
            f"{file.path} holds {odd[0]} of shape {file.arrays[odd[0]].shape} and type "
            f"{file.arrays[odd[0]].dtype}, not as written; delete it and it is made again."
        )


def prepare_patch_files(
    scenes: tuple[Scene, ...], settings: PatchSettings, cache: Path, progress: bool = False
) -> list[PatchFile]:
    """Open the patch files of all scenes; those that are not there yet are made, shared out over the ranks.

    Raises:
        PatchFileError, ProductError, OutputError: as above.
    """
    paths = [patch_file_path(cache, scene, settings) for scene in scenes]
    missing = hvd.on_rank_zero(lambda: check_cache(scenes, settings, paths))
    mine = missing[hvd.rank() :: hvd.size()]
    for number in tqdm(mine, desc="cutting patches", unit="scene", disable=not progress):
        make_patch_file(scenes[number], settings, paths[number])
    hvd.barrier()
    list(cache.iterdir())  # makes a network file system look again for what other nodes have written
    files = [open_patch_file(scene, settings, path) for scene, path in zip(scenes, paths, strict=True)]
    for file in files:
        describe_patch_file(file, settings)
    return files


def describe_patch_file(file: PatchFile, settings: PatchSettings) -> None:
    """Log on rank 0 what a patch file holds, whoever has made it and when."""
    if hvd.rank() == 0:
        short = "" if len(file) == settings.count else f"; {settings.count} were asked for, there is no place for more"
        left_out = file.attributes["patches_with_nodata"]
        logger.info(
            "%s: %d patches of %d px at %d m%s%s",
            file.attributes["scene"],
            len(file),
            settings.patch_px,
            settings.gsd,
            short,
            f"; {left_out} places left out for nodata" if left_out else "",
        )


def check_cache(scenes: tuple[Scene, ...], settings: PatchSettings, paths: list[Path]) -> list[int]:
    """Numbers of the scenes without a patch file; the files that exist are checked before any work starts."""
    if settings.count < 1:
        raise SettingError(f"--patches-per-tile must be at least 1; got {settings.count}.")
    for path in paths[:1]:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PatchFileError(
                f"cannot make the patch cache {path.parent}: {error.strerror}; give another --patch-cache."
            ) from error
    for scene, path in zip(scenes, paths, strict=True):
        if path.exists():
            open_patch_file(scene, settings, path)
    missing = [number for number, path in enumerate(paths) if not path.exists()]
    logger.info("patch cache %s: %d of %d scenes are there", paths[0].parent, len(paths) - len(missing), len(paths))
    return missing
