"""The trainings of a comparison, one after the other; an interrupted comparison goes on where it stopped."""

import logging
from collections.abc import Callable, Sequence

import common.distributed as hvd
from common.runs.log import stop_logging_to_file
from common.runs.opening import RunLocation
from common.studies.folder import require_equal_runs
from common.studies.options import StudyOptions
from common.studies.variants import Variant

logger = logging.getLogger(__name__)


def train_variants(
    variants: Sequence[Variant],
    options: StudyOptions,
    train: Callable[[Variant, RunLocation], None],
    forget: Callable[[], None],
    data_settings: Sequence[str] = (),
) -> None:
    """Train all variants, and check that they differ in their own settings only. Every rank must call it.

    Args:
        variants: the runs. With --resume, finished ones are kept and the others continue.
        options: of the comparison.
        train: trains one variant into a run folder.
        forget: frees what a training leaves in memory, such as `keras.backend.clear_session`.
        data_settings: as for `require_equal_runs`.

    Raises:
        RunFolderError: as `require_equal_runs`.
        S2Error: a training fails.
    """
    for index, variant in enumerate(variants, 1):
        logger.info("run %d of %d: %s", index, len(variants), variant.folder_name)
        train(variant, options.location(variant.folder(options.folder)))
        stop_logging_to_file()
        forget()
    hvd.on_rank_zero(lambda: require_equal_runs(variants, options.folder, data_settings))
