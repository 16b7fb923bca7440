# shellcheck shell=bash
# Settings of your cluster. Each job reads this file; jobs/sites/ holds filled-in examples. If sbatch needs an account, read
# it in your shell first:
#
#     . jobs/site.sh && sbatch jobs/superres-train.sbatch
#
# Variables that are set in your environment already are kept.

# sbatch reads these before the job exists. They override the #SBATCH lines of a job; options of sbatch override both.
#export SBATCH_ACCOUNT=myproject SBATCH_PARTITION=batch SBATCH_TIMELIMIT=12:00:00
#export SBATCH_GPUS_PER_NODE=4  # on some clusters SBATCH_GRES=gpu:4

# The modules that ./install.sh was run with.
#module load GCC CMake OpenMPI GDAL Python

export JEOPARDA_VENV=${JEOPARDA_VENV:-$PWD/.venv}
# Folders that all nodes can reach: patch files and runs; products to read.
export JEOPARDA_SCRATCH=${JEOPARDA_SCRATCH:-${SCRATCH:-$PWD}}
export JEOPARDA_PRODUCTS=${JEOPARDA_PRODUCTS:-$JEOPARDA_SCRATCH/products}
# mpirun or srun. mpirun takes the nodes from Slurm. srun needs a Slurm that knows your MPI; JEOPARDA_SRUN_MPI is the value of
# its option --mpi: pmix for Open MPI, pmi2 for MPICH, and an empty one leaves the choice to Slurm.
export JEOPARDA_LAUNCHER=${JEOPARDA_LAUNCHER:-mpirun}
export JEOPARDA_SRUN_MPI=${JEOPARDA_SRUN_MPI-pmix}
# Folder on a disk of each node, such as /tmp/$USER-patches: a training copies its patch files there first, and reads them there
# (--stage). Empty: it reads them where they are.
export JEOPARDA_STAGE=${JEOPARDA_STAGE:-}
# How often a job may put itself back into the queue before its time limit.
export JEOPARDA_REQUEUES=${JEOPARDA_REQUEUES:-20}

# mpirun asks a silent node for a sign of life after 10 s, then every 3 s, and ends the job after the fifth question: at most 25 s
# after a node or its network is lost. By default it takes 8 minutes. The names are those of Open MPI 4 and 5.
for prefix in OMPI PRTE; do
    export ${prefix}_MCA_oob_tcp_keepalive_time=10 ${prefix}_MCA_oob_tcp_keepalive_intvl=3 ${prefix}_MCA_oob_tcp_keepalive_probes=5
done

# GPUs and interconnect, from the documentation of Horovod (mpi.rst) and NCCL (env.html); untested here.
#export OMPI_MCA_pml=ob1 OMPI_MCA_btl=^openib   # MPI over TCP, because RDMA may crash; NCCL carries the gradients
#export OMPI_MCA_btl_tcp_if_include=ib0 NCCL_SOCKET_IFNAME=ib0  # if the start hangs on an interface without a route
#export NCCL_DEBUG=INFO                         # log the choices of NCCL, to find faults
