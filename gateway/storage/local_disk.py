"""Whether a file lies on a disk of this machine: SQLite's locks and its shared memory do not work over a network.

Two hosts that write one file destroy it, and neither notices at once.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final

from gateway.errors import OperatorError

# As the kernel names them. Those of one machine's containers and virtual machines (9p, virtiofs, overlay) are not among them.
NETWORK: Final = frozenset(
    {
        "afs", "beegfs", "ceph", "cifs", "fuse.ceph", "fuse.ceph-fuse", "fuse.cephfs", "fuse.gcsfuse", "fuse.glusterfs", "fuse.rclone",
        "fuse.s3fs", "fuse.sshfs", "gfs2", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "pvfs2", "smb2",
        "smb3", "smbfs",
    }
)  # fmt: skip
_MOUNTS: Final = Path("/proc/self/mountinfo")


def require_local(path: Path) -> None:
    """Raise OperatorError when `path` lies on a network file system. Where the system does not tell, nothing is refused."""
    mounts = ""
    with contextlib.suppress(OSError):
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    kind = file_system_of(path.resolve(), mounts)
    if kind in NETWORK:
        raise OperatorError(
            f"storage.url: {path} lies on a network file system ({kind}), where SQLite files are damaged sooner or later. Use a disk of "
            "this machine, or a postgresql:// URL."
        )


def file_system_of(path: Path, mounts: str) -> str:
    """Return the kind of the file system that `path` lies on, by the text of `/proc/self/mountinfo`; empty where that does not tell."""
    found = ("", "")
    for line in mounts.splitlines():
        fields, separated, rest = line.partition(" - ")
        words = fields.split(" ")
        if not separated or len(words) < 5:  # noqa: PLR2004 - the mount point is the fifth word
            continue
        point = words[4].encode("latin-1", "surrogateescape").decode("unicode_escape", "replace")
        # Later mounts lie over earlier ones.
        if path.is_relative_to(point) and len(point) >= len(found[0]):
            found = (point, rest.split(" ")[0])
    return found[1]
