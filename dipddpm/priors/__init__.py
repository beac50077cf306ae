"""The priors by name: what a DDPM can learn from. A new one needs one entry in ``PRIORS``."""

from typing import TYPE_CHECKING

from torch import Tensor

from dipddpm.errors import ConfigError
from dipddpm.priors.deep_image_prior import DeepImagePrior
from dipddpm.priors.denoisers import Gaussian, PrincipalComponents, TotalVariation
from dipddpm.priors.identity import Identity
from dipddpm.priors.protocol import Prior
from dipddpm.priors.restorer import Restorer

if TYPE_CHECKING:  # the configuration takes the names of the priors from here
    from dipddpm.config import RunConfig

__all__ = [
    "PRIORS",
    "DeepImagePrior",
    "Gaussian",
    "Identity",
    "PrincipalComponents",
    "Prior",
    "Restorer",
    "TotalVariation",
    "make_prior",
]

PRIORS: dict[str, type[Prior]] = {
    "restorer": Restorer,
    "dip": DeepImagePrior,
    "gaussian": Gaussian,
    "tv": TotalVariation,
    "pca": PrincipalComponents,
    "none": Identity,
}
"""The choices of ``RunConfig.prior``. ``PRIORS["mine"] = MyPrior`` adds one."""


def make_prior(config: "RunConfig", images: Tensor) -> Prior:
    """Return the prior that ``config`` names, for images (N, C, H, W) in [-1, 1].

    Raises:
        ConfigError: no such prior is known, or it cannot take these images.
    """
    if config.prior not in PRIORS:
        raise ConfigError("prior", config.prior, " or ".join(PRIORS))
    kind = PRIORS[config.prior]
    kind.check(config, images.shape[1:], len(images))
    return kind(config, images)
