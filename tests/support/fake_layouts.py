"""Layouts in which people have products: archives of several systems, and a tile of two datastrips."""

import shutil
import tarfile
import zipfile
from pathlib import Path

from tests.support.fake_safe import edit_product_xml


def zip_product(product: Path, path: Path, around: str = "", separator: str = "/") -> Path:
    """Zip a product folder, with folders around it such as `a/b/`, and names with the separator of a system."""
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(file for file in product.rglob("*") if file.is_file()):
            member = zipfile.ZipInfo()
            name = around + file.relative_to(product.parent).as_posix()
            member.filename = name.replace("/", separator)  # the constructor would change backslashes
            archive.writestr(member, file.read_bytes())
    return path


def tar_product(product: Path, path: Path, tar_format: int = tarfile.PAX_FORMAT) -> Path:
    """Write a product folder into a tar."""
    with tarfile.open(path, "w", format=tar_format) as archive:
        archive.add(product, product.name)
    return path


def add_datastrip(product: Path, time: str = "20200701T120000") -> None:
    """Give a product of the old format its granule once more, as of a second datastrip with this time."""
    (granule,) = (product / "GRANULE").iterdir()
    old_time = granule.name.split("__")[1].split("_")[0]
    copy = granule.with_name(granule.name.replace(old_time, time))
    shutil.copytree(granule, copy)
    for image in copy.rglob("*.jp2"):
        image.rename(image.with_name(image.name.replace(old_time, time)))
    text = next(product.glob("*.xml")).read_text()
    entry = text[text.index("<Granule_List>") : text.rindex("</Granule_List>")] + "</Granule_List>"
    edit_product_xml(product, entry, entry + entry.replace(granule.name, copy.name))
