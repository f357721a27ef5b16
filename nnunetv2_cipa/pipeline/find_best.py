"""`nnUNetv2_cipa find_best`: nnU-Net's choice, among models that are not all combinations of some trainers and plans.

`nnUNetv2_find_best_configuration` takes trainers and plans, and wants each trainer on each plan. The function behind it
takes any models; this command hands it some.
"""

from argparse import ArgumentParser, Namespace

from nnunetv2_cipa.arguments import add_processes_argument
from nnunetv2_cipa.nnunet.folders import find_dataset
from nnunetv2_cipa.nnunet.model_names import name_parts


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("-d", required=True, metavar="ID", help="dataset")
    parser.add_argument(
        "-tr", nargs="+", required=True, metavar="MODEL", help="TRAINER__PLANS__CONFIGURATION, as nnU-Net names folders"
    )
    parser.add_argument("-f", nargs="+", type=int, default=[0, 1, 2, 3, 4], metavar="FOLD", help="default: 0 to 4")
    add_processes_argument(parser, "processes")


def run(arguments: Namespace) -> None:
    """Choose the best model or pair of models, find its postprocessing and write inference_information.json.

    Raises:
        InputError: a name is no model's, or there is no such dataset.
    """
    from nnunetv2.evaluation.find_best_configuration import find_best_configuration

    models = [dict(zip(("trainer", "plans", "configuration"), name_parts(word), strict=True)) for word in arguments.tr]
    find_best_configuration(
        find_dataset(arguments.d),
        models,
        allow_ensembling=True,
        num_processes=arguments.np,
        overwrite=True,
        folds=tuple(arguments.f),
        strict=True,
    )
