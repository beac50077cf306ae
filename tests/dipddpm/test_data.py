import re
import shutil

import pytest
import torch
from PIL import Image

from dipddpm.config import RunConfig
from dipddpm.data import load_dataset
from dipddpm.errors import ConfigError, DataError
from dipddpm.features import load_features
from dipddpm.image_folder import to_square
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
    assert features.name == "mine-features-v1"
    kept = list(own_folder.parent.glob("cache/dipddpm/features-v1-*.safetensors"))
    assert len(kept) == 1
    before = kept[0].stat().st_mtime_ns
    load_features.cache_clear()
    fewer = load_dataset(str(own_folder), None, 100, 8)
    assert load_features(fewer).hash == features.hash  # of the data, whatever --train-size
    assert kept[0].stat().st_mtime_ns == before


def test_a_run_on_a_folder(own_folder):
    config = RunConfig(
        dataset=str(own_folder), image_size=8, dip_steps=2, width=8, epochs=1, sampler_steps=2
    )
    record = next(Run(config).records())
    assert record.scored_images == 40
    assert record.features.startswith("mine-features-v1@")


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
    assert (again.epoch, again.scores) == (expected.epoch, expected.scores)


def test_resizing_and_colour():
    image = Image.new("RGB", (40, 20))
    image.paste((255, 0, 0), (10, 0, 30, 20))  # red in the middle square, black beside it
    cropped, stretched = (to_square(image, 8, rule) for rule in ("crop", "stretch"))
    assert cropped.shape == stretched.shape == (3, 8, 8)
    assert (cropped[0] == 255).all()
    assert stretched[0, 0, 0] < 20


def test_folders_that_are_no_data_set(own_folder, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no images in class sub-folders"):
        load_dataset(str(tmp_path / "empty"))

    single = tmp_path / "single" / "cat"
    single.mkdir(parents=True)
    Image.new("L", (8, 8)).save(single / "a.png")
    with pytest.raises(DataError, match="1 images in 1 class sub-folders; at least 100"):
        load_dataset(str(tmp_path / "single"))

    for index in range(120):
        folder = tmp_path / "constant" / str(index % 2)
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 77).save(folder / f"{index}.png")
    with pytest.raises(DataError, match=r"all 120 images .* are the same"):
        load_dataset(str(tmp_path / "constant"))

    damaged = own_folder / "3" / "damaged.png"
    damaged.write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    load_dataset.cache_clear()
    with pytest.raises(DataError, match=re.escape(f"{damaged} cannot be read as an image")):
        load_dataset(str(own_folder), image_size=8)
