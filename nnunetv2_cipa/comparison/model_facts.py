"""What is known of models beside their evaluations: costs and training curves."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Costs:
    """What a network costs on one image of its plan's patch size, in inference.

    Attributes:
        parameters: Number of trainable weights.
        flops: Floating-point operations, a multiplication and an addition counted as two.
        patch_size: Of the image, in pixels.
        seconds_per_image: Median of the repeats.
        peak_memory_bytes: Of the weights and whatever the network keeps while it computes.
        device: What it was measured on: "cpu", "cuda" or "mps", and its name.
        threads: Of the processor that PyTorch used.
    """

    parameters: int
    flops: int
    patch_size: tuple[int, ...]
    seconds_per_image: float
    peak_memory_bytes: int
    device: str
    threads: int


@dataclass(frozen=True)
class Curve:
    """Training of one fold, a value for each epoch; what nnU-Net did not log is NaN.

    Attributes:
        fold: Of the dataset, "all" where nnU-Net trained on everything; with the training's name where a model was
            trained several times.
        train_loss: Mean over the epoch's iterations.
        val_loss: Mean over the epoch's validation iterations.
        pseudo_dice: nnU-Net's Dice over validation patches, mean over foreground classes.
        learning_rate: At the start of the epoch.
        epoch_seconds: Duration of the epoch.
    """

    fold: str
    train_loss: tuple[float, ...]
    val_loss: tuple[float, ...]
    pseudo_dice: tuple[float, ...]
    learning_rate: tuple[float, ...]
    epoch_seconds: tuple[float, ...]

    @property
    def epochs(self) -> range:
        """Numbers of the epochs, from 0 on as in nnU-Net's logs."""
        return range(len(self.train_loss))
