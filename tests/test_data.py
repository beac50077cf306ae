import shutil

import pytest
import torch

from dipddpm.data import load_dataset
from dipddpm.errors import ConfigError, DataError


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
    with pytest.raises(ConfigError, match="dataset is 'cats'; expected digits, mnist or an"):
        load_dataset("cats")


def test_missing_mnist_names_folder_files_and_ways_out(tmp_path):
    with pytest.raises(DataError) as caught:
        load_dataset("mnist", str(tmp_path))
    message = str(caught.value)
    assert "\n" not in message
    for part in (str(tmp_path), "train-images-idx3-ubyte", "--data-dir", "--dataset digits"):
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
