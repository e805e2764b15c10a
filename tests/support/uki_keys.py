# SPDX-License-Identifier: Apache-2.0
"""Keys of a machine owner for signed artifacts, and firmware variables that have them enrolled."""
import pathlib
import struct
import subprocess
import uuid

OWNER = uuid.UUID("3f8b1d4e-5a57-4c0e-9a55-6f0d1a2b3c4d")
GLOBAL = uuid.UUID("8be4df61-93ca-11d2-aa0d-00e098032b8c")
SECURITY_DATABASE = uuid.UUID("d719b2cb-3d3a-4596-a3bc-dad00e67656f")
SECURE_BOOT_ENABLE = uuid.UUID("f0a30bc7-af08-4556-99c4-001009c93a44")
X509 = uuid.UUID("a5c059a1-94e4-4aa7-87b5-ab155c2bf072")
AUTHENTICATED_STORE = uuid.UUID("aaf32c78-947b-439a-a180-2e144ec37792")


def _run(*arguments):
    subprocess.run(arguments, check=True, capture_output=True, timeout=60)


def make_keys(folder: pathlib.Path, owner: str = "test") -> None:
    """PK, KEK and db as key, certificate and signed update (efitools), and the key for PCR 11."""
    folder.mkdir(parents=True)
    for name in ("PK", "KEK", "db"):
        _run("openssl", "req", "-new", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650",
             "-subj", f"/CN={owner} {name}/", "-keyout", folder / f"{name}.key",
             "-out", folder / f"{name}.pem")
        _run("cert-to-efi-sig-list", "-g", str(OWNER), folder / f"{name}.pem", folder / f"{name}.esl")
    for name, signer in (("PK", "PK"), ("KEK", "PK"), ("db", "KEK")):
        _run("sign-efi-sig-list", "-g", str(OWNER), "-t", "2026-01-01 00:00:00",
             "-k", folder / f"{signer}.key", "-c", folder / f"{signer}.pem",
             name, folder / f"{name}.esl", folder / f"{name}.auth")
    _run("openssl", "genrsa", "-out", folder / "tpm2-pcr-private.pem", "2048")


def _variable(name: str, vendor: uuid.UUID, attributes: int, data: bytes) -> bytes:
    """An AUTHENTICATED_VARIABLE_HEADER with its name and data. Source: EDK II,
    MdeModulePkg/Include/Guid/VariableFormat.h."""
    text = name.encode("utf-16-le") + b"\0\0"
    time = struct.pack("<HBBBBBBIhBB", 2026, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0)
    record = struct.pack("<HBBIQ", 0x55AA, 0x3F, 0, attributes, 0) + time + struct.pack(
        "<III", 0, len(text), len(data)) + vendor.bytes_le + text + data
    return record + b"\xff" * (-len(record) % 4)


def enrol(template: pathlib.Path, keys: pathlib.Path, output: pathlib.Path) -> None:
    """Copies OVMF's empty variables to `output` with the keys in them and Secure Boot on."""
    image = bytearray(template.read_bytes())
    header_bytes = struct.unpack_from("<H", image, 48)[0]
    if image[40:44] != b"_FVH" or image[header_bytes:header_bytes + 16] != AUTHENTICATED_STORE.bytes_le:
        raise ValueError(f"{template} holds no variables of OVMF")
    at = header_bytes + 28
    while struct.unpack_from("<H", image, at)[0] == 0x55AA:
        name_bytes, data_bytes = struct.unpack_from("<II", image, at + 36)
        at += (60 + name_bytes + data_bytes + 3) // 4 * 4
    records = _variable("SecureBootEnable", SECURE_BOOT_ENABLE, 0x3, b"\1")
    for name, vendor in (("db", SECURITY_DATABASE), ("KEK", GLOBAL), ("PK", GLOBAL)):
        records += _variable(name, vendor, 0x27, (keys / f"{name}.esl").read_bytes())
    image[at:at + len(records)] = records
    output.write_bytes(image)
