"""A network of the tests' own: loopback and nothing else, with names and a name server that we chose.

The process moves into new user, network and mount namespaces (Linux). From there nothing foreign can be
reached, ports below 1024 are free, `gosspublic.alicdn.com` is a server of ours, and whoever asks for
another name is written down.
"""

import ctypes
import fcntl
import os
import socket
import struct
from pathlib import Path

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
SIOCGIFFLAGS = 0x8913
SIOCSIFFLAGS = 0x8914
IFF_UP = 1

LIBC = ctypes.CDLL(None, use_errno=True)


def enter(hosts: dict[str, str], folder: Path) -> None:
    """Moves this process, and what it starts from now on. To be called before it has threads."""
    uid, gid = os.getuid(), os.getgid()
    flags = CLONE_NEWNS | CLONE_NEWNET
    # Root needs no user namespace, and keeps its right to be other users, which Apache wants.
    if uid != 0:
        flags |= CLONE_NEWUSER
    check(LIBC.unshare(flags), "a network of its own (user namespaces must be allowed)")
    if uid != 0:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    check(LIBC.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "private mounts")
    raise_loopback()
    names = [f"{address} {name}" for name, address in hosts.items()]
    bind(folder / "hosts", "/etc/hosts", ["127.0.0.1 localhost", *names])
    bind(folder / "resolv.conf", "/etc/resolv.conf", ["nameserver 127.0.0.1", "options timeout:1 attempts:1"])


def bind(source: Path, target: str, lines: list[str]) -> None:
    source.write_text("\n".join(lines) + "\n")
    source.chmod(0o644)
    real = os.path.realpath(target)
    check(LIBC.mount(bytes(source), real.encode(), None, MS_BIND, None), f"another {target}")


def raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh", b"lo", 0).ljust(40, b"\0")
        flags = struct.unpack_from("16sh", fcntl.ioctl(any_socket, SIOCGIFFLAGS, request))[1]
        request = struct.pack("16sh", b"lo", flags | IFF_UP).ljust(40, b"\0")
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, request)


def check(result: int, what: str) -> None:
    if result != 0:
        error = os.strerror(ctypes.get_errno())
        raise SystemExit(f"the tests of the examples cannot have {what}: {error}")
