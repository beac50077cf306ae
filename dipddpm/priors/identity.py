"""No prior: the DDPM learns from the images as the regime lets them be seen."""

from typing import ClassVar

from torch import Tensor

from dipddpm.priors.protocol import Prior


class Identity(Prior):
    """The prior ``none``, which leaves every image as it is."""

    description: ClassVar[str] = "the images as they are"
    restores: ClassVar[bool] = False

    def restore(self, images: Tensor) -> Tensor:
        return images
