"""The page itself: assets, tables, plots and cases in one HTML file, or with the cases in a folder beside it."""

import re
import tempfile
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from urllib.parse import quote

import jinja2
import matplotlib as mpl
from markupsafe import Markup

from nnunetv2_cipa import __version__
from nnunetv2_cipa.comparison import Comparison
from nnunetv2_cipa.comparison.difference_tables import COLUMNS, difference_notes
from nnunetv2_cipa.comparison.model_tables import costs_table, published_table, training_table
from nnunetv2_cipa.comparison.tables import patients_sentence
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.evaluation.wording import UNDEFINED
from nnunetv2_cipa.files import new_file, new_folder

from . import plots
from .case_files import embedded, write_case_files
from .page_data import page_data, script_json
from .sources import find_sources
from .themed_svg import MOST_COLOURS
from .trust_section import TrustSection
from .views import make_views

MOST_EMBEDDED_BYTES = 16_000_000
_SCRIPTS = ("theme.js", "data.js", "cases.js", "table.js", "viewer.js", "volumes.js", "plots.js", "main.js")
_COLOUR_STEPS = 16


@dataclass(frozen=True)
class Written:
    """What a report consists of.

    Attributes:
        page: The HTML file.
        folder: Of the cases beside it; None where they are in the page.
        case_bytes: Size of the cases' data.
    """

    page: Path
    folder: Path | None
    case_bytes: int


def write_report(
    comparison: Comparison,
    output: Path,
    *,
    images_folder: Path | None = None,
    trust: TrustSection | None = None,
    overwrite: bool = False,
    num_processes: int = 1,
) -> Written:
    """Write a comparison as a page.

    Images and outlines of the cases are in the page itself as long as they are no more than `MOST_EMBEDDED_BYTES`
    together. Else they are in a folder beside it, which has the page's name and `_files`, a file for each case, and the
    page loads them when they are looked at.

    Args:
        comparison: What is shown.
        output: The HTML file.
        images_folder: Of CT and PET, instead of the one that `comparison` names.
        trust: Which cases to look at first, if that is to be shown.
        overwrite: Replace an earlier report.
        num_processes: How many cases are read at a time. From 2 on, a script that calls this needs the usual
            `if __name__ == "__main__":`.

    Raises:
        InputError: there is such a file or folder already, or files of the cases are missing or unreadable.
    """
    folder = output.with_name(f"{output.stem}_files")
    if folder.exists() and not overwrite:
        raise InputError(f"{folder} exists already. Remove it, choose another place, or pass --overwrite.")
    sources = find_sources(comparison, images_folder)
    with new_file(output, overwrite=overwrite) as page, tempfile.TemporaryDirectory(dir=page.parent) as scratch:
        made = Path(scratch)
        labels = [comparison.labels, *(of_label.labels for of_label in comparison.of_labels().values())]
        size = write_case_files(made, sources, labels, num_processes=num_processes)
        files = sorted(made.iterdir())
        if size <= MOST_EMBEDDED_BYTES:
            page.write_text(_html(comparison, trust, None, files), encoding="utf-8")
            return Written(output, None, size)
        page.write_text(_html(comparison, trust, folder.name, []), encoding="utf-8")
        with new_folder(folder, overwrite=overwrite) as complete:
            for file in files:
                file.replace(complete / file.name)
    return Written(output, folder, size)


def _html(comparison: Comparison, trust: TrustSection | None, folder: str | None, case_files: list[Path]) -> str:
    """The page; the cases' data are in `folder` beside it, or else taken from `case_files`."""
    views = make_views(comparison)
    models = comparison.models
    facts = [costs_table(models), training_table(models)]
    return template("page.html").render(
        version=__version__,
        comparison=comparison,
        views=views,
        models=[(model.name, number % MOST_COLOURS) for number, model in enumerate(models)],
        patients_sentence=patients_sentence(comparison),
        several_runs=any(len(model.runs) > 1 for model in models),
        difference_columns=COLUMNS,
        difference_notes=difference_notes(comparison),
        facts=[table for table in facts if table.rows],
        published=published_table(comparison.published),
        training_plot=plots.training_curves(models),
        style=Markup(asset("style.css")),
        script=Markup("\n".join(map(asset, _SCRIPTS))),
        inferno=_colour_table("inferno"),
        trust=trust,
        folder=None if folder is None else quote(folder),
        cases=((key, Markup(content)) for key, content in map(embedded, case_files)),
        data=script_json(page_data(views)),
    )


def template(name: str) -> jinja2.Template:
    """A template of `assets`; all that it is given is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("nnunetv2_cipa.report", "assets"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["typeset"] = _typeset
    return environment.get_template(name)


def _typeset(text: str) -> str:
    """A worded number with a minus that is as long as a plus, and a dash where it is undefined."""
    return "\N{EN DASH}" if text == UNDEFINED else re.sub(r"(?<!\w)-(?=\d)", "\N{MINUS SIGN}", text)


def _colour_table(name: str) -> tuple[str, ...]:
    """A colour map as the tables of an SVG filter: red, green, blue."""
    steps = [mpl.colormaps[name](step / _COLOUR_STEPS) for step in range(_COLOUR_STEPS + 1)]
    return tuple(" ".join(f"{colour[channel]:.3f}" for colour in steps) for channel in range(3))


def asset(name: str) -> str:
    """Content of a file of `assets`."""
    return (resources.files("nnunetv2_cipa.report") / "assets" / name).read_text(encoding="utf-8")
