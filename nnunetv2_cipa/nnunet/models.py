"""Trained models: the names of their folders and files."""

FINAL_CHECKPOINT, LATEST_CHECKPOINT = "checkpoint_final.pth", "checkpoint_latest.pth"
"""Of a fold that was trained to its end, and of one that was not; both in the fold's folder."""


def model_folder_name(trainer: str, plans: str, configuration: str) -> str:
    """Name of a model's folder among a dataset's results; it holds a folder `fold_N` for each fold."""
    return f"{trainer}__{plans}__{configuration}"
