"""Which steps are done in a folder: by its ledger, what they depend on now, and what they have left."""

from pathlib import Path

from .fingerprint import ContentDigests, sizes, step_key
from .ledger import Ledger
from .step import Step


class DoneSteps:
    """Tells whether steps are done in a run's folder."""

    def __init__(self, folder: Path) -> None:
        self.ledger = Ledger(folder / "steps.jsonl")
        self._folder = folder
        self._contents = ContentDigests(folder / "inputs.json")

    def __contains__(self, step: Step) -> bool:
        """Whether the ledger says that the step is done, with these inputs, and what it left is still there."""
        entry = self.ledger.done(step.name)
        if entry is None or any(self.ledger.done(name) is None for name in step.needs):
            return False
        return bool(entry["key"] == self.key(step)[0] and entry["proof"] == sizes(step.proves))

    def key(self, step: Step) -> tuple[str, dict[str, object]]:
        """Key of a step as things are now, and the inputs that it is made of.

        Raises:
            InputError: something that it reads is not there.
            ValueError: a step that it needs is not done.
        """
        contents = {path: self._contents.digest(path) for path in step.reads}
        needs = {name: self._completion(step, name) for name in step.needs}
        inputs: dict[str, object] = {"reads": {str(path): digest for path, digest in contents.items()}, "needs": needs}
        return step_key(step, self._folder, contents, list(needs.values())), inputs

    def _completion(self, step: Step, needed: str) -> str:
        entry = self.ledger.done(needed)
        if entry is None:
            raise ValueError(f"step {step.name} needs {needed}, which is neither done nor to be done")
        return str(entry["id"])
