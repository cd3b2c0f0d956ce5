"""Which files this user wrote on this machine: a signature under a key that only this user can read.

Some files of a run are pickles, and reading a pickle runs the code in it; some name code to import. Such a file is
signed when it is written, with an HMAC under a random key of this user, and is used without further questions only if
the signature fits.
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
"""Before content that is signed beside itself, so that no signature of a whole file fits it."""


class Untrusted(InvalidInput):
    """A file that runs code when it is read was not written by this user on this machine."""


def key_file() -> Path:
    """Path of this user's key."""
    import platformdirs  # only where it is asked

    return Path(platformdirs.user_data_dir("livn_gym", appauthor=False)) / "trust.key"


def seal(magic: bytes, content: bytes) -> bytes:
    """Content with a checksum and a signature in front of it.

    Args:
        magic: First bytes of the file, which name its format.
        content: What the file holds.

    Returns:
        ``magic``, SHA-256 of the rest, signature, ``content``. The signature is zero where the key cannot be kept.
    """
    signed = _sign(_key(create=True), magic + content) + content
    return magic + hashlib.sha256(signed).digest() + signed


def unseal(name: str | Path, magic: bytes, data: bytes, *, trust: bool = False) -> bytes:
    """Content of a sealed file, checked before anything of it is used.

    Args:
        name: Name of the file, for messages.
        magic: First bytes of the format.
        data: The whole file.
        trust: Accept a file that another user or machine wrote.

    Raises:
        CorruptData: The file is of another format, or damaged.
        Untrusted: It was not written by this user on this machine, and ``trust`` is False.
    """
    start = len(magic)
    if not data.startswith(magic) or len(data) < start + 2 * _DIGEST_BYTES:
        raise CorruptData(f"{name} is damaged or was not written by this version of livn_gym.")
    checksum, signed = data[start : start + _DIGEST_BYTES], data[start + _DIGEST_BYTES :]
    if hashlib.sha256(signed).digest() != checksum:
        raise CorruptData(f"{name} is damaged: its content does not fit its checksum.")
    signature, content = signed[:_DIGEST_BYTES], signed[_DIGEST_BYTES:]
    key = _key(create=False)
    if not trust and (key is None or not hmac.compare_digest(signature, _sign(key, magic + content))):
        raise Untrusted(
            f"{name} was not written by this user on this machine. Reading it runs the code that it holds: "
            f"only if you trust its origin, pass --trust (in Python trust=True)."
        )
    return content


def sign(content: bytes) -> str:
    """Signature of content that stands beside it in a file, hexadecimal; zeros where the key cannot be kept."""
    return _sign(_key(create=True), _BESIDE + content).hex()


def is_signed(content: bytes, signature: object) -> bool:
    """Whether ``sign`` gave the signature to this user on this machine for this content."""
    key = _key(create=False)
    if key is None or not isinstance(signature, str):
        return False
    return hmac.compare_digest(signature.encode(), _sign(key, _BESIDE + content).hex().encode())


def _sign(key: bytes | None, content: bytes) -> bytes:
    return bytes(_DIGEST_BYTES) if key is None else hmac.digest(key, content, "sha256")


def _key(*, create: bool) -> bytes | None:
    """This user's key; None where there is none, or where others could have read or placed it."""
    try:
        path = key_file()
        if create and not path.exists():
            _make(path)
        with path.open("rb") as file:
            about = os.fstat(file.fileno())
            key = file.read(KEY_BYTES + 1)
    except (OSError, RuntimeError, LivnError):  # no home, read-only: nothing can be signed, so nothing is trusted
        return None
    private = stat.S_ISREG(about.st_mode) and about.st_uid == os.getuid() and not about.st_mode & 0o077
    return key if private and len(key) == KEY_BYTES else None


def _make(path: Path) -> None:
    """Write a new key under its name at once and complete; a process that was first keeps its own."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(os.urandom(KEY_BYTES))
        try:
            os.link(part, path)
        except FileExistsError:
            return
    finally:
        part.unlink(missing_ok=True)
