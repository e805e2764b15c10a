#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Templates rendered by Go's text/template and by us side by side: the same text, or both refuse.
Usage: go_template_test.py RENDER_TEMPLATES [COUNT [SEED]]; skipped (77) without Go.
With UPDATE_GOLDEN=1 Go's answers to tests/data/go_template/templates.txt are written beside it."""
import base64
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
VALUES = {"A": "alpha", "B": "", "C": "7", "D": "<a href='x'>&\"\\é\u2028=", "E_1": "two words",
          "é": "accent", "lower": "l"}

DATA = HERE.parent / "data/go_template"
WRITTEN = (DATA / "templates.txt").read_text().split("\n----\n")

TERMS = [".", ".A", ".B", ".C", ".D", ".No", "$", "$.A", "$x", "1", "0", "-3", "1.5", "1e3", "0x1F",
         "0b11", "0o17", "017", "1_000", "'a'", "'\\n'", "\"s\"", "\"\"", "`raw`", "true", "false",
         "nil", "(.A)", "(len .A)", "(print 1 2)", "(index . \"A\")", ".A.B", "$.lower", "1e21",
         "100000000.0", "0.00001", "\"\\u00e9\\x41\\101\"", ".é"]
FUNCTIONS = ["and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "len", "index", "slice", "print",
             "printf", "println", "html", "js", "urlquery", "call", "none"]
FORMATS = ["%v", "%s", "%d", "%q", "%x", "%X", "%5s|", "%-5s|", "%05d|", "%+d", "%t", "%T", "%c", "%U",
           "%#v", "%#x", "% x", "%.2f", "%8.3f|", "%e", "%g", "%%", "%", "%z", "%[2]v %[1]v", "%[3]v",
           "%*d", "%-08d|", "%.2s", "%#q", "%+q", "%o", "%O", "%b", "%6.2d|", "%!", "%v %v", "é%v"]


def term(rng, depth=0):
    if depth < 2 and rng.random() < 0.2:
        return "(" + pipeline(rng, depth + 1) + ")"
    return rng.choice(TERMS)


def command(rng, depth):
    roll = rng.random()
    if roll < 0.35:
        return term(rng, depth)
    name = rng.choice(FUNCTIONS)
    arguments = [term(rng, depth) for _ in range(rng.choice([0, 1, 1, 2, 2, 3]))]
    if name == "printf" and rng.random() < 0.9:
        arguments.insert(0, '"' + rng.choice(FORMATS) + '"')
    return " ".join([name, *arguments])


def pipeline(rng, depth=0):
    return " | ".join(command(rng, depth) for _ in range(rng.choice([1, 1, 1, 2, 3])))


def braces(rng, text):
    return ("{{- " if rng.random() < 0.2 else "{{" + rng.choice(["", " "])) + text + (
        " -}}" if rng.random() < 0.2 else rng.choice(["", " "]) + "}}")


def body(rng, depth=0):
    parts = []
    for _ in range(rng.choice([1, 2, 3])):
        roll = rng.random()
        if roll < 0.3 or depth > 2:
            parts.append(rng.choice(["text", " ", "\n", "x\n y", " \t\n", "{", "}}", "-"]))
        elif roll < 0.6:
            parts.append(braces(rng, pipeline(rng)))
        elif roll < 0.7:
            parts.append(braces(rng, rng.choice(["$x := ", "$x = ", "$y := "]) + pipeline(rng)))
        elif roll < 0.75:
            parts.append(rng.choice(["{{/* c */}}", "{{- /* c */ -}}", "{{ /* c */}}"]))
        else:
            word = rng.choice(["if", "with", "range"])
            head = word + " " + rng.choice(["", "", "$x := ", "$i, $x := ", "$x = "]) + pipeline(rng)
            inside = body(rng, depth + 1)
            if word == "range" and rng.random() < 0.3:
                inside += braces(rng, rng.choice(["break", "continue"]))
            other = ""
            if rng.random() < 0.4:
                other = braces(rng, rng.choice(["else", "else", f"else {word} " + pipeline(rng)]))
                other += body(rng, depth + 1)
            parts.append(braces(rng, head) + inside + other + braces(rng, "end"))
    return "".join(parts)


def ask(command_line, questions):
    data = json.dumps([{"template": base64.b64encode(q.encode()).decode(), "values": VALUES}
                       for q in questions])
    done = subprocess.run(command_line, input=data, capture_output=True, text=True, check=True,
                          timeout=300)
    return json.loads(done.stdout)


def main():
    if not shutil.which("go"):
        print("go is not installed")
        return 77
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 3000
    rng = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    questions = WRITTEN + ["{{$x := 3}}" + body(rng) for _ in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "oracle")
        subprocess.run(["go", "build", "-o", program, "."], cwd=HERE / "go_template", check=True,
                       timeout=300, env={**os.environ, "GOFLAGS": "-mod=mod"})
        theirs = ask([program], questions)
    if os.environ.get("UPDATE_GOLDEN"):
        golden = [{"template": question, "ok": answer["ok"],
                   "text": base64.b64decode(answer["text"] or "").decode()}
                  for question, answer in zip(WRITTEN, theirs)]
        (DATA / "expected.json").write_text(
            json.dumps({"values": VALUES, "templates": golden}, indent=1) + "\n")
        return 0
    ours = ask([sys.argv[1]], questions)
    wrong = 0
    for question, go, we in zip(questions, theirs, ours):
        if "not supported" in we.get("error", "") or "too many steps" in we.get("error", ""):
            continue  # docs/images.md lists these.
        if (go["ok"], go["text"] or "") == (we["ok"], we["text"]):
            continue
        wrong += 1
        if wrong <= 20:
            print(f"--- {question!r}\n  go:   {go['ok']} {base64.b64decode(go['text'] or '')!r} {go['error']}"
                  f"\n  ours: {we['ok']} {base64.b64decode(we['text'])!r} {we.get('error', '')}")
    taken = sum(answer["ok"] for answer in theirs)
    print(f"{len(questions)} templates, Go takes {taken}; {wrong} differ")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
