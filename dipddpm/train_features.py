"""Train the feature network of a data set: ``python -m dipddpm.train_features digits``.

Writes ``weights/NAME.safetensors`` and its card ``weights/NAME.json``. The shipped weights were
made by this command; run it again only for a new version, since scores on other weights do not
compare.
"""

import argparse
import hashlib
import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from dipddpm.data import DATASETS, Dataset, Split, load_dataset
from dipddpm.features import NUM_FEATURES, FeatureNet
from dipddpm.randomness import generator, seeded_global

VERSION = 1

LICENCES = {
    "digits": "data: UCI Optical Recognition of Handwritten Digits, CC BY 4.0; weights: Apache-2.0",
    "mnist": "data: MNIST (LeCun, Cortes, Burges), CC BY-SA 3.0; weights: CC BY-SA 3.0",
}

TRAINING = {  # epochs; the largest shift of the augmentation, in pixels
    "digits": (60, 0),
    "mnist": (8, 2),
}


def train_feature_net(dataset: Dataset, epochs: int, max_shift: int) -> FeatureNet:
    """Cross-entropy with label smoothing, AdamW and a one-cycle rate on the train split alone."""
    rng = generator(0, "features", dataset.name)
    with seeded_global(0, "features", dataset.name):
        classes = int(dataset.train.labels.max()) + 1
        net = FeatureNet(dataset.image_size, dataset.channels, classes)
    images, labels, batch = dataset.train.images, dataset.train.labels, 128
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.01)
    steps = epochs * (len(images) // batch)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    for epoch in range(epochs):
        net.train()
        for chosen in torch.randperm(len(images), generator=rng).split(batch):
            if len(chosen) < batch:
                break
            shifted = shift(images[chosen], max_shift, rng)
            loss = F.cross_entropy(net(shifted), labels[chosen], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            rate.step()
        right = accuracy(net, dataset.validation)
        print(f"epoch {epoch + 1}/{epochs}: validation accuracy {right:.4f}")
    return net.eval()


def shift(images: Tensor, most: int, rng: torch.Generator) -> Tensor:
    """Move a batch (N, C, H, W) by up to ``most`` pixels each way, the same for all its images."""
    dy, dx = (int(torch.randint(2 * most + 1, (), generator=rng)) for _ in range(2))
    size = images.shape[-1]
    padded = F.pad(images, (most,) * 4, value=-1.0)  # -1 is the background
    return padded[..., dy : dy + size, dx : dx + size]


@torch.no_grad()
def accuracy(net: FeatureNet, *splits: Split) -> float:
    net.eval()
    right = sum(int((net(s.images).argmax(1) == s.labels).sum()) for s in splits)
    return right / sum(map(len, splits))


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the feature network of a data set.")
    parser.add_argument("dataset", choices=DATASETS)
    parser.add_argument("--data-dir", help="folder that holds MNIST/raw")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "weights")
    args = parser.parse_args()
    dataset = load_dataset(args.dataset, args.data_dir)
    epochs, max_shift = TRAINING[args.dataset]
    net = train_feature_net(dataset, epochs, max_shift)

    args.out.mkdir(exist_ok=True)
    weights = args.out / f"{args.dataset}.safetensors"
    save_file(net.state_dict(), weights)
    card = {
        "name": f"{args.dataset}-features-v{VERSION}",
        "dataset": args.dataset,
        "dataset_hash": dataset.hash,
        "image_size": dataset.image_size,
        "channels": dataset.channels,
        "num_classes": net.head.out_features,
        "num_features": NUM_FEATURES,
        "train_images": len(dataset.train),
        "held_out_images": len(dataset.validation) + len(dataset.test),
        "accuracy": accuracy(net, dataset.validation, dataset.test),
        "parameters": sum(p.numel() for p in net.parameters()),
        "licence": LICENCES[args.dataset],
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "torch": torch.__version__,
    }
    card_file = args.out / f"{args.dataset}.json"
    card_file.write_text(json.dumps(card, indent=2) + "\n")
    print(f"{weights}: {card['accuracy']:.4f} of {card['held_out_images']} held-out images right")


if __name__ == "__main__":
    main()
