"""`nnUNetv2_cipa plan_schedule`: nnU-Net's own plans with the schedule of the plan that fits CIPA.

nnU-Net's presets have no schedule, which trainers whose names end in `_planned` follow. A copy under another name has;
the preprocessed data are shared, and the preset stays as nnU-Net has made it.
"""

from argparse import ArgumentParser, Namespace

from nnunetv2_cipa.nnunet.folders import dataset_folder
from nnunetv2_cipa.nnunet.plans import (
    CONFIGURATION_2D,
    OWN_PLANS,
    PLANNED,
    check_configuration,
    read_planned_json,
    write_plans,
)
from nnunetv2_cipa.timing.measuring import schedule_of_plan


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("-d", required=True, metavar="ID", help="dataset, planned by nnUNetv2_cipa plan")
    parser.add_argument(
        "-p", required=True, metavar="PLANS", help="plans without a schedule, such as nnUNetResEncUNetMPlans"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace plans of that name")


def run(arguments: Namespace) -> None:
    """Write the copy, PLANS_planned.

    Raises:
        InputError: there are no such plans or no plan with a schedule, or the copy is there already.
    """
    folder = dataset_folder("nnUNet_preprocessed", arguments.d)
    plans = read_planned_json(folder / f"{arguments.p}.json")
    check_configuration(plans, CONFIGURATION_2D)
    schedule = schedule_of_plan(folder / f"{OWN_PLANS}.json")
    configurations = plans["configurations"]
    scheduled = {**configurations, CONFIGURATION_2D: {**configurations[CONFIGURATION_2D], **schedule.content()}}
    name = f"{arguments.p}{PLANNED}"
    target = folder / f"{name}.json"
    write_plans(target, {**plans, "plans_name": name, "configurations": scheduled}, overwrite=arguments.overwrite)
    print(target)
