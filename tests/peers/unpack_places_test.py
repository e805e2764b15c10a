#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `unpack` makes of one image as root, in a plain pod and for an ordinary user, beside umoci's
tree. Needs root. Usage: unpack_places_test.py PROGRAM [unittest arguments]"""
import hashlib
import io
import os
import pathlib
import shutil
import stat
import struct
import subprocess
import sys
import tarfile
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
import test_image  # noqa: E402

PROGRAM = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else ""
USER = 65534  # nobody.
FIRST, COUNT = 200000, 65536  # What /etc/subuid gives that user in these tests.
CAPABILITY = struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0)  # cap_net_raw+ep, revision 2.
POD = ("chown", "dac_override", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap",
       "net_bind_service", "net_raw", "sys_chroot", "mknod", "audit_write", "setfcap")


def entry(path, kind=tarfile.REGTYPE, content=b"", mode=0o644, uid=0, gid=0, mtime=1e9, link="",
          device=(0, 0), **xattrs):
    info = tarfile.TarInfo(path)
    info.type, info.mode, info.uid, info.gid, info.mtime = kind, mode, uid, gid, mtime
    info.linkname, info.size = link, len(content)
    info.devmajor, info.devminor = device
    info.pax_headers = {"SCHILY.xattr." + name.replace("__", "."): value.decode("latin-1")
                        for name, value in xattrs.items()}
    return info, content


def layer(*entries, sparse=None):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT,
                      encoding="latin-1") as tar:
        for info, content in entries:
            tar.addfile(info, io.BytesIO(content))
    tar = buffer.getvalue()
    return sparse + tar if sparse else tar


def sparse_tar(folder):
    """As GNU tar writes one, without the two blocks that end it."""
    file = folder / "holes"
    with open(file, "wb") as out:
        out.seek(1 << 20)
        out.write(b"in the middle")
        out.truncate(3 << 20)
    os.utime(file, (1e9, 1e9))
    tar = subprocess.run(["tar", "--sparse", "--format=posix", "--owner=0", "--group=0",
                          "--pax-option=delete=atime,delete=ctime", "-b1", "-cf-", "holes"],
                         cwd=folder, check=True, capture_output=True).stdout  # In blocks of 512 bytes.
    return tar[:-1024]


def layers(folder):
    directory, link, hard = tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
    return [
        layer(entry("./", directory, mode=0o755, mtime=7), entry("etc", directory, mode=0o755),
              entry("etc/passwd", content=b"root", user__note=b"binary\x01"),
              entry("etc/up", link, link="../../../tmp/x"), entry("etc/shadow", hard, link="etc/passwd"),
              entry("usr", directory, mode=0o755), entry("usr/lib", directory, mode=0o555, uid=5, gid=6),
              entry("usr/lib/a", content=b"a"), entry("usr/lib/b", content=b"b", mtime=123456789.25),
              entry("lib", link, link="usr/lib"), entry("suid", content=b"s", mode=0o6755, uid=3, gid=4),
              entry("ping", content=b"p", mode=0o755, security__capability=CAPABILITY),
              entry("sticky", directory, mode=0o1777), entry("locked", directory, mode=0),
              entry("secret", content=b"x", mode=0, uid=9), entry("fifo", tarfile.FIFOTYPE, mode=0o620),
              entry("dev", directory, mode=0o755), entry("dev/null", tarfile.CHRTYPE, mode=0o666, device=(1, 3)),
              entry("gone", directory, mode=0o755), entry("gone/x"),
              entry("opaque", directory, mode=0o755), entry("opaque/x"),
              entry("replaced", directory, mode=0o755), entry("replaced/x"),
              entry("hard", directory, mode=0o755), entry("hard/a", content=b"shared"), entry("hard/b", hard, link="hard/a"),
              sparse=sparse_tar(folder)),
        layer(entry(".wh.gone"), entry("opaque", directory, mode=0o700), entry("opaque/.wh..wh..opq"),
              entry("opaque/y", uid=1000, gid=1000), entry("usr/lib/.wh.a"), entry("replaced", content=b"file"),
              entry("hard/.wh.a"), entry("usr/lib/c", content=b"c"), entry("na\xefve-\xff", content=b"latin-1")),
    ]


def without_rootid(value):
    """A capability that a user namespace wrote, as it looks inside: revision 3 names its root."""
    if len(value) != 24:
        return value
    magic, *rest = struct.unpack("<IIIIII", value)
    return struct.pack("<IIIII", magic & ~0xff000000 | 0x02000000, *rest[:4])


def listing(root, owner=lambda number: number, without=(), xattrs_apart=()):
    """{path: what it is}; `without`: paths left out; None for an owner leaves owners out."""
    found, names = {}, {}
    for folder, folders, files in os.walk(os.fsencode(root)):
        for path in [folder] + [os.path.join(folder, name) for name in files] + \
                [os.path.join(folder, name) for name in folders if os.path.islink(os.path.join(folder, name))]:
            name = os.fsdecode(os.path.relpath(path, os.fsencode(root)))
            if name in without:
                continue
            status = os.lstat(path)
            names.setdefault(status.st_ino, []).append(name)
            content = b""
            if stat.S_ISREG(status.st_mode):
                content = hashlib.sha256(pathlib.Path(os.fsdecode(path)).read_bytes()).hexdigest()
            elif stat.S_ISLNK(status.st_mode):
                content = os.readlink(path)
            xattrs = {key: without_rootid(os.getxattr(path, key, follow_symlinks=False))
                      for key in os.listxattr(path, follow_symlinks=False) if key not in xattrs_apart}
            found[name] = (oct(status.st_mode), owner(status.st_uid), owner(status.st_gid),
                           status.st_mtime_ns, status.st_rdev, xattrs, content, status.st_ino)
    return {name: value[:-1] + (sorted(names[value[-1]])[0],) for name, value in found.items()}


@unittest.skipUnless(os.geteuid() == 0, "needs root")
@unittest.skipUnless(shutil.which("umoci"), "umoci is not installed")
class UnpackPlaces(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="unpack_places.", dir="/var/tmp")
        cls.base = pathlib.Path(cls.folder.name)
        cls.base.chmod(0o755)
        test_image.write_layout(str(cls.base / "layout"), layers(cls.base), tag="t")
        cls.program = cls.base / "osartifact"  # Where an ordinary user may start it.
        shutil.copy(PROGRAM, cls.program)
        subprocess.run(["umoci", "raw", "unpack", "--image", f"{cls.base}/layout:t", cls.base / "theirs"],
                       check=True, capture_output=True)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def unpack(self, *prefix, arguments=(), user=0, expect=0):
        """The tree, and what was said. Both are made in a folder of the user's own."""
        work = pathlib.Path(tempfile.mkdtemp(dir=self.base))
        os.chown(work, user, user)
        result = subprocess.run([*prefix, self.program, "unpack", f"oci:{self.base}/layout:t", work / "tree",
                                 "--store", work / "store", *arguments], capture_output=True, text=True,
                                timeout=60, env={"PATH": os.environ["PATH"], "HOME": str(work)})
        self.assertEqual(result.returncode, expect, result.stderr)
        return work / "tree", result.stderr

    def as_user(self, *prefix):
        return (*prefix, "setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups")

    def theirs_rootless(self):
        work = pathlib.Path(tempfile.mkdtemp(dir=self.base))
        os.chown(work, USER, USER)
        subprocess.run([*self.as_user(), "umoci", "raw", "unpack", "--rootless", "--image",
                        f"{self.base}/layout:t", work / "tree"], check=True, capture_output=True,
                       env={"PATH": os.environ["PATH"], "HOME": str(work)})
        return work / "tree"

    def test_root_makes_what_umoci_makes(self):
        tree, said = self.unpack()
        self.assertEqual(listing(tree), listing(self.base / "theirs"))
        self.assertNotIn("warn", said)
        self.assertLess(os.stat(tree / "holes").st_blocks, 64)

    def test_a_plain_pod_makes_what_root_makes(self):
        caps = "-all," + ",".join("+" + name for name in POD)
        tree, said = self.unpack("setpriv", f"--bounding-set={caps}")
        self.assertEqual(listing(tree), listing(self.base / "theirs"))

    def test_a_user_with_subordinate_ids_makes_what_root_makes_but_devices(self):
        lines = self.base / "subids"
        lines.write_text(f"{USER}:{FIRST}:{COUNT}\n")
        mounted = ("unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/subuid && mount --bind "$0" /etc/subgid '
                   '&& exec "$@"', str(lines))
        tree, said = self.unpack(*self.as_user(*mounted), arguments=["--no-devices"], user=USER)

        def inside(number):
            return 0 if number == USER else number - FIRST + 1

        self.assertEqual(listing(tree, owner=inside), listing(self.base / "theirs", without=["dev/null"]))
        self.assertIn("dev/null", said)

    def test_a_user_without_them_makes_all_but_owners_and_devices(self):
        tree, said = self.unpack(*self.as_user(), arguments=["--no-devices"], user=USER)
        apart = dict(owner=lambda number: None, without=["dev/null"])
        self.assertEqual(listing(tree, **apart), listing(self.base / "theirs", **apart))
        self.assertEqual({os.lstat(tree / name).st_uid for name in os.listdir(tree)}, {USER})
        self.assertIn("no owner", said)
        self.assertEqual(
            listing(tree, **apart, xattrs_apart=["security.capability"]),
            listing(self.theirs_rootless(), **apart,
                    xattrs_apart=["security.capability", "user.rootlesscontainers"]))

    def test_case149_a_user_is_told_of_devices_and_nothing_half_is_left(self):
        tree, said = self.unpack(*self.as_user(), user=USER, expect=8)
        self.assertIn("--no-devices", said)
        self.assertEqual(os.listdir(tree), [])

    def test_without_user_namespaces_capabilities_are_lost_as_well(self):
        # Who is in a chroot may make none, see user_namespaces(7).
        inner = self.base / "chroot"
        inner.mkdir()
        chroot = ("unshare", "-m", "sh", "-c", 'mount --rbind / "$0" && exec chroot "$0" "$@"', str(inner))
        tree, said = self.unpack(*self.as_user(*chroot), arguments=["--no-devices"], user=USER)
        apart = dict(owner=lambda number: None, without=["dev/null"], xattrs_apart=["security.capability"])
        self.assertEqual(listing(tree, **apart), listing(self.base / "theirs", **apart))
        self.assertIn("belong to you", said)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
