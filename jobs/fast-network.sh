#!/usr/bin/env bash
# Train the fast network of superres/README.md: `lowres` for the 20 m bands, with the published DSen2 weights as teacher.
#
#     bash jobs/fast-network.sh tiles.txt --test-tiles test.txt     on one machine, with .venv active; not a Slurm job
#
# Hardware: two cores, 4 GB of memory, no GPU. Time: see superres/README.md. Options after the list of tiles are given to
# superres/train.py in all stages. The result is runs/fast-3. The same command continues after the last whole epoch.
set -euo pipefail

tiles=${1:?give the list of tiles for superres/train.py --tiles}
shift
options=("$@")

stage() { # arguments: name of the run folder, options of this stage
    local folder=runs/$1
    shift
    python superres/train.py --tiles "$tiles" --model lowres --teacher dsen2-l1c-20m --schedule cosine \
        --run-dir "$folder" --resume "$@" "${options[@]}"
}

stage fast-1 --epochs 32 --batch-size 8 --learning-rate 4e-4
# Each patch four times, three of them with varied brightness: reflectances that the tiles do not contain.
stage fast-2 --epochs 9 --batch-size 4 --learning-rate 4e-4 --warmup-epochs 0.25 --teacher-variants 4 --init-weights runs/fast-1
stage fast-3 --epochs 8 --batch-size 4 --learning-rate 2.5e-4 --warmup-epochs 0.5 --init-weights runs/fast-2
