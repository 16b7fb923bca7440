"""The job scripts, run as Slurm runs them, with programs named `mpirun` and `srun` that only record their arguments."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
JOB = REPOSITORY / "jobs" / "superres-train.sbatch"
SCRIPTS = [*sorted((REPOSITORY / "jobs").glob("*.sbatch")), *sorted((REPOSITORY / "jobs").glob("*.sh"))]


class Cluster:
    """A folder with a copy of `jobs/` and programs `mpirun` and `srun` that only record their arguments."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.run = folder / "scratch" / "runs" / "trial"
        self.run.mkdir(parents=True)
        shutil.copytree(REPOSITORY / "jobs", folder / "jobs")
        for name in ("mpirun", "srun"):
            self.write_program(folder / "bin" / name, 'printf "%s\\n" "$0" "$@" >"$RECORD"; exit "${LAUNCHER_EXIT:-0}"')
        self.write_program(folder / "venv" / "bin" / "python", "exit 1")

    @staticmethod
    def write_program(path: Path, body: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/usr/bin/env bash\n{body}\n")
        path.chmod(0o755)

    def submit(self, *options: str, **variables: str) -> subprocess.CompletedProcess:
        """Run the job's script as Slurm does, in the folder of the copy."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "JEOPARDA_"))}
        settings = {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "RECORD": str(self.folder / "record"),
            "SLURM_JOB_NAME": "trial",
            "SLURM_JOB_NUM_NODES": "1",
            "SLURM_GPUS_ON_NODE": "0",
            "JEOPARDA_SCRATCH": str(self.folder / "scratch"),
            "JEOPARDA_VENV": str(self.folder / "venv"),
        }
        return subprocess.run(
            ["bash", self.folder / "jobs" / JOB.name, *options],
            cwd=self.folder,
            text=True,
            env=inherited | settings | variables,
            capture_output=True,
        )

    def launched(self, *options: str, **variables: str) -> tuple[list[str], list[str]]:
        """Submit the job; return the arguments of the launcher and those of the training command."""
        done = self.submit(*options, **variables)
        assert done.returncode == 0, done.stderr
        words = (self.folder / "record").read_text().splitlines()
        command = words.index("superres/train.py")
        return words[: command - 1], words[command + 1 :]


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_valid_bash(script: Path) -> None:
    subprocess.run(["bash", "-n", script], check=True)


@pytest.mark.parametrize("options", [(), ("--tiles", "mine.txt", "--epochs", "3", "--patch-cache", "mine")])
def test_training_command_gets_options_that_it_knows(cluster: Cluster, options: tuple) -> None:
    """The line is always the same: `--resume` starts a run, continues it, or starts it again."""
    from superres.train import build_parser

    arguments = build_parser().parse_args(cluster.launched(*options)[1])
    assert arguments.run_dir == str(cluster.run)
    assert (arguments.resume, arguments.overwrite) == (True, False)
    if options:
        assert (arguments.tiles, arguments.epochs, arguments.patch_cache) == ("mine.txt", 3, "mine")
    else:
        assert (REPOSITORY / arguments.tiles).exists() and (REPOSITORY / arguments.test_tiles).exists()


def test_one_rank_for_each_gpu(cluster: Cluster) -> None:
    cluster.write_program(cluster.folder / "bin" / "nproc", "echo 96")
    assert "ppr:4:node:pe=24" in cluster.launched(SLURM_GPUS_ON_NODE="4")[0]


def test_one_rank_for_each_numa_domain(cluster: Cluster) -> None:
    cluster.write_program(cluster.folder / "bin" / "nproc", "echo 96")
    cluster.write_program(cluster.folder / "bin" / "lscpu", 'echo "# NODE"; for n in {0..95}; do echo $((n/12)); done')
    assert "ppr:8:node:pe=12" in cluster.launched()[0]


def test_ntasks_per_node_sets_the_number_of_ranks(cluster: Cluster) -> None:
    cluster.write_program(cluster.folder / "bin" / "nproc", "echo 96")
    launcher, _ = cluster.launched(SLURM_NTASKS_PER_NODE="2", JEOPARDA_LAUNCHER="srun")
    assert {"--ntasks-per-node=2", "--cpus-per-task=48", "--kill-on-bad-exit=1"} <= set(launcher)


def test_site_file_is_read(cluster: Cluster) -> None:
    with open(cluster.folder / "jobs" / "site.sh", "a") as file:
        file.write("export JEOPARDA_SCRATCH=/elsewhere\n")
    _, options = cluster.launched()
    assert "/elsewhere/runs/trial" in options


def test_exit_code_is_that_of_the_launcher(cluster: Cluster) -> None:
    assert cluster.submit(LAUNCHER_EXIT="7").returncode == 7


@pytest.mark.parametrize(
    ("options", "variables", "message"),
    [
        (("--tiles", "mine.txt", "--run-dir", "mine"), {}, "the job's name is the run's name"),
        ((), {"JEOPARDA_LAUNCHER": "mpiexec"}, "must be mpirun or srun; got mpiexec"),
        ((), {"JEOPARDA_VENV": "/nowhere"}, "/nowhere/bin/python; run ./install.sh"),
    ],
)
def test_wrong_use_is_one_line(cluster: Cluster, options: tuple, variables: dict, message: str) -> None:
    done = cluster.submit(*options, **variables)
    assert done.returncode == 2
    assert message in done.stderr.splitlines()[-1]


def test_submitted_from_another_folder(cluster: Cluster) -> None:
    (cluster.folder / "jobs" / "site.sh").unlink()
    done = cluster.submit()
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "submit the job from the repository's folder" in done.stderr


def test_the_l2a_recipe_holds_out_the_test_patch(tmp_path: Path) -> None:
    """It trains three seeds on all patches of L2A but the held-out one, and measures them beside the published weights."""
    from superres.evaluate import build_parser as evaluation_parser
    from superres.train import build_parser

    held_out, other, mine = (f"S2A_MSIL2A_20170613T101031_{name}" for name in ("87_48", "1_2", "3_4"))
    for folder in (f"sample/BigEarthNet-S2/{held_out}", f"sample/BigEarthNet-S2/{other}", f"mine/{mine}", "mine/notes"):
        (tmp_path / folder).mkdir(parents=True)
    record = 'if [ "$1" = common/sample.py ]; then echo "$PWD/sample"; else echo "$*" >>record; fi'
    Cluster.write_program(tmp_path / "bin" / "python", record)
    done = subprocess.run(
        ["bash", REPOSITORY / "jobs" / "l2a-network.sh", "mine", "--epochs", "3"],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    *trainings, evaluation = (line.split()[1:] for line in (tmp_path / "record").read_text().splitlines())
    options = [build_parser().parse_args(words) for words in trainings]
    assert [option.seed for option in options] == [0, 1, 2]
    assert {option.epochs for option in options} == {3}
    assert [Path(line).name for line in (tmp_path / options[0].tiles).read_text().split()] == [mine, other]
    assert [Path(line).name for line in (tmp_path / options[0].test_tiles).read_text().split()] == [held_out]
    assert evaluation_parser().parse_args(evaluation).run_dir == [option.run_dir for option in options]
