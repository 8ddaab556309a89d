"""A web server on this machine that answers as it is told, well or badly."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server:
    """`answers[path]` is a list of functions of a request; the last one answers all others too."""

    def __init__(self, address):
        self.url = f"http://127.0.0.1:{address[1]}"
        self.answers = {}
        self.asked = []
        self.closing = threading.Event()

    def at(self, path, *answers):
        """Answer requests for a path, one after the other."""
        self.answers[path] = list(answers)
        return self.url + path

    def ranges(self):
        """What part of a file each request asked for."""
        return [headers.get("Range") for _, headers in self.asked]


@contextmanager
def serving():
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            server.asked.append((self.path, dict(self.headers)))
            waiting = server.answers.get(self.path, [status(404)])
            answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            self.close_connection = True
            self.closing = server.closing
            answer(self)

        def log_message(self, *args):
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    http.handle_error = lambda *args: None  # a client that hangs up is no error
    server = Server(http.server_address)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        http.shutdown()
        http.server_close()
        thread.join()


def send(request, code, body, headers=(), length=None):
    request.send_response(code)
    request.send_header("Content-Length", str(len(body) if length is None else length))
    for name, value in dict(headers).items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(body)


def status(code, **headers):
    return lambda request: send(request, code, b"no", headers)


def start_of(request, etag=None):
    """The first byte that is asked for."""
    wanted = request.headers.get("Range")
    fits = request.headers.get("If-Range") in (None, etag)
    return int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and fits else 0


def whole(content, stop=None, etag=None):
    """A server that knows parts; it breaks off after `stop` bytes of them."""

    def answer(request):
        start, headers = start_of(request, etag), {}
        if etag:
            headers["ETag"] = etag
        if start >= len(content) and start:
            send(request, 416, b"", {"Content-Range": f"bytes */{len(content)}"})
            return
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        rest = content[start:]
        send(request, 206 if start else 200, rest[:stop], headers, len(rest))

    return answer


def without_parts(content, stop=None):
    """A server that always begins at the beginning."""
    return lambda request: send(request, 200, content[:stop], length=len(content))


def other_part(content):
    """A server that mistakes the part."""

    def answer(request):
        size = len(content)
        send(request, 206, content, {"Content-Range": f"bytes 0-{size - 1}/{size}"})

    return answer


def without_length(content):
    def answer(request):
        request.send_response(200)
        request.end_headers()
        request.wfile.write(content)

    return answer


def chunked(content, ended=True):
    def answer(request):
        request.send_response(200)
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        request.wfile.write(b"%x\r\n%b\r\n" % (len(content), content))
        request.wfile.write(b"0\r\n\r\n" if ended else b"")

    return answer


def silent(content, after=None):
    """A server that says nothing, or no more after some bytes."""

    def answer(request):
        if after is not None:
            send(request, 200, content[:after], length=len(content))
            request.wfile.flush()
        request.closing.wait(30)

    return answer


def garbage(request):
    request.wfile.write(b"\x00\x01 this is no HTTP\r\n\r\n")


def moved(url):
    return lambda request: send(request, 302, b"", {"Location": url})
