"""Signatures that identify files written by this user on this machine, made with a key that only this user can read.

Reading a pickle file can execute code, and some files name code to import. Such a file is signed when it is written,
with an HMAC under a random key of this user, and is read without ``trust`` only if the signature is valid.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import stat
from pathlib import Path

from livn_gym.errors import CorruptData, InvalidInput, LivnError

KEY_BYTES = 32
_DIGEST_BYTES = hashlib.sha256().digest_size
_BESIDE = b"livn_gym beside\n"
"""Prefix of content whose signature is stored separately, so that signatures of whole files are not valid for it."""


class Untrusted(InvalidInput):
    """A file whose reading can execute code was not written by this user on this machine."""


def key_file() -> Path:
    """Return the path of this user's key."""
    import platformdirs  # imported only when needed

    return Path(platformdirs.user_data_dir("livn_gym", appauthor=False)) / "trust.key"


def seal(magic: bytes, content: bytes) -> bytes:
    """Return content with a checksum and a signature prepended.

    Args:
        magic: First bytes of the file, which identify its format.
        content: Content of the file.

    Returns:
        ``magic``, the SHA-256 of what follows, the signature and ``content``. The signature is zero if no key can be
        stored.
    """
    signed = _sign(_key(create=True), magic + content) + content
    return magic + hashlib.sha256(signed).digest() + signed


def unseal(name: str | Path, magic: bytes, data: bytes, *, trust: bool = False) -> bytes:
    """Return the content of a sealed file, after its checksum and signature have been verified.

    Args:
        name: Name of the file, for messages.
        magic: First bytes of the file format.
        data: The whole file.
        trust: Accept a file that another user or machine wrote.

    Raises:
        CorruptData: The file has another format or is damaged.
        Untrusted: It was not written by this user on this machine, and ``trust`` is False.
    """
    start = len(magic)
    if not data.startswith(magic) or len(data) < start + 2 * _DIGEST_BYTES:
        raise CorruptData(f"{name} is damaged or was not written by this version of livn_gym.")
    checksum, signed = data[start : start + _DIGEST_BYTES], data[start + _DIGEST_BYTES :]
    if hashlib.sha256(signed).digest() != checksum:
        raise CorruptData(f"{name} is damaged: its content does not match its checksum.")
    signature, content = signed[:_DIGEST_BYTES], signed[_DIGEST_BYTES:]
    key = _key(create=False)
    if not trust and (key is None or not hmac.compare_digest(signature, _sign(key, magic + content))):
        raise Untrusted(
            f"{name} was not written by this user on this machine. Reading it executes the code in it: "
            f"only if you trust its origin, pass --trust (in Python trust=True)."
        )
    return content


def sign(content: bytes) -> str:
    """Return a hexadecimal signature to store with the content; zeros if no key can be stored."""
    return _sign(_key(create=True), _BESIDE + content).hex()


def is_signed(content: bytes, signature: object) -> bool:
    """Return whether ``sign`` made the signature for this content, as this user on this machine."""
    key = _key(create=False)
    if key is None or not isinstance(signature, str):
        return False
    return hmac.compare_digest(signature.encode(), _sign(key, _BESIDE + content).hex().encode())


def _sign(key: bytes | None, content: bytes) -> bytes:
    return bytes(_DIGEST_BYTES) if key is None else hmac.digest(key, content, "sha256")


def _key(*, create: bool) -> bytes | None:
    """Return this user's key; None if there is none, or if others could have read or replaced it."""
    try:
        path = key_file()
        if create and not path.exists():
            _make(path)
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            key = file.read(KEY_BYTES + 1)
    except (
        OSError,
        RuntimeError,
        LivnError,
    ):  # no home folder or read-only: nothing can be signed, and so nothing is trusted
        return None
    private = stat.S_ISREG(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o077
    return key if private and len(key) == KEY_BYTES else None


def _make(path: Path) -> None:
    """Write a new key atomically; if another process was faster, its key is used."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(os.urandom(KEY_BYTES))
        try:
            os.link(temporary, path)
        except FileExistsError:
            return
    finally:
        temporary.unlink(missing_ok=True)
