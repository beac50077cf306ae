"""The classical denoisers: Gaussian smoothing, total variation, principal components."""

from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from dipddpm.corruption import in_float64
from dipddpm.errors import ConfigError
from dipddpm.priors.classical import Classical, Denoiser

if TYPE_CHECKING:
    from dipddpm.config import RunConfig

MOST_VALUES = 4096  # of an image, whose covariance is that large squared


def steps(weak: float, strong: float) -> tuple[float, ...]:
    """Return twelve strengths, evenly spaced on a log scale."""
    return tuple(np.geomspace(weak, strong, 12).tolist())


class Gaussian(Classical):
    """The prior ``gaussian``: a Gaussian blur, whose strength is its deviation in pixels."""

    description: ClassVar[str] = "images blurred by a Gaussian, their contrast given back"
    strengths: ClassVar[tuple[float, ...]] = steps(0.3, 3)

    def denoiser(self, noisy: Tensor) -> Denoiser:
        return blur


class TotalVariation(Classical):
    """The prior ``tv``: total variation (Rudin, Osher & Fatemi 1992), by Chambolle's algorithm.

    The strength is the weight of the variation against the squared error, on [-1, 1].
    """

    description: ClassVar[str] = "images denoised by total variation, their contrast given back"
    strengths: ClassVar[tuple[float, ...]] = steps(0.03, 2)

    def denoiser(self, noisy: Tensor) -> Denoiser:
        return less_variation


class PrincipalComponents(Classical):
    """The prior ``pca``: principal components of the noisy images, shrunk by their noise.

    The strength is the deviation of the noise on [-1, 1]. A component of which it explains all
    vanishes; the others are shrunk so that the squared error is least (Gavish & Donoho, "Optimal
    Shrinkage of Singular Values", 2017, for the Frobenius norm). With many images that is the
    Wiener filter of the images' covariance.
    """

    description: ClassVar[str] = (
        "images whose principal components are shrunk by their noise, their contrast given back"
    )
    strengths: ClassVar[tuple[float, ...]] = steps(0.08, 1.6)

    @classmethod
    def check(cls, config: "RunConfig", shape: torch.Size, available: int) -> None:
        super().check(config, shape, available)
        channels, height, width = shape
        if shape.numel() > MOST_VALUES:
            most = f"at most {MOST_VALUES} values in all for pca"
            raise ConfigError("image_size", f"{channels}×{height}×{width}", most)

    def denoiser(self, noisy: Tensor) -> Denoiser:
        flat = in_float64(noisy).flatten(1)  # (N, D)
        mean = flat.mean(dim=0)
        variances, axes = torch.linalg.eigh((flat - mean).T @ (flat - mean) / len(flat))
        aspect = flat.shape[1] / flat.shape[0]  # β of the paper

        def shrink(images: Tensor, deviation: float) -> Tensor:
            y2 = (variances / deviation**2).clamp(min=1e-12)
            product = ((y2 - aspect - 1) ** 2 - 4 * aspect).clamp(min=0).sqrt() / y2
            share = torch.where(y2 > (1 + aspect**0.5) ** 2, product, 0)
            centred = in_float64(images).flatten(1) - mean
            return ((centred @ axes * share) @ axes.T + mean).view_as(images).to(images)

        return shrink


def blur(images: Tensor, deviation: float) -> Tensor:
    """Return images convolved with a Gaussian of a deviation in pixels."""
    values = images.cpu().numpy()
    blurred = ndimage.gaussian_filter(values, deviation, mode="nearest", axes=(-2, -1))
    return torch.from_numpy(blurred).to(images)


def less_variation(images: Tensor, weight: float) -> Tensor:
    """Return the images nearest to the given ones, where their variation counts by a weight."""
    from skimage.restoration import denoise_tv_chambolle  # a fifth of a second to import

    planes = images.flatten(0, 1).cpu().numpy()  # (N·C, H, W), each denoised alone
    denoised = denoise_tv_chambolle(planes, weight, channel_axis=0)
    return torch.from_numpy(denoised).view_as(images).to(images)
