"""Channels and ports without TLS and, given certificates, with it."""

import pathlib

import grpc


def open_channel(address, roots=None):
    """A channel to a server. `roots` is a file with the certificates to trust."""
    if roots is None:
        return grpc.insecure_channel(address)
    credentials = grpc.ssl_channel_credentials(pathlib.Path(roots).read_bytes())
    return grpc.secure_channel(address, credentials)


def add_port(server, address, cert=None, key=None):
    """Has a server listen, and gives the port."""
    if cert is None:
        return server.add_insecure_port(address)
    pair = (pathlib.Path(key).read_bytes(), pathlib.Path(cert).read_bytes())
    return server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
