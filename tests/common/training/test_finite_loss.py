"""A loss or weight that is not finite ends the run, and reaches no checkpoint."""

import math
from pathlib import Path

import numpy as np
import pytest

import common.distributed as hvd
from common.errors import TrainingError
from common.training.finite_loss import CHECK_STEPS, FiniteLoss, require_finite
from tests.support.constant_training import batches, constant_model, fit

REMEDY = "a lower --learning-rate or a --clip-norm such as 0.5"
FIRST_EPOCH = f"start a new run with {REMEDY}"
LATER_EPOCH = (
    f"the weights in the run folder are from before: start a new run with --init-weights RUN_FOLDER and {REMEDY}"
)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_ends_the_run_and_leaves_the_checkpoint(tmp_path: Path, bad: float) -> None:
    model, _ = fit(tmp_path, [1, 1], None)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(TrainingError, match=f"the loss became {bad} in epoch 1; {FIRST_EPOCH}"):
        fit(tmp_path, [1, bad], None, model=model)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_weights_spoiled_by_the_last_step_reach_no_checkpoint(tmp_path: Path) -> None:
    """The loss is computed before the last step, so only validation shows the spoiled weights."""
    model, _ = fit(tmp_path, [1, 1], batches(1))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    model.optimizer.apply = lambda *_args, **_kwargs: model.weights[0].assign([math.nan])
    with pytest.raises(TrainingError, match="the validation loss became nan in epoch 1") as raised:
        fit(tmp_path, [1], batches(1), steps=1, model=model)
    assert raised.value.on_all_ranks
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(("epoch", "remedy"), [(0, FIRST_EPOCH), (1, LATER_EPOCH)])
def test_the_advice_names_weights_only_if_there_are_some(epoch: int, remedy: str) -> None:
    """The first ones are saved at the end of the first epoch."""
    with pytest.raises(TrainingError, match=rf"the loss became nan in epoch {epoch + 1}; {remedy}\.$"):
        require_finite("loss", math.nan, epoch)
    callback = finite_loss(1)
    callback.on_epoch_begin(epoch)
    with pytest.raises(TrainingError, match=rf"step 0; {remedy}, or without that scene\.$"):
        callback.on_train_batch_end(0, {"loss": math.nan})


def finite_loss(steps: int) -> FiniteLoss:
    """Return the callback at the start of epoch 3, for a model with finite weights."""
    callback = FiniteLoss(steps, lambda epoch, step: [f"scene of epoch {epoch}, step {step}"])
    callback.set_model(constant_model())
    callback.on_epoch_begin(2)
    return callback


def run_steps(callback: FiniteLoss, losses: list[float]) -> int:
    """Run steps with these losses, and return how many were taken before the error."""
    for step, loss in enumerate(losses):
        try:
            callback.on_train_batch_end(step, {"loss": loss})
        except TrainingError:
            return step + 1
    return len(losses)


def test_the_first_batch_and_its_scenes_are_named() -> None:
    losses = [1.0, 1.0, math.nan, math.nan]
    callback = finite_loss(len(losses))
    with pytest.raises(
        TrainingError,
        match="the loss was no longer finite at batch 3 of epoch 3, which holds patches of scene of epoch 2, step 2; ",
    ) as caught:
        for step, loss in enumerate(losses):
            callback.on_train_batch_end(step, {"loss": loss})
    assert caught.value.on_all_ranks


@pytest.mark.parametrize(
    ("steps", "bad_step", "steps_taken"),
    [(3 * CHECK_STEPS, 0, CHECK_STEPS), (3 * CHECK_STEPS, CHECK_STEPS, 2 * CHECK_STEPS), (7, 0, 7), (7, 6, 7)],
)
def test_losses_are_checked_every_few_steps_and_at_the_end(steps: int, bad_step: int, steps_taken: int) -> None:
    losses = [1.0] * bad_step + [math.nan] * (steps - bad_step)
    assert run_steps(finite_loss(steps), losses) == steps_taken


def test_finite_losses_and_weights_pass() -> None:
    callback = finite_loss(5)
    assert run_steps(callback, [1.0] * 5) == 5
    callback.on_epoch_end(2)


def test_weights_that_are_not_finite_end_the_run() -> None:
    callback = finite_loss(5)
    callback.model.weights[0].assign([math.inf])
    with pytest.raises(TrainingError, match="the sum of the weights was no longer finite at batch 5 of epoch 3"):
        callback.on_epoch_end(2)


@pytest.mark.parametrize(
    ("fault_of_other", "message"),
    [
        ((1, True, 1, ("other scene",)), "at batch 2 of epoch 3 on rank 1, which holds patches of other scene"),
        (
            (2, True, 1, ("other scene",)),
            "at batch 3 of epoch 3 on rank 0, which holds patches of scene of epoch 2, step 2",
        ),
        ((3, False, 1, ("other scene",)), "at batch 3 of epoch 3 on rank 0"),
        (None, "at batch 3 of epoch 3 on rank 0"),
    ],
)
def test_the_earliest_batch_of_all_ranks_is_named(
    fault_of_other: tuple | None, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of equal steps, the one counts whose loss comes from the rank's own batch."""
    callback = finite_loss(4)
    monkeypatch.setattr(hvd, "size", lambda: 2)
    monkeypatch.setattr(
        hvd, "allgather_object", lambda own: [own] if isinstance(own, Exception) else [own, fault_of_other]
    )
    with pytest.raises(TrainingError, match=message):
        for step in range(4):
            callback.on_train_batch_end(step, {"loss": np.nan if step >= 2 else 1.0})


@pytest.mark.parametrize(("content_loss", "rank"), [(1.0, 1), (np.nan, 0)])
def test_of_equal_steps_the_rank_with_a_bad_content_loss_is_named(
    content_loss: float, rank: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An adversarial loss also depends on the batches of other ranks; the content loss does not."""
    callback = finite_loss(1)
    fault_of_other = (0, False, 1, ("other scene",))
    monkeypatch.setattr(hvd, "size", lambda: 2)
    monkeypatch.setattr(
        hvd, "allgather_object", lambda own: [own] if isinstance(own, Exception) else [own, fault_of_other]
    )
    with pytest.raises(TrainingError, match=f"at batch 1 of epoch 3 on rank {rank}, which"):
        callback.on_train_batch_end(0, {"loss": np.nan, "content_loss": content_loss})
