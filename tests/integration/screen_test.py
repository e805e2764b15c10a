#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a terminal shows of a build, as tmux draws it: widths, colours, a change of the size in the middle.
Usage: screen_test.py PROGRAM [unittest arguments]; needs root and tmux.
$OSARTIFACT_SCREENS names a folder where the screens go, for the documentation."""
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import registry_case  # noqa: E402
import test_image  # noqa: E402

MIDDLE = r"squashfs +[0-9.]+ s"  # It runs, and waits for us.
STAGES = ("pull", "unpack", "squashfs", "iso", "netboot-kernel")


@unittest.skipUnless(shutil.which("tmux"), "tmux is missing: nothing is known of the screen")
class Screen(registry_case.RegistryCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.push("demo/image:1", test_image.bootable_layers() + [
            test_image.layer({"usr/bin/large": os.urandom(8 << 20)})])

    def setUp(self):
        super().setUp()
        # Waits until it may go on, so that the screen can be looked at in the middle.
        folder = self.work / "bin"
        folder.mkdir()
        self.go_on = self.work / "go-on"
        (folder / "mksquashfs").write_text(
            f'#!/bin/sh\nuntil [ -e {self.go_on} ]; do sleep 0.1; done\nexec /usr/bin/mksquashfs "$@"\n')
        (folder / "mksquashfs").chmod(0o755)
        self.environment = {"PATH": f"{folder}:{os.environ['PATH']}", "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}

    def tmux(self, *arguments):
        return subprocess.run(["tmux", "-S", self.socket, "-f", "/dev/null", *map(str, arguments)], check=True,
                              capture_output=True, text=True, timeout=30, env={**os.environ, "LC_ALL": "C.UTF-8"}).stdout

    def start(self, columns, lines=30, **environment):
        self.socket = self.work / f"tmux{columns}"
        manifest = self.work / "demo.yaml"
        manifest.write_text(
            "apiVersion: build.kairos.io/v1alpha2\nkind: OSArtifact\nmetadata: {name: demo}\nspec:\n"
            f"  image: {{ref: '{self.host}/demo/image:1'}}\n"
            "  artifacts: {iso: true, netboot: true, netbootURL: 'http://boot.test/'}\n")
        variables = [f"{name}={value}" for name, value in {**self.environment, **environment}.items()]
        command = shlex.join(self.command(["build", manifest, "-o", self.out], self.store))
        self.tmux("new-session", "-d", "-x", columns, "-y", lines,
                  f"cd /; env -i TERM=$TERM {shlex.join(variables)} {command}; echo ended=$?; sleep 100")
        self.addCleanup(subprocess.run, ["tmux", "-S", self.socket, "kill-server"], capture_output=True)

    def screen(self, *flags):
        return self.tmux("capture-pane", "-p", *flags)

    def wait_for(self, pattern, *flags):
        end = time.monotonic() + 60
        while not re.search(pattern, screen := self.screen(*flags)):
            self.assertLess(time.monotonic(), end, screen)
            time.sleep(0.1)
        return screen

    def keep(self, name, screen):
        folder = os.environ.get("OSARTIFACT_SCREENS")
        if folder:
            (pathlib.Path(folder) / name).write_text(screen.rstrip("\n") + "\n")

    def tree_lines(self, screen):
        """The lines of the tree: the heading, and those with a branch."""
        return [line.rstrip() for line in screen.splitlines()
                if line.startswith("demo  ") or "└─ " in line or "├─ " in line]

    def assert_one_tree(self, screen, ended):
        lines = self.tree_lines(screen)
        self.assertEqual(sum(line.startswith("demo  ") for line in lines), 1, screen)
        for stage in STAGES:
            rows = [line for line in lines if line.split("─ ")[-1].split(" ")[0] == stage]
            self.assertEqual(len(rows), 1, screen)
            if ended:
                self.assertRegex(rows[0], "done in|cached")

    def test_the_tree_stands_in_one_piece_at_80_and_200_columns(self):
        for columns in (80, 200):
            with self.subTest(columns):
                self.out, self.store = self.work / f"out{columns}", self.work / f"store{columns}"
                self.go_on.unlink(missing_ok=True)
                self.start(columns)
                self.wait_for(MIDDLE)
                time.sleep(1.5)
                middle = self.screen()
                self.keep(f"build-{columns}.txt", middle)
                self.assert_one_tree(middle, False)
                self.assertRegex(middle, MIDDLE)
                self.assertRegex(middle, r"iso +waits")
                self.go_on.touch()
                end = self.wait_for("ended=0")
                self.keep(f"built-{columns}.txt", end)
                self.assert_one_tree(end, True)
                # What wraps is joined by -J: a line of the tree that does would be another one then.
                self.assertEqual(self.tree_lines(end), self.tree_lines(self.screen("-J")))
                self.assertIn("sha256sum -c demo.sha256", self.screen("-J"))
                # Results stay, whatever is drawn at the end.
                for name in ("demo.iso", "demo.ipxe"):
                    self.assertRegex(self.screen("-J"), rf"(?m)^{self.out}/{name}  [0-9.]+ .?i?B  sha256:")

    def test_a_change_of_the_width_leaves_one_tree(self):
        for before, after in ((200, 70), (70, 200)):
            with self.subTest(before=before):
                self.out, self.store = self.work / f"out{before}", self.work / f"store{before}"
                self.go_on.unlink(missing_ok=True)
                self.start(before)
                self.wait_for(MIDDLE)
                self.tmux("resize-window", "-x", after, "-y", 30)
                time.sleep(1.5)
                self.assert_one_tree(self.screen(), False)
                self.go_on.touch()
                self.wait_for("ended=0")
                self.assert_one_tree(self.screen(), True)

    def test_no_color_means_no_colour_and_the_tree_all_the_same(self):
        self.go_on.touch()
        self.start(80, NO_COLOR="1")
        self.wait_for("ended=0")

        self.assertNotIn("\x1b[", self.screen("-e"))
        self.assert_one_tree(self.screen(), True)

    def test_colours_are_the_rule_and_letters_do_for_other_locales(self):
        self.go_on.touch()
        self.start(80, LC_ALL="C")
        self.wait_for("ended=0")

        self.assertIn("\x1b[32m", self.screen("-e"))
        self.assertIn("|- pull ", self.screen())

    def test_a_dumb_terminal_gets_plain_lines(self):
        self.go_on.touch()
        self.start(80, TERM="dumb")
        self.wait_for("ended=0")

        self.assertIn("demo pull          done in", self.screen("-S", "-100"))
        self.assertEqual(self.tree_lines(self.screen("-S", "-100")), [])

    def test_a_low_terminal_shows_what_moves(self):
        self.start(80, lines=5)
        screen = self.wait_for(MIDDLE)
        time.sleep(1)

        self.assertEqual(self.screen().count("squashfs   "), 1, screen)
        self.go_on.touch()
        self.wait_for("ended=0")


if __name__ == "__main__":
    registry_case.main()
