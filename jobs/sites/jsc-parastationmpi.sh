# shellcheck shell=bash
# Example of jobs/site.sh: Juelich Supercomputing Centre (JUWELS Booster), ParaStation MPI. Untested.
#
#     cp jobs/sites/jsc-parastationmpi.sh jobs/site.sh
#
# Names of modules as users of JUWELS publish them for Stages/2025; see `module spider`, and the page of JSC on its batch
# system: https://apps.fz-juelich.de/jsc/hps/juwels/batchsystem.html. Your project's name goes where "myproject" stands.
# ParaStation MPI derives from MPICH; Horovod or mpi4py must be built with it.

export SBATCH_ACCOUNT=myproject SBATCH_PARTITION=booster SBATCH_TIMELIMIT=24:00:00
export SBATCH_GRES=gpu:4  # of each node

# The modules that ./install.sh was run with (JEOPARDA_EXTRA=gpu). GDAL's module must be of the same stage.
module --force purge
module load Stages/2025 GCC ParaStationMPI CUDA NCCL Python CMake GDAL

export JEOPARDA_VENV=${JEOPARDA_VENV:-$PWD/.venv}
export JEOPARDA_SCRATCH=${JEOPARDA_SCRATCH:-${SCRATCH:-$PWD}}
export JEOPARDA_PRODUCTS=${JEOPARDA_PRODUCTS:-$JEOPARDA_SCRATCH/products}
# Processes of a node are managed by psid, not by slurmd. srun starts the ranks in the way that Slurm is set to there.
export JEOPARDA_LAUNCHER=${JEOPARDA_LAUNCHER:-srun}
export JEOPARDA_SRUN_MPI=${JEOPARDA_SRUN_MPI-}
export JEOPARDA_REQUEUES=${JEOPARDA_REQUEUES:-20}
