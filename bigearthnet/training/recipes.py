"""Recipes: settings of published trainings by name. A setting that the command line gives counts more than a recipe's."""

from collections.abc import Mapping
from typing import Any

OWN = "own"  # the defaults of this software
REBEN = "reben"
RECIPES: Mapping[str, Mapping[str, Any]] = {
    OWN: {},
    # Clasen et al., reBEN: Refined BigEarthNet Dataset for Remote Sensing Image Analysis (arXiv:2407.03653), and the authors'
    # training scripts. Batches of 512 on one GPU: on N ranks give --batch-size 512/N. Their warm-up takes 10,000 steps,
    # which are 21.5 epochs of 237,871 patches. Unlike the authors, we train all epochs, turn patches, and do not bring
    # coarse bands to 10 m by the nearest neighbour. With Sentinel-1: --bands s1_10bands.
    REBEN: {
        "model": "resnet50",
        "bands": "10bands",
        "loss": "bce",
        "epochs": 100,
        "batch_size": 512,
        "optimizer": "adamw",
        "weight_decay": 0.01,
        "learning_rate": 1e-3,
        "rate_rule": "none",
        "schedule": "cosine",
        "warmup_epochs": 21.5,
        "warmup_rate": 1e-4,
        "last_rate": 1e-4,
        "dropout": 0.15,
        "best_by": "ap_macro",
    },
}
