# SPDX-License-Identifier: Apache-2.0
"""The commands that a page of docs/ shows, so that tests can run them."""
import pathlib
import re
import shlex

DOCS = pathlib.Path(__file__).resolve().parent.parent.parent / "docs"


def commands(page):
    """Each line of the ```sh blocks of a page, in order, as words; what is redirected is left out."""
    text = (DOCS / page).read_text()
    lines = [line for block in re.findall(r"```sh\n(.*?)```", text, re.S) for line in block.splitlines()]
    return [shlex.split(line.split(" >")[0], comments=True) for line in lines if line.startswith("osartifact ")]
