"""Whether anybody else could have changed a file, which matters before code in it is executed."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from pathlib import Path

_OVERFLOW_UID = Path("/proc/sys/kernel/overflowuid")
"""Names the user that stands for all users whom a container does not know."""


def why_untrusted(path: Path) -> str | None:
    """Why users other than this one and root could change a file or a folder; None if they cannot.

    A folder with the sticky bit, such as ``/tmp``, may be writable by all: what lies in it is its owner's. A group of
    which this user is the only member, as many systems make one for each user, and root's group count as the user.

    Raises:
        OSError: There is nothing at the path, or it cannot be looked at.
    """
    status = path.stat()
    if status.st_uid not in (0, os.geteuid()) and not _from_a_read_only_image(path, status.st_uid):
        return f"belongs to {_user(status.st_uid)}"
    if status.st_mode & stat.S_ISVTX and stat.S_ISDIR(status.st_mode):
        return None
    if status.st_mode & stat.S_IWOTH:
        return "can be written by everyone"
    if status.st_mode & stat.S_IWGRP and not _private(status.st_gid):
        return f"can be written by the group {_group(status.st_gid)}"
    return None


def _from_a_read_only_image(path: Path, uid: int) -> bool:
    """Whether a file belongs to root outside of a container and cannot be written, as in an Apptainer image."""
    unknown = int(_OVERFLOW_UID.read_text(encoding="ascii")) if _OVERFLOW_UID.exists() else None
    return uid == unknown and bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def _private(gid: int) -> bool:
    if gid == 0:
        return True
    try:
        group, user = grp.getgrgid(gid), pwd.getpwuid(os.geteuid())
    except KeyError:
        return False
    return (group.gr_name, gid) == (user.pw_name, user.pw_gid) and set(group.gr_mem) <= {user.pw_name}


def _user(uid: int) -> str:
    try:
        return f"the user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"the user number {uid}"


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
