"""Settings of Open MPI that suit ranks which average gradients; other MPI libraries do not read them."""

import os

# Over TCP, Open MPI asks the other rank before it sends a message of more than 64 KiB. Question, permission and data share a
# connection in their order, so that two ranks which do not ask at the same moment send one after the other (docs/scaling.md).
# It still asks for more than this: a message that leaves without asking is copied first, which for large ones takes longer.
SENT_WITHOUT_ASKING = 32 * 2**20  # bytes
SETTINGS = {
    "mpi_yield_when_idle": 1,  # ranks that share cores must not keep them busy while they wait for each other
    "btl_tcp_eager_limit": SENT_WITHOUT_ASKING,
    "btl_tcp_rndv_eager_limit": SENT_WITHOUT_ASKING,
}


def choose_settings() -> None:
    """Choose the settings that the environment and `mpirun --mca` have not chosen; Open MPI reads them when it starts here.

    They come before those of Open MPI's files, such as `~/.openmpi/mca-params.conf`.
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(f"OMPI_MCA_{name}", str(value))
