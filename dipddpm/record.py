"""The record of one evaluation of a run, and its form as one row of a table."""

import dataclasses
from dataclasses import dataclass
from typing import Any

NOVEL = 0.9
"""The least ``nearest_source`` of images that count as new, not as copies of their sources."""


@dataclass(frozen=True)
class Record:
    """One evaluation of a run. Seconds are totals so far, unless it says otherwise.

    Attributes:
        scores: the scores of the drawn images by name: :data:`dipddpm.quality.SCORES`, and
            :data:`dipddpm.noisy_quality.NOISY_SCORES`, which are NaN in the clean regime.
        epoch: DDPM epochs done.
        loss: mean ε-loss of the last epoch.
        fid_floor: FID of real held-out images against real held-out images, at this number of
            images.
        fid_second_floor: the floor by the second features; NaN where there are none.
        fid_noise: FID of clipped Gaussian noise.
        fid_threshold: a third of the way from the floor to the FID of noise, on a logarithmic
            scale, up to which images count as recognisable.
        scored_images: the number of images drawn and scored.
        features: name, hash, dimension and accuracy of the features that the scores rest on.
        features_second: the same of the features of ``fid_second``; empty without any.
        features_corrupted: the same of the features of ``fid_corrupted``; empty in the clean
            regime.
        dataset_hash: hash of the images and their splits.
        dip_saw: which images the prior was fitted to, in words.
        dip_loss: mean squared error on [-1, 1] at the end of the prior's fit; NaN without one.
        dip_psnr: PSNR in dB of restored images, held-out ones if the prior restores any image; NaN
            without a prior.
        dip_psnr_noisy: PSNR in dB of the same images before restoration.
        dip_ssim: structural similarity of the restored images, -1 … 1.
        time_per_iteration_s: median seconds of a DDPM step × steps per epoch, without evaluations
            and checkpoints.
        dip_time_s: seconds of fitting the prior and applying it to the training set.
        train_time_s: seconds of all DDPM steps.
        sample_time_s: seconds of drawing ``scored_images`` images, this time.
        score_time_s: seconds of scoring them, this time.
        time_total_s: ``dip_time_s + train_time_s``, what it costs to have the model; evaluations
            are not in it.
        time_to_quality_s: ``time_total_s`` when the FID first was at most ``fid_threshold``, or, in
            the noisy regime, ``fid_corrupted`` its own threshold; NaN until then.
    """

    scores: dict[str, float]
    epoch: int
    loss: float
    fid_floor: float
    fid_second_floor: float
    fid_noise: float
    fid_threshold: float
    scored_images: int
    features: str
    features_second: str
    features_corrupted: str
    dataset_hash: str
    dip_saw: str
    dip_loss: float
    dip_psnr: float
    dip_psnr_noisy: float
    dip_ssim: float
    time_per_iteration_s: float
    dip_time_s: float
    train_time_s: float
    sample_time_s: float
    score_time_s: float
    time_total_s: float
    time_to_quality_s: float

    def row(self) -> dict[str, Any]:
        """Return the record as one row: column → value, the scores first."""
        values = dataclasses.asdict(self)
        return values.pop("scores") | values
