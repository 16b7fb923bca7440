"""The job scripts outside of a cluster: what they would start (--dry-run), and wrong use. `test_slurm.py` submits them."""

import importlib
import os
import shlex
import shutil
import subprocess
from argparse import Namespace
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
JOBS = REPOSITORY / "jobs"
SUBMITTED = sorted([*JOBS.glob("*.sbatch"), *JOBS.glob("*.lsf")])
TRAIN = "superres-train.sbatch"


def write_program(path: Path, body: str) -> None:
    """Write a program of bash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/usr/bin/env bash\n{body}\n")
    path.chmod(0o755)


class Folder:
    """A copy of `jobs/` with a virtual environment whose Python cannot run."""

    def __init__(self, path: Path):
        self.path = path
        self.scratch = path / "scratch"
        self.scratch.mkdir()
        shutil.copytree(JOBS, path / "jobs")
        self.write_program("venv/bin/python", "exit 1")
        self.write_program("bin/mpirun", "echo 'mpirun (Open MPI) 4.1.4'")

    def write_program(self, name: str, body: str) -> None:
        """Write a program; those in `bin/` stand for programs of the machine."""
        write_program(self.path / name, body)

    def run(self, script: str, *options: str, **variables: str) -> subprocess.CompletedProcess:
        """Run a script in the folder, with no variables of a batch system but the given ones."""
        ours = ("SLURM_", "SBATCH_", "LSB_", "JEOPARDA_")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        settings = {
            "PATH": f"{self.path / 'bin'}:{os.environ['PATH']}",
            "SLURM_GPUS_ON_NODE": "0",
            "JEOPARDA_SCRATCH": str(self.scratch),
            "JEOPARDA_VENV": str(self.path / "venv"),
        }
        command = ["bash", f"jobs/{script}", *options]
        return subprocess.run(
            command, cwd=self.path, text=True, env=inherited | settings | variables, capture_output=True
        )

    def started(self, script: str, *options: str, **variables: str) -> tuple[list[str], list[str]]:
        """Return the launcher's words, and the command's words, that a job would start."""
        done = self.run(script, *options, "--dry-run", **variables)
        assert done.returncode == 0, done.stderr
        words = shlex.split(done.stdout)
        python = words.index(str(self.path / "venv" / "bin" / "python"))
        return words[:python], words[python + 1 :]

    def command(self, script: str, *options: str, **variables: str) -> Namespace:
        """Return the options with which a job would start its command, as the command reads them."""
        path, *words = self.started(script, *options, **variables)[1]
        module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
        return module.build_parser().parse_args(words)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.mark.parametrize("script", [*SUBMITTED, *sorted(JOBS.rglob("*.sh"))], ids=lambda path: path.name)
def test_scripts_are_valid_bash(script: Path) -> None:
    subprocess.run(["bash", "-n", script], check=True)


@pytest.mark.parametrize("script", SUBMITTED, ids=lambda path: path.name)
def test_without_options_a_job_starts_what_its_header_says(folder: Folder, script: Path) -> None:
    options = vars(folder.command(script.name))
    place = options.get("run_dir") if "train" in script.name else options["output"]
    assert str(place).startswith(f"{folder.scratch}/")
    assert options.get("resume", True) and not options.get("overwrite", False)
    assert all((REPOSITORY / options[name]).exists() for name in ("tiles", "test_tiles") if options.get(name))


@pytest.mark.parametrize(
    ("script", "words", "expected"),
    [
        (TRAIN, ("--tiles", "my list.txt", "--epochs", "3"), {"tiles": "my list.txt", "epochs": 3}),
        ("bigearthnet-train.sbatch", ("--data", "my.h5", "--bands", "rgb"), {"data": "my.h5", "bands": "rgb"}),
        ("bigearthnet-prepare.sbatch", ("--root", "r", "--nomenclature", "43"), {"root": "r", "nomenclature": 43}),
        ("superres-evaluate.sbatch", ("--tiles", "t", "--run-dir", "a", "b"), {"tiles": "t", "run_dir": ["a", "b"]}),
        ("superres-predict.sbatch", ("a.SAFE", "b.SAFE", "--copy-10m"), {"scenes": ["a.SAFE", "b.SAFE"]}),
    ],
)
def test_options_of_a_job_are_those_of_its_command(folder: Folder, script: str, words: tuple, expected: dict) -> None:
    options = vars(folder.command(script, *words, SLURM_JOB_NAME="mine"))
    assert {name: options[name] for name in expected} == expected
    assert "mine" in (options["output"] if "output" in options else options["run_dir"])


@pytest.mark.parametrize("script", [TRAIN, "superres-train.lsf", "bigearthnet-train.sbatch"])
def test_the_site_says_where_trainings_stage(folder: Folder, script: str) -> None:
    assert folder.command(script, JEOPARDA_STAGE="/tmp/my files").stage == "/tmp/my files"


def test_an_option_of_a_job_comes_before_that_of_the_site(folder: Folder) -> None:
    words = ("--tiles", "t", "--stage", "/tmp/other")
    assert folder.command(TRAIN, *words, JEOPARDA_STAGE="/tmp/mine").stage == "/tmp/other"


def test_options_for_lsf_are_words_of_a_variable(folder: Folder) -> None:
    """The job takes its name and nodes from LSF."""
    variables = {"JEOPARDA_OPTIONS": "--tiles mine.txt --epochs 3", "LSB_JOBNAME": "mine", "LSB_MCPU_HOSTS": "a 4 b 4"}
    options = folder.command("superres-train.lsf", **variables)
    assert (options.tiles, options.epochs, options.run_dir) == ("mine.txt", 3, f"{folder.scratch}/runs/mine")
    assert folder.run("superres-train.lsf", "--dry-run", **variables).stderr.startswith("nodes: 2; ")


def test_tasks_of_an_array_share_the_products(folder: Folder) -> None:
    variables = {"SLURM_ARRAY_TASK_MIN": "3", "SLURM_ARRAY_TASK_STEP": "2", "SLURM_ARRAY_TASK_COUNT": "2"}
    products = [f"{name}.SAFE" for name in "abc"]
    shares = [
        folder.command("superres-predict.sbatch", *products, SLURM_ARRAY_TASK_ID=task, **variables).share
        for task in ("3", "5")
    ]
    assert [products[share] for share in shares] == [["a.SAFE", "c.SAFE"], ["b.SAFE"]]


def test_a_requeued_evaluation_replaces_its_own_results(folder: Folder) -> None:
    assert folder.command("superres-evaluate.sbatch", SLURM_RESTART_COUNT="1").overwrite


@pytest.mark.parametrize("code", [75, 205])
@pytest.mark.parametrize(
    "restarts, line", [("19", "job 7 is requeued"), ("20", "job 7 was requeued 20 times, as often as")]
)
def test_a_job_that_was_stopped_or_lost_a_node_is_requeued(folder: Folder, code: int, restarts: str, line: str) -> None:
    folder.write_program("bin/mpirun", f"exit {code}")
    folder.write_program("bin/scontrol", f'echo "$*" >>{folder.path}/asked')
    done = folder.run(TRAIN, SLURM_JOB_ID="7", SLURM_RESTART_COUNT=restarts)
    assert (done.returncode, done.stderr.splitlines()[-1][: len(line)]) == (code, line)
    assert (folder.path / "asked").exists() == (restarts == "19")


def test_lsf_requeues_a_job_a_limited_number_of_times(folder: Folder) -> None:
    """LSF requeues for two exit codes as often as it gets them."""
    assert '#BSUB -Q "75 205"' in (JOBS / "superres-train.lsf").read_text()
    folder.write_program("bin/mpirun", "exit 75")
    variables = {"LSB_JOBID": "7", "JEOPARDA_REQUEUES": "2"}
    codes = [folder.run("superres-train.lsf", **variables).returncode for _ in range(4)]
    assert codes == [75, 75, 1, 75]  # the last one counts as another job
    folder.write_program("bin/mpirun", "exit 0")
    assert folder.run("superres-train.lsf", **variables).returncode == 0
    assert list(folder.scratch.iterdir()) == []


def test_an_mpirun_in_the_virtual_environment_is_used(folder: Folder) -> None:
    folder.write_program("venv/bin/mpirun", "echo this one; exit 3")
    done = folder.run(TRAIN, SLURM_JOB_ID="7")
    assert (done.returncode, done.stdout) == (3, "this one\n")


def test_scaling_is_measured_up_to_all_ranks(folder: Folder) -> None:
    folder.write_program("bin/nproc", "echo 96")
    variables = {"SLURM_JOB_NUM_NODES": "3", "SLURM_GPUS_ON_NODE": "4"}
    options = folder.command("scaling.sbatch", JEOPARDA_LAUNCHER="srun", **variables)
    assert (options.ranks, options.ranks_per_node) == ([1, 2, 4, 8, 12], 4)
    assert "--nodes={nodes} --ntasks={ranks}" in options.launch  # srun alone spreads ranks over all nodes of the job


def test_only_jobs_that_go_on_requeue_themselves() -> None:
    """An evaluation that is stopped begins again: it would be requeued 20 times without a result."""
    early = [path.name for path in SUBMITTED if "#SBATCH --signal=B:USR1@300" in path.read_text()]
    assert early == ["bigearthnet-prepare.sbatch", "bigearthnet-train.sbatch", "superres-predict.sbatch", TRAIN]


def test_one_rank_for_each_gpu(folder: Folder) -> None:
    folder.write_program("bin/nproc", "echo 96")
    assert "ppr:4:node:pe=24" in folder.started(TRAIN, SLURM_GPUS_ON_NODE="4")[0]


def test_one_rank_for_each_numa_domain(folder: Folder) -> None:
    folder.write_program("bin/nproc", "echo 96")
    folder.write_program("bin/lscpu", 'echo "# NODE"; for n in {0..95}; do echo $((n/12)); done')
    assert "ppr:8:node:pe=12" in folder.started(TRAIN)[0]
    assert "ppr:1:node:pe=96" in folder.started("bigearthnet-prepare.sbatch")[0]


def test_the_mpirun_of_mpich_has_other_options(folder: Folder) -> None:
    folder.write_program("bin/nproc", "echo 96")
    folder.write_program("venv/bin/mpirun", "echo 'HYDRA build details:'")
    launcher, _ = folder.started(TRAIN, SLURM_GPUS_ON_NODE="4", SLURM_JOB_NUM_NODES="3")
    assert launcher == ["mpirun", "-np", "12", "-ppn", "4", "-bind-to", "hwthread:24"]
    scaling = folder.command("scaling.sbatch", SLURM_GPUS_ON_NODE="4", SLURM_JOB_NUM_NODES="3")
    assert scaling.launch == "mpirun -np {ranks} -ppn 4 -bind-to hwthread:24"


def test_ntasks_per_node_sets_the_number_of_ranks(folder: Folder) -> None:
    folder.write_program("bin/nproc", "echo 96")
    launcher, _ = folder.started(TRAIN, SLURM_NTASKS_PER_NODE="2", JEOPARDA_LAUNCHER="srun")
    assert {"--mpi=pmix", "--ntasks-per-node=2", "--cpus-per-task=48", "--kill-on-bad-exit=1"} <= set(launcher)


@pytest.mark.parametrize("site", sorted((JOBS / "sites").glob("*.sh")), ids=lambda path: path.stem)
def test_example_sites_set_all_that_a_job_needs(folder: Folder, site: Path) -> None:
    module = "module() { :; }\n"  # a function of the shell on clusters
    (folder.path / "jobs" / "site.sh").write_text(module + site.read_text())
    assert folder.started(TRAIN)[0][0] == "srun"


@pytest.mark.parametrize(
    ("options", "variables", "message"),
    [
        (("--run-dir=mine",), {}, "the job's name names its results; use sbatch --job-name instead of --run-dir"),
        ((), {"JEOPARDA_LAUNCHER": "mpiexec"}, "must be mpirun or srun; got mpiexec"),
        ((), {"JEOPARDA_VENV": "/nowhere"}, "/nowhere/bin/python; run ./install.sh"),
        ((), {"JEOPARDA_SCRATCH": "/nowhere"}, "no folder /nowhere; correct JEOPARDA_SCRATCH in jobs/site.sh"),
        ((), {"JEOPARDA_REQUEUES": "many"}, "JEOPARDA_REQUEUES must be a number; got many"),
        ((), {"SLURM_GPUS_ON_NODE": "2", "SLURM_NTASKS_PER_NODE": "3"}, "3 ranks on the 2 GPUs of a node"),
        ((), {"SLURM_NTASKS_PER_NODE": "999"}, "999 ranks on the "),
    ],
)
def test_wrong_use_is_one_line(folder: Folder, options: tuple, variables: dict, message: str) -> None:
    done = folder.run(TRAIN, *options, "--dry-run", **variables)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert message in done.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("export JEOPARDA_VENV=/a\n", "jobs/site.sh must set JEOPARDA_SCRATCH"),
        ("false\nexport JEOPARDA_VENV=/a\n", "jobs/site.sh failed; correct it, or take another one from jobs/sites/"),
        ("if true; then\n", "jobs/site.sh failed"),
        (None, "no jobs/site.sh in "),
    ],
)
def test_wrong_site_file(folder: Folder, text: str | None, message: str) -> None:
    site = folder.path / "jobs" / "site.sh"
    site.write_text(text) if text else site.unlink()
    done = folder.run(TRAIN, "--dry-run", JEOPARDA_SCRATCH="")
    assert done.returncode == 2
    assert message in done.stderr.splitlines()[-1]


def test_submitted_from_another_folder(folder: Folder) -> None:
    (folder.path / "jobs" / "common.sh").unlink()
    done = folder.run(TRAIN)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "submit the job from the repository's folder" in done.stderr


def test_a_limit_that_is_shorter_than_the_early_signal(folder: Folder) -> None:
    """The signal comes while the job reads its site file, as it does where module commands take long."""
    with open(folder.path / "jobs" / "site.sh", "a") as site:
        site.write("kill -USR1 $$\n")
    done = folder.run(TRAIN, SLURM_JOB_ID="7")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("job 7 got the signal of its coming end before it started anything")


def test_a_job_that_is_not_submitted_starts_nothing(folder: Folder) -> None:
    done = folder.run(TRAIN)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        2,
        f"jobs/{TRAIN} is a job: submit it, or see with --dry-run what it starts",
    )


def test_the_l2a_recipe_holds_out_the_test_patch(tmp_path: Path) -> None:
    """It trains three seeds on all patches of L2A but the held-out one, and measures them beside the published weights."""
    from superres.evaluate import build_parser as evaluation_parser
    from superres.train import build_parser

    held_out, other, mine = (f"S2A_MSIL2A_20170613T101031_{name}" for name in ("87_48", "1_2", "3_4"))
    for folder in (f"sample/BigEarthNet-S2/{held_out}", f"sample/BigEarthNet-S2/{other}", f"mine/{mine}", "mine/notes"):
        (tmp_path / folder).mkdir(parents=True)
    record = 'if [ "$1" = common/sample.py ]; then echo "$PWD/sample"; else echo "$*" >>record; fi'
    write_program(tmp_path / "bin" / "python", record)
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
