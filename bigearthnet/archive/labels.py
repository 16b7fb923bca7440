"""The 43 and the 19 classes of BigEarthNet, and labels as rows of 0 and 1. NumPy only.

The 43 are CORINE level-3 classes in CORINE's order. The 19 and the conversion are those of Sumbul et al. 2021,
"BigEarthNet-MM" (arXiv:2105.07921), in the order of the authors' `label_indices.json`. Well-known loaders sort the
names instead, so every matrix of labels needs its class names beside it.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from common.errors import ProductError

# CORINE class -> class of the 19; None: the 19 have no such class.
CONVERSION: Mapping[str, str | None] = {
    "Continuous urban fabric": "Urban fabric",
    "Discontinuous urban fabric": "Urban fabric",
    "Industrial or commercial units": "Industrial or commercial units",
    "Road and rail networks and associated land": None,
    "Port areas": None,
    "Airports": None,
    "Mineral extraction sites": None,
    "Dump sites": None,
    "Construction sites": None,
    "Green urban areas": None,
    "Sport and leisure facilities": None,
    "Non-irrigated arable land": "Arable land",
    "Permanently irrigated land": "Arable land",
    "Rice fields": "Arable land",
    "Vineyards": "Permanent crops",
    "Fruit trees and berry plantations": "Permanent crops",
    "Olive groves": "Permanent crops",
    "Pastures": "Pastures",
    "Annual crops associated with permanent crops": "Permanent crops",
    "Complex cultivation patterns": "Complex cultivation patterns",
    "Land principally occupied by agriculture, with significant areas of natural vegetation": "Land principally occupied by agriculture, with significant areas of natural vegetation",  # noqa: E501
    "Agro-forestry areas": "Agro-forestry areas",
    "Broad-leaved forest": "Broad-leaved forest",
    "Coniferous forest": "Coniferous forest",
    "Mixed forest": "Mixed forest",
    "Natural grassland": "Natural grassland and sparsely vegetated areas",
    "Moors and heathland": "Moors, heathland and sclerophyllous vegetation",
    "Sclerophyllous vegetation": "Moors, heathland and sclerophyllous vegetation",
    "Transitional woodland/shrub": "Transitional woodland, shrub",
    "Beaches, dunes, sands": "Beaches, dunes, sands",
    "Bare rock": None,
    "Sparsely vegetated areas": "Natural grassland and sparsely vegetated areas",
    "Burnt areas": None,
    "Inland marshes": "Inland wetlands",
    "Peatbogs": "Inland wetlands",
    "Salt marshes": "Coastal wetlands",
    "Salines": "Coastal wetlands",
    "Intertidal flats": None,
    "Water courses": "Inland waters",
    "Water bodies": "Inland waters",
    "Coastal lagoons": "Marine waters",
    "Estuaries": "Marine waters",
    "Sea and ocean": "Marine waters",
}
CLASSES_43 = tuple(CONVERSION)
CLASSES_19 = (
    "Urban fabric",
    "Industrial or commercial units",
    "Arable land",
    "Permanent crops",
    "Pastures",
    "Complex cultivation patterns",
    "Land principally occupied by agriculture, with significant areas of natural vegetation",
    "Agro-forestry areas",
    "Broad-leaved forest",
    "Coniferous forest",
    "Mixed forest",
    "Natural grassland and sparsely vegetated areas",
    "Moors, heathland and sclerophyllous vegetation",
    "Transitional woodland, shrub",
    "Beaches, dunes, sands",
    "Inland wetlands",
    "Coastal wetlands",
    "Inland waters",
    "Marine waters",
)
NOMENCLATURES: Mapping[int, tuple[str, ...]] = {43: CLASSES_43, 19: CLASSES_19}


def to_nomenclature(labels: Iterable[str], nomenclature: int) -> tuple[str, ...]:
    """Convert a patch's labels to one of the two nomenclatures.

    Args:
        labels: classes of the 43 (BigEarthNet version 1) or of the 19 (version 2).
        nomenclature: 43 or 19.

    Returns:
        Classes in the order of the nomenclature, each once; empty if the 19 have no class for any of the labels.

    Raises:
        ProductError: a label is unknown, or is one of the 19 although the 43 are asked for.
    """
    converted = {convert_label(label, nomenclature) for label in labels}
    return tuple(name for name in NOMENCLATURES[nomenclature] if name in converted)


def convert_label(label: str, nomenclature: int) -> str | None:
    """Return the class of a nomenclature for one label, None if it has none; errors as in `to_nomenclature`."""
    if label in NOMENCLATURES[nomenclature]:
        return label
    if label not in CONVERSION:
        raise ProductError(f"unknown label {label!r}; expected a class of BigEarthNet's {nomenclature}.")
    return CONVERSION[label]


def encode(labels: Iterable[str], class_names: Sequence[str]) -> np.ndarray:
    """Return labels as a multi-hot row, (C,) uint8: 1 for each class that is present.

    Raises:
        ProductError: a label is none of the class names.
    """
    labels = set(labels)
    unknown = sorted(labels - set(class_names))
    if unknown:
        raise ProductError(f"unknown label {unknown[0]!r}; expected one of {len(class_names)} classes.")
    return np.array([name in labels for name in class_names], dtype=np.uint8)


def decode(row: np.ndarray, class_names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the classes that are 1 in a multi-hot row, (C,), in the order of `class_names`."""
    return tuple(name for name, present in zip(class_names, row, strict=True) if present)
