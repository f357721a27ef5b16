"""`nnUNetv2_cipa plan_seed`: a plan for another training of the same model.

nnU-Net tells models apart by trainer, plans and configuration. A copy of a plans file under another name is therefore
all that it takes to train again, choose, ensemble and predict by nnU-Net's own commands; the preprocessed data are
shared.
"""

from argparse import ArgumentParser, ArgumentTypeError, Namespace

from nnunetv2_cipa.errors import InputError

from .plans_files import OWN_PLANS, preprocessed_folder, read_json, write_plans

UNSEEDED = 0
"""The number of the plan itself, which is not a copy and seeds nothing."""


def plans_of_seed(seed: int, plans: str = OWN_PLANS) -> str:
    """Name of the plans for a seed: the plans themselves for 0."""
    return plans if seed == UNSEEDED else f"{plans}_seed{seed}"


def seed_argument(text: str) -> int:
    """A seed of the command line."""
    if not (text.isascii() and text.isdigit()):
        raise ArgumentTypeError(f"{text!r} is not a seed: 0, 1, 2, ...")
    return int(text)


def add_seeds_argument(parser: ArgumentParser) -> None:
    """Declare the seeds of a run."""
    parser.add_argument(
        "--seeds",
        nargs="+",
        type=seed_argument,
        default=[UNSEEDED],
        metavar="N",
        help=f"train each trainer and fold once for each; {UNSEEDED}, the default, is a training without seed",
    )


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("-d", required=True, metavar="ID", help="dataset, planned by nnUNetv2_plan_and_preprocess")
    parser.add_argument("-p", default=OWN_PLANS, metavar="PLANS", help="plans to be copied (default: %(default)s)")
    parser.add_argument(
        "--seed", type=seed_argument, required=True, metavar="N", help="from 1 on; the copy is PLANS_seedN"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace plans of that name")


def run(arguments: Namespace) -> None:
    """Write the copy.

    Raises:
        InputError: there are no such plans, the copy is there already, or the seed is 0.
    """
    if arguments.seed == UNSEEDED:
        raise InputError(f"--seed {UNSEEDED} is {arguments.p} itself, in which nothing is seeded. Choose 1 or more.")
    folder = preprocessed_folder(arguments.d)
    plans = read_json(folder / f"{arguments.p}.json")
    name = plans_of_seed(arguments.seed, arguments.p)
    target = folder / f"{name}.json"
    write_plans(target, {**plans, "plans_name": name, "seed": arguments.seed}, overwrite=arguments.overwrite)
    print(target)
