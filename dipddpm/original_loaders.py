"""The input pipelines of the original report: PyTorch's DataLoader in the training process.

Its DDPM alone read torchvision's MNIST through transforms of one image at a time. That its DIP→DDPM
read a tensor in memory, in order, is inferred: the notebook of the combined run is not public.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, TensorDataset
from torchvision import transforms  # seconds to import: this module is imported where it is needed
from torchvision.datasets import CIFAR10, MNIST, VisionDataset

from dipddpm.data import to_levels, to_unit

Transform = Callable[[Any], Tensor]


class GreyImages(MNIST):  # type: ignore[misc]  # torchvision has no types
    """torchvision's MNIST over images in memory: what an image costs is its own code."""

    def __init__(self, levels: Tensor, transform: Transform) -> None:
        VisionDataset.__init__(self, transform=transform)
        self.data = levels.squeeze(1)  # (N, 1, H, W) -> (N, H, W)
        self.targets = torch.zeros(len(levels), dtype=torch.int64)


class ColourImages(CIFAR10):  # type: ignore[misc]
    """The same of images with three channels, by torchvision's CIFAR10."""

    def __init__(self, levels: Tensor, transform: Transform) -> None:
        VisionDataset.__init__(self, transform=transform)
        self.data = levels.permute(0, 2, 3, 1).numpy()  # (N, 3, H, W) -> (N, H, W, 3)
        self.targets = [0] * len(levels)


class OriginalLoader:
    """A loader of the original's: without workers, and with a last, smaller batch.

    Args:
        name: ``per-image`` or ``tensor-dataset``, as ``RunConfig.loader`` has them.
        images: (N, C, H, W) in [-1, 1], whatever the range of the batches.
        value_range: the range of the batches, as ``RunConfig.value_range`` has it.
        batch_size: images per batch.
    """

    def __init__(self, name: str, images: Tensor, value_range: str, batch_size: int) -> None:
        self.batch_size, self.device = batch_size, images.device
        images, unit = images.cpu(), value_range == "unit"
        self.dataset: Dataset[Any] = TensorDataset(to_unit(images) if unit else images)
        if name == "per-image":
            steps: list[Transform] = [transforms.ToTensor()]
            if not unit:
                steps.append(transforms.Lambda(lambda x: (x - 0.5) * 2))
            kind = GreyImages if images.shape[1] == 1 else ColourImages
            self.dataset = kind(to_levels(images.clamp(-1, 1)), transforms.Compose(steps))

    def batches(self, order: Tensor) -> Iterator[Tensor]:
        """Yield the images of those indices in batches, on the device of the images."""
        unused = torch.Generator()  # only workers would draw from it
        for images, *_ in DataLoader(
            self.dataset, self.batch_size, sampler=order.tolist(), generator=unused
        ):
            yield images.to(self.device)
