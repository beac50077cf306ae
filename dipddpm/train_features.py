"""Train the feature network of a data set: ``python -m dipddpm.train_features digits``.

The command writes ``weights/NAME.safetensors`` and its card ``weights/NAME.json``. The shipped
weights were made by it. Run it again only for a new version, since scores on other weights do not
compare.
"""

import argparse
import hashlib
import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from dipddpm.data import DATA_SOURCES, WEIGHTS, load_dataset
from dipddpm.features import make_card, train_feature_net

TRAINING = {  # epochs; the largest shift of the augmentation, in pixels
    "digits": (60, 0),
    "mnist": (8, 2),
}
WEIGHTS_LICENCES = {"digits": "Apache-2.0", "mnist": "CC BY-SA 3.0"}


def main() -> None:
    """Train the features and write them with their card."""
    parser = argparse.ArgumentParser(description="Train the feature network of a data set.")
    parser.add_argument("dataset", choices=TRAINING)
    parser.add_argument("--data-dir", help="the folder that holds MNIST/raw")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    args = parser.parse_args()
    dataset = load_dataset(args.dataset, args.data_dir)
    epochs, max_shift = TRAINING[args.dataset]
    net = train_feature_net(dataset, epochs, max_shift)

    args.out.mkdir(exist_ok=True)
    weights = args.out / f"{args.dataset}.safetensors"
    save_file(net.state_dict(), weights)
    card = {
        **make_card(net, dataset),
        "licence": f"data: {DATA_SOURCES[args.dataset].licence}; "
        f"weights: {WEIGHTS_LICENCES[args.dataset]}",
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "torch": torch.__version__,
    }
    card_file = args.out / f"{args.dataset}.json"
    card_file.write_text(json.dumps(card, indent=2) + "\n")
    print(f"{weights}: {card['accuracy']:.4f} of {card['held_out_images']} held-out images right")


if __name__ == "__main__":
    main()
