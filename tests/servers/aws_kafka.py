"""Servers for the tests of sources: moto (S3, SQS) with signatures enforced, and a Kafka broker."""
import os
import json
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


class Unavailable(Exception):
    pass


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def setup(script, kind):
    folder = os.path.join(os.environ.get("GT_SERVERS", os.path.join(ROOT, "build", "servers")), kind)
    done = subprocess.run([os.path.join(HERE, script), folder], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise Unavailable(done.stdout.strip().splitlines()[-1] if done.stdout.strip() else kind)
    return folder


def stop(process, seconds=15):
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Moto:
    """S3 and SQS. After make_user() every call needs that user's signature."""

    def __init__(self):
        self.folder = setup("moto.sh", "moto")
        self.home = tempfile.mkdtemp(prefix="gt-moto-")
        self.port = free_port()
        self.url = "http://127.0.0.1:%d" % self.port
        self.log = open(os.path.join(self.home, "log"), "w")
        env = dict(os.environ, INITIAL_NO_AUTH_ACTION_COUNT="3")
        self.process = subprocess.Popen(
            [os.path.join(self.folder, "bin", "moto_server"), "-H", "127.0.0.1", "-p", str(self.port)],
            stdout=self.log, stderr=self.log, env=env)
        end = time.time() + 60
        while True:
            try:
                urllib.request.urlopen(self.url + "/moto-api/", timeout=2).read()
                break
            except OSError:
                if self.process.poll() is not None or time.time() > end:
                    raise RuntimeError("moto does not start; see " + self.log.name)
                time.sleep(0.1)
        self.key = self.secret = None

    def python(self, code, **values):
        """Run Python with boto3 in moto's environment; prints of it are returned as JSON."""
        prelude = (
            "import boto3, json, sys\nV = json.load(sys.stdin)\n"
            "kw = dict(endpoint_url=V['url'], region_name='us-east-1', "
            "aws_access_key_id=V['key'] or 'x', aws_secret_access_key=V['secret'] or 'x')\n"
            "s3 = boto3.client('s3', **kw); sqs = boto3.client('sqs', **kw); "
            "iam = boto3.client('iam', **kw)\n")
        values = dict(values, url=self.url, key=self.key, secret=self.secret)
        done = subprocess.run([os.path.join(self.folder, "bin", "python"), "-c", prelude + code],
                              input=json.dumps(values), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        return json.loads(done.stdout) if done.stdout.strip() else None

    def make_user(self):
        made = self.python(
            "iam.create_user(UserName='deploy')\n"
            "k = iam.create_access_key(UserName='deploy')['AccessKey']\n"
            "iam.put_user_policy(UserName='deploy', PolicyName='all', PolicyDocument=json.dumps("
            "{'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': '*', "
            "'Resource': '*'}]}))\nprint(json.dumps([k['AccessKeyId'], k['SecretAccessKey']]))")
        self.key, self.secret = made

    def environment(self, **more):
        """For a process that talks to it."""
        env = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        env.update(AWS_ACCESS_KEY_ID=self.key or "x", AWS_SECRET_ACCESS_KEY=self.secret or "x",
                   AWS_REGION="us-east-1", AWS_ENDPOINT_URL=self.url,
                   AWS_EC2_METADATA_DISABLED="true", AWS_CONFIG_FILE="/dev/null",
                   AWS_SHARED_CREDENTIALS_FILE="/dev/null", **more)
        return env

    def stop(self):
        stop(self.process)
        self.log.close()
        shutil.rmtree(self.home, ignore_errors=True)


PROPERTIES = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={home}/data
num.partitions=4
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=true
"""


class Kafka:
    def __init__(self):
        self.folder = setup("kafka.sh", "kafka")
        self.home = tempfile.mkdtemp(prefix="gt-kafka-")
        self.port = free_port()
        self.brokers = "127.0.0.1:%d" % self.port
        properties = os.path.join(self.home, "server.properties")
        with open(properties, "w") as f:
            f.write(PROPERTIES.format(port=self.port, controller=free_port(), home=self.home))
        self.log = open(os.path.join(self.home, "log"), "w")
        classpath = os.path.join(self.folder, "lib", "*")
        done = subprocess.run(["java", "-cp", classpath, "kafka.tools.StorageTool", "format", "-t",
                               "AAAAAAAAAAAAAAAAAAAAAQ", "-c", properties],
                              stdout=self.log, stderr=self.log)
        if done.returncode:
            raise Unavailable("the broker's storage cannot be formatted; see " + self.log.name)
        self.command = ["java", "-Xms256m", "-Xmx512m", "-XX:+UseSerialGC",
                        "-XX:TieredStopAtLevel=1",
                        "-Dlog4j2.configurationFile=" + os.path.join(HERE, "log4j2.properties"),
                        "-cp", classpath, "kafka.Kafka", properties]
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=self.log, stderr=self.log)
        end = time.time() + 90
        while subprocess.run(["kcat", "-b", self.brokers, "-L", "-m", "2"], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL).returncode:
            if self.process.poll() is not None or time.time() > end:
                raise RuntimeError("the broker does not start; see " + self.log.name)
            time.sleep(0.3)

    def produce(self, topic, lines):
        """Each line is a message; keys spread them over the partitions."""
        text = "".join("%d\t%s\n" % (i, line) for i, line in enumerate(lines))
        subprocess.run(["kcat", "-b", self.brokers, "-t", topic, "-P", "-K", "\t"], input=text,
                       text=True, check=True, stdout=subprocess.DEVNULL)

    def stop(self):
        stop(self.process)
        self.log.close()
        shutil.rmtree(self.home, ignore_errors=True)
