"""Check whether other users could have changed a file, before code in it is executed."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from pathlib import Path

_OVERFLOW_UID = Path("/proc/sys/kernel/overflowuid")
"""File with the number of the user that represents all users unknown to a container."""


def why_untrusted(path: Path) -> str | None:
    """Return why users other than this one and root could change a file or folder; None if they cannot.

    A folder with the sticky bit, such as ``/tmp``, may be writable by all, since files in it belong to their owners.
    The group of root, and a group of which this user is the only member, are treated like the user.

    Raises:
        OSError: The path does not exist or cannot be accessed.
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
    """Return whether a file belongs to root outside the container and is read-only, as in an Apptainer image."""
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
