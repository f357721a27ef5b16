"""Settings of the documentation site: `make docs` builds it from these files and the code's docstrings."""

import argparse
import importlib

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import nnunetv2_cipa
from nnunetv2_cipa.cli import COMMANDS, Command

project = "nnunetv2_cipa"
author = "nnunetv2_cipa developers"
copyright = f"2026, {author}"
version = release = nnunetv2_cipa.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"{project} {version}"
myst_heading_anchors = 4  # links such as run.md#seeds
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True


class Commands(SphinxDirective):
    """`{commands}`: a section for each command of `nnUNetv2_cipa`, with what its `--help` prints."""

    def run(self) -> list[nodes.Node]:
        """The sections."""
        return [self._section(name, command) for name, command in COMMANDS.items()]

    def _section(self, name: str, command: Command) -> nodes.section:
        parser = argparse.ArgumentParser(
            prog=f"nnUNetv2_cipa {name}", formatter_class=lambda prog: argparse.HelpFormatter(prog, width=100)
        )
        importlib.import_module(command.module).add_arguments(parser)
        text = parser.format_help()
        section = nodes.section(ids=[nodes.make_id(name)], names=[name])
        sentence = f"{command.help[0].upper()}{command.help[1:]}."
        section += [nodes.title(name, name), nodes.paragraph("", sentence)]
        section += nodes.literal_block(text, text, language="text")
        return section


def setup(app: Sphinx) -> None:
    """Register the directive."""
    app.add_directive("commands", Commands)
