"""The programs of TUTORIAL.md run, and print what stands there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import osb
from osb.system import program

PAGE = (Path(__file__).parent.parent / "TUTORIAL.md").read_text()
PARTS = {title: text for title, text in re.findall(r"^## (.*)\n((?:(?!^## ).*\n)*)", PAGE, re.M) if "```python" in text}


def blocks(part, language):
    """The blocks of a part, and the file that each is for: the first line may say so."""
    for text in re.findall(rf"^```{language}\n(.*?)^```$", part, re.M | re.S):
        named = re.match(r"# (\S+\.\w+)\n", text)
        yield named.group(1) if named else None, text


def test_every_part_is_found():
    assert sum(part.count("```python") for part in PARTS.values()) == PAGE.count("```python")


@pytest.mark.parametrize("title", PARTS)
def test_a_part(title, tmp_path):
    try:
        program()
    except osb.NotFound as error:
        pytest.skip(str(error))
    part = PARTS[title]
    scripts = []
    for name, text in (*blocks(part, "yaml"), *blocks(part, "python")):
        (tmp_path / (name or "script.py")).write_text(text)
        scripts += [] if name else ["script.py"]
    assert len(scripts) == 1
    path = os.pathsep.join((str(Path(osb.__file__).parent.parent), os.environ.get("PYTHONPATH", "")))
    bin = str(Path(sys.executable).parent)
    env = {**os.environ, "PYTHONPATH": path, "OSB_STATE_DIR": str(tmp_path), "PATH": f"{bin}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, env=env, timeout=60, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    for _, expected in blocks(part, "text"):
        for line in expected.splitlines():
            assert line in said, done.stdout + done.stderr
