"""A web server on this machine, as unreliable as a test wants it."""

import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Site:
    """Files by path; `cut` bytes are sent before a connection breaks, `faults` times."""

    def __init__(self, files, parts=True, cut=None, faults=0, status=None):
        self.files, self.parts, self.cut, self.faults = files, parts, cut, faults
        self.status = list(status or [])
        self.requests, self.address = [], ""

    def url(self, path):
        return self.address + path


@contextmanager
def serving(files, **options):
    """Serve files at `site.url(path)` while the context lasts."""
    site = Site(files, **options)
    handler = type("Handler", (_Handler,), {"site": site})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    site.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    site: Site

    def do_GET(self):
        site, asked = self.site, self.headers.get("Range", "")
        site.requests.append((self.path, asked))
        status = site.status.pop(0) if site.status else None
        data = site.files.get(self.path)
        if status or data is None:
            self.send_error(status or 404)
            return
        start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and site.parts else 0
        tag = f'"{hash(data)}"'
        if self.headers.get("If-Range", tag) != tag:
            start = 0
        if start > len(data):
            self.send_error(416)
            return
        whole = not site.parts or (start == 0 and not asked)
        self.send_response(200 if whole or self.headers.get("If-Range", tag) != tag else 206)
        self.send_header("Content-Length", str(len(data) - start))
        self.send_header("ETag", tag)
        self.end_headers()
        body = data[start:]
        if site.faults and site.cut is not None:
            site.faults -= 1
            body = body[: site.cut]
            self.close_connection = True
        self.wfile.write(body)

    def log_message(self, *words):
        pass
