# shellcheck shell=bash
# What differs from cluster to cluster. Each job reads this file; so do you, before sbatch, where it needs an account:
#
#     . jobs/site.sh && sbatch jobs/superres-train.sbatch
#
# What your environment sets already wins over the folders below.

# Read by sbatch, before the job exists. They win over a job's #SBATCH lines; options of sbatch win over both.
#export SBATCH_ACCOUNT=myproject SBATCH_PARTITION=batch SBATCH_TIMELIMIT=12:00:00
#export SBATCH_GPUS_PER_NODE=4  # on some clusters SBATCH_GRES=gpu:4

# The modules that ./install.sh was run with.
#module load GCC CMake OpenMPI GDAL Python

export JEOPARDA_VENV=${JEOPARDA_VENV:-$PWD/.venv}
# Seen by all nodes: products to read, and room for patch files and runs.
export JEOPARDA_SCRATCH=${JEOPARDA_SCRATCH:-${SCRATCH:-$PWD}}
export JEOPARDA_PRODUCTS=${JEOPARDA_PRODUCTS:-$JEOPARDA_SCRATCH/products}
# mpirun knows Slurm's allocation. srun, for clusters that want it, needs Open MPI and Slurm built with PMIx.
export JEOPARDA_LAUNCHER=${JEOPARDA_LAUNCHER:-mpirun}

# GPUs and interconnect, as the documentation of Horovod (mpi.rst) and of NCCL (env.html) have it; untested here.
#export OMPI_MCA_pml=ob1 OMPI_MCA_btl=^openib   # MPI over TCP, against crashes with RDMA: NCCL carries the gradients
#export OMPI_MCA_btl_tcp_if_include=ib0 NCCL_SOCKET_IFNAME=ib0  # where a start hangs on an interface without a route
#export NCCL_DEBUG=INFO                         # shows what NCCL chose; not for every day
