"""Shared by the benchmarks in Python: servers on 127.0.0.1, and the CPU time and memory of their processes."""

import os
import random
import re
import selectors
import socket
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.realpath(__file__))
TIMEOUT = 20  # seconds
PROGRAM = os.path.basename(sys.argv[0])


def cpu_seconds(process):
    with open(f"/proc/{process}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_memory(process):
    """Returns the peak resident memory in megabytes."""
    with open(f"/proc/{process}/status") as file:
        return int(re.search(r"VmHWM:\s+(\d+) kB", file.read())[1]) / 1000


def wait_for(condition, what, timeout=TIMEOUT):
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"{PROGRAM}: {what}")
        time.sleep(0.05)


def is_listening(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port():
    for _ in range(100):
        port = random.randrange(20_000, 32_000)
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            try:
                tcp.bind(("127.0.0.1", port))
                udp.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    sys.exit(f"{PROGRAM}: no port is free")


def usual_database():
    geolite2 = f"{HERE}/../data/GeoLite2-City.mmdb"
    return geolite2 if os.path.exists(geolite2) else f"{HERE}/../examples/demo/demo.mmdb"


def compile_c(output, *sources):
    """Compiles C files, given by their paths in Benchmarks, into one program."""
    subprocess.run(
        [os.environ.get("CC", "cc"), "-std=c11", "-O2", "-pthread", "-o", output, *(f"{HERE}/{source}" for source in sources), "-lm"],
        check=True)


def figures_of(output):
    """Parses the output of dnsload into numbers by name."""
    return {words[0]: float(words[1]) for words in map(str.split, output.splitlines()) if len(words) == 2}


class Viewers:
    """Reads streams of the live page without delay, in a thread, and counts the bytes and frames of each stream."""

    def __init__(self, port, count):
        self.selector = selectors.DefaultSelector()
        self.bytes = [0] * count
        self.frames = [0] * count
        self.is_over = False
        for number in range(count):
            stream = socket.create_connection(("127.0.0.1", port))
            stream.sendall(b"GET /api/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            stream.setblocking(False)
            self.selector.register(stream, selectors.EVENT_READ, number)
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        while not self.is_over:
            for key, _ in self.selector.select(0.2):
                try:
                    part = key.fileobj.recv(1 << 18)
                except ConnectionError:
                    part = b""
                self.bytes[key.data] += len(part)
                self.frames[key.data] += part.count(b"event:")
                if not part:
                    self.selector.unregister(key.fileobj)

    def end(self):
        self.is_over = True
        self.thread.join()
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()
