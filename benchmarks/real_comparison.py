"""Compare networks and two PET thresholds on real data, all patients, by cross-validation.

`python benchmarks/real_comparison.py -i sts_pclt20k -o FOLDER --epochs 30` takes a folder in PCLT20K's layout, deals
all its patients out to three folds, and trains models on each for equally many iterations of equally many images:

- `--models ablations`: U-Net, CIPA, CIPA without CRM and without DCIM with nnU-Net's own normalisation, and U-Net and
  CIPA with 8-bit images divided by 255.
- `--models baselines`: U-Net and nnU-Net's residual encoder preset M with PET normalised by the whole data set, and
  CIPA; then the first two again for as long as CIPA's epochs took.

Their validation cases, with SUV > 2.5 and 41 % of the patient's maximum beside, are then compared (`comparison/`), the
models that had equally many iterations are taken for an ensemble whose disagreement tells which cases to look at first
(`trust/`), and all is shown (`report.html`). Killed and started again, it resumes; the folds come one after the other,
so `--folds 0` compares what the first one gave.
"""

import argparse
import itertools
import json
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from nnunetv2_cipa.dataset_conversion.problems import Problems
from nnunetv2_cipa.dataset_conversion.source_folder import SliceFiles, read_source_folder
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.files import new_folder
from nnunetv2_cipa.nnunet.model_names import model_name
from nnunetv2_cipa.nnunet.normalizations import Normalization
from nnunetv2_cipa.nnunet.patients import patient_folds
from nnunetv2_cipa.nnunet.plans import CONFIGURATION_2D, read_planned_json
from nnunetv2_cipa.pipeline import experiment, preparation
from nnunetv2_cipa.pipeline.predictions import TRUST
from nnunetv2_cipa.pipeline.results import page_of
from nnunetv2_cipa.pipeline.trainings import TrainingStep
from nnunetv2_cipa.pipeline.workspace import Workspace, count_cases, few_cores, find_source, stock_command
from nnunetv2_cipa.steps import Ledger, LocalExecutor, Output, Runner, Step, Writing, locked
from nnunetv2_cipa.timing.work import Schedule, Training

NUM_FOLDS = 3
TRAINERS = Path(__file__).with_name("trainers")
THRESHOLDS = {"PET SUV 2.5": ("--suv", "2.5"), "PET 41 percent": ("--fraction", "0.41")}


@dataclass(frozen=True)
class Model:
    """A network with a normalisation."""

    name: str
    trainer: str
    normalization: Normalization = "stock"
    preset: bool = False
    equal_time: bool = False

    @property
    def fitted(self) -> str:
        """Name of the plans that its own are made of: those that fit CIPA, or the preset's, normalised so."""
        return f"Fitted{self._kind}Plans"

    @property
    def plans(self) -> str:
        """Name of its plans."""
        return f"Comparison{self._kind}{'Time' * self.equal_time}Plans"

    @property
    def _kind(self) -> str:
        return f"{self.normalization.capitalize()}{'ResEncM' * self.preset}"

    @property
    def step(self) -> str:
        """Of its training, without the fold."""
        return f"train_{self.name.replace(' ', '_')}"

    @property
    def folder(self) -> str:
        """Name of its folder in nnUNet_results."""
        return experiment.Model(self.trainer, self.plans).folder_name


U_NET, CIPA = "nnUNetTrainer_compared", "nnUNetTrainerCIPA_compared"
MODELS = {
    "ablations": (
        Model("U-Net", U_NET),
        Model("CIPA", CIPA),
        Model("CIPA without CRM", "nnUNetTrainerCIPA_noCRM_compared"),
        Model("CIPA without DCIM", "nnUNetTrainerCIPA_noDCIM_compared"),
        Model("U-Net by 255", U_NET, "divide_by_255"),
        Model("CIPA by 255", CIPA, "divide_by_255"),
    ),
    "baselines": (
        Model("U-Net", U_NET, "dataset"),
        Model("ResEnc-M", U_NET, "dataset", preset=True),
        Model("CIPA", CIPA),
        Model("U-Net in equal time", U_NET, "dataset", equal_time=True),
        Model("ResEnc-M in equal time", U_NET, "dataset", preset=True, equal_time=True),
    ),
}
PRESET = "nnUNetResEncUNetMPlans"
_EPOCH_TIME = re.compile(r"Epoch time: ([\d.]+) s")


def data_of_all_patients(source: Path, folder: Path) -> list[SliceFiles]:
    """Make a folder in PCLT20K's layout, of links, where all slices are for training; return the slices."""
    problems = Problems()
    read = read_source_folder(source, 0, problems)
    problems.refuse(source)
    slices = [*read.train, *read.test]
    with new_folder(folder, overwrite=True) as new:
        for patient in {slice_.ct.parent for slice_ in slices}:
            (new / patient.name).symlink_to(patient.resolve())
        (new / "train.txt").write_text("".join(f"{slice_.name}\n" for slice_ in slices), encoding="utf-8")
        (new / "test.txt").touch()
    return slices


def conversion_and_planning(workspace: Workspace, models: Sequence[Model]) -> tuple[Step, list[Step]]:
    """The conversion, and the plans for the models; the folds are written between."""
    cases = count_cases(workspace)
    (convert,), plan = preparation.conversion(workspace, cases), preparation.planning(workspace, cases)
    command = (stock_command("nnUNetv2_cipa"), "plan", "-d", str(workspace.source.dataset_id))
    presets = experiment.Experiment(tuple(model_name(U_NET, PRESET) for model in models if model.preset)[:1], ())
    planned = preparation.presets(workspace, presets, Ledger(workspace.folder / "steps.jsonl"), ("plan",))
    fits = []
    for model in {model.fitted: model for model in models}.values():
        preprocessed = workspace.preprocessed
        plans_file = preprocessed / f"{model.fitted}.json"
        network = ("-p", PRESET, "-tr", "nnUNetTrainer") if model.preset else ("-tr", "nnUNetTrainerCIPA")
        fit = Step(
            f"plan_{model.fitted}",
            (*command, "--normalization", model.normalization, "-overwrite_plans_name", model.fitted, *network),
            ("-device", workspace.device, *(("-np", "1") if few_cores() else ())),
            needs=(preparation.plans_step(PRESET) if model.preset else "plan",),
            output=Output((plans_file, preprocessed / f"{model.fitted}_{CONFIGURATION_2D}"), proof=(plans_file,)),
        )
        fits.append(fit)
    proof = (workspace.raw / "imagesTr", workspace.raw / "labelsTr")
    return replace(convert, output=replace(convert.output, proof=proof)), [plan, *planned, *fits]


def write_plans(workspace: Workspace, model: Model, schedule: Schedule, images: dict[str, Any]) -> None:
    """Give a model's plans the comparison's schedule, and the batch and patch size in `images`."""
    plans = read_planned_json(workspace.preprocessed / f"{model.fitted}.json")
    plans["plans_name"] = model.plans
    plans["configurations"][CONFIGURATION_2D] |= {**schedule.content(), **images}
    write_json(workspace.preprocessed / f"{model.plans}.json", plans)


def epochs_in_time_of_cipa(
    workspace: Workspace, models: Sequence[Model], folds: Sequence[int], epochs: int
) -> list[int]:
    """How many epochs each model can have in the time of CIPA's, by the times of those it has had.

    They are written down, so that a benchmark that resumes keeps them.
    """
    file = workspace.folder / "equal_time.json"
    if not file.exists():
        write_json(file, {step: _seconds(workspace, step, folds) for step in {model.step for model in models}})
    seconds = json.loads(file.read_text(encoding="utf-8"))
    cipa = seconds[next(model.step for model in models if model.trainer == CIPA)]
    return [round(epochs * cipa / seconds[model.step]) for model in models]


def _seconds(workspace: Workspace, step: str, folds: Sequence[int]) -> float:
    """Of all epochs of a model's trainings, as nnU-Net logged them."""
    logs = (workspace.folder / "logs" / f"{step}_fold{fold}.log" for fold in folds)
    return sum(float(time) for log in logs for time in _EPOCH_TIME.findall(log.read_text(encoding="utf-8")))


def trainings(workspace: Workspace, models: Sequence[Model], folds: Sequence[int], epochs: int) -> list[TrainingStep]:
    """All models of a fold, then those of the next."""
    command = (stock_command("nnUNetv2_train"), str(workspace.source.dataset_id), CONFIGURATION_2D)
    return [
        TrainingStep(
            f"{model.step}_fold{fold}",
            (*command, str(fold), "-tr", model.trainer, "-p", model.plans, "--npz"),
            ("-device", workspace.device),
            needs=(f"plan_{model.fitted}",),
            reads=(workspace.preprocessed / f"{model.plans}.json",),
            output=Output((folder,), Writing.RESUMED, (folder / "checkpoint_final.pth", folder / "validation")),
            work=Training(trainer=model.trainer, schedule=Schedule(epochs)),
        )
        for fold in folds
        for model in models
        if (folder := workspace.results / model.folder / f"fold_{fold}")
    ]


def cases_of_folds(workspace: Workspace, folds: Sequence[int]) -> Path:
    """Make a raw dataset, of links, with the validation cases of the folds."""
    splits, target = read_planned_json(workspace.raw / "splits_final.json"), workspace.folder / "cases"
    with new_folder(target, overwrite=True) as new:
        shutil.copy(workspace.raw / "dataset.json", new)
        for subfolder in ("imagesTr", "labelsTr"):
            (new / subfolder).mkdir()
        for case in (case for fold in folds for case in splits[fold]["val"]):
            for name in (f"imagesTr/{case}_0000.png", f"imagesTr/{case}_0001.png", f"labelsTr/{case}.png"):
                (new / name).symlink_to(workspace.raw / name)
    return target


def members_of_ensemble(workspace: Workspace, models: Sequence[Model], folds: Sequence[int]) -> list[Path]:
    """Make a folder of links for each model, with the predictions of all cases by the fold that has not seen them."""
    splits, target = read_planned_json(workspace.raw / "splits_final.json"), workspace.folder / "members"
    with new_folder(target, overwrite=True) as new:
        for model in models:
            trained, folder = workspace.results / model.folder, new / model.name.replace(" ", "_")
            folder.mkdir()
            (folder / "dataset.json").symlink_to(trained / "dataset.json")
            (folder / "plans.json").symlink_to(trained / "plans.json")
            for fold in folds:
                for case, ending in itertools.product(splits[fold]["val"], ("npz", "pkl", "png")):
                    file = f"{case}.{ending}"
                    (folder / file).symlink_to(trained / f"fold_{fold}" / "validation" / file)
    return [target / model.name.replace(" ", "_") for model in models]


def trust(workspace: Workspace, members: Sequence[Path], cases: Path, trained: Sequence[Step]) -> Step:
    """Which cases the models disagree about, and what that is worth: each was predicted by models new to it."""
    target = workspace.folder / TRUST
    command = (stock_command("nnUNetv2_cipa"), TRUST, "-i", *map(str, members), "-ref", str(cases / "labelsTr"))
    needs = tuple(step.name for step in trained)
    options = ("-np", "2") if few_cores() else ()
    return Step(TRUST, (*command, "-o", str(target)), options, needs, output=Output((target,), Writing.BESIDE))


def results(
    workspace: Workspace, models: Sequence[Model], cases: Path, folds: Sequence[int], trained: Sequence[Step]
) -> list[Step]:
    """Thresholds, comparison, the trust of an ensemble of the models that are trained equally long, and report."""
    images, program = cases / "imagesTr", (sys.executable, str(Path(__file__).with_name("pet_threshold.py")))
    folders = {name: workspace.folder / "thresholds" / name.replace(" ", "_") for name in THRESHOLDS}
    thresholds = [
        Step(
            f"threshold_{folder.name}",
            (*program, "-i", str(images), "-o", str(folder), *THRESHOLDS[name]),
            reads=(images,),
            output=Output((folder,), Writing.BESIDE),
        )
        for name, folder in folders.items()
    ]
    comparison = workspace.folder / "comparison"
    processes = ("-np", "2") if few_cores() else ()
    command: tuple[str, ...] = (stock_command("nnUNetv2_cipa"), "compare", "-d", str(workspace.source.dataset_id))
    command += ("-f", *map(str, folds), "-tr", *(f"{model.name}={model.folder}" for model in models))
    command += ("-ref", str(cases / "labelsTr"), "-djfile", str(cases / "dataset.json"))
    command += ("--predictions", *(f"{name}={folder}" for name, folder in folders.items()), "-o", str(comparison))
    needs = tuple(step.name for step in (*trained, *thresholds))
    output = Output((comparison,), Writing.BESIDE)
    compare = Step("compare", command, ("-device", workspace.device, *processes), needs, output=output)
    equal = [model for model in models if not model.equal_time]
    trusted = trust(workspace, members_of_ensemble(workspace, equal, folds), cases, trained)
    page = page_of(comparison, workspace.folder / "report.html", trusted.output.paths[0])
    return [*thresholds, compare, trusted, page]


def write_json(path: Path, content: Any) -> None:  # noqa: ANN401 - whatever JSON can hold
    """Write a file, unless it says that already."""
    text = json.dumps(content, indent=4)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def run(arguments: argparse.Namespace) -> None:
    """Do what is not done yet."""
    folder, folds = arguments.o.resolve(), sorted(set(arguments.folds))
    with locked(folder):
        slices = data_of_all_patients(arguments.i, folder / "data")
        source = find_source(str(folder / "data"))
        raw, preprocessed, trained = (folder / f"nnUNet_{name}" for name in ("raw", "preprocessed", "results"))
        workspace = Workspace(folder, source, raw, preprocessed, trained, arguments.device)
        environment = {**workspace.environment, "nnUNet_extTrainer": str(TRAINERS)}
        runner = Runner(folder, environment, LocalExecutor())
        models = MODELS[arguments.models]
        convert, plans = conversion_and_planning(workspace, models)
        runner.run([convert])
        splits = patient_folds({slice_.name: slice_.patient for slice_ in slices}, NUM_FOLDS)
        write_json(workspace.raw / "splits_final.json", splits)
        runner.run(plans)
        schedule = Schedule(arguments.epochs, arguments.iterations, arguments.validation_iterations)
        images: dict[str, Any] = {"batch_size": arguments.batch}
        if arguments.patch:
            images["patch_size"] = [arguments.patch, arguments.patch]
        first = [model for model in models if not model.equal_time]
        for model in first:
            write_plans(workspace, model, schedule, images)
        steps = trainings(workspace, first, folds, arguments.epochs)
        runner.run(steps)
        if timed := [model for model in models if model.equal_time]:
            same = [next(one for one in first if one.fitted == model.fitted) for model in timed]
            cipa = next(model for model in first if model.trainer == CIPA)
            *epochs, _ = epochs_in_time_of_cipa(workspace, [*same, cipa], folds, arguments.epochs)
            for model, number in zip(timed, epochs, strict=True):
                write_plans(workspace, model, replace(schedule, num_epochs=number), images)
                more = trainings(workspace, [model], folds, number)
                runner.run(more)
                steps += more
        runner.run(results(workspace, models, cases_of_folds(workspace, folds), folds, steps))
    print((folder / "comparison" / "comparison.md").read_text(encoding="utf-8"))
    print(f"{folder / 'comparison'}\n{folder / 'report.html'}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-i", type=Path, required=True, metavar="DATA", help="folder in PCLT20K's layout")
    parser.add_argument("-o", type=Path, required=True, metavar="FOLDER", help="where to work, and where to resume")
    parser.add_argument("--models", choices=tuple(MODELS), default="ablations", help="default: %(default)s")
    parser.add_argument("--epochs", type=int, default=30, help="of each training (default: %(default)s)")
    parser.add_argument("--iterations", type=int, default=10, help="of each epoch (default: %(default)s)")
    parser.add_argument("--validation-iterations", type=int, default=2, help="of each epoch (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=2, help="images an iteration (default: %(default)s)")
    parser.add_argument("--patch", type=int, help="side of the patches in pixels, a multiple of 32 (as planned)")
    parser.add_argument(
        "--folds", nargs="+", type=int, default=[0, 1, 2], choices=range(NUM_FOLDS), help="default: 0 1 2"
    )
    parser.add_argument(
        "-device",
        choices=("cpu", "cuda", "mps"),
        default="cuda" if torch.cuda.is_available() else "cpu",
        help="default here: %(default)s",
    )
    parsed = parser.parse_args(arguments)
    try:
        run(parsed)
    except InputError as error:
        sys.exit(f"{parser.prog}: {error}")


if __name__ == "__main__":
    main()
