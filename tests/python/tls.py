"""A foreign client of `hello` over TLS: tls.py PORT CHAIN.

What ends without close_notify is an exception here: suppress_ragged_eofs is off.
"""

import socket
import ssl
import sys

port, chain = sys.argv[1:]
for version in [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]:
    context = ssl.create_default_context(cafile=chain)
    context.minimum_version = context.maximum_version = version
    with (
        socket.create_connection(("127.0.0.1", int(port)), timeout=20) as wire,
        context.wrap_socket(wire, server_hostname="localhost", suppress_ragged_eofs=False) as client,
    ):
        lines = client.makefile("rb")
        assert lines.read(8) == b"Welcome!"
        for name in ["Michael", "世界"]:
            client.sendall(f"{name}\n".encode())
            assert lines.readline() == f"Hello, {name}!\n".encode()
        client.sendall(b"exit\n")
        assert lines.read() == b""
