"""Ports for programs that have to be told one: a proxy, an example, an application that starts later.

What the kernel gives out for port 0 it also gives to every outgoing connection and to every other
program that asks for any port. Between "it was free" and "the program listens" it can be taken. Ports
below the range that the kernel gives out belong to nobody but whoever names them.
"""

import random
import socket
from pathlib import Path

# Above what Debian's services and these tests name themselves.
LOWEST = 10240
RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
# Where the range cannot be read, the lowest that systems are known to begin with.
USUAL_BEGIN = 32768


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens at, and that the kernel gives to nothing else.

    Raises OSError if a hundred ports that were tried are all in use.
    """
    begin = int(RANGE.read_text().split()[0]) if RANGE.exists() else USUAL_BEGIN
    assert begin > LOWEST, f"{RANGE} leaves no port to tests: it begins with {begin}"
    # Seeded by the system, so that two runs side by side draw different ones.
    draw = random.SystemRandom()
    for _ in range(100):
        port = draw.randrange(LOWEST, begin)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port from {LOWEST} to {begin}")
