#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every case that we claim to survive has a test with its number in its name (Case007..., case007_...)
or a line in docs/cases.md that says why not; none has both. Usage: cases_test.py ROOT"""
import pathlib
import re
import sys

LAST = 293
# The rows claimed so far, first and last of each run.
CLAIMED = [(1, 189), (191, 193), (195, 202), (204, 288)]

NAME = re.compile(r"case(\d{3})", re.IGNORECASE)
TEST = re.compile(r"(?:TEST(?:_F|_P)?\s*\([^)]*\)|def test_\w+)")
LINE = re.compile(r"^\|\s*(\d+)\s*\|", re.MULTILINE)


def tested_rows(root: pathlib.Path):
    rows = set()
    for path in sorted(root.joinpath("tests").rglob("*")):
        if path.suffix in (".cpp", ".py"):
            for test in TEST.findall(path.read_text()):
                rows |= {int(number) for number in NAME.findall(test)}
    return rows


def complaints(root: pathlib.Path):
    tested = tested_rows(root)
    written = [int(number) for number in LINE.findall((root / "docs/cases.md").read_text())]
    claimed = {row for first, last in CLAIMED for row in range(first, last + 1)}
    for row in sorted(claimed - tested - set(written)):
        yield f"case {row} has neither a test of its name nor a line in docs/cases.md"
    for row in sorted(tested & set(written)):
        yield f"case {row} has a test and a line in docs/cases.md that says why not"
    for row in sorted(row for row in tested | set(written) if not 1 <= row <= LAST):
        yield f"there is no case {row}"
    if written != sorted(set(written)):
        yield "the lines of docs/cases.md are not in order"


def main() -> int:
    found = list(complaints(pathlib.Path(sys.argv[1]).resolve()))
    print("\n".join(found) if found else "cases: ok")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
