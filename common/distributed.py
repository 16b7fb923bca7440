"""Data-parallel training under Horovod's own names.

    import common.distributed as hvd

    hvd.init()
    optimizer = hvd.DistributedOptimizer(optimizer)
    hvd.broadcast_variables(model.variables, root_rank=0)

The same calls work in a single process without an MPI launcher. Below one, Horovod or mpi4py joins the ranks, as
JEOPARDA_BACKEND says; see `common/backends/`.
"""

import importlib.util
import os
import platform
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from common.backends import Backend, half_width
from common.backends.cores import keep_to_own_cores
from common.backends.launcher import is_launched, require_launched_size
from common.backends.launcher import launched_rank as launched_rank  # for callers
from common.backends.open_mpi import choose_settings
from common.errors import S2Error, SettingError
from common.machine import usable_cores

if TYPE_CHECKING:
    import numpy as np

T = TypeVar("T")


def join_by_horovod() -> Backend:
    """Return the ranks, joined by Horovod."""
    from common.backends.horovod import Horovod

    return Horovod()


def join_by_mpi4py() -> Backend:
    """Return the ranks, joined by mpi4py."""
    from common.backends.mpi4py import Mpi4py

    return Mpi4py()


BACKENDS = {"horovod": join_by_horovod, "mpi4py": join_by_mpi4py}  # the first one that is installed is the default
INSTALLED_BY = {"horovod": "./install.sh", "mpi4py": "./install.sh --mpi4py"}

_backend: Backend | None = None  # None: this process is the only rank


def init() -> None:
    """Join the ranks that the MPI launcher started, and give this rank its GPU or its share of the cores.

    Without a launcher this process is the only rank. Further calls do nothing.

    Raises:
        SettingError: an MPI launcher started this process, but no backend can be imported or it runs with another MPI; or
            srun started it without MPI; or JEOPARDA_BACKEND is wrong.
    """
    global _backend
    name = chosen_backend()
    if _backend is not None or not is_launched():
        return
    choose_settings()
    if name is None:
        raise SettingError("started under MPI, but neither Horovod nor mpi4py is installed; run ./install.sh.")
    try:
        backend = BACKENDS[name]()
    except (ImportError, RuntimeError) as error:
        raise SettingError(
            f"started under MPI, but {name} cannot be imported ({error}); load the module of its MPI, or run "
            f"{INSTALLED_BY[name]}."
        ) from error
    require_launched_size(backend.size(), backend.mpi())
    _backend = backend
    _share_hardware()
    keep_to_own_cores(backend)  # after that: it is a computation of TensorFlow with Horovod


def chosen_backend() -> str | None:
    """Return the name of the backend that JEOPARDA_BACKEND names, or of the first that is installed; None if none is.

    Raises:
        SettingError: there is no backend of that name.
    """
    name = os.environ.get("JEOPARDA_BACKEND")
    if name and name not in BACKENDS:
        raise SettingError(f"JEOPARDA_BACKEND must be {' or '.join(BACKENDS)}; got {name}.")
    return name or next(iter(installed_backends()), None)


def installed_backends() -> list[str]:
    """Return the names of the backends that are installed."""
    return [name for name in BACKENDS if importlib.util.find_spec(name)]


def rank() -> int:
    """Return the number of this process among all processes, 0 to size() - 1."""
    return _backend.rank() if _backend else 0


def size() -> int:
    """Return the number of processes that work together."""
    return _backend.size() if _backend else 1


def local_rank() -> int:
    """Return the number of this process among those of its node; its GPU has the same number."""
    return _backend.local_rank() if _backend else 0


def local_size() -> int:
    """Return the number of processes on this node."""
    return _backend.local_size() if _backend else 1


def cores_per_rank() -> int:
    """Return the number of cores that this rank may use: its share of the node, or those that it is bound to."""
    return max(1, min(usable_cores(), (os.cpu_count() or 1) // local_size()))


def _share_hardware() -> None:
    """Give this rank its GPU and its share of the cores. TensorFlow accepts this only before its first computation."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        tf.config.set_visible_devices(gpus[local_rank() % len(gpus)], "GPU")
        for gpu in tf.config.get_visible_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)
    tf.config.threading.set_intra_op_parallelism_threads(cores_per_rank())


def DistributedOptimizer(optimizer: Any, gradient_precision: str = "float32") -> Any:
    """Return a copy of a Keras 3 optimizer that averages gradients over all ranks before it applies them.

    The class of the copy derives from the class of the given optimizer. Configuration, variables and saved files are
    therefore those of the given optimizer.

    Args:
        optimizer: a Keras optimizer. Pass a whole `LossScaleOptimizer`, not its inner optimizer: scaled gradients are
            then averaged, and all ranks skip the same steps when one overflows.
        gradient_precision: `float32`, or a format of `common/backends/half_width.py`, in which gradients travel.
    """
    if size() == 1:
        return optimizer
    import keras

    class Distributed(type(optimizer)):
        def apply(self, grads: Iterable, trainable_variables: Iterable | None = None) -> None:
            grads = list(grads)  # None: the loss does not use the variable
            averaged = iter(self.average_gradients([g for g in grads if g is not None]))
            super().apply([None if g is None else next(averaged) for g in grads], trainable_variables)

        def average_gradients(self, grads: Sequence) -> list:
            """Return the means of gradients over ranks."""
            return average_gradients(grads, gradient_precision)

    # A saved model names the class of its optimizer. With the original name it loads without this file.
    Distributed.__name__ = type(optimizer).__name__
    Distributed.__module__ = keras.optimizers.serialize(optimizer)["module"]
    return Distributed.from_config(optimizer.get_config())


def average_gradients(gradients: Sequence[Any], gradient_precision: str) -> list[Any]:
    """Return the means of float32 TensorFlow tensors over ranks; they travel in this precision."""
    if size() == 1:
        return list(gradients)
    if gradient_precision == "float32":
        return _backend.average(gradients)
    return half_width.average(gradients, gradient_precision, _backend)


def broadcast_variables(variables: Iterable[Any], root_rank: int = 0) -> None:
    """Set Keras variables on all ranks to their values on `root_rank`."""
    if size() > 1:
        _backend.broadcast_variables(variables, root_rank)


def broadcast_object(value: T, root_rank: int = 0) -> T:
    """Return on all ranks the picklable value that `root_rank` passes."""
    return _backend.broadcast_object(value, root_rank) if size() > 1 else value


def allgather_object(value: T) -> list[T]:
    """Return on all ranks the picklable values that the ranks pass, in the order of the ranks."""
    return _backend.allgather_object(value) if size() > 1 else [value]


def gather_object(value: T) -> list[T]:
    """Return on rank 0 the picklable values that the ranks pass, in the order of the ranks; on other ranks an empty list."""
    if size() == 1:
        return [value]
    received = _backend.exchange_objects([value, *[None] * (size() - 1)])
    return received if rank() == 0 else []


def scatter_object(values: Sequence[T]) -> T:
    """Return on each rank the one of the picklable values that rank 0 passes for it; other ranks pass anything."""
    if size() == 1:
        return values[0]
    return _backend.exchange_objects(values if rank() == 0 else [None] * size())[0]


def gather_in_order(own_results: dict[int, list[T]]) -> list[T]:
    """Return on all ranks the results of all ranks, in the order of their indices.

    Args:
        own_results: this rank's lists of results, by an index, such as that of a scene. No two ranks have the same index.
    """
    results = {index: part for rank_results in allgather_object(own_results) for index, part in rank_results.items()}
    return [result for index in sorted(results) for result in results[index]]


def describe_hardware() -> str:
    """Return the name of this rank's GPU, or its number of cores."""
    import tensorflow as tf

    gpus = tf.config.get_visible_devices("GPU")
    return gpus[0].name if gpus else f"{cores_per_rank()} processor cores"


def allreduce_sum(values: "Sequence[float] | np.ndarray") -> "np.ndarray":
    """Return on all ranks the element-wise sum over ranks, float64."""
    import numpy as np

    return np.sum(allgather_object(np.asarray(values, dtype=np.float64)), axis=0)


def allreduce_average(tensor: Any) -> Any:
    """Return on all ranks the mean of a TensorFlow tensor over ranks; its gradient is also averaged over ranks."""
    return _backend.average([tensor])[0] if size() > 1 else tensor


def barrier() -> None:
    """Wait until all ranks have called this."""
    allgather_object(None)


def raise_together(error: S2Error | None) -> None:
    """Raise on all ranks the error of the first rank that has one; return if no rank has one.

    Every rank must call this, with its own error or None.

    Raises:
        S2Error: the error, marked `on_all_ranks`, so that rank 0 alone reports it.
    """
    first_error = next((rank_error for rank_error in allgather_object(error) if rank_error is not None), None)
    if first_error is not None:
        first_error.on_all_ranks = True
        raise first_error


def call_together(function: Callable[[], T], takes_part: bool = True) -> T | None:
    """Call a function on the ranks that take part, and return its result there; None elsewhere. Every rank must call this.

    Raises:
        S2Error: the function raised it on a rank; on all ranks, see `raise_together`.
    """
    result = error = None
    if takes_part:
        try:
            result = function()
        except S2Error as caught:
            error = caught
    raise_together(error)
    return result


def on_rank_zero(function: Callable[[], T]) -> T:
    """Call a function on rank 0 and return its result on all ranks; raise what `call_together` raises."""
    return broadcast_object(call_together(function, rank() == 0))


def once_a_node(function: Callable[[], T]) -> list[T]:
    """Call a function on the first rank of each node, and return the results of all nodes on all ranks.

    It raises what `call_together` raises. With several nodes, the message names the node.
    """

    def call() -> list[T]:
        try:
            return [function()]
        except S2Error as error:
            if local_size() < size():
                error.args = (f"{platform.node()}: {error}",)
            raise

    results = call_together(call, local_rank() == 0) or []
    return [result for rank_results in allgather_object(results) for result in rank_results]


def abort(code: int) -> None:
    """End this process without MPI_Finalize, so that `mpirun` stops the other ranks."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
