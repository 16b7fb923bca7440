# shellcheck shell=bash
# What all jobs share. A job reads this file after its #SBATCH lines, then calls `launch`. There is nothing to edit here.
#
# Sets: name (of the job, and so of its results), nodes, ranks and cores (of a node), and the job's own options without
# --dry-run. docs/slurm.md tells who gets which signal.

STOPPED=75  # exit code of a command that a signal has stopped: the same command goes on (common/runs/cli.py)
LOST_NODE=205  # exit code of mpirun of Open MPI 4 when a node, or its network, is lost

die() { echo "$*" >&2; exit 2; }

# Read jobs/site.sh and check what it sets.
read_site() {
    [ -f jobs/site.sh ] || die "there is no jobs/site.sh in $PWD; submit the job from the repository's folder"
    trap 'die "jobs/site.sh failed; correct it, or take another one from jobs/sites/"' EXIT
    # shellcheck source=jobs/site.sh
    . jobs/site.sh
    trap - EXIT
    set -u  # not earlier: module commands may use unset variables
    local setting
    for setting in JEOPARDA_VENV JEOPARDA_SCRATCH JEOPARDA_PRODUCTS JEOPARDA_LAUNCHER JEOPARDA_REQUEUES; do
        [ -n "${!setting:-}" ] || die "jobs/site.sh must set $setting"
    done
    export PATH=$JEOPARDA_VENV/bin:$PATH  # ./install.sh --mpi4py puts an mpirun there
    [ -x "$JEOPARDA_VENV/bin/python" ] || die "there is no $JEOPARDA_VENV/bin/python; run ./install.sh, or correct JEOPARDA_VENV in jobs/site.sh"
    [ -d "$JEOPARDA_SCRATCH" ] || die "there is no folder $JEOPARDA_SCRATCH; correct JEOPARDA_SCRATCH in jobs/site.sh"
    case $JEOPARDA_LAUNCHER in
        mpirun | srun) ;;
        *) die "JEOPARDA_LAUNCHER must be mpirun or srun; got $JEOPARDA_LAUNCHER" ;;
    esac
    [[ $JEOPARDA_REQUEUES =~ ^[0-9]+$ ]] || die "JEOPARDA_REQUEUES must be a number; got $JEOPARDA_REQUEUES"
}

# Set name, nodes and job from Slurm, from LSF (its lists name a host and its slots in turn), or, outside of a job, from
# the script's own header.
read_job() {
    # shellcheck disable=SC2034  # the jobs use it
    name=${SLURM_JOB_NAME:-${LSB_JOBNAME:-$(sed -n 's/^#SBATCH --job-name=//p; s/^#BSUB -J //p' "$0")}}
    local hosts
    read -ra hosts <<<"${LSB_MCPU_HOSTS:-}"
    nodes=${SLURM_JOB_NUM_NODES:-$((${#hosts[@]} > 0 ? ${#hosts[@]} / 2 : 1))}
    job=${SLURM_JOB_ID:-${LSB_JOBID:-}}
    [ -n "$job" ] || [ -n "$dry_run" ] || die "$0 is a job: submit it, or see with --dry-run what it starts"
}

# Set ranks and cores. Ranks of a node: --ntasks-per-node; else one for each GPU; else one for each NUMA domain, so that
# threads stay near their memory.
count_ranks() {
    local gpus domains available
    gpus=${SLURM_GPUS_ON_NODE:-$({ nvidia-smi -L 2>/dev/null || true; } | grep -c '^GPU' || true)}
    domains=$(lscpu -p=NODE | grep -v '^#' | sort -u | wc -l)
    available=$(nproc)
    ranks=${SLURM_NTASKS_PER_NODE:-$((gpus > 0 ? gpus : domains))}
    [ "$gpus" = 0 ] || [ "$ranks" -le "$gpus" ] ||
        die "$ranks ranks on the $gpus GPUs of a node; a rank needs a GPU of its own: give --ntasks-per-node=$gpus, or more nodes"
    [ "$ranks" -le "$available" ] || die "$ranks ranks on the $available cores of a node; give a smaller --ntasks-per-node"
    cores=$((available / ranks))
}

# refuse_option OPTION EXAMPLE WORDS...: the job's name decides where results go.
refuse_option() {
    local option=$1 instead=$2 word
    shift 2
    for word in "$@"; do
        [[ $word != "$option" && $word != "$option="* ]] || die "the job's name names its results; use $instead instead of $option"
    done
}

# Whether mpirun is MPICH's, whose name is Hydra; else it is taken for Open MPI's.
is_hydra() { [[ $(mpirun --version 2>&1) == *HYDRA* ]]; }

# launch PLACE SCRIPT OPTIONS...: run a command on all ranks of the job; PLACE is where its results go. This does not
# return: the job ends with the command's exit code.
launch() {
    local place=$1 start=()
    shift
    # When one rank fails, either launcher ends the job with a code other than 0.
    case $JEOPARDA_LAUNCHER in
        mpirun) if is_hydra; then start=(mpirun -np $((nodes * ranks)) -ppn "$ranks" -bind-to "hwthread:$cores")
                else start=(mpirun --use-hwthread-cpus --map-by "ppr:$ranks:node:pe=$cores"); fi ;;
        srun) start=(srun ${JEOPARDA_SRUN_MPI:+"--mpi=$JEOPARDA_SRUN_MPI"} --kill-on-bad-exit=1 --ntasks-per-node="$ranks" --cpus-per-task="$cores") ;;
    esac
    start+=("$JEOPARDA_VENV/bin/python" "$@")
    echo "nodes: $nodes; ranks a node: $ranks; cores a rank: $cores; results: $place" >&2
    if [ -n "$dry_run" ]; then
        printf '%q ' "${start[@]}"
        echo
        exit 0
    fi
    export OMP_NUM_THREADS=$cores  # TensorFlow takes its threads from the binding
    export SLURM_EXPORT_ENV=ALL    # ranks get this environment, even after sbatch --export=NONE
    [ -z "$is_early" ] || die "job $job got the signal of its coming end before it started anything; give it more time than --signal leaves"
    run_until_signal "${start[@]}"
    case $code in
        "$STOPPED" | "$LOST_NODE") [ -n "$cancelled" ] || requeue ;;
        *) rm -f "$JEOPARDA_SCRATCH/.requeues-$job" ;;
    esac
    exit "$code"
}

# Run a command, pass the early SIGUSR1 on to it, and set its exit code as code. The batch system sends this signal to this
# shell alone. SIGTERM reaches all processes of the job, so it is only noted.
run_until_signal() {
    local pid signalled
    cancelled=
    "$@" &
    pid=$!
    trap 'signalled=yes; kill -USR1 "$pid" 2>/dev/null || true' USR1
    trap 'signalled=yes; cancelled=yes' TERM
    while :; do
        signalled=
        wait "$pid" && code=0 || code=$?
        [ -n "$signalled" ] || return 0  # else wait has only returned for the signal
    done
}

# Put this job back into the queue, at most JEOPARDA_REQUEUES times. LSF does so itself for the codes of #BSUB -Q and gives no
# number of times, so this counts them in a file, and changes the code when they are used up.
requeue() {
    local restarts=${SLURM_RESTART_COUNT:-0} count=$JEOPARDA_SCRATCH/.requeues-$job
    [ ! -e "$count" ] || restarts=$(cat "$count")
    if [ "$restarts" -ge "$JEOPARDA_REQUEUES" ]; then
        echo "job $job was requeued $restarts times, as often as JEOPARDA_REQUEUES allows; submit it again to go on" >&2
        [ -n "${SLURM_JOB_ID:-}" ] || { rm -f "$count"; code=1; }
    elif [ -z "${SLURM_JOB_ID:-}" ]; then
        echo $((restarts + 1)) >"$count"
    elif scontrol requeue "$job"; then
        echo "job $job is requeued and goes on" >&2
    else
        echo "job $job cannot be requeued; submit it again to go on" >&2
    fi
}

is_early=
trap 'is_early=yes' USR1
dry_run=
options=()
for word in "$@"; do
    if [ "$word" = --dry-run ]; then dry_run=yes; else options+=("$word"); fi
done
set -- "${options[@]}"
read_site
read_job
count_ranks
