"""A page of trust alone: for cases without references, of which there is no comparison."""

from pathlib import Path

from markupsafe import Markup

from nnunetv2_cipa import __version__
from nnunetv2_cipa.files import new_file

from .page import asset, template
from .trust_section import TrustSection

_START = """
setTheme(storedTheme() ?? "system");
document.getElementById("theme").addEventListener("click", nextTheme);
"""


def write_trust_page(trust: TrustSection, output: Path, *, overwrite: bool = False) -> None:
    """Write which cases to look at first as a page.

    Raises:
        InputError: there is such a file already.
    """
    with new_file(output, overwrite=overwrite) as page:
        content = template("trust_page.html").render(
            version=__version__,
            trust=trust,
            style=Markup(asset("style.css")),
            script=Markup(asset("theme.js") + _START),
        )
        page.write_text(content, encoding="utf-8")
