#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A registry that does what a script tells it to do wrong. Standard library only.

    fault_registry.py --dir STATE --port-file F [--script script.json] [--tls CERT KEY]
                      [--user U --password P | --users FILE] [--token-auth] [--token-lifetime S]
                      [--identity-token T] [--refuse-whole-uploads]
                      [--locations relative|absolute|plain] [--strict-locations]

STATE is an OCI image layout (index.json may name images "tag" or "repository:tag"); what is pushed
is added to it. F gets {"port": N, "storage_port": M} once both servers listen on 127.0.0.1. The
second one, "storage", is another host: it serves /storage/DIGEST to anyone and has no login.
STATE/requests.jsonl gets one line per request, before it is answered: server, method, path, headers.
The Locations of uploads are relative with a query, absolute, or plain (relative, no query). A new
one comes with every answer; --strict-locations: only the latest may be used for PATCH and PUT.
STATE/sent.jsonl gets one line per answer with a body: path and how many bytes of it were sent.
FILE holds {"user": "password"} and is read again at every request, so a test can rotate it.

The script is a list of rules; the first that fits a request and is not used up acts on it:

    {"method": "GET", "path": "regular expression", "server": "registry" | "storage",
     "skip": 0, "times": 1 (-1: always), ... actions}

    "status", "headers", "body"     answer this; with no "status", "headers" go into the real answer
    "redirect": "URL"               307 there; {port} and {storage_port} are replaced, also in headers
    "cut": N                        close the connection after N bytes of the real body
    "cut_at": [N, ...]              as "cut", at the next of these offsets of the blob, none of which
                                    is used twice
    "rate": N                       send and take bodies at N bytes a second
    "then_users": {"user": "pw"}    write this to FILE, once, when the request comes
    "stall": S, "stall_after": N    wait S seconds, before the answer or after N bytes of its body
    "ignore_range": true            answer 200 to a Range
    "content_range": "bytes 0-1/2"  say this in the 206
    "drop": ["Header"]              leave headers out of the real answer
    "extra": N                      append N bytes to the body (and to its announced length)
    "shorten": N                    take N bytes off the body (and off its announced length)
    "flip": true                    change the first byte of the body
    "raw": "text"                   write this to the socket and close
    "close": true                   close without an answer
    "drop_after_handling": true     do the work, then close without an answer
    "answer_status": S              give the real answer this status
    "cut_request": N                read N bytes of the body, keep them if it is an upload, reset
"""
import argparse
import base64
import hashlib
import http.server
import json
import pathlib
import re
import secrets
import socket
import ssl
import struct
import sys
import threading
import time
import urllib.parse

MANIFEST_TYPES = {
    "application/vnd.oci.image.index.v1+json": "manifests",
    "application/vnd.oci.image.manifest.v1+json": "config",
}


class State:
    """What both servers share."""

    def __init__(self, options):
        self.options = options
        self.root = pathlib.Path(options.dir)
        self.blobs = self.root / "blobs" / "sha256"
        self.blobs.mkdir(parents=True, exist_ok=True)
        self.lock = threading.Lock()
        self.rules = json.loads(pathlib.Path(options.script).read_text()) if options.script else []
        self.used = [0] * len(self.rules)
        self.ports = {}
        self.uploads = {}
        self.steps = {}
        self.tokens = {}
        self.types = {}
        self.tags = {}
        self.cuts_used = set()

    def read_index(self):
        index = self.root / "index.json"
        if index.exists():
            for entry in json.loads(index.read_text()).get("manifests", []):
                name = entry.get("annotations", {}).get("org.opencontainers.image.ref.name", "")
                self.tags.setdefault(name, entry["digest"])
                self.types.setdefault(entry["digest"], entry["mediaType"])

    def rule_for(self, server, method, path):
        with self.lock:
            for number, rule in enumerate(self.rules):
                if rule.get("server", "registry") != server:
                    continue
                if rule.get("method", method) != method:
                    continue
                if not re.search(rule.get("path", ""), path):
                    continue
                self.used[number] += 1
                turn = self.used[number] - rule.get("skip", 0)
                if turn >= 1 and (rule.get("times", 1) < 0 or turn <= rule.get("times", 1)):
                    return rule
        return {}

    def fill(self, text):
        if isinstance(text, list):
            return [self.fill(one) for one in text]
        return text.replace("{port}", str(self.ports["port"])).replace(
            "{storage_port}", str(self.ports["storage_port"])
        )

    def users(self):
        if self.options.users:
            return json.loads(pathlib.Path(self.options.users).read_text())
        return {self.options.user: self.options.password} if self.options.user else {}

    def note(self, line, name="requests.jsonl"):
        with self.lock, open(self.root / name, "a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")

    def next_cut(self, offsets, start):
        with self.lock:
            left = [cut for cut in offsets if cut > start and cut not in self.cuts_used]
            if left:
                self.cuts_used.add(min(left))
            return min(left) - start if left else None

    def blob(self, digest):
        path = self.blobs / digest.removeprefix("sha256:")
        return path.read_bytes() if digest.startswith("sha256:") and path.exists() else None

    def put_blob(self, data):
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        (self.blobs / digest.removeprefix("sha256:")).write_bytes(data)
        return digest

    def find_manifest(self, repository, reference):
        self.read_index()
        digest = reference if reference.startswith("sha256:") else None
        digest = digest or self.tags.get(f"{repository}:{reference}") or self.tags.get(reference)
        data = self.blob(digest) if digest else None
        if data is None:
            return None, None, None
        kind = self.types.get(digest) or json.loads(data).get("mediaType", "")
        if not kind:
            shape = json.loads(data)
            kind = next(t for t, key in MANIFEST_TYPES.items() if key in shape)
        return digest, kind, data


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_name = "registry"
    waiting = False

    def log_message(self, *_):
        pass

    # Requests.
    def handle_any(self):
        self.state = self.server.state
        self.rule = self.state.rule_for(self.server_name, self.command, self.path)
        self.state.note({"server": self.server_name, "method": self.command, "path": self.path,
                         "headers": dict(self.headers.items())})
        try:
            self.act()
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    def act(self):
        rule = self.rule
        if "then_users" in rule:
            pathlib.Path(self.state.options.users).write_text(json.dumps(rule["then_users"]))
        if "stall" in rule and "stall_after" not in rule:
            time.sleep(rule["stall"])
        if "raw" in rule:
            self.wfile.write(rule["raw"].encode())
            self.close_connection = True
        elif rule.get("close"):
            self.close_connection = True
        elif "cut_request" in rule:
            self.cut_request(rule["cut_request"])
        elif "redirect" in rule:
            self.read_body()
            self.answer(307, b"", {"Location": self.state.fill(rule["redirect"])})
        elif "status" in rule:
            self.read_body()
            self.answer(rule["status"], rule.get("body", "").encode())
        else:
            self.route()

    def cut_request(self, count):
        if self.waiting:
            self.waiting = False
            self.send_response_only(100)
            self.end_headers()
        data = self.rfile.read(count)
        upload = urllib.parse.urlsplit(self.path).path.rsplit("/", 1)[1]
        if upload in self.state.uploads:
            self.state.uploads[upload] += data
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True

    # A client that asks first is told to go on when the body is wanted.
    def handle_expect_100(self):
        self.waiting = True
        return True

    def refuse_body(self):
        if self.waiting:
            self.waiting = False
            self.close_connection = True
        else:
            self.read_body()

    def read_body(self):
        if self.waiting:
            self.waiting = False
            self.send_response_only(100)
            self.end_headers()
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            data = b""
            while size := int(self.rfile.readline().strip() or b"0", 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return data
        left = int(self.headers.get("Content-Length") or 0)
        data = b""
        while left > len(data):
            piece = self.rfile.read(min(left - len(data), self.piece()))
            if not piece:
                break
            data += piece
            self.wait_for(piece)
        return data

    # Bodies at a given rate, in pieces of a twentieth of a second.
    def piece(self):
        return max(1, self.rule.get("rate", 20 << 20) // 20)

    def wait_for(self, piece):
        if "rate" in self.rule:
            time.sleep(len(piece) / self.rule["rate"])

    def send_body(self, body):
        sent = 0
        try:
            while sent < len(body):
                piece = body[sent:sent + self.piece()]
                self.wfile.write(piece)
                sent += len(piece)
                self.wait_for(piece)
        finally:
            self.state.note({"path": self.path, "bytes": sent}, "sent.jsonl")

    def route(self):
        url = urllib.parse.urlsplit(self.path)
        self.query = urllib.parse.parse_qs(url.query)
        if url.path == "/token":
            return self.token()
        if not self.may_enter(url.path):
            return None
        for pattern, call in (
            (r"/v2/", lambda: self.answer(200, b"{}")),
            (r"/v2/(.+)/manifests/([^/]+)", self.manifest),
            (r"/v2/(.+)/blobs/uploads/", self.start_upload),
            (r"/v2/(.+)/blobs/uploads/([^/]+)", self.upload),
            (r"/v2/(.+)/blobs/(sha256:[0-9a-f]+)", self.blob),
        ):
            if match := re.fullmatch(pattern, url.path):
                return call(*match.groups())
        return self.fail(404, "UNSUPPORTED", "no such path")

    # Answers.
    def answer(self, status, body, headers=None):
        rule = self.rule
        if rule.get("drop_after_handling"):
            self.close_connection = True
            return
        headers = dict(headers or {})
        if rule.get("flip") and body:
            body = bytes([body[0] ^ 1]) + body[1:]
        body = body + b"x" * rule.get("extra", 0)
        body = body[: len(body) - rule.get("shorten", 0)]
        headers.setdefault("Content-Length", str(len(body)))
        for name, value in rule.get("headers", {}).items():
            headers[name] = self.state.fill(value)
        self.send_response(rule.get("answer_status", status))
        for name, value in headers.items():
            if name not in rule.get("drop", []):
                for one in value if isinstance(value, list) else [value]:
                    self.send_header(name, one)
        self.end_headers()
        if self.command == "HEAD":
            return
        if "stall_after" in rule:
            self.send_body(body[: rule["stall_after"]])
            self.wfile.flush()
            time.sleep(rule["stall"])
            body = body[rule["stall_after"]:]
        cut = rule.get("cut")
        if "cut_at" in rule:
            cut = self.state.next_cut(rule["cut_at"], getattr(self, "first", 0))
        if cut is not None:
            self.close_connection = True
        self.send_body(body[:cut])

    def fail(self, status, code, message, headers=None):
        body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
        self.answer(status, body, {"Content-Type": "application/json", **(headers or {})})

    # Login.
    def basic_user(self):
        scheme, _, value = self.headers.get("Authorization", "").partition(" ")
        if scheme != "Basic":
            return None
        user, _, password = base64.b64decode(value).decode().partition(":")
        return user if self.state.users().get(user) == password else None

    def may_enter(self, path):
        options = self.state.options
        if not self.state.users() and not options.token_auth:
            return True
        if not options.token_auth:
            if self.basic_user() is not None:
                return True
            challenge = 'Basic realm="fault"'
        else:
            match = re.match(r"/v2/(.+)/(manifests|blobs)/", path)
            action = "pull" if self.command in ("GET", "HEAD") else "push"
            scope = f"repository:{match.group(1)}:{action}" if match else ""
            scheme, _, value = self.headers.get("Authorization", "").partition(" ")
            granted, expires = self.state.tokens.get(value, ([], 0))
            if scheme == "Bearer" and expires > time.monotonic():
                if not match or (match.group(1), action) in granted:
                    return True
            where = "https" if options.tls else "http"
            challenge = (f'Bearer realm="{where}://127.0.0.1:{self.state.ports["port"]}/token",'
                         f'service="fault"' + (f',scope="{scope}"' if scope else ""))
        self.refuse_body()
        self.fail(401, "UNAUTHORIZED", "authentication required", {"WWW-Authenticate": challenge})
        return False

    def token(self):
        options = self.state.options
        if self.command == "POST":
            form = urllib.parse.parse_qs(self.read_body().decode())
            if not options.identity_token:
                return self.fail(404, "UNSUPPORTED", "no oauth2 here")
            if form.get("refresh_token") != [options.identity_token]:
                return self.fail(401, "UNAUTHORIZED", "bad refresh token")
            scopes = form.get("scope", [""])[0].split(" ")
        else:
            known = self.basic_user()
            if self.state.users() and known is None:
                return self.fail(401, "UNAUTHORIZED", "bad user or password")
            scopes = self.query.get("scope", [])
        granted = []
        for scope in scopes:
            parts = scope.split(":")
            if len(parts) == 3:
                granted += [(parts[1], action) for action in parts[2].split(",")]
        token = secrets.token_urlsafe(32)
        lifetime = options.token_lifetime
        self.state.tokens[token] = (granted, time.monotonic() + lifetime)
        body = json.dumps({"token": token, "expires_in": int(max(lifetime, 60))}).encode()
        return self.answer(200, body, {"Content-Type": "application/json"})

    # Pull.
    def manifest(self, repository, reference):
        if self.command == "PUT":
            data = self.read_body()
            digest = self.state.put_blob(data)
            self.state.types[digest] = self.headers.get("Content-Type", "")
            if not reference.startswith("sha256:"):
                self.state.tags[f"{repository}:{reference}"] = digest
            return self.answer(201, b"", {"Docker-Content-Digest": digest})
        digest, kind, data = self.state.find_manifest(repository, reference)
        if data is None:
            return self.fail(404, "MANIFEST_UNKNOWN", "manifest unknown")
        return self.answer(200, data, {"Content-Type": kind, "Docker-Content-Digest": digest})

    def blob(self, _repository, digest):
        data = self.state.blob(digest)
        if data is None:
            return self.fail(404, "BLOB_UNKNOWN", "blob unknown")
        return self.send_blob(data)

    def send_blob(self, data):
        self.first = 0
        headers = {"Content-Type": "application/octet-stream"}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not wanted or self.rule.get("ignore_range"):
            return self.answer(200, data, headers)
        first = self.first = int(wanted.group(1))
        last = min(int(wanted.group(2) or len(data) - 1), len(data) - 1)
        if first > last:
            return self.fail(416, "RANGE_INVALID", "nothing there")
        headers["Content-Range"] = self.rule.get("content_range", f"bytes {first}-{last}/{len(data)}")
        return self.answer(206, data[first:last + 1], headers)

    # Push.
    def start_upload(self, repository):
        self.read_body()
        mount = self.query.get("mount", [""])[0]
        if mount and self.query.get("from") and self.state.blob(mount) is not None:
            return self.answer(201, b"", {"Location": f"/v2/{repository}/blobs/{mount}"})
        upload = secrets.token_hex(8)
        self.state.uploads[upload] = b""
        self.state.steps[upload] = -1
        return self.answer(202, b"", {"Location": self.next_location(repository, upload)})

    def next_location(self, repository, upload):
        self.state.steps[upload] += 1
        where = f"/v2/{repository}/blobs/uploads/{upload}"
        if self.state.options.locations == "plain":
            return where
        if self.state.options.locations == "absolute":
            where = f"http://127.0.0.1:{self.state.ports['port']}{where}"
        return f"{where}?_state=secret{self.state.steps[upload] or ''}"

    def upload(self, repository, upload):
        if upload not in self.state.uploads:
            self.read_body()
            return self.fail(404, "BLOB_UPLOAD_UNKNOWN", "upload unknown")
        if self.command == "DELETE":
            del self.state.uploads[upload]
            return self.answer(204, b"")
        have = self.state.uploads[upload]
        state = f"secret{self.state.steps[upload] or ''}"
        stale = self.state.options.strict_locations and self.query.get("_state") != [state]
        where = {"Location": self.next_location(repository, upload)}
        if self.command == "GET":
            return self.answer(204, b"", {**where, "Range": f"0-{max(len(have) - 1, 0)}"})
        data = self.read_body()
        if self.command == "PATCH":
            start = int(self.headers.get("Content-Range", f"{len(have)}-").split("-")[0])
            if stale or start != len(have):
                return self.fail(416, "RANGE_INVALID", "out of order")
            self.state.uploads[upload] = have + data
            return self.answer(202, b"", {**where, "Range": f"0-{len(have + data) - 1}"})
        if stale:
            return self.fail(416, "RANGE_INVALID", "not the latest location")
        if data and self.state.options.refuse_whole_uploads:
            return self.fail(413, "SIZE_INVALID", "send it in pieces")
        data = have + data
        digest = self.query.get("digest", [""])[0]
        if digest != "sha256:" + hashlib.sha256(data).hexdigest():
            return self.fail(400, "DIGEST_INVALID", "digest does not match")
        self.state.put_blob(data)
        del self.state.uploads[upload]
        return self.answer(201, b"", {"Location": f"/v2/{repository}/blobs/{digest}"})


class StorageHandler(Handler):
    server_name = "storage"

    def route(self):
        match = re.fullmatch(r"/storage/(sha256:[0-9a-f]+)", urllib.parse.urlsplit(self.path).path)
        data = self.state.blob(match.group(1)) if match else None
        if data is None:
            return self.fail(404, "BLOB_UNKNOWN", "not in the storage")
        return self.send_blob(data)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, handler, state):
        super().__init__(("127.0.0.1", 0), handler)
        self.state = state

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], (OSError, ssl.SSLError)):
            super().handle_error(request, client_address)


def wrap(server, options):
    if options.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*options.tls)
        server.socket = context.wrap_socket(server.socket, server_side=True,
                                            do_handshake_on_connect=False)
    return server


def main():
    parser = argparse.ArgumentParser(description="a registry that misbehaves as told")
    parser.add_argument("--dir", required=True)
    parser.add_argument("--port-file", required=True)
    parser.add_argument("--script")
    parser.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"))
    parser.add_argument("--user")
    parser.add_argument("--password")
    parser.add_argument("--users")
    parser.add_argument("--token-auth", action="store_true")
    parser.add_argument("--token-lifetime", type=float, default=300)
    parser.add_argument("--identity-token")
    parser.add_argument("--refuse-whole-uploads", action="store_true")
    parser.add_argument("--locations", default="relative")
    parser.add_argument("--strict-locations", action="store_true")
    options = parser.parse_args()
    state = State(options)
    registry = wrap(Server(Handler, state), options)
    storage = wrap(Server(StorageHandler, state), options)
    state.ports = {"port": registry.server_address[1], "storage_port": storage.server_address[1]}
    port_file = pathlib.Path(options.port_file)
    partial = port_file.with_suffix(".partial")
    partial.write_text(json.dumps(state.ports))
    partial.rename(port_file)
    threading.Thread(target=storage.serve_forever, daemon=True).start()
    registry.serve_forever()


if __name__ == "__main__":
    main()
