#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every example of README.md and docs/ is run, or held against the program: the first OSArtifact of the README is built from
a real registry, manifests are validated, command lines must be ones that the program has, pages that are made from its tables
must be what the tables give. An example that can be none of these has a line before it: <!-- not run: REASON -->.
Usage: docs_test.py PROGRAM MANUAL [unittest arguments]; UPDATE_DOCS=1 writes the made pages anew."""
import functools
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

MANUAL = os.path.abspath(sys.argv.pop(2))
ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/support"))
import registry_case  # noqa: E402
import test_image  # noqa: E402
import yaml  # noqa: E402
from registry_case import PROGRAM  # noqa: E402

MADE_PAGES = ("flags.md", "manifest.md")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LANGUAGES = ("", "console", "sh", "yaml", "json", "toml", "text", "dockerfile")
MOST_NOT_RUN = 6
# Programs of others that examples call, and that are no part of this.
OTHERS = {"apt-get", "aws", "cmake", "cosign", "ctest", "docker", "export", "journalctl", "kubectl", "openssl", "regctl", "scp",
          "skopeo", "ssh", "systemctl", "systemd-analyze"}


class Block:
    def __init__(self, page, line, language, text, reason):
        self.page, self.line, self.language, self.text, self.reason = page, line, language, text, reason

    def __str__(self):
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    def commands(self):
        """The command lines of a shell's example, each as its words; without comments and prompts."""
        text = self.text.replace("\\\n", " ")
        for line in text.splitlines():
            if self.language == "console" and not line.startswith("$ "):
                continue  # What is shown.
            line = line.removeprefix("$ ")
            line = re.sub(r"<\(.*?\)", "FILE", line)
            for part in re.split(r"&&|\|\||[|;]", re.sub(r"(^|\s)#.*", "", line)):
                words = shlex.split(re.sub(r"[<>]+\s*\S+", "", part))
                if words:
                    yield words


@functools.cache
def blocks():
    found = []
    for page in PAGES:
        language, start, lines, before = None, 0, [], ""
        for number, line in enumerate(page.read_text().splitlines(), 1):
            if line.startswith("```") and language is None:
                language, start, lines = line[3:].strip(), number, []
            elif line.startswith("```"):
                reason = re.fullmatch(r"<!-- not run: (.+) -->", before)
                found.append(Block(page, start, language, "\n".join(lines) + "\n", reason and reason[1]))
                language, before = None, ""
            elif language is not None:
                lines.append(line)
            elif line.strip():
                before = line.strip()
    return found


@functools.cache
def command_flags():
    """{command: its flags}, from the page that the program's own tables give; "" has those of every command."""
    page = subprocess.run([MANUAL, "flags.md"], check=True, capture_output=True, text=True).stdout
    flags, command = {}, ""
    for line in page.splitlines():
        heading = re.match(r"## (osartifact .*)", line)
        if heading:
            # Names of commands are in small letters, those of arguments are not.
            command = " ".join(word for word in heading[1].split()[1:] if re.fullmatch(r"[a-z]+", word))
        row = re.match(r"\| `(-.*?)` \|", line)
        flags.setdefault(command, set())
        if row:
            flags[command] |= set(re.findall(r"(?<![\w-])--?[a-z][a-z0-9-]*", row[1].replace("\\|", "|")))
    return flags


class Docs(registry_case.RegistryCase):
    signed_in = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.push("team/debian:12", test_image.bootable_layers())

    def test_every_example_is_one_of_a_kind_that_is_checked(self):
        for block in blocks():
            self.assertIn(block.language, LANGUAGES, block)
        not_run = [f"{block}: {block.reason}" for block in blocks() if block.reason]
        self.assertLessEqual(len(not_run), MOST_NOT_RUN, not_run)

    def test_command_lines_are_those_of_the_program(self):
        checked = 0
        for block in blocks():
            shell = block.language in ("console", "sh") or (block.language == "" and re.search(
                r"^(\$ )?(osartifact|systemctl|\./|cmake) ?", block.text, re.MULTILINE))
            if block.reason or not shell:
                continue
            for words in block.commands():
                with self.subTest(str(block), command=" ".join(words)):
                    while re.fullmatch(r"[A-Z_]+=.*", words[0]):
                        words = words[1:]
                    if words[:2] == ["ssh", "root@node"]:
                        words = words[2:]
                    if words[0] == "osartifact":
                        self.check_command(words[1:])
                        checked += 1
                    elif words[0].startswith("./") or "/" in words[0]:
                        self.assertTrue((ROOT / words[0]).exists() or words[0].startswith("build/"), words[0])
                    else:
                        self.assertIn(words[0], OTHERS)
        self.assertGreater(checked, 20)

    def check_command(self, words):
        flags = command_flags()
        command = next((" ".join(words[:length]) for length in (2, 1) if " ".join(words[:length]) in flags), None)
        self.assertIsNotNone(command, "there is no such command")
        for word in words:
            if re.match(r"--?[a-z]", word):
                self.assertIn(word.split("=")[0], flags[command] | flags[""] | {"--help", "-h"})

    def test_manifests_are_valid(self):
        checked = 0
        for block in blocks():
            if block.language != "yaml" or block.reason:
                continue
            with self.subTest(str(block)):
                documents = list(yaml.safe_load_all(block.text))
                if not any(isinstance(document, dict) and document.get("kind") == "OSArtifact" for document in documents):
                    continue
                result = self.program("validate", "-", stdin=block.text.encode())
                self.assertEqual(result.returncode, 0, result.stderr)
                checked += 1
        self.assertGreaterEqual(checked, 3)

    def test_json_is_json(self):
        for block in blocks():
            if block.language == "json" and not block.reason:
                with self.subTest(str(block)):
                    json.loads(block.text)

    def test_the_first_osartifact_of_the_readme_is_built_as_it_says(self):
        readme = [block for block in blocks() if block.page.name == "README.md"]
        manifest = next(block for block in readme if block.language == "yaml").text
        commands = next(block for block in readme if block.text.startswith("osartifact validate demo.yaml"))
        manifest = manifest.replace("registry.example.com", self.host)
        manifest = manifest.replace('"username": "me", "password": "secret"', f'"auth": "{self.encode(self.password)}"')
        (self.work / "demo.yaml").write_text(manifest)
        program = self.work / "osartifact"
        program.symlink_to(PROGRAM)
        environment = {"PATH": f"{self.work}:{os.environ['PATH']}", "HOME": str(self.work),
                       "OSARTIFACT_STORE": str(self.store), "OSARTIFACT_CA_DIR": str(self.base / "registry/ca")}
        for words in commands.commands():
            result = subprocess.run(words, cwd=self.work, env=environment, capture_output=True, text=True, timeout=120)
            self.assertEqual(result.returncode, 0, f"{words}: {result.stderr}")
        named = re.findall(r"out/demo[.a-z0-9]+", commands.text)
        self.assertEqual(len(named), 3)
        for name in named:
            self.assertTrue((self.work / name).exists(), name)

    def test_pages_made_from_tables_are_what_the_tables_give(self):
        for name in MADE_PAGES:
            with self.subTest(name):
                made = subprocess.run([MANUAL, name], check=True, capture_output=True, text=True).stdout
                # Where the store lies depends on who asks.
                made = re.sub(r"(Where images and results are kept)[^|]*", r"\1 ", made)
                file = ROOT / "docs" / name
                if os.environ.get("UPDATE_DOCS"):
                    file.write_text(made)
                self.assertEqual(file.read_text() if file.exists() else "", made, f"UPDATE_DOCS=1 writes docs/{name}")

    def test_links_lead_somewhere(self):
        for page in PAGES:
            for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
                if not target.startswith(("http:", "https:")):
                    self.assertTrue((page.parent / target).exists(), f"{page.relative_to(ROOT)}: {target}")

    def test_exit_codes_are_the_same_everywhere(self):
        page = subprocess.run([MANUAL, "1"], check=True, capture_output=True, text=True).stdout
        manual = set(re.findall(r"\n\.B (\d+)\n", page))
        errors = set(re.findall(r"^\| (\d+) \|", (ROOT / "docs/errors.md").read_text(), re.MULTILINE))
        readme = set(re.findall(r"^\| (\d+) \|", (ROOT / "README.md").read_text(), re.MULTILINE))
        self.assertEqual(manual | {"130", "143"}, errors)
        self.assertEqual(manual, readme)


if __name__ == "__main__":
    registry_case.main()
