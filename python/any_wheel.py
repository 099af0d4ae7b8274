"""`python any_wheel.py WHEEL FOLDER`: makes of a platform's wheel the one for all others, without the `osb` program.

The client, and agents that attach, need no program of their own platform. The files of Python are the same ones.
"""

from __future__ import annotations

import base64
import hashlib
import re
import sys
import zipfile
from pathlib import Path


def main(wheel: str, folder: str) -> None:
    """Writes the wheel into the folder, and prints its path."""
    name = re.sub(r"-py3-none-.*\.whl$", "-py3-none-any.whl", Path(wheel).name)
    target = Path(folder) / name
    record = []
    with zipfile.ZipFile(wheel) as of, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as to:
        for path in of.namelist():
            if ".data/scripts/" in path or path.endswith(".dist-info/RECORD") or "/sboms/" in path:
                continue
            content = of.read(path)
            if path.endswith(".dist-info/WHEEL"):
                content = re.sub(rb"Tag: .*", b"Tag: py3-none-any", content)
                content = re.sub(rb"Root-Is-Purelib: .*", b"Root-Is-Purelib: true", content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            record.append(f"{path},sha256={digest},{len(content)}")
            to.writestr(zipfile.ZipInfo(path), content)
        own = next(path for path in of.namelist() if path.endswith(".dist-info/RECORD"))
        to.writestr(zipfile.ZipInfo(own), "\n".join([*record, f"{own},,"]) + "\n")
    print(target)


if __name__ == "__main__":
    main(*sys.argv[1:3])
