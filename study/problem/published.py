"""What the original report says of its own runs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedRun:
    """What the original report says of a run."""

    per_iteration_s: float | None = None
    """Seconds per epoch of 60,000 images."""
    total_s: int | None = None
    """Of 20 epochs, DIP left out."""
    says: str = ""


NOT_PUBLISHED = PublishedRun()
PUBLISHED_ALONE = PublishedRun(22.93, 460, "baseline; some ragged edges")
PUBLISHED_DIP = PublishedRun(says="restored digits, of the fitted batch itself")

# (dip_lr, ddpm_lr, std); the fourth is not the original's: the middle that its dip_lr series lacks
PUBLISHED_COMBINED = (
    ((1e-3, 5e-4, 1.0), PublishedRun(15.49, 310, "better shapes; greyer, lower contrast")),
    ((1e-3, 5e-4, 1.2), PublishedRun(15.28, 307, "the higher std, the less precise")),
    ((1e-3, 5e-4, 0.8), PublishedRun(15.19, 303)),
    ((1e-3, 1e-3, 1.2), NOT_PUBLISHED),
    ((5e-4, 1e-3, 1.2), PublishedRun(15.32, 305)),
    ((2e-3, 1e-3, 1.2), PublishedRun(15.27, 305, "the larger dip_lr, the less clear")),
    ((5e-3, 1e-3, 1.2), PublishedRun(15.41, 308, "least clear")),
)

ORIGINAL_DIP_STEPS = 3500
ORIGINAL_DIP_CELL_S = 82.3
"""Seconds of the notebook's DIP cell on its GPU: downloads, fit and application to all images.

Which GPU the combined runs had is not known; the two public notebooks had different machines.
"""
ORIGINAL_DIP_LOSS = 0.0016
"""Mean squared error on [0, 1] at the end of the fit, of the fitted batch itself: 28 dB."""
ORIGINAL_STEPS_PER_EPOCH = 469
"""Batches of 128 in the original's epoch of 60,000 images."""
