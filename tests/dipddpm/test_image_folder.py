"""Which files of a folder are images, of which split and class; how one is read is beside this."""

import os
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from support.image_folders import save_images

from dipddpm.data import Dataset, load_dataset
from dipddpm.errors import DataError
from dipddpm.image_folder import split_of


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder to be filled, and a cache of one's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    load_dataset.cache_clear()
    return tmp_path / "mine"


def load(folder, **options) -> Dataset:
    load_dataset.cache_clear()  # folders change between calls
    return load_dataset(str(folder), image_size=4, **options)


def splits_of(dataset: Dataset) -> dict[str, set[bytes]]:
    """The images of each split, to be compared."""
    return {
        name: {image.numpy().tobytes() for image in getattr(dataset, name).images}
        for name in ("train", "start", "validation", "test")
    }


def sizes(dataset: Dataset) -> dict[str, int]:
    return {name: len(getattr(dataset, name)) for name in splits_of(dataset)}


def test_images_without_class_folders_have_one_class(folder):
    save_images(folder, 120)
    mine = load(folder)
    assert sizes(mine) == {"train": 84, "start": 12, "validation": 12, "test": 12}
    assert mine.classes == 1
    assert set(mine.train.labels.tolist()) == {0}

    shutil.move(folder, folder.with_name("cats"))
    shutil.move(folder.with_name("cats"), folder / "cats")  # one class folder says no more
    assert load(folder).hash == mine.hash


def test_classes_are_counted_by_name(folder):
    for index, name in enumerate(("bees", "ants", "cats")):
        save_images(folder / name, 40, seed=index)
    mine = load(folder)
    assert mine.classes == 3
    assert sorted(mine.full_train.labels.unique().tolist()) == [0, 1, 2]


def test_folders_of_before_keep_their_hash(folder):
    """Measured with version 0.2, by torchvision's ImageFolder."""
    for index in range(130):
        rng = np.random.RandomState(index)
        below = folder / f"c {index % 3}" / ("a b" if index % 5 == 0 else "a" if index % 7 else "")
        below.mkdir(parents=True, exist_ok=True)
        pixels = rng.randint(0, 256, (10 + index % 4, 12, 3), dtype=np.uint8)
        image = Image.fromarray(pixels if index % 3 else pixels[..., 0])
        image.save(below / f"{index}.{('png', 'BMP', 'tiff')[index % 3]}")
    assert load(folder).hash == "e9a0892525f0e95f"


def test_what_systems_leave_behind_is_no_data(folder, capsys):
    save_images(folder / "a", 60)
    save_images(folder / "b", 60, seed=1)
    clean = load(folder)
    for name in (".ipynb_checkpoints", "__MACOSX", ".thumbnails", "@eaDir", "a/.hidden"):
        save_images(folder / name, 3, seed=2)
    (folder / "empty").mkdir()
    for name in ("._0.png", ".DS_Store", "Thumbs.db", "desktop.ini"):
        for below in (folder, folder / "a"):
            (below / name).write_bytes(b"no image")
    assert load(folder).hash == clean.hash
    assert capsys.readouterr().err == ""

    (folder / "README.txt").write_text("about these images")
    (folder / "labels.csv").write_text("0.png,a\n")
    assert load(folder).hash == clean.hash
    said = capsys.readouterr().err
    assert said == "mine: 2 files are no images and left out, such as README.txt\n"


LAYOUTS = {
    "plain": ("train", "test"),
    "capitals": ("Training", "TESTING"),
    "with classes": ("train/cats", "train/dogs", "test/cats", "test/dogs"),
    "three": ("train", "val", "test"),
    "classes first": ("cats/train", "dogs/train", "cats/valid", "dogs/valid"),
    "in a folder": ("data/a/train/cats", "data/a/train/dogs", "data/a/validation/cats"),
    "named": ("seg_train/seg_train/cats", "seg_train/seg_train/dogs", "seg_test/seg_test/cats"),
    "years": ("train2017", "val2017"),
    "test without classes": ("train/cats", "train/dogs", "test"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_train_and_test_folders_are_splits_and_no_image_crosses(layout, folder):
    for index, name in enumerate(LAYOUTS[layout]):
        is_train = "train" in name.casefold()
        save_images(folder / name, 90, seed=index, levels=(0, 100) if is_train else (100, 256))
    mine = load(folder)
    dark, bright = (
        [getattr(mine, name).images for name in names]
        for names in (("train", "start"), ("validation", "test"))
    )
    assert torch.cat(dark).max() < 100 / 127.5 - 1 <= torch.cat(bright).min()
    train_folders = sum("train" in name.casefold() for name in LAYOUTS[layout])
    assert sum(map(len, dark)) == 90 * train_folders
    assert sum(map(len, bright)) == 90 * (len(LAYOUTS[layout]) - train_folders)
    has_classes = any("cats" in name for name in LAYOUTS[layout])
    assert mine.classes == (2 if has_classes and layout != "test without classes" else 1)
    assert set(mine.full_train.labels.tolist()) == set(range(mine.classes))


def test_validation_and_test_folders_are_those_splits(folder):
    for index, (name, count) in enumerate((("train", 80), ("val", 30), ("test", 20))):
        save_images(folder / name, count, seed=index)
    assert sizes(load(folder)) == {"train": 70, "start": 10, "validation": 30, "test": 20}
    shutil.rmtree(folder / "val")
    assert sizes(load(folder)) == {"train": 70, "start": 10, "validation": 10, "test": 10}


def test_names_of_splits():
    held_out = {"test", "Test", "testing", "test_set", "seg_test", "test-images", "holdout"}
    assert {split_of(name) for name in held_out} == {"test"}
    assert {split_of(name) for name in ("val", "valid", "Validation", "val2017")} == {"validation"}
    assert {split_of(name) for name in ("train", "training", "trainset")} == {"train"}
    assert {split_of(name) for name in ("cats", "trains", "contest", "testament", "0")} == {None}


def test_a_class_may_be_called_train(folder):
    for index, name in enumerate(("bicycle", "car", "train")):
        save_images(folder / name, 40, seed=index)
    mine = load(folder)
    assert mine.classes == 3
    assert sizes(mine)["train"] == 84


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ("train", "test", "cats"),
            r"holds test/, train/ beside cats/, so what is held out is not",
        ),
        (("train", "test", ""), r"holds test/, train/ beside other images, so what is held out is"),
        (("test", "val"), r"holds test/, val/, and no folder called train"),
        (("cats", "dogs", ""), r"holds 60 images beside class sub-folders; put them into a class"),
        (("cats/train", "cats/test", "dogs"), r"holds test/, train/ beside other images"),
    ],
)
def test_folders_that_can_be_taken_in_two_ways_are_refused(names, message, folder):
    for index, name in enumerate(names):
        save_images(folder / name, 60, seed=index)
    with pytest.raises(DataError, match=message) as caught:
        load(folder)
    assert str(folder) in str(caught.value)


def test_of_copies_one_is_kept_and_their_number_is_said(folder, capsys):
    save_images(folder / "a", 120)
    unique = load(folder)
    save_images(folder / "b", 40, seed=0)  # the first of them again
    mine = load(folder)
    assert capsys.readouterr().err == ("mine: 40 of 160 images are copies of others and left out\n")
    splits = splits_of(mine)
    assert sum(map(len, splits.values())) == sum(sizes(mine).values()) == 120
    assert set.union(*splits.values()) == set.union(*splits_of(unique).values())


def test_what_is_held_out_is_not_trained_on(folder):
    save_images(folder / "train", 120)
    save_images(folder / "val", 30)  # copies of 30 of them
    assert sizes(load(folder)) == {"train": 79, "start": 11, "validation": 15, "test": 15}


def test_too_few_different_images_are_refused_with_their_number(folder):
    save_images(folder, 20)
    with pytest.raises(DataError, match="mine holds 20 images; at least 100 are needed"):
        load(folder)
    for name in ("b", "c", "d", "e"):
        save_images(folder.with_name("copies") / name, 30)
    with pytest.raises(DataError, match="few different images: 30 among 120; at least 100 are"):
        load(folder.with_name("copies"))
    save_images(folder.with_name("split") / "train", 120, seed=0)
    save_images(folder.with_name("split") / "test", 15, seed=1)
    with pytest.raises(DataError, match="few different images: 15 in test; at least 20 are"):
        load(folder.with_name("split"))


def test_links_are_followed_and_those_in_a_circle_end(folder):
    save_images(folder.with_name("elsewhere"), 120)
    folder.mkdir()
    (folder / "linked").symlink_to(folder.with_name("elsewhere"))
    (folder.with_name("elsewhere") / "back").symlink_to(folder)
    assert sum(sizes(load(folder)).values()) == 120


def test_grey_images_stored_as_rgb_are_grey_unless_told_otherwise(folder):
    save_images(folder, 120)
    grey = load(folder)
    for path in folder.iterdir():
        Image.open(path).convert("RGB").save(path)
    assert load(folder).hash == grey.hash
    in_colour = load(folder, channels=3)
    assert in_colour.shape == (3, 4, 4)
    assert torch.equal(in_colour.train.images[:, :1], grey.train.images)

    Image.new("RGB", (4, 4), (255, 0, 0)).save(folder / "0.png")
    assert load(folder).shape == (3, 4, 4)
    one = load(folder, channels=1)
    assert one.shape == (1, 4, 4)
    red = {round(float((i[0, 0, 0] + 1) * 127.5)) for i in one.full_train.images if i.std() == 0}
    assert red <= {76}  # 0.299 · 255


def test_a_known_name_is_that_data_set_and_a_path_is_a_folder(folder, tmp_path, monkeypatch):
    save_images(tmp_path / "digits", 120)
    monkeypatch.chdir(tmp_path)
    assert load("digits").shape == (1, 8, 8)
    relative, absolute = load("./digits"), load(tmp_path / "digits")
    assert relative.shape == (1, 4, 4)
    assert relative.name == "digits"
    assert relative.identity == absolute.identity != load("digits").identity


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_a_folder_that_may_not_be_opened_is_refused_by_name(folder):
    save_images(folder / "a", 120)
    (folder / "b").mkdir(mode=0)
    with pytest.raises(DataError, match="b cannot be read: Permission denied"):
        load(folder)
