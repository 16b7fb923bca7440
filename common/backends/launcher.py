"""The MPI launcher as the processes that it starts see it: by environment variables, which exist before MPI does."""

import os

from common.errors import SettingError

# Variables by which a launcher is known: those of Open MPI, PMIx (srun --mpi=pmix), MPICH and Intel MPI, MVAPICH.
LAUNCHER_VARIABLES = ("OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_SIZE", "MV2_COMM_WORLD_SIZE")
RANK_VARIABLES = ("OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "MV2_COMM_WORLD_RANK")
# PMIx gives no size; srun does. Below mpirun, srun's variable counts the nodes, so it comes last.
SIZE_VARIABLES = {
    "OMPI_COMM_WORLD_SIZE": "mpirun of Open MPI",
    "PMI_SIZE": "a launcher with PMI (MPICH, Intel MPI, srun --mpi=pmi2)",
    "MV2_COMM_WORLD_SIZE": "the launcher of MVAPICH",
    "SLURM_STEP_NUM_TASKS": "srun",
}


def is_launched() -> bool:
    """Return whether an MPI launcher started this process.

    Raises:
        SettingError: srun started it, one of several tasks, without MPI: each would run as the only rank.
    """
    if any(name in os.environ for name in LAUNCHER_VARIABLES):
        return True
    if int(os.environ.get("SLURM_STEP_NUM_TASKS", 1)) > 1:
        raise SettingError("srun started several tasks without MPI; use srun --mpi=pmix, or mpirun.")
    return False


def launched_rank() -> int:
    """Return the rank from the launcher's environment variables, which exist before `init`; 0 without a launcher."""
    return next((int(os.environ[name]) for name in RANK_VARIABLES if name in os.environ), 0)


def require_launched_size(size: int, mpi: str) -> None:
    """Check the number of ranks that joined. A launcher of another MPI starts processes that do not see each other.

    Args:
        size: number of ranks that joined.
        mpi: name and version of the MPI library that joined them.

    Raises:
        SettingError: the launcher has started another number of processes.
    """
    name = next((name for name in SIZE_VARIABLES if name in os.environ), None)
    if name and int(os.environ[name]) != size:
        raise SettingError(
            f"{SIZE_VARIABLES[name]} started {os.environ[name]} processes ({name}), but this one sees {size}: it runs with "
            f"{mpi}, and this is not the launcher of that MPI; start with the mpirun of that MPI, or install again "
            f"(./install.sh) with the MPI of this launcher."
        )


def first_words(library_version: str) -> str:
    """Return name and version from the text of MPI_Get_library_version, such as "Open MPI v4.1.4" or "MPICH 5.0.2"."""
    return " ".join(library_version.split("\n")[0].split(",")[0].replace("Version:", "").split())
