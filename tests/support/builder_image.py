# SPDX-License-Identifier: Apache-2.0
"""The builder image, made from packaging/container/Dockerfile by the program itself, on a Debian that it pulls from a
test's registry. Needs root, mmdebstrap and a Debian mirror."""
import os
import shutil
import subprocess

import registry_case

DOCKERFILE = registry_case.TESTS.parent / "packaging/container/Dockerfile"


def debian(cache):
    """The least Debian 12 as a tar; the folder keeps it for the next run."""
    tar = cache / "minbase.tar"
    if not tar.exists():
        cache.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mmdebstrap", "--variant=minbase", "--include=ca-certificates", "--format=tar", "bookworm",
                        tar.with_suffix(".part"), os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian")],
                       check=True, capture_output=True, timeout=400)
        tar.with_suffix(".part").rename(tar)
    return tar.read_bytes()


def build(case, package, cache, *arguments):
    """Builds it with the Debian package in it, for a RegistryCase; what the program said."""
    case.push("library/debian:12", [debian(cache)])
    context = case.base / "context"
    context.mkdir()
    shutil.copy(package, context)
    environment = {"SOURCE_DATE_EPOCH": "1700000000"}
    for name in ("http_proxy", "https_proxy", "no_proxy"):
        if name in os.environ:
            environment[name] = os.environ[name]
    built = subprocess.run(
        case.command(["image", "build", "-f", DOCKERFILE, "--build-arg", f"BASE={case.host}/library/debian:12",
                      *arguments, context], case.base / "store"),
        capture_output=True, text=True, timeout=400, env={"PATH": os.environ["PATH"], **environment})
    if built.returncode != 0:
        raise AssertionError(built.stderr)
    return built
