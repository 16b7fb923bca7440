"""The checks of `bigearthnet/train.py` before the work starts."""

from bigearthnet.prepared.file import BigEarthNetFile, log_checks
from bigearthnet.prepared.patch_source import require_band_set
from bigearthnet.training.config import BigEarthNetConfig
from common.errors import SettingError
from common.runs.folder import require_application
from common.runs.log import remember_log
from common.runs.opening import RunLocation, check_run_folder


def prepare_training(config: BigEarthNetConfig, location: RunLocation) -> None:
    """Check everything that can be checked before the work starts; write nothing. Call on rank 0.

    Raises:
        PatchFileError, SettingError: as `check_data`.
        RunFolderError, InUseError, OutputError: as `check_run_folder` and `require_application`.
    """
    remember_log()
    check_data(config)
    if check_run_folder(location):
        require_application(location.folder, config)


def check_data(config: BigEarthNetConfig) -> None:
    """Check that the prepared file holds what training needs.

    Raises:
        PatchFileError: the file is missing, unfinished or damaged, or of another kind.
        SettingError: it lacks Sentinel-1 that --bands asks for, or patches of split train or val.
    """
    file = BigEarthNetFile(config.data)
    log_checks(file)
    require_band_set(file, config.bands)
    for split, purpose in (("train", "to train on"), ("val", "to choose weights and thresholds on")):
        if split not in file.splits:
            raise SettingError(
                f"{config.data} has no patch of split {split}, {purpose}; prepare it with other --splits."
            )
