"""Class names, their order, the conversion from 43 to 19 classes, multi-hot rows."""

import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bigearthnet.archive.labels import (
    CLASSES_19,
    CLASSES_43,
    CONVERSION,
    NOMENCLATURES,
    decode,
    encode,
    to_nomenclature,
)
from common.errors import ProductError
from common.files.downloads import cache_folder


def test_counts() -> None:
    assert (len(set(CLASSES_43)), len(set(CLASSES_19))) == (43, 19)
    assert {name for name in CONVERSION.values() if name} == set(CLASSES_19)
    assert sum(name is None for name in CONVERSION.values()) == 11


def test_order_of_the_authors() -> None:
    """Some entries of `label_indices.json`, which is not sorted by name."""
    assert CLASSES_43[:3] == ("Continuous urban fabric", "Discontinuous urban fabric", "Industrial or commercial units")
    assert (CLASSES_43[22], CLASSES_43[42]) == ("Broad-leaved forest", "Sea and ocean")
    assert (CLASSES_19[0], CLASSES_19[8], CLASSES_19[18]) == ("Urban fabric", "Broad-leaved forest", "Marine waters")


def test_the_tables_equal_those_of_bigearthnet_common() -> None:
    """The package's constants are read as data, without running it."""
    wheel = cache_folder() / "downloads" / "bigearthnet_common-2.8.0-py3-none-any.whl"
    if not wheel.exists():
        pytest.skip("run python common/sample.py to fetch the wheel that this test compares with")
    import ast

    tree = ast.parse(zipfile.ZipFile(wheel).read("bigearthnet_common/constants.py"))
    constants = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                constants[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                continue  # not a constant
    assert list(constants["OLD2NEW_LABELS_DICT"].items()) == list(CONVERSION.items())
    assert constants["NEW_LABELS_ORIGINAL_ORDER"] == CLASSES_19


def test_conversion() -> None:
    assert to_nomenclature(["Port areas", "Rice fields", "Non-irrigated arable land"], 19) == ("Arable land",)
    assert to_nomenclature(["Burnt areas", "Airports"], 19) == ()
    assert to_nomenclature(["Sea and ocean", "Airports"], 43) == ("Airports", "Sea and ocean")
    assert to_nomenclature(["Marine waters"], 19) == ("Marine waters",)  # as version 2 has it


@pytest.mark.parametrize("nomenclature", [19, 43])
def test_unknown_label(nomenclature: int) -> None:
    with pytest.raises(ProductError, match="unknown label 'Forest'; expected a class of BigEarthNet's"):
        to_nomenclature(["Pastures", "Forest"], nomenclature)


def test_a_class_of_the_19_is_not_one_of_the_43() -> None:
    with pytest.raises(ProductError, match="unknown label 'Urban fabric'"):
        to_nomenclature(["Urban fabric"], 43)


@given(st.sets(st.sampled_from(CLASSES_43)), st.sampled_from([19, 43]))
def test_labels_to_multi_hot_and_back(labels: set[str], nomenclature: int) -> None:
    names = NOMENCLATURES[nomenclature]
    converted = to_nomenclature(labels, nomenclature)
    row = encode(converted, names)
    assert (row.shape, row.dtype) == ((nomenclature,), np.uint8)
    assert decode(row, names) == converted
    expected = labels if nomenclature == 43 else {CONVERSION[label] for label in labels} - {None}
    assert set(converted) == expected


def test_encode_refuses_other_names() -> None:
    with pytest.raises(ProductError, match="unknown label 'Pasture'"):
        encode(["Pasture"], CLASSES_19)


def real_json_files() -> list[Path]:
    folders = [Path(os.environ.get("JEOPARDA_REAL_DATA", "none")) / "bigearthnet", cache_folder() / "sample"]
    return [path for folder in folders for path in folder.glob("BigEarthNet-S2/*/*.json")]


def test_labels_of_real_patches() -> None:
    """All labels of real patches are known, and are converted as in the table."""
    paths = real_json_files()
    if not paths:
        pytest.skip("set JEOPARDA_REAL_DATA, or run python common/sample.py, to try real patches")
    for path in paths:
        labels = json.loads(path.read_text())["labels"]
        assert set(to_nomenclature(labels, 43)) == set(labels)
        assert set(to_nomenclature(labels, 19)) == {CONVERSION[label] for label in labels} - {None}
