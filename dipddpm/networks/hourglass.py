"""The network of the Deep Image Prior: it draws an image from a code, or from an image."""

from torch import Tensor, nn


class Hourglass(nn.Module):
    """An encoder and decoder with two halvings, for images of a few dozen pixels.

    It is the network of Ulyanov et al. (2018, Fig. 21) without skip connections: over so few pixels
    they let the noise in as fast as the image. GroupNorm over single channels is the paper's batch
    norm for a batch of one image.

    Args:
        inputs: channels of what it draws from.
        channels: channels of the image.
        width: channels of every hidden layer.
    """

    def __init__(self, inputs: int, channels: int, width: int) -> None:
        super().__init__()

        def layer(a: int, b: int, stride: int = 1) -> nn.Sequential:
            return nn.Sequential(
                nn.Conv2d(a, b, 3, stride=stride, padding=1, padding_mode="reflect"),
                nn.GroupNorm(b, b),
                nn.LeakyReLU(0.2),
            )

        def up() -> nn.Upsample:
            return nn.Upsample(scale_factor=2.0, mode="bilinear", align_corners=False)

        self.body = nn.Sequential(
            *(layer(inputs, width, stride=2), layer(width, width)),
            *(layer(width, width, stride=2), layer(width, width)),
            *(up(), layer(width, width), up(), layer(width, width)),
            *(nn.Conv2d(width, channels, 1), nn.Tanh()),
        )

    def forward(self, source: Tensor) -> Tensor:
        """Map codes or images (N, inputs, H, W) to images (N, C, H, W) in [-1, 1]."""
        return self.body(source)
