"""An SQLite file on a network file system is refused at the start, before two hosts write it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import OperatorError
from gateway.settings import StorageSettings
from gateway.storage import local_disk, open_database

MOUNTS = r"""
22 1 0:21 / / rw,relatime shared:1 - overlay overlay rw,lowerdir=/a
23 22 0:22 / /proc rw,nosuid - proc proc rw
31 22 0:31 / /data rw,relatime shared:2 - nfs4 server:/export rw,vers=4.2
32 31 8:1 / /data/local rw,relatime - ext4 /dev/sda1 rw
33 22 0:33 / /with\040space rw - cifs //server/share rw
34 22 0:34 / /database rw - fuse.sshfs a@b:/ rw
35 22 8:2 / /over rw - nfs server:/old rw
36 22 8:2 / /over rw - xfs /dev/sdb rw
nonsense
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/gateway.db", "overlay"),
        ("/data/gateway.db", "nfs4"),
        ("/data/local/gateway.db", "ext4"),
        ("/database2/gateway.db", "overlay"),
        ("/database/gateway.db", "fuse.sshfs"),
        ("/with space/gateway.db", "cifs"),
        ("/over/gateway.db", "xfs"),
    ],
)
def test_the_file_system_of_a_path_is_that_of_the_nearest_and_last_mount(path: str, kind: str) -> None:
    assert local_disk.file_system_of(Path(path), MOUNTS) == kind
    assert local_disk.file_system_of(Path(path), "") == ""


def test_d6_a_file_on_a_network_file_system_is_refused_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mountinfo"
    monkeypatch.setattr(local_disk, "_MOUNTS", mounts)
    settings = StorageSettings(url=f"sqlite:///{tmp_path}/there/gateway.db")
    mounts.write_text(f"31 22 0:31 / {tmp_path.resolve()} rw - nfs server:/export rw\n")
    with pytest.raises(OperatorError, match=r"network file system \(nfs\).*postgresql://"):
        open_database(settings)
    assert not (tmp_path / "there" / "gateway.db").exists()
    mounts.unlink()
    local_disk.require_local(tmp_path / "gateway.db")
