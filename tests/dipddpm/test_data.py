"""Data sets: their splits, their files, and that they are known by their images alone."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from dipddpm.__main__ import main
from dipddpm.config import RunConfig
from dipddpm.data import DATA_SOURCES, Dataset, DataSource, Split, cut, load_dataset, shuffled
from dipddpm.errors import ConfigError, DataError
from dipddpm.feature_store import load_features, shipped_card
from dipddpm.pipeline import Run


def test_digits_and_their_splits():
    digits = load_dataset("digits")
    sizes = [len(s) for s in (digits.train, digits.start, digits.validation, digits.test)]
    assert sizes == [1000, 197, 300, 300]
    images = torch.cat([digits.train.images, digits.test.images])
    assert images.shape[1:] == (1, 8, 8)
    assert images.dtype == torch.float32
    assert (images.min(), images.max()) == (-1, 1)
    for split in (digits.train, digits.start, digits.validation, digits.test):
        assert set(split.labels.tolist()) == set(range(10))


def test_the_start_split_can_be_learnt_from():
    """The original learned from all 60,000 images of MNIST, of which our train split has 55,000."""
    digits, more = load_dataset("digits"), load_dataset("digits", train_on_start=True)
    assert len(more.train) == 1197
    assert torch.equal(more.train.images[1000:], digits.start.images)
    assert more.identity == digits.identity  # whose features serve both
    assert more.hash != digits.hash
    assert len(load_dataset("digits", train_size=1100, train_on_start=True).train) == 1100
    with pytest.raises(ConfigError, match="start_split is 'train'; expected held-out"):
        RunConfig(dataset="digits", start_split="train", start_step=250)


def test_splits_are_the_same_everywhere():
    """The shipped features have seen this train split; another split would leak."""
    assert load_dataset("digits").hash == "1975cbd0a4ffca25"


def test_splits_share_no_image():
    digits = load_dataset("digits")
    splits = (digits.train, digits.start, digits.validation, digits.test)
    images = torch.cat([split.images for split in splits]).flatten(1)
    assert len(images.unique(dim=0)) == len(images) == 1797


def test_train_size():
    small = load_dataset("digits", train_size=50)
    assert len(small.train) == 50
    assert small.hash != load_dataset("digits").hash
    with pytest.raises(ConfigError, match="train_size is 1001; expected at most 1000 for digits"):
        load_dataset("digits", train_size=1001)


def test_unknown_data_set():
    with pytest.raises(
        ConfigError, match="dataset is 'cats'; expected digits, mnist-small, mnist or an"
    ):
        load_dataset("cats")
    with pytest.raises(ConfigError, match="dataset is ''; expected digits, mnist-small, mnist or"):
        load_dataset("")  # no name is not this folder


def changed(dataset: Dataset, images=lambda x: x, labels=lambda y: y) -> Dataset:
    """The data set with other images or labels in all of its splits."""
    splits = {
        name: Split(images(split.images), labels(split.labels))
        for name in ("train", "start", "validation", "test", "full_train")
        for split in (getattr(dataset, name),)
    }
    return dataclasses.replace(dataset, **splits)


def level(grey: int) -> float:
    """Grey level 0 … 255 in [-1, 1]."""
    return grey / 127.5 - 1


def test_shipped_features_serve_copies_in_which_grey_level_1_reads_0_and_no_others():
    """Such copies of MNIST are about; everything else is another data set, whatever its name."""
    digits = load_dataset("digits")
    assert shipped_card(digits) == DATA_SOURCES["digits"].card

    darkest = digits.train.images.min()
    with_ones = changed(digits, lambda x: torch.where(x == darkest, level(1), x))
    assert with_ones.hash != digits.hash
    assert with_ones.identity == digits.identity
    assert shipped_card(with_ones) == DATA_SOURCES["digits"].card
    assert load_features(with_ones).hash == load_features(digits).hash

    others = {
        "rotated": changed(digits, lambda x: x.rot90(dims=(2, 3))),
        "inverted": changed(digits, lambda x: -x),
        "level 2 for 0": changed(digits, lambda x: torch.where(x == darkest, level(2), x)),
        "shuffled labels": changed(digits, labels=lambda y: y.flip(0)),
        "other splits": dataclasses.replace(digits, start=digits.validation),
    }
    for name, other in others.items():
        assert other.name == "digits"
        assert other.identity != digits.identity, name
        assert shipped_card(other) is None, name


def test_the_identity_is_that_of_the_whole_set():
    digits, small = load_dataset("digits"), load_dataset("digits", train_size=50)
    assert small.identity == digits.identity
    assert load_features(small).hash == load_features(digits).hash


def test_cards_name_their_features_and_the_identity_of_their_images():
    for source in DATA_SOURCES.values():
        card = json.loads(source.card.read_text())
        assert card["dataset"] == source.name
        assert (card["channels"], card["image_size"]) == (source.shape[0], source.shape[1])
        assert card["licence"].startswith(f"data: {source.licence}")
        assert (source.card.parent / card["weights"]).exists()
        assert len(card["identity"]) == 16


def stripes(data_dir: str | None) -> Dataset:
    """Images of one's own: 8×8, vertical or horizontal, 400 of them."""
    rng = np.random.RandomState(0)
    labels = np.arange(400) % 2
    rows = rng.randint(0, 256, (400, 1, 1, 8)).repeat(8, axis=2)
    pixels = np.where(labels[:, None, None, None] == 0, rows, rows.swapaxes(2, 3))
    return cut("stripes", shuffled(pixels, labels, white=255), train=280, start=40, validation=40)


def test_a_data_source_from_outside(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    source = DataSource("stripes", stripes, (1, 8, 8), "stripes of 8×8 pixels", "CC0")
    monkeypatch.setitem(DATA_SOURCES, "stripes", source)
    few = ["--dip-steps", "2", "--epochs", "1", "--width", "8", "--sampler-steps", "2"]
    out = tmp_path / "run"
    assert main(["run", "--dataset", "stripes", *few, "--out", str(out)]) == 0
    record = json.loads((out / "records.jsonl").read_text())
    assert record["dataset_hash"] == stripes(None).hash
    assert record["features"].startswith("stripes-features-v2@")

    with pytest.raises(ConfigError, match="mnist-small, mnist, stripes or an existing folder"):
        load_dataset("spots")
    with pytest.raises(ConfigError, match="data_dir is 'x'; expected none: only dataset mnist has"):
        RunConfig(dataset="stripes", data_dir="x")
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    assert "stripes: stripes of 8×8 pixels" in " ".join(capsys.readouterr().out.split())


def test_missing_mnist_names_folder_files_and_ways_out(tmp_path):
    with pytest.raises(DataError) as caught:
        load_dataset("mnist", str(tmp_path))
    message = str(caught.value)
    assert "\n" not in message
    for part in (str(tmp_path), "train-images-idx3-ubyte", "--data-dir", "--dataset mnist-small"):
        assert part in message


def test_damaged_mnist_is_reported(tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part in ("train", "t10k"):
        (raw / f"{part}-images-idx3-ubyte").write_bytes(b"\0" * 40)
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(b"\0" * 40)
    with pytest.raises(DataError, match="cannot be read"):
        load_dataset("mnist", str(tmp_path))


def test_mnist(mnist_dir):
    mnist = load_dataset("mnist", str(mnist_dir))
    sizes = [len(s) for s in (mnist.train, mnist.start, mnist.validation, mnist.test)]
    assert sizes == [55_000, 5_000, 5_000, 5_000]
    assert mnist.train.images.shape[1:] == (1, 28, 28)
    assert (mnist.train.images.min(), mnist.train.images.max()) == (-1, 1)
    assert shipped_card(mnist) == DATA_SOURCES["mnist"].card


def test_mnist_is_downloaded_once_for_many_workers(mnist_dir, tmp_path, monkeypatch):
    """The cache is filled under a lock: the second worker finds what the first has fetched."""
    import torchvision.datasets

    fetched = []

    class MNIST(torchvision.datasets.MNIST):  # the name is that of its folder
        def download(self):
            if not self._check_exists():
                fetched.append(self.root)
                shutil.copytree(mnist_dir / "MNIST", tmp_path / "cache" / "dipddpm" / "MNIST")

    monkeypatch.setattr(torchvision.datasets, "MNIST", MNIST)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    load_dataset.cache_clear()
    for _ in range(2):
        assert len(load_dataset("mnist", None).train) == 55_000
        load_dataset.cache_clear()
    assert len(fetched) == 1


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    """The bundled digits as files of one's own, and a cache of one's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    digits = load_dataset("digits")
    for index in range(400):
        folder = tmp_path / "mine" / str(digits.train.labels[index].item())
        folder.mkdir(parents=True, exist_ok=True)
        grey = ((digits.train.images[index, 0] + 1) * 127.5).round().to(torch.uint8)
        Image.fromarray(grey.numpy()).save(folder / f"{index}.png")
    return tmp_path / "mine"


def test_a_folder_of_images(own_folder):
    mine = load_dataset(str(own_folder), image_size=8)
    assert mine.name == "mine"
    assert [len(s) for s in (mine.train, mine.start, mine.validation, mine.test)] == [
        280,
        40,
        40,
        40,
    ]
    assert mine.shape == (1, 8, 8)
    ours = load_dataset("digits").train.images[:400].flatten(1)
    distance = torch.cdist(mine.train.images.flatten(1), ours).amin(dim=1)
    assert distance.max() < 0.1  # each is one of the images that were saved, to 1 grey level


def test_features_of_a_folder_are_trained_once_and_know_it(own_folder):
    mine = load_dataset(str(own_folder), image_size=8)
    features = load_features(mine)
    assert features.accuracy > 0.8
    assert features.card["name"] == "mine-features-v2"
    kept = list(own_folder.parent.glob("cache/dipddpm/features-v2-*.safetensors"))
    assert len(kept) == 1
    before = kept[0].stat().st_mtime_ns
    fewer = load_dataset(str(own_folder), None, 100, 8)
    assert load_features(fewer).hash == features.hash  # of the data, whatever --train-size
    assert kept[0].stat().st_mtime_ns == before


def test_a_folder_called_mnist_has_features_of_its_own(own_folder):
    mine = load_dataset(str(own_folder.rename(own_folder.with_name("mnist"))), image_size=8)
    assert mine.name == "mnist"
    assert shipped_card(mine) is None
    assert load_features(mine).hash != load_features(load_dataset("digits")).hash


def test_a_run_on_a_folder(own_folder):
    config = RunConfig(
        dataset=str(own_folder), image_size=8, dip_steps=2, width=8, epochs=1, sampler_steps=2
    )
    record = next(Run(config).records())
    assert record.scored_images == 40
    assert record.features.startswith("mine-features-v2@")


def test_a_run_goes_on_where_its_images_have_moved(own_folder, tmp_path):
    few = {"dip_steps": 2, "width": 8, "epochs": 2, "eval_every": 1, "sampler_steps": 2}
    run = Run(RunConfig(dataset=str(own_folder), image_size=8, **few))
    records = run.records()
    next(records)
    run.save(tmp_path)
    expected = next(records)
    load_dataset.cache_clear()
    moved = own_folder.rename(own_folder.with_name("moved"))
    with pytest.raises(ConfigError):
        Run.load(tmp_path)
    again = next(Run.load(tmp_path, dataset=str(moved)).records())
    assert (again.epoch, again.scores["fid"]) == (expected.epoch, expected.scores["fid"])
