"""What a checkpoint inside an epoch holds of each rank, and a run that goes on from one."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

import common.distributed as hvd
from common.errors import Interrupted
from common.runs import signals
from common.runs.folder import CHECKPOINT
from common.training import stopping
from common.training.checkpoints.rank_state import (
    gather_rank_variables,
    rank_variables,
    set_rank_variables,
    share_rank_variables,
)
from common.training.fit import fit
from tests.common.training.checkpoints.test_rank_state import make_model
from tests.support.constant_run import CONFIG, TASK, assert_same_arrays
from tests.support.constant_training import accumulating_model
from tests.support.stopped_training import signal_in_step


def test_each_rank_gets_its_own_sums_and_statistics_back(ranks: int) -> None:
    model, other = make_model(), make_model()
    model.layers[0].moving_mean.assign([hvd.rank(), 1.0])
    model.metrics[0].update_state(hvd.rank() + 1.0, sample_weight=2 + hvd.rank())
    gathered = gather_rank_variables(model)
    lengths = [len(array) for arrays in gathered.values() for array in arrays]
    assert hvd.allgather_object(lengths) == [[ranks] * 4, *[[]] * (ranks - 1)]  # rank 0 alone has them all
    set_rank_variables(other, hvd.scatter_object(share_rank_variables(gathered, ranks)))
    for kind, variables in rank_variables(model).items():
        for variable, copy in zip(variables, rank_variables(other)[kind], strict=True):
            np.testing.assert_array_equal(variable, copy)
    assert float(other.metrics[0].result()) == hvd.rank() + 1


def test_a_run_with_accumulated_batches_goes_on_as_if_it_had_not_stopped(
    shared_path: Path, ranks: int, same_on_all_ranks: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal to the last rank stops it inside its second epoch: after the first of the three steps."""
    monkeypatch.setattr(stopping, "SECONDS_BETWEEN_LOOKS", 0)  # look after each step
    config = replace(CONFIG, batch_size=1, accumulate=2, epochs=2)
    straight, stopped = shared_path / "straight", shared_path / "stopped"
    hvd.on_rank_zero(lambda: [folder.mkdir() for folder in (straight, stopped)])
    model = accumulating_model()
    fit(model, config, TASK, straight)
    with (
        signals.noted_signals(),
        signal_in_step(4 if hvd.rank() == ranks - 1 else 0),
        pytest.raises(Interrupted, match="after step 1 of epoch 2"),
    ):
        fit(accumulating_model(), config, TASK, stopped)
    with h5py.File(stopped / CHECKPOINT) as file:
        assert (file.attrs["epoch"], file.attrs["patches"]) == (1, 2 * ranks)
    resumed = accumulating_model()
    fit(resumed, config, TASK, stopped, resume=True)
    same_on_all_ranks([*model.get_weights(), *resumed.get_weights()])
    hvd.on_rank_zero(lambda: assert_same_arrays(straight / CHECKPOINT, stopped / CHECKPOINT))
