"""Search servers for tests: real nodes of OpenSearch and Elasticsearch on ports of this machine.

    with Cluster.start("opensearch", nodes=2) as cluster:
        cluster.request("GET", "/_cluster/health")

cluster_setup.sh fetches what they need; Unavailable says why they cannot be had."""
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


class Unavailable(Exception):
    pass


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def setup(kind):
    """The folder with the server's class path; raises Unavailable."""
    folder = os.path.join(os.environ.get("GT_SERVERS", os.path.join(ROOT, "build", "servers")), kind)
    done = subprocess.run([os.path.join(HERE, "cluster_setup.sh"), kind, folder],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise Unavailable(done.stdout.strip().splitlines()[-1] if done.stdout.strip() else kind)
    return folder


class Node:
    def __init__(self, process, url, log):
        self.process, self.url, self.log = process, url, log

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()


class Cluster:
    """Nodes of one cluster; nodes[0] manages it and must live, the others may be killed."""

    def __init__(self, kind, folder):
        self.kind, self.folder = kind, folder
        self.home = tempfile.mkdtemp(prefix="gt-cluster-")
        self.nodes = []

    @classmethod
    def start(cls, kind, nodes=1, heap="512m"):
        cluster = cls(kind, setup(kind))
        try:
            manager = free_port()
            for i in range(nodes):
                cluster.add_node(i, manager, nodes, heap)
            cluster.wait("/_cluster/health?wait_for_nodes=%d&wait_for_status=yellow&timeout=2s" % nodes)
        except Exception:
            cluster.stop()
            raise
        return cluster

    def add_node(self, i, manager, count, heap):
        folder, port = self.folder, free_port()
        home = os.path.join(self.home, "node%d" % i)
        os.makedirs(home, exist_ok=True)
        java = os.path.join(folder, "jdk", "bin", "java") if self.kind == "opensearch" else "java"
        settings = ["node.name=node%d" % i, "http.port=%d" % port,
                    "transport.port=%d" % (manager if i == 0 else free_port())]
        options = []
        if self.kind == "elasticsearch":
            shutil.copytree(os.path.join(folder, "module"),
                            os.path.join(home, "modules", "transport-netty4"))
        else:
            options = ["--enable-native-access=ALL-UNNAMED"]
            if count == 1:
                settings.append("discovery.type=single-node")
            else:
                settings.append("discovery.seed_hosts=127.0.0.1:%d" % manager)
                settings.append("cluster.initial_cluster_manager_nodes=node0" if i == 0
                                else "node.roles=data,ingest")
        log = open(os.path.join(home, "node.log"), "w")
        command = [java, "-Xms" + heap, "-Xmx" + heap, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                   *options, "-Dlog4j2.configurationFile=" + os.path.join(HERE, "log4j2.properties"),
                   "-cp", os.path.join(folder, "classes") + ":" + os.path.join(folder, "lib", "*"),
                   "TestNode", home, *settings]
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=home)
        self.nodes.append(Node(process, "http://127.0.0.1:%d" % port, log.name))

    def wait(self, path, seconds=120):
        end = time.time() + seconds
        while time.time() < end:
            for node in self.nodes:
                if node.process.poll() is not None:
                    with open(node.log) as log:
                        raise RuntimeError("a node ended: " + log.read()[-2000:])
            try:
                if not self.request("GET", path).get("timed_out", True):
                    return
            except (OSError, urllib.error.URLError):
                pass
            time.sleep(0.2)
        raise RuntimeError("%s is not ready after %d s" % (self.kind, seconds))

    @property
    def url(self):
        return self.nodes[0].url

    def request(self, method, path, body=None, node=0, ndjson=False):
        data = None
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = "application/x-ndjson" if ndjson else "application/json"
        request = urllib.request.Request(self.nodes[node].url + path, data, {"Content-Type": kind},
                                         method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            text = error.read()
            answer = json.loads(text) if text.startswith(b"{") else {"text": text.decode()}
            answer["status"] = error.code
            return answer
        return json.loads(text) if text.startswith((b"{", b"[")) else {"text": text.decode()}

    def stop(self):
        for node in self.nodes:
            node.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
