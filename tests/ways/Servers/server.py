"""An upstream on Python's http.server. It tells, a line of JSON for each request, what it took the request for: once for each way in
which such servers read a URL, and with the headers that some frameworks let override it."""
import json
import posixpath
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

ACTIONS = [
    ("GET", ["open", "{name}"], "open.read"),
    ("POST", ["open", "{name}"], "open.write"),
    ("DELETE", ["open", "{name}"], "open.delete"),
    ("GET", ["secret", "{name}"], "secret.read"),
    ("GET", ["files", "private", "{path*}"], "files.private"),
    ("GET", ["files", "{path*}"], "files.read"),
    ("GET", ["search"], "search"),
    ("GET", ["env"], "env"),
    ("GET", ["orders", "{order}"], "orders.read"),
    ("POST", ["orders", "{order}", "refunds"], "orders.refund"),
]
lock = threading.Lock()
log = open(sys.argv[1], "a", encoding="utf-8")


def match(method, segments):
    for wanted, pattern, name in ACTIONS:
        rest = pattern[-1] == "{path*}"
        if wanted != method or (len(segments) < len(pattern) if rest else len(segments) != len(pattern)):
            continue
        if not all(p.startswith("{") or p == s for p, s in zip(pattern, segments)):
            continue
        at = next((i for i, p in enumerate(pattern) if p.startswith("{")), None)
        if at is not None and segments[at] == "":
            continue
        resource = "" if at is None else pattern[at].strip("{}*") + "=" + ("/".join(segments[at:]) if rest else segments[at])
        return {"route": name, "resource": resource}
    return {"route": "none", "resource": ""}


def split(path):
    return path.removeprefix("/").split("/")


def amounts(body):
    found = []
    try:
        value = json.loads(body)  # bytes: finds out itself whether they are UTF-8, 16 or 32
        found = [value[k] for k in value if k.lower() == "amount"] if isinstance(value, dict) else []
    except (ValueError, RecursionError):
        pass
    numbers = []
    for amount in found:
        try:
            numbers.append(repr(float(amount)))
        except (TypeError, ValueError, OverflowError):
            pass
    return numbers


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "python"

    def serve(self):
        body = b""
        try:
            body = self.read_body()
        except (OSError, ValueError):
            self.close_connection = True
        method, target = self.command, self.path
        for name in ("X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"):
            method = self.headers.get(name, method)
        for name in ("X-Original-URL", "X-Rewrite-URL"):
            target = self.headers.get(name, target)
        raw = target.split("?", 1)[0].split("#", 1)[0]
        parts = urlsplit(target)
        ideas = [
            {"idea": "raw", **match(method, [unquote(s) for s in split(raw)])},
            {"idea": "decoded first", **match(method, split(unquote(raw)))},
            {"idea": "file server", **match(method, split(posixpath.normpath(unquote(raw))))},
            {"idea": "urlsplit", **match(method, [unquote(s) for s in split(parts.path)])},
        ]
        query = parts.query
        env = parse_qs(query, keep_blank_values=True).get("env", []) + [v for k, v in parse_qsl(query.replace(";", "&")) if k.lower() == "env"]
        header = [v for k, v in self.headers.items() if k.lower().replace("_", "-") == "x-env"]
        self.tell(target=self.path, ideas=ideas, env=env, header=header, amounts=amounts(body))
        self.send_response(200)
        self.send_header("X-Upstream", "python")
        self.send_header("Content-Length", "4")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(b"seen")

    def read_body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline() not in (b"\r\n", b"\n", b""):
                pass
            return body
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def tell(self, target, ideas, env=(), header=(), amounts=()):
        headers = getattr(self, "headers", None)
        line = {
            "case": "|".join(headers.get_all("X-Case", [])) if headers else "", "method": self.command or "", "host": headers.get("Host", "") if headers else "",
            "target": target, "ideas": ideas, "env": list(env), "header": list(header), "amounts": list(amounts),
            "forwarded": [v for k, v in headers.items() if k.lower().replace("_", "-") == "x-forwarded-host"] if headers else [],
            "own": [k for k in headers.keys() if k.lower().replace("_", "-").startswith("jit-")] if headers else [],
        }
        with lock:
            log.write(json.dumps(line) + "\n")
            log.flush()

    def send_error(self, code, message=None, explain=None):
        self.tell(target=getattr(self, "path", ""), ideas=[{"idea": "parser", "route": "unreadable", "resource": f"{code} {message}"}])
        super().send_error(code, message, explain)

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self.serve
        raise AttributeError(name)

    def handle(self):
        try:
            super().handle()
        except OSError:
            pass  # whoever sent it did not wait for the answer

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print(server.server_address[1], flush=True)
threading.Thread(target=lambda: (sys.stdin.read(), server.shutdown()), daemon=True).start()
server.serve_forever()
