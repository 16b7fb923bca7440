#!/usr/bin/env bash
# Trains the fast network of superres/README.md: `lowres`, taught by the published DSen2 weights for the 20 m bands.
#
#     bash jobs/fast-network.sh tiles.txt --test-tiles test.txt     on one machine, with .venv active; not a Slurm job
#
# Hardware: two cores, 4 GB of memory, no GPU. Time: see superres/README.md. What stands behind the list of tiles goes to
# superres/train.py in all stages. The result is runs/fast-3. Started again, it goes on after the last whole epoch.
set -euo pipefail

tiles=${1:?give a list of tiles, as superres/train.py takes it}
shift
options=("$@")

stage() { # run folder, and what differs between the stages
    local folder=runs/$1 going_on=()
    shift
    if [ -e "$folder/checkpoint.h5" ]; then going_on=(--resume); fi
    python superres/train.py --tiles "$tiles" --model lowres --teacher dsen2-l1c-20m --schedule cosine \
        --run-dir "$folder" "$@" "${options[@]}" "${going_on[@]}"
}

stage fast-1 --epochs 32 --batch-size 8 --learning-rate 4e-4
# Each patch four times, three of them in other colours: grounds that the tiles do not show.
stage fast-2 --epochs 9 --batch-size 4 --learning-rate 4e-4 --warmup-epochs 0.25 --teacher-variants 4 --init-weights runs/fast-1
stage fast-3 --epochs 8 --batch-size 4 --learning-rate 2.5e-4 --warmup-epochs 0.5 --init-weights runs/fast-2
