"""The server's secrets: a self-signed certificate for loopback, a random token, and the kubeconfig that holds both."""

from __future__ import annotations

import base64
import os
import secrets
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, NamedTuple

DAYS = 730
RENEWED_BEFORE = timedelta(days=90)  # of its end: a server that starts then runs for as long


TOKEN_BYTES = 32


class Credentials(NamedTuple):
    """Paths of certificate and key, and the token."""

    certificate: Path
    key: Path
    token: str


def write_private(path: Path, data: bytes) -> None:
    """The whole file or nothing of it, readable by its owner only."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    draft.replace(path)


def ensure(folder: Path, days: int = DAYS) -> Credentials:
    """The credentials in the folder, made when they are not there: a server that comes back keeps its clients."""
    made = Credentials(folder / "server.crt", folder / "server.key", "")
    token = folder / "token"
    if not is_good(made.certificate, made.key):
        certificate, key = self_signed(days)
        write_private(made.certificate, certificate)
        write_private(made.key, key)
    if not token.exists() or len(token.read_bytes()) < TOKEN_BYTES:
        write_private(token, secrets.token_urlsafe(TOKEN_BYTES).encode())
    for path in (made.certificate, made.key, token):
        path.chmod(0o600)
    return made._replace(token=token.read_text())


def is_good(certificate: Path, key: Path) -> bool:
    """Whether the two belong together and the certificate lasts for a while."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    try:
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
        private = serialization.load_pem_private_key(key.read_bytes(), None)
    except (OSError, ValueError, TypeError):
        return False
    now = datetime.now(UTC)
    lasts = found.not_valid_before_utc <= now < found.not_valid_after_utc - RENEWED_BEFORE
    return lasts and private.public_key() == found.public_key()


def self_signed(days: int = DAYS) -> tuple[bytes, bytes]:
    """(certificate, key) for 127.0.0.1 and localhost, as PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kjnb embedded cluster")])
    now = datetime.now(UTC)
    hosts = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(hosts, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_usage(x509), critical=True)
        .sign(key, hashes.SHA256())
    )
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return (
        made.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, form, plain),
    )


def _usage(x509: Any) -> Any:
    on = {"digital_signature": True, "key_cert_sign": True}
    off = (
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**on, **dict.fromkeys(off, False))


def kubeconfig(port: int, certificate: bytes, token: str) -> str:
    """A kubeconfig with one context, `kjnb-local`; what it needs is inside it."""
    authority = base64.b64encode(certificate).decode()
    return f"""apiVersion: v1
kind: Config
current-context: kjnb-local
clusters:
- name: kjnb-local
  cluster:
    server: https://127.0.0.1:{port}
    certificate-authority-data: {authority}
contexts:
- name: kjnb-local
  context:
    cluster: kjnb-local
    user: kjnb-local
    namespace: default
users:
- name: kjnb-local
  user:
    token: {token}
"""
