"""The trainings of a comparison: each variant once, in its own folder, and a check at the end."""

from pathlib import Path

import pytest

from common.errors import RunFolderError
from common.runs.config import RunConfig
from common.runs.folder import write_config
from common.runs.opening import RunLocation
from common.studies.options import StudyOptions
from common.studies.trainings import train_variants
from common.studies.variants import Variant, vary


def test_each_variant_is_trained_in_its_folder_and_unequal_data_are_found(tmp_path: Path) -> None:
    variants = vary({"nadam": {}, "sgd": {"optimizer": "sgd"}}, (0, 1))
    done, patches = [], "12ab"

    def train(variant: Variant, location: RunLocation) -> None:
        assert (location.folder, location.resume) == (variant.folder(tmp_path), True)
        location.folder.mkdir(parents=True, exist_ok=True)
        write_config(location.folder, RunConfig(**variant.own_settings), patch_files={"a.h5": patches})
        done.append(variant)

    options = StudyOptions(None, False, (0, 1), tmp_path, resume=True)
    train_variants(variants, options, train, lambda: done.append("forgotten"))
    assert done == [step for variant in variants for step in (variant, "forgotten")]
    patches = "34cd"
    with pytest.raises(RunFolderError, match="trained on different patches"):
        train_variants(variants[:1], options, train, lambda: None)
        train_variants(variants[:2], options, lambda variant, location: None, lambda: None)
