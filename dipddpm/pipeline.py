"""The whole run: prior → prior set → DDPM → quality, with a record per evaluation."""

import functools
import math
from collections.abc import Collection, Iterator
from pathlib import Path

import torch
from torch import Tensor

from dipddpm.checkpoint import PRIOR, read_state, save_weights, write_state
from dipddpm.config import RunConfig, read_config, shareable
from dipddpm.data import Dataset, load_dataset
from dipddpm.errors import ConfigError, DataError
from dipddpm.feature_store import load_features
from dipddpm.features import Features
from dipddpm.noisy_quality import NOISY_SCORES, NoisyReference, as_observed
from dipddpm.optimizer import under
from dipddpm.prior_stage import PriorStage, Restoration
from dipddpm.priors import PRIORS
from dipddpm.progress import Progress, silent
from dipddpm.quality import Reference
from dipddpm.randomness import generator
from dipddpm.record import Record
from dipddpm.timing import now
from dipddpm.training import Trainer

NUM_PICTURES = 40  # images kept for looking at, per stage


def dataset_of(config: RunConfig) -> Dataset:
    """Return the data set that a configuration names."""
    return load_dataset(
        config.dataset,
        config.data_dir,
        config.train_size,
        config.image_size,
        config.resize,
        config.channels,
        config.start_split == "train",
    )


def check_sizes(config: RunConfig, dataset: Dataset) -> None:
    """Raise ConfigError where the settings do not fit the number or the shape of the images."""
    prior = PRIORS[config.prior]
    size = prior.num_images(config, len(dataset.train))
    if config.batch_size > size:
        most = f"at most {size}, the number of images to learn from"
        raise ConfigError("batch_size", config.batch_size, most)
    prior.check(config, dataset.shape, size)


class Run:
    """One DIP→DDPM run, which can be stopped at any time and continued exactly.

    Args:
        config: all settings.
        device: where to compute; by default the GPU if there is one.
        progress: called after each step of the prior's fit and after each epoch, and while
            features are trained, which happens here if these images have none yet.
        features: what scores rest on; by default those of the data set and, in the noisy regime, of
            its noisy images.

    Raises:
        ConfigError, DataError: before any work.
    """

    def __init__(
        self,
        config: RunConfig,
        device: str | None = None,
        progress: Progress = silent,
        features: Features | None = None,
    ) -> None:
        self.config = config
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.progress = progress
        self.dataset = dataset_of(config)
        check_sizes(config, self.dataset)
        held_out = min(len(self.dataset.validation), len(self.dataset.test))
        self.scored_images = min(config.scored_images, held_out)
        features = features or load_features(self.dataset, progress)
        self.reference = _reference(self.dataset, features, self.scored_images, config.score_split)
        self.noisy_reference: NoisyReference | None = None
        if config.regime == "noisy":
            noisy = as_observed(self.dataset, config.std)
            theirs = features.noisy or load_features(noisy, progress)
            self.noisy_reference = _noisy_reference(
                noisy, theirs, self.scored_images, config.score_split, config.std
            )
        self.restoration: Restoration | None = None
        self.trainer: Trainer | None = None
        self.samples: Tensor | None = None
        self.time_to_quality_s = float("nan")
        self._stage: PriorStage | None = None  # while it is under way
        self._prior_state: dict[str, Tensor] = {}  # once it is done
        self._pending_loss: float | None = None  # of an epoch whose evaluation is still to come

    def records(self, also_at: Collection[int] = ()) -> Iterator[Record]:
        """Go on from where the run stands to its last epoch; yield a record at each evaluation.

        Args:
            also_at: epochs with an evaluation beside every ``eval_every``-th and the last. No
                evaluation changes what the run learns.

        Raises:
            NonFiniteLossError: the loss of the prior or of the DDPM is not finite.
            NonFiniteImagesError: drawn images are not finite.
        """
        if self.trainer is None:
            self._make_prior_set()
        assert self.trainer is not None
        every, epochs = self.config.eval_every, self.config.epochs
        while True:
            if self._pending_loss is not None:
                loss, self._pending_loss = self._pending_loss, None
                yield self._evaluate(loss)
            if self.trainer.epoch == epochs:
                return
            loss = self.trainer.train_epoch()
            epoch = self.trainer.epoch
            if epoch % every == 0 or epoch == epochs or epoch in also_at:
                self._pending_loss = loss
            self.progress("ddpm", epoch, epochs)

    def _make_prior_set(self) -> None:
        """Run or finish the prior's stage, and make a trainer for what it leaves."""
        self._stage = self._stage or PriorStage(self.config, self.dataset, self.device)
        self.restoration = self._stage.run(self.progress)
        self._prior_state = self._stage.prior.state_dict()
        self._stage = None  # frees what only the fit needed
        self.trainer = Trainer(self.config, self.restoration.prior, self.restoration.start)

    def _evaluate(self, loss: float) -> Record:
        assert self.trainer is not None
        assert self.restoration is not None
        config, trainer, restoration = self.config, self.trainer, self.restoration
        noisy, features = self.noisy_reference, self.reference.features
        start = now(self.device)
        rng = generator(config.seed, "evaluation", device=self.device)
        self.samples = trainer.sample(self.scored_images, rng)
        sampled = now(self.device)
        sources = trainer.sources(self.scored_images)
        drawn = self.samples.cpu()
        scores = self.reference.score(drawn, None if sources is None else sources.cpu())
        scores |= noisy.score(drawn) if noisy else dict.fromkeys(NOISY_SCORES, float("nan"))
        scored = now(self.device)

        train_time_s = sum(trainer.step_seconds)
        time_total_s = restoration.seconds + train_time_s
        is_recognisable = (
            scores["fid_corrupted"] <= noisy.threshold  # nothing clean chooses there
            if noisy
            else scores["fid"] <= self.reference.fid_threshold
        )
        if is_recognisable and math.isnan(self.time_to_quality_s):
            self.time_to_quality_s = time_total_s
        return Record(
            scores=scores,
            epoch=trainer.epoch,
            loss=loss,
            fid_floor=self.reference.fid_floor,
            fid_second_floor=self.reference.fid_second_floor,
            fid_noise=self.reference.fid_noise,
            fid_threshold=self.reference.fid_threshold,
            scored_images=self.scored_images,
            features=features.description,
            features_second=features.second.description if features.second else "",
            features_corrupted=noisy.features.description if noisy else "",
            dataset_hash=self.dataset.hash,
            dip_saw=restoration.saw,
            dip_loss=restoration.loss,
            dip_psnr=restoration.psnr,
            dip_psnr_noisy=restoration.psnr_noisy,
            dip_ssim=restoration.ssim,
            time_per_iteration_s=trainer.time_per_iteration_s,
            dip_time_s=restoration.seconds,
            train_time_s=train_time_s,
            sample_time_s=sampled - start,
            score_time_s=scored - sampled,
            time_total_s=time_total_s,
            time_to_quality_s=self.time_to_quality_s,
        )

    def pictures(self) -> dict[str, Tensor]:
        """Return what there is to see after an evaluation: stage → up to 40 images in [-1, 1].

        ``noisy`` and ``restored`` show the same images before and after restoration; ``prior`` is
        what the DDPM learns from; ``start`` is what its samples are started from; ``samples`` is
        what it draws. Stages that a run does not have are missing.
        """
        if self.restoration is None or self.samples is None:
            raise RuntimeError("there are no pictures before the first evaluation")
        sources = self.trainer.sources(NUM_PICTURES) if self.trainer else None
        stages = {
            "noisy": self.restoration.noisy,
            "restored": self.restoration.restored,
            "prior": self.restoration.prior,
            "start": self.samples[:0] if sources is None else sources,
            "samples": self.samples,
        }
        return {n: images[:NUM_PICTURES].cpu() for n, images in stages.items() if len(images)}

    def classes_of(self, images: Tensor) -> Tensor | None:
        """Return the class that the features see in each image (N,); None where they know none."""
        net = self.reference.features.net
        return net(images.cpu()).argmax(dim=1) if net.num_classes > 1 else None

    def weights(self) -> dict[str, Tensor]:
        """Return the weights of the denoiser that samples are drawn with."""
        if self.trainer is None:
            raise RuntimeError("there are no weights before the first evaluation")
        return self.trainer.ema.state_dict()

    def save_weights(self, file: Path) -> None:
        """Write :meth:`weights` to a file from which ``load_weights`` reads the denoiser."""
        save_weights(file, self.weights(), self.config, self.dataset.shape)

    def save(self, folder: Path) -> None:
        """Write the state of the run to ``folder``, after a record or whenever progress is told.

        Raises:
            RuntimeError: the run has not begun.
        """
        state = {
            "config": shareable(self.config),
            "dataset_hash": self.dataset.hash,
            "time_to_quality_s": self.time_to_quality_s,
            "pending_loss": self._pending_loss,
        }
        if self._stage is not None:
            tensors, seconds = self._stage.prior.state_dict(), self._stage.seconds
        elif self.restoration is not None:
            tensors, seconds = self._prior_state, self.restoration.seconds
        else:
            raise RuntimeError("there is nothing to save before the run has begun")
        tensors = {f"{PRIOR}{name}": value for name, value in tensors.items()}
        if self.trainer is not None:
            tensors |= self.trainer.state_dict()
        write_state(folder, {**state, "prior_seconds": seconds}, tensors)

    @classmethod
    def load(
        cls,
        folder: Path,
        device: str | None = None,
        progress: Progress = silent,
        features: Features | None = None,
        **places: str | None,
    ) -> "Run":
        """Return the run that :meth:`save` wrote to ``folder``; ``records()`` goes on from there.

        ``places`` are ``dataset`` and ``data_dir``, where its images are now: of a folder the state
        knows the name alone.

        Raises:
            DataError: the images are not those that the run began with.
            ConfigError: it has the original's networks, by an earlier version's recipe.
        """
        state, tensors = read_state(folder)
        run = cls(read_config({**state["config"], **places}), device, progress, features)
        if state.get("dataset_hash", run.dataset.hash) != run.dataset.hash:  # 0.1 kept none
            raise DataError(f"{run.config.dataset} holds other images than the run began with")
        run.time_to_quality_s = state["time_to_quality_s"]
        run._pending_loss = state["pending_loss"]
        has_trained = "epoch" in tensors
        run._stage = PriorStage(run.config, run.dataset, run.device)
        run._stage.load(under(PRIOR, tensors), state["prior_seconds"], is_done=has_trained)
        if has_trained:
            run._make_prior_set()
            assert run.trainer is not None
            run.trainer.load_state_dict(tensors)
        return run


@functools.lru_cache(maxsize=2)  # the same for all trials of a worker
def _reference(dataset: Dataset, features: Features, scored_images: int, split: str) -> Reference:
    return Reference(dataset, features, scored_images, split)


@functools.lru_cache(maxsize=2)
def _noisy_reference(
    noisy: Dataset, features: Features, scored_images: int, split: str, std: float
) -> NoisyReference:
    return NoisyReference(noisy, features, scored_images, split, std)
