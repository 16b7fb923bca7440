"""Data-parallel training under Horovod's own names; the only file that imports Horovod.

    import common.distributed as hvd

    hvd.init()
    optimizer = hvd.DistributedOptimizer(optimizer)
    hvd.broadcast_variables(model.variables, root_rank=0)

The same calls work in one process that no MPI launcher started, with or without Horovod installed. Horovod 0.28's own
Keras wrappers stand on the Keras 2 optimizer interface and fail, or silently average nothing, under Keras 3; ours
stand on its TensorFlow operations.
"""

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np

from common.errors import S2Error, SettingError

T = TypeVar("T")

# A variable that each launcher sets for every rank: Open MPI, PMIx (srun --mpi=pmix), MPICH and Intel MPI, MVAPICH.
LAUNCHER_VARIABLES = ("OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_SIZE", "MV2_COMM_WORLD_SIZE")

_horovod: Any = None


def init() -> None:
    """Join the ranks that the MPI launcher started; without a launcher, be the only rank. Safe to call again.

    Each rank gets its GPU, or its share of the node's cores.

    Raises:
        SettingError: there is a launcher, but no Horovod, or it does not speak MPI.
    """
    global _horovod
    if _horovod is not None:
        return
    if not is_launched():
        if int(os.environ.get("SLURM_STEP_NUM_TASKS", 1)) > 1:  # each would take itself for the only rank
            raise SettingError("srun started several tasks without MPI; use srun --mpi=pmix, or mpirun.")
        return
    # Ranks that share cores must not spin while they wait for each other.
    os.environ.setdefault("OMPI_MCA_mpi_yield_when_idle", "1")
    # Waiting for a rank that still cuts patches is no stall.
    os.environ.setdefault("HOROVOD_STALL_CHECK_TIME_SECONDS", "600")
    try:
        import horovod.tensorflow as horovod
    except ImportError as error:
        raise SettingError(f"started under MPI, but Horovod cannot be imported ({error}); run ./install.sh.") from error
    horovod.init()
    _horovod = horovod
    _share_hardware()


def is_launched() -> bool:
    """Did an MPI launcher start this process?"""
    return any(name in os.environ for name in LAUNCHER_VARIABLES)


def launched_rank() -> int:
    """This process's rank as the launcher tells it, before `init`; 0 without one."""
    names = ("OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "MV2_COMM_WORLD_RANK")
    return next((int(os.environ[name]) for name in names if name in os.environ), 0)


def rank() -> int:
    """This process's number among all: 0 .. size() - 1."""
    return _horovod.rank() if _horovod else 0


def size() -> int:
    """Number of processes that train together."""
    return _horovod.size() if _horovod else 1


def local_rank() -> int:
    """This process's number on its node, which is the number of its GPU."""
    return _horovod.local_rank() if _horovod else 0


def local_size() -> int:
    """Number of processes on this node."""
    return _horovod.local_size() if _horovod else 1


def cores_per_rank() -> int:
    """Cores for each rank of this node; fewer where the launcher bound this process to some."""
    return max(1, min(len(os.sched_getaffinity(0)), (os.cpu_count() or 1) // local_size()))


def _share_hardware() -> None:
    """Give this rank its GPU, or its share of the cores; TensorFlow takes this before it first computes anything."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        tf.config.set_visible_devices(gpus[local_rank() % len(gpus)], "GPU")
        for gpu in tf.config.get_visible_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)
    tf.config.threading.set_intra_op_parallelism_threads(cores_per_rank())


def DistributedOptimizer(optimizer: Any) -> Any:
    """A copy of a Keras 3 optimizer that averages the gradients over all ranks before it applies them.

    The copy's class derives from the given optimizer's, so its configuration, its variables and everything that is
    saved are those of the plain optimizer. Give it a `LossScaleOptimizer` whole: then gradients are averaged while
    still scaled, and all ranks agree on which steps overflow.
    """
    if size() == 1:
        return optimizer
    import keras

    horovod = _horovod

    class Distributed(type(optimizer)):
        def apply(self, grads: Iterable, trainable_variables: Iterable | None = None) -> None:
            grads = list(grads)  # None for a variable that the loss does not use
            averaged = iter(horovod.grouped_allreduce([g for g in grads if g is not None], op=horovod.Average))
            super().apply([None if g is None else next(averaged) for g in grads], trainable_variables)

    # A model that is saved whole names the plain optimizer's class, and loads without this file.
    Distributed.__name__ = type(optimizer).__name__
    Distributed.__module__ = keras.optimizers.serialize(optimizer)["module"]
    return Distributed.from_config(optimizer.get_config())


def broadcast_variables(variables: Iterable[Any], root_rank: int = 0) -> None:
    """Set Keras variables on all ranks to their values on one."""
    if size() > 1:
        _horovod.broadcast_variables([variable.value for variable in variables], root_rank=root_rank)


def broadcast_object(value: T, root_rank: int = 0) -> T:
    """The value that one rank gives, on all ranks; any picklable object."""
    return _horovod.broadcast_object(value, root_rank=root_rank) if size() > 1 else value


def allgather_object(value: T) -> list[T]:
    """What each rank gives, in the order of the ranks, on all ranks; any picklable objects."""
    return _horovod.allgather_object(value) if size() > 1 else [value]


def gather_in_order(mine: dict[int, list[T]]) -> list[T]:
    """What all ranks have found, by number (of a scene, for example) and put together in the order of the numbers, on all ranks."""
    gathered = {number: found for part in allgather_object(mine) for number, found in part.items()}
    return [item for number in sorted(gathered) for item in gathered[number]]


def describe_hardware() -> str:
    """What this rank computes on."""
    import tensorflow as tf

    gpus = tf.config.get_visible_devices("GPU")
    return gpus[0].name if gpus else f"{cores_per_rank()} processor cores"


def allreduce_sum(values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Element-wise sum over ranks of float64 numbers, on all ranks."""
    return np.sum(allgather_object(np.asarray(values, dtype=np.float64)), axis=0)


def allreduce_average(tensor: Any) -> Any:
    """Mean over ranks of a TensorFlow tensor, on all ranks; gradients flow back as their mean over ranks."""
    return _horovod.allreduce(tensor, op=_horovod.Average) if size() > 1 else tensor


def barrier() -> None:
    """Wait until all ranks are here."""
    allgather_object(None)


def on_rank_zero(function: Callable[[], T]) -> T:
    """Call a function on rank 0 alone and give its result to all ranks.

    Raises:
        S2Error: what the function raised, on all ranks and marked `on_all_ranks`, so that one rank reports it.
    """
    result = error = None
    if rank() == 0:
        try:
            result = function()
        except S2Error as caught:
            error = caught
            error.on_all_ranks = True
    result, error = broadcast_object((result, error))
    if error is not None:
        raise error
    return result


def abort(code: int) -> None:
    """End the whole job: leave without MPI's farewell, on which `mpirun` stops the other ranks."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
