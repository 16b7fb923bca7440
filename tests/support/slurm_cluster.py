"""A Slurm cluster of one node on this machine, for tests of the job scripts.

It has a configuration, a munge key, ports and folders of its own, and needs neither root nor systemd. People can use it,
too:

    python -m tests.support.slurm_cluster        starts it, and a shell in which `sbatch`, `squeue` and `scancel` use it
"""

import contextlib
import getpass
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO, TypeVar

T = TypeVar("T")
ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "scancel")
PACKAGES = "slurm-wlm and munge"
START_SECONDS = 30
GPUS = 2  # devices that only count as GPUs

# The node states more cores than the machine has, so that jobs run side by side. Below TmpFS, PMIx names folders by the
# number of a job, which a second cluster of this machine also has.
CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser={user}
SlurmdUser={user}
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
TmpFS={folder}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=2,bf_interval=2
KillWait=5
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 Sockets=1 CoresPerSocket=16 ThreadsPerCore=1 Gres=gpu:{gpus}
PartitionName=batch Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


class SlurmCluster:
    """A running cluster.

    Args:
        folder: for its files.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("OMPI_", "PMIX_", "SLURM_", "SBATCH_"))
            },
            "PATH": search_path(),
            "SLURM_CONF": str(folder / "slurm.conf"),
            "OMPI_ALLOW_RUN_AS_ROOT": "1",
            "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        }

    def run(self, *words: object, **changes: str) -> subprocess.CompletedProcess:
        """Run a program of Slurm in the repository, with changed environment variables."""
        return subprocess.run(
            [str(word) for word in words],
            cwd=ROOT,
            env=self.environment | changes,
            text=True,
            capture_output=True,
        )

    def submit(self, *words: object, **changes: str) -> str:
        """Submit a job and return its number. The words are those of sbatch."""
        done = self.run("sbatch", "--parsable", *words, **changes)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def details(self, job: str) -> dict[str, str]:
        """Return what Slurm knows about a job, such as JobState, ExitCode and Restarts."""
        return dict(re.findall(r"(\w+)=(\S*)", self.run("scontrol", "show", "job", "--oneliner", job).stdout))


def wait_until(found: Callable[[], T], seconds: float) -> T:
    """Return the first true result of a function that is called again and again.

    Raises:
        TimeoutError: there is none in time.
    """
    end = time.monotonic() + seconds
    while not (result := found()):
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.2)
    return result


def search_path() -> str:
    """Return PATH with the folders in which Debian has daemons; those of other users' PATH lack them."""
    return os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"])


def missing_programs() -> list[str]:
    """Return the programs that a cluster needs and this machine lacks."""
    return [name for name in PROGRAMS if shutil.which(name, path=search_path()) is None]


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def write_files(folder: Path) -> None:
    """Write the configuration and the key, and make the folders."""
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    configuration = CONFIGURATION.format(
        host=socket.gethostname().split(".")[0],
        controller_port=free_port(),
        node_port=free_port(),
        user=getpass.getuser(),
        folder=folder,
        gpus=GPUS,
    )
    (folder / "slurm.conf").write_text(configuration)
    (folder / "gres.conf").write_text(f"Name=gpu File=/dev/tty[1-{GPUS}]\n")


@contextlib.contextmanager
def slurm_cluster() -> Iterator[SlurmCluster]:
    """Start a cluster in a temporary folder; end it, and its jobs, afterwards.

    The path of the folder is short, because that of a socket has at most 108 characters.
    """
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    folder.chmod(0o755)  # munge refuses a socket that others cannot reach
    write_files(folder)
    cluster = SlurmCluster(folder)
    daemons = []
    try:
        for command in (
            ["munged", "--foreground", "--force", f"--socket={folder}/munge.socket", f"--key-file={folder}/munge.key",
             f"--pid-file={folder}/munged.pid", f"--log-file={folder}/munged.log", f"--seed-file={folder}/munged.seed"],
            ["slurmctld", "-D"],
            ["slurmd", "-D"],
        ):  # fmt: skip
            with open(folder / f"{command[0]}.output", "w") as output:
                daemons.append(start(command, output, cluster.environment))
        wait_until(lambda: cluster.run("sinfo", "--noheader", "--states=idle").stdout, START_SECONDS)
        yield cluster
    finally:
        stop(cluster, daemons)
        shutil.rmtree(folder, ignore_errors=True)


def start(command: list[str], output: TextIO, environment: dict[str, str]) -> subprocess.Popen:
    """Start a daemon. Signals of the terminal do not reach it, so that it outlasts Ctrl-C until jobs are cancelled."""
    return subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment, start_new_session=True)


def stop(cluster: SlurmCluster, daemons: list[subprocess.Popen]) -> None:
    """End all jobs of the cluster, then its daemons."""
    if len(daemons) == 3:
        cluster.run("scancel", "--user", getpass.getuser())
        with contextlib.suppress(TimeoutError):
            wait_until(lambda: not cluster.run("squeue", "--noheader").stdout, START_SECONDS)
    for daemon in reversed(daemons):
        daemon.terminate()
    for daemon in daemons:
        daemon.wait(timeout=START_SECONDS)


def main() -> None:
    """Start a cluster and a shell that uses it."""
    missing = missing_programs()
    if missing:
        sys.exit(f"{', '.join(missing)} missing: install {PACKAGES}")
    with slurm_cluster() as cluster:
        print("a Slurm cluster of one node; it ends with this shell", file=sys.stderr)
        subprocess.run([os.environ.get("SHELL", "bash")], env=cluster.environment)


if __name__ == "__main__":
    main()
