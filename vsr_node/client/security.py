"""TLS 1.3 with certificates on both sides, all of it by Python's ``ssl``.

A member's certificate has the member's name among its DNS names, a client's has ``client``. All
are signed by the one authority that the group trusts, which must sign nothing else.
"""

import ssl
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class TLS:
    """The files of one member or client, as PEM."""

    authority: Path
    certificate: Path
    key: Path

    @classmethod
    def folder(cls, folder: str | Path) -> "TLS":
        """Return the files of a folder that ``vsr pki`` made."""
        path = Path(folder)
        return cls(path / "ca.pem", path / "cert.pem", path / "key.pem")

    def accepting(self) -> ssl.SSLContext:
        """Return the context of a member that is dialled. It is read from the files anew."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        return self._with_files(context)

    def read_into(self, context: ssl.SSLContext) -> None:
        """Read the files anew into a context of ``accepting``. Raises OSError, and changes nothing.

        An authority that was there before is still trusted.
        """
        self.accepting()
        self._with_files(context)

    def dialling(self, *, by_name: bool) -> ssl.SSLContext:
        """Return the context of one that dials.

        With ``by_name`` the name of the member must be in its certificate; otherwise any
        certificate of the authority will do, and the caller looks at it.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = by_name
        return self._with_files(context)

    def _with_files(self, context: ssl.SSLContext) -> ssl.SSLContext:
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(self.authority)
        context.load_cert_chain(self.certificate, self.key)
        return context


def names_of(certificate: Any) -> Collection[str]:
    """Return the DNS names of what ``getpeercert`` returned."""
    pairs = (certificate or {}).get("subjectAltName", ())
    return frozenset(name for kind, name in pairs if kind == "DNS")
