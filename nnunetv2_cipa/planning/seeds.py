"""`nnUNetv2_cipa plan_seed`: a plan for another training of the same model.

nnU-Net tells models apart by trainer, plans and configuration. A copy of a plans file under another name is therefore
all that it takes to train again, choose, ensemble and predict by nnU-Net's own commands; the preprocessed data are
shared.
"""

from argparse import ArgumentParser, Namespace

from nnunetv2_cipa.nnunet.folders import dataset_folder
from nnunetv2_cipa.nnunet.plans import OWN_PLANS, read_planned_json, write_plans
from nnunetv2_cipa.pipeline.experiment import plans_of_seed, seed_argument


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("-d", required=True, metavar="ID", help="dataset, planned by nnUNetv2_plan_and_preprocess")
    parser.add_argument("-p", default=OWN_PLANS, metavar="PLANS", help="plans to be copied (default: %(default)s)")
    parser.add_argument("--seed", type=seed_argument, required=True, metavar="N", help="the copy is PLANS_seedN")
    parser.add_argument("--overwrite", action="store_true", help="replace plans of that name")


def run(arguments: Namespace) -> None:
    """Write the copy.

    Raises:
        InputError: there are no such plans, or the copy is there already.
    """
    folder = dataset_folder("nnUNet_preprocessed", arguments.d)
    plans = read_planned_json(folder / f"{arguments.p}.json")
    name = plans_of_seed(arguments.seed, arguments.p)
    target = folder / f"{name}.json"
    write_plans(target, {**plans, "plans_name": name, "seed": arguments.seed}, overwrite=arguments.overwrite)
    print(target)
