"""Settings of Open MPI; `tests/test_two_ranks.py` shows that messages leave without a question."""

import os

from common.backends import open_mpi


def test_what_the_user_chose_stays(monkeypatch):
    monkeypatch.setattr(os, "environ", {"OMPI_MCA_btl_tcp_eager_limit": "65536"})
    open_mpi.choose_settings()
    chosen = {name: os.environ[f"OMPI_MCA_{name}"] for name in open_mpi.SETTINGS}
    assert chosen == {
        "mpi_yield_when_idle": "1",
        "btl_tcp_eager_limit": "65536",
        "btl_tcp_rndv_eager_limit": str(32 * 2**20),
    }
