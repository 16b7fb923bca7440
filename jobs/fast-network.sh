#!/usr/bin/env bash
# Train a fast network of superres/README.md, with the published DSen2 weights as teachers: `joint` for the bands of 20 m and
# 60 m together, or `lowres` for those of 20 m.
#
#     bash jobs/fast-network.sh joint tiles.txt --test-tiles test.txt     on one machine, with .venv active; not a Slurm job
#
# Hardware: two cores, 4 GB of memory, no GPU. Time, and the call that was measured: see superres/README.md. Options after the
# list of tiles are given to superres/train.py in all stages, such as --precision bfloat16 where the processor has it. The
# result is runs/joint or runs/fast-3. The same command continues after the last checkpoint.
set -euo pipefail

network=${1:?give the network: joint or lowres}
tiles=${2:?give the list of tiles for superres/train.py --tiles}
shift 2
options=("$@")

stage() { # arguments: name of the run folder, options of this stage
    local folder=runs/$1
    shift
    python superres/train.py --tiles "$tiles" --model "$network" --schedule cosine --run-dir "$folder" --resume "$@" "${options[@]}"
}

case $network in
joint)
    # For the 20 m bands of L2A, no weights are published: make a teacher with jobs/l2a-network.sh, and give all four after the list.
    stage joint --gsd 20 60 --teacher dsen2-l1c-20m dsen2-l1c-60m dsen2-l2a-60m --epochs 20 --batch-size 16 --learning-rate 2e-3 --clip-norm 0.5
    ;;
lowres)
    # Variants: each patch four times, three of them with varied brightness, reflectances that the tiles do not contain.
    stage fast-1 --teacher dsen2-l1c-20m --epochs 32 --batch-size 8 --learning-rate 4e-4
    stage fast-2 --teacher dsen2-l1c-20m --epochs 9 --batch-size 4 --learning-rate 4e-4 --warmup-epochs 0.25 --teacher-variants 4 \
        --init-weights runs/fast-1
    stage fast-3 --teacher dsen2-l1c-20m --epochs 8 --batch-size 4 --learning-rate 2.5e-4 --warmup-epochs 0.5 --init-weights runs/fast-2
    ;;
*)
    echo "the network is joint or lowres; got $network" >&2
    exit 2
    ;;
esac
