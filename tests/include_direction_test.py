#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Keeps the arrows of the house pointing one way, and C libraries behind one file pair each.

Reads the #include lines of every source file; prints each that is not allowed and exits 1.
"""
import pathlib
import re
import sys

ORDER = ["base", "auth", "oci", "stages", "orchestrator"]

# header prefix -> the only file stems (folder/name) that may include it
LIBRARY_HOMES = {
    "curl/": {"base/curl_easy"},
    "archive.h": {"oci/tar_reader", "oci/tar_stream", "oci/tar_writer"},
    "archive_entry.h": {"oci/tar_reader", "oci/tar_stream", "oci/tar_writer"},
    "boost/": {"base/process"},
    "yaml-cpp/": {"orchestrator/manifest/yaml"},
    "CLI/": {"orchestrator/command_line"},
    "isa-l": {"oci/compressor", "oci/decompressor"},
    "zstd.h": {"oci/decompressor", "oci/zstd_compressor"},
    "toml++/": {"oci/registries_conf"},
    "ext2fs/": {"stages/ext2_within"},
    "sqlite3.h": {"stages/supply_chain/rpm_sqlite"},
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def violations(root: pathlib.Path):
    for folder in ORDER:
        allowed = set(ORDER[: ORDER.index(folder) + 1])
        for path in sorted(root.joinpath(folder).rglob("*.[ch]pp")):
            stem = str(path.relative_to(root).with_suffix(""))
            for number, line in enumerate(path.read_text().splitlines(), 1):
                match = INCLUDE.match(line)
                if not match:
                    continue
                quote, header = match.groups()
                where = f"{path.relative_to(root)}:{number}"
                if quote == '"' and header.split("/")[0] not in allowed:
                    yield f"{where}: {folder}/ must not include {header}"
                for prefix, homes in LIBRARY_HOMES.items():
                    if quote == "<" and header.startswith(prefix) and stem not in homes:
                        yield f"{where}: <{header}> belongs in {', '.join(sorted(homes))}"


def main() -> int:
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    found = list(violations(root))
    print("\n".join(found) if found else "include directions: ok")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
