"""What the tests of `gatetrail watch` share: events, what is expected of them, a watcher to kill."""
import atexit
import gzip
import http.server
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "servers"))
GATETRAIL = os.path.abspath(os.environ.get("GATETRAIL", os.path.join(ROOT, "build", "gatetrail")))


def sample_records():
    records = []
    for folder, _, names in sorted(os.walk(os.path.join(ROOT, "samples", "AWSLogs"))):
        for name in sorted(names):
            if not name.endswith(".json.gz") or "Digest" in folder:
                continue
            with gzip.open(os.path.join(folder, name)) as f:
                records += json.load(f).get("Records", [])
    return records


def make_files(count, seed, per_file=100, copies=0.2):
    """A list of (name, bytes): `count` records made from the samples with ids of their own, out of
    order, a fifth of them delivered a second time in another file."""
    rng = random.Random(seed)
    templates = sample_records()
    records = []
    for i in range(count):
        record = dict(templates[i % len(templates)])
        record["eventID"] = str(uuid.UUID(int=rng.getrandbits(128), version=4))
        records.append(record)
    again = [r for r in records if rng.random() < copies]
    rng.shuffle(records)
    rng.shuffle(again)
    stream = records + again
    files, at = [], 0
    while at < len(stream):
        size = max(1, int(rng.expovariate(1.0 / per_file)))
        part = stream[at:at + size]
        at += size
        name = "123456789012_CloudTrail_us-east-1_20250303T%02d%02dZ_%016x.json.gz" % (
            rng.randrange(24), rng.randrange(60), rng.getrandbits(64))
        files.append((name, gzip.compress(json.dumps({"Records": part}).encode(), 1)))
    rng.shuffle(files)
    return files


def expected_alerts(files, *options):
    """The ids that `gatetrail scan` gives for the same files: another path through the program."""
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files:
            with open(os.path.join(folder, name), "wb") as f:
                f.write(data)
        done = subprocess.run([GATETRAIL, "scan", "-q", "--format", "ndjson", *options, folder],
                              stdout=subprocess.PIPE, check=True)
    return alert_ids(done.stdout.splitlines())


def alert_ids(lines):
    return [json.loads(line)["kibana.alert.uuid"] for line in lines if line.strip()]


STARTED = []


@atexit.register
def kill_what_is_left():
    """A test that failed half-way leaves no process behind."""
    for process in STARTED:
        if process.poll() is None:
            process.kill()
            process.wait()


class Watcher:
    """A `gatetrail watch` in a folder of its own: gatetrail.toml, the store, an NDJSON sink."""

    def __init__(self, folder, sources, more="", env=None):
        self.folder, self.env = folder, env
        os.makedirs(folder, exist_ok=True)
        self.config = os.path.join(folder, "gatetrail.toml")
        self.sink = os.path.join(folder, "alerts.ndjson")
        self.log = os.path.join(folder, "log")
        self.process = None
        self.write_config(sources, more)

    def write_config(self, sources, more=""):
        with open(self.config, "w") as f:
            f.write('[store]\npath = "gatetrail.db"\n\n%s\n\n[[sink]]\ntype = "ndjson"\n'
                    'path = "alerts.ndjson"\n\n%s\n' % (more, sources))

    def start(self, *options):
        with open(self.log, "a") as log:
            self.process = subprocess.Popen([GATETRAIL, "watch", "-c", self.config, *options],
                                            stdout=log, stderr=log, env=self.env)
        STARTED.append(self.process)
        return self

    def kill(self):
        self.process.kill()
        return self.process.wait()

    def stop(self, seconds=60):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def wait(self, seconds=120):
        return self.process.wait(seconds)

    def alerts(self):
        """Ids on the sink, as often as they are there."""
        if not os.path.exists(self.sink):
            return []
        with open(self.sink) as f:
            return alert_ids(line for line in f if line.endswith("\n"))  # not one being written

    def status(self):
        done = subprocess.run([GATETRAIL, "status", "-c", self.config, "--format", "json"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.env)
        return json.loads(done.stdout) if done.returncode in (0, 3) and done.stdout else None

    def wait_for(self, condition, seconds=60, what="it"):
        end = time.time() + seconds
        while time.time() < end:
            if self.process.poll() is not None:
                raise AssertionError("watch ended by itself: " + self.tail())
            if condition():
                return
            time.sleep(0.1)
        raise AssertionError("%s did not happen in %d s: %s" % (what, seconds, self.tail()))

    def tail(self):
        with open(self.log) as f:
            return f.read()[-1500:]


class Receiver:
    """An HTTP server whose mood is a function: request number, body -> status (None: hang up)."""

    def __init__(self, mood):
        self.mood, self.bodies, self.count, self.lock = mood, [], 0, threading.Lock()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with receiver.lock:
                    receiver.count += 1
                    status = receiver.mood(receiver.count, body)
                    if status == 200:
                        receiver.bodies.append(body)
                if status is None:
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d/alerts" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def ids(self):
        with self.lock:
            return [json.loads(b)["kibana.alert.uuid"] for b in self.bodies]

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def drop(folder, name, data):
    """As AWS tools and rsync put files: written under another name, then renamed."""
    tmp = os.path.join(folder, "." + name + ".part")
    with open(tmp, "wb") as f:
        f.write(data)
    os.rename(tmp, os.path.join(folder, name))


class Tap:
    def __init__(self):
        self.count = self.failed = 0

    def check(self, name, body):
        self.count += 1
        try:
            note = body()
        except Exception as error:  # a test that breaks is a test that fails
            self.failed += 1
            print("not ok %d - %s" % (self.count, name))
            for line in ("%s: %s" % (type(error).__name__, error)).splitlines()[:30]:
                print("# " + line)
        else:
            print("ok %d - %s%s" % (self.count, name, " (%s)" % note if note else ""))
        sys.stdout.flush()

    def end(self):
        print("1..%d" % self.count)
        return 1 if self.failed else 0


def skip_all(reason):
    print("1..0 # SKIP " + reason)
    sys.exit(0)


def same(got, wanted):
    """Exactly once each."""
    twice = len(got) - len(set(got))
    missing, extra = set(wanted) - set(got), set(got) - set(wanted)
    assert not missing and not extra and not twice, \
        "%d of %d missing, %d unexpected, %d twice" % (len(missing), len(set(wanted)), len(extra), twice)
