#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One blob over HTTP/2 whose streams are reset, and over HTTP/1.1 whole. Needs python3-h2.

    h2_registry.py --port-file F --log L --cert C --key K --blob FILE --resets N

TLS on a free port of 127.0.0.1, HTTP/2 if the client wants it. Over HTTP/2 the first N requests for the
blob end with RST_STREAM after half of what was left. L gets one line per request: the number of the
connection, the version, path and range. Every path that does not end in the blob's digest answers {}.
"""
import argparse
import hashlib
import http.server
import itertools
import json
import pathlib
import re
import ssl
import threading

import h2.config
import h2.connection
import h2.errors
import h2.events

NUMBERS = itertools.count()
FRAME = 16384  # What every client takes.


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def setup(self):
        super().setup()
        self.number = next(NUMBERS)

    def handle(self):
        if self.connection.selected_alpn_protocol() == "h2":
            self.handle_h2()
        else:
            super().handle()

    def note(self, version, path, wanted):
        server = self.server
        with server.lock, open(server.options.log, "a", encoding="utf-8") as log:
            log.write(json.dumps({"connection": self.number, "version": version, "path": path,
                                  "range": wanted}) + "\n")

    def answer_to(self, path, wanted):
        """Status, headers and body."""
        blob = self.server.blob
        if not path.endswith(hashlib.sha256(blob).hexdigest()):
            return 200, {"content-type": "application/json"}, b"{}"
        match = re.fullmatch(r"bytes=(\d+)-", wanted)
        if not match:
            return 200, {}, blob
        first = int(match.group(1))
        return 206, {"content-range": f"bytes {first}-{len(blob) - 1}/{len(blob)}"}, blob[first:]

    def do_GET(self):
        wanted = self.headers.get("Range", "")
        self.note("1.1", self.path, wanted)
        status, headers, body = self.answer_to(self.path, wanted)
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def handle_h2(self):
        connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        connection.initiate_connection()
        self.connection.sendall(connection.data_to_send())
        while data := self.connection.recv(65536):
            for event in connection.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    self.answer_h2(connection, event)
            self.connection.sendall(connection.data_to_send())

    def answer_h2(self, connection, event):
        asked = {name.decode() if isinstance(name, bytes) else name:
                 value.decode() if isinstance(value, bytes) else value for name, value in event.headers}
        path, wanted = asked[":path"], asked.get("range", "")
        self.note("2", path, wanted)
        status, headers, body = self.answer_to(path, wanted)
        connection.send_headers(event.stream_id, [(":status", str(status)), *headers.items(),
                                                  ("content-length", str(len(body)))])
        reset = body != b"{}" and self.server.take_reset()
        body = body[:len(body) // 2] if reset else body
        for start in range(0, len(body), FRAME):  # All of it fits into the first window.
            connection.send_data(event.stream_id, body[start:start + FRAME])
        if reset:
            connection.reset_stream(event.stream_id, h2.errors.ErrorCodes.PROTOCOL_ERROR)
        else:
            connection.end_stream(event.stream_id)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, options):
        super().__init__(("127.0.0.1", 0), Handler)
        self.options = options
        self.lock = threading.Lock()
        self.blob = pathlib.Path(options.blob).read_bytes()
        self.resets = options.resets
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["h2", "http/1.1"])
        context.load_cert_chain(options.cert, options.key)
        self.socket = context.wrap_socket(self.socket, server_side=True)

    def take_reset(self):
        with self.lock:
            self.resets -= 1
            return self.resets >= 0

    def handle_error(self, request, client_address):
        pass  # Clients come and go.


def main():
    parser = argparse.ArgumentParser(description="a blob over HTTP/2 whose streams are reset")
    for name in ("--port-file", "--log", "--cert", "--key", "--blob"):
        parser.add_argument(name, required=True)
    parser.add_argument("--resets", type=int, default=0)
    server = Server(parser.parse_args())
    port_file = pathlib.Path(server.options.port_file)
    partial = port_file.with_suffix(".partial")
    partial.write_text(str(server.server_address[1]))
    partial.rename(port_file)
    server.serve_forever()


if __name__ == "__main__":
    main()
