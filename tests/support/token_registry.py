#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real docker-registry that sends its users to a token server, which this is. Both speak TLS on
127.0.0.1. Standard library and openssl only. Source: distribution, "Token Authentication Implementation".

    token_registry.py --dir STATE --port-file F --tls CERT KEY --ca CA
                      --user U --password P [--deny REPOSITORY] [--denial subset|error]

F gets {"port": N} once the registry listens. STATE/tokens.jsonl gets one line per token asked for: the
scopes, and what was granted. --deny: nobody may read this repository: the token comes without it
(subset), or not at all (error).
"""
import argparse
import base64
import hashlib
import http.server
import json
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def raw_signature(der):
    """The two 32-byte numbers of an ECDSA signature in DER."""
    numbers, rest = b"", der[2:]
    for _ in range(2):
        length = rest[1]
        numbers += rest[2:2 + length].lstrip(b"\0").rjust(32, b"\0")
        rest = rest[2 + length:]
    return numbers


class Signer:
    def __init__(self, options):
        self.key = options.tls[1]
        pem = pathlib.Path(options.tls[0]).read_text()
        self.certificate = base64.b64encode(ssl.PEM_cert_to_DER_cert(pem)).decode()

    def token(self, user, access):
        now = int(time.time())
        header = {"typ": "JWT", "alg": "ES256", "x5c": [self.certificate]}
        claims = {"iss": "test", "aud": "test", "sub": user, "exp": now + 300, "nbf": now - 60,
                  "iat": now, "jti": hashlib.sha256(str(time.time_ns()).encode()).hexdigest(),
                  "access": access}
        text = ".".join(base64url(json.dumps(part).encode()) for part in (header, claims))
        signed = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.key],
                                input=text.encode(), capture_output=True, check=True)
        return f"{text}.{base64url(raw_signature(signed.stdout))}"


class TokenHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.answer(404, {})

    def do_GET(self):
        options = self.server.options
        wanted = f"{options.user}:{options.password}".encode()
        if self.headers.get("Authorization") != "Basic " + base64.b64encode(wanted).decode():
            return self.answer(401, {"errors": [{"code": "UNAUTHORIZED", "message": "who?"}]})
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        scopes = [scope.split(":") for scope in query.get("scope", [])]
        granted = [scope for scope in scopes if scope[1] != options.deny]
        with self.server.lock, open(pathlib.Path(options.dir) / "tokens.jsonl", "a") as log:
            log.write(json.dumps({"scopes": scopes, "granted": granted}) + "\n")
        if granted != scopes and options.denial == "error":
            return self.answer(403, {"errors": [{"code": "DENIED", "message": "not yours"}]})
        access = [{"type": kind, "name": name, "actions": actions.split(",")}
                  for kind, name, actions in granted]
        return self.answer(200, {"token": self.server.signer.token(options.user, access)})


def start_token_server(options):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), TokenHandler)
    server.daemon_threads = True
    server.options, server.signer, server.lock = options, Signer(options), threading.Lock()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*options.tls)
    server.socket = context.wrap_socket(server.socket, server_side=True,
                                        do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def start_registry(options, token_port):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = pathlib.Path(options.dir) / "config.yml"
    config.write_text(
        "version: 0.1\nlog: {level: error}\n"
        f"storage: {{filesystem: {{rootdirectory: {options.dir}/data}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}', secret: test, "
        f"tls: {{certificate: {options.tls[0]}, key: {options.tls[1]}}}}}\n"
        f"auth: {{token: {{realm: 'https://localhost:{token_port}/token', service: test, "
        f"issuer: test, rootcertbundle: {options.ca}}}}}\n")
    process = subprocess.Popen(["docker-registry", "serve", str(config)])
    for _ in range(400):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process, port
        time.sleep(0.05)
    process.kill()
    sys.exit("docker-registry did not start")


def main():
    parser = argparse.ArgumentParser(description="docker-registry with a token server")
    parser.add_argument("--dir", required=True)
    parser.add_argument("--port-file", required=True)
    parser.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"), required=True)
    parser.add_argument("--ca", required=True)
    parser.add_argument("--user", required=True)
    parser.add_argument("--password", required=True)
    parser.add_argument("--deny")
    parser.add_argument("--denial", choices=("subset", "error"), default="subset")
    options = parser.parse_args()
    process, port = start_registry(options, start_token_server(options))
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    port_file = pathlib.Path(options.port_file)
    partial = port_file.with_suffix(".partial")
    partial.write_text(json.dumps({"port": port}))
    partial.rename(port_file)
    process.wait()


if __name__ == "__main__":
    main()
