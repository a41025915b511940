"""What is said about an error fits it."""

from __future__ import annotations

import errno
import os
import ssl

import pytest

from fidac_node.system.remedies import described, of_certificate


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.EACCES, "chown -R USER"),
        (errno.EROFS, "mount -o remount,rw"),
        (errno.ENOSPC, "free or add space"),
        (errno.EIO, "the disk fails"),
        (errno.ENOENT, "mount it"),
    ],
)
def test_an_error_of_a_file_says_what_to_do(number: int, remedy: str) -> None:
    said = described(OSError(number, os.strerror(number), "/spool"))
    assert said.startswith(f"/spool: {os.strerror(number)}; ") and remedy in said


def test_an_error_that_nothing_is_known_about_is_told_as_it_is() -> None:
    assert described(OSError(errno.ELOOP, os.strerror(errno.ELOOP), "/spool")) == f"/spool: {os.strerror(errno.ELOOP)}"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (9, "set this machine's clock, or theirs"),
        (10, "it has expired: it has to be renewed there"),
        (19, "[send] tls_ca must name the CA"),
        (62, "for another name than hub.example.org"),
        (1, "it is not trusted (as OpenSSL says)"),
    ],
)
def test_a_certificate_that_is_not_taken_says_why_and_what_to_do(code: int, words: str) -> None:
    error = ssl.SSLCertVerificationError(1, "no")
    error.verify_code, error.verify_message = code, "as OpenSSL says"
    assert words in of_certificate(error, "hub.example.org", "[send] tls_ca")
