"""What to do about an error of the operating system: its cause, in words for who has to mend it."""

from __future__ import annotations

import errno
import ssl
from typing import Final

_OF_FILES: Final = {
    errno.EACCES: "give it to the user that runs this: chown -R USER, chmod u+rwX; or run this as that user",
    errno.EPERM: "give it to the user that runs this: chown -R USER, chmod u+rwX; or run this as that user",
    errno.EROFS: (
        "the file system is mounted read-only, often by the kernel after an error of the disk: look at 'dmesg', "
        "then 'mount -o remount,rw'"
    ),
    errno.ENOSPC: "free or add space ('df -h', 'df -i')",
    errno.EDQUOT: "free space, or raise the quota of the user that runs this",
    errno.EIO: "the disk fails: look at 'dmesg', and put back from the backup what it lost",
    errno.ENOENT: "look at the name; if it is on a disk of its own, mount it",
    errno.ESTALE: "the file server has lost it: mount it again; a spool belongs on a disk of this machine",
    errno.EMFILE: "raise LimitNOFILE= of the service, or 'ulimit -n'",
}
# What OpenSSL says of a certificate (X509_V_ERR_*).
_NOT_YET, _EXPIRED, _OTHER_NAME, _OTHER_ADDRESS = 9, 10, 62, 64
_NO_ISSUER: Final = (18, 19, 20, 21)


def of_file(error: OSError) -> str:
    """What to do about a file or folder that cannot be used; nothing where the error says all there is."""
    return _OF_FILES.get(error.errno or 0, "")


def described(error: OSError, name: object = "") -> str:
    """The file, what is wrong with it, and what to do."""
    said = f"{name or error.filename}: {error.strerror or type(error).__name__}"
    remedy = of_file(error)
    return f"{said}; {remedy}" if remedy else said


def of_certificate(error: ssl.SSLCertVerificationError, host: str, authorities: str) -> str:
    """What is wrong with a peer's certificate, and what to do; ``authorities`` is the option that names the CA."""
    if error.verify_code == _EXPIRED:
        return "it has expired: it has to be renewed there; if it has not, set this machine's clock"
    if error.verify_code == _NOT_YET:
        return "it is not valid yet: set this machine's clock, or theirs, and issue it again"
    if error.verify_code in (_OTHER_NAME, _OTHER_ADDRESS):
        return f"it is for another name than {host}: write its name as the host, or have one issued for {host}"
    if error.verify_code in _NO_ISSUER:
        return f"nobody known here has signed it: {authorities} must name the CA that has"
    return f"it is not trusted ({error.verify_message}): look at {authorities}"
