#!/usr/bin/env bash
# Train a DSen2 for the 20 m bands of L2A: take the published weights, which are for L1C, further on patches of L2A.
#
#     bash jobs/l2a-network.sh my-patches [more folders] [options of superres/train.py]     with .venv active; not a Slurm job
#
# Each folder holds BigEarthNet patches (some hundred, not the whole archive) or L2A products; with products, also
# give --patches-per-tile. The small sample adds five patches, and its sixth is held out for the test.
# TEST_TILES=test.txt tests on other scenes; keep them out of the folders. Options after the folders are given to
# superres/train.py. The results are runs/l2a-20m-seed0 to -seed2, and in runs/l2a-20m-evaluation a table that
# compares them with the published weights. The same command continues after the last whole epoch. Hardware: two
# cores, 4 GB of memory, no GPU. Time and errors: see superres/README.md. The published weights are licensed under
# GPL-3.
set -euo pipefail

published=dsen2-l1c-20m
held_out=S2A_MSIL2A_20170613T101031_87_48
lists=runs/l2a-20m-lists
mkdir -p "$lists"

sample=$(python common/sample.py)
folders=("$sample/BigEarthNet-S2")
while [ $# -gt 0 ] && [[ $1 != --* ]]; do
    [ -d "$1" ] || { echo "l2a-network.sh: $1 is no folder; give folders of BigEarthNet patches or L2A products." >&2; exit 2; }
    folders+=("$(realpath "$1")")
    shift
done
find "${folders[@]}" -mindepth 1 -maxdepth 1 -name 'S2?_MSIL2A_*' ! -name "$held_out" | sort >"$lists/tiles.txt"
echo "$sample/BigEarthNet-S2/$held_out" >"$lists/test.txt"
test_list=${TEST_TILES:-$lists/test.txt}

runs=()
for seed in 0 1 2; do
    folder=runs/l2a-20m-seed$seed
    # No validation: every patch counts where there are few, and the cosine ends at a low learning rate.
    python superres/train.py --tiles "$lists/tiles.txt" --init-weights "$published" --patches-per-tile 9 --batch-size 4 \
        --epochs 4 --learning-rate 1e-4 --schedule cosine --warmup-epochs 0.5 --validation-fraction 0 \
        --patch-cache runs/l2a-20m-patches --seed "$seed" --run-dir "$folder" --resume --test-tiles "$test_list" "$@"
    runs+=("$folder")
done
python superres/evaluate.py --tiles "$test_list" --weights "$published" --run-dir "${runs[@]}" \
    --output runs/l2a-20m-evaluation --overwrite
