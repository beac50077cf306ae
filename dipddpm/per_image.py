"""The input pipeline of the original report: images through PIL, one at a time.

It is here to be timed against a tensor on the device.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from dipddpm.data import to_unit


class PILImages(Dataset[Tensor]):
    """Images kept as bytes, as torchvision's MNIST keeps them; each is made anew when asked for.

    Args:
        images: (N, C, H, W), levels 0 … 1, which are rounded to bytes.
        transform: maps a PIL image to a tensor.
    """

    def __init__(self, images: Tensor, transform: Callable[[Any], Tensor]) -> None:
        pixels = (images.cpu() * 255).round().to(torch.uint8).permute(0, 2, 3, 1)  # -> (N, H, W, C)
        self.pixels = pixels.squeeze(-1).numpy()  # of a grey image PIL wants (H, W)
        self.transform = transform

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> Tensor:
        return self.transform(Image.fromarray(self.pixels[index]))


class PerImageLoader:
    """A loader like that of the original's DDPM alone: in the training process, without workers.

    Args:
        images: (N, C, H, W) in the range that ``value_range`` names; so are the batches.
    """

    def __init__(self, images: Tensor, value_range: str, batch_size: int) -> None:
        from torchvision import transforms  # seconds to import, and needed here alone

        steps: list[Callable[[Any], Any]] = [transforms.ToTensor()]
        levels = images
        if value_range == "symmetric":
            levels = to_unit(images)
            steps.append(transforms.Lambda(lambda x: (x - 0.5) * 2))
        self.images = PILImages(levels, transforms.Compose(steps))
        self.batch_size, self.device = batch_size, images.device

    def batches(self, order: Tensor) -> Iterator[Tensor]:
        """Yield the images of those indices in batches, on the device of the images."""
        unused = torch.Generator()  # only workers would draw from it
        for batch in DataLoader(
            self.images, self.batch_size, sampler=order.tolist(), generator=unused
        ):
            yield batch.to(self.device)
