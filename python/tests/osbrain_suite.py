"""Holds `osb.brain` against osBrain's own tests and examples, with the import exchanged.

    python python/tests/osbrain_suite.py [--source FOLDER] [--examples] [TEST…] [-- PYTEST OPTIONS]

Nothing of osBrain is kept here: its release is fetched, or taken from a folder that has it. Tests that are expected to
fail are in `osbrain_suite.txt`, each with its reason; any other failure, and any of them that passes, is an error.
"""

import argparse
import hashlib
import io
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
from pathlib import Path

VERSION = "0.6.5"
URL = f"https://codeload.github.com/opensistemas-hub/osbrain/tar.gz/refs/tags/v{VERSION}"
#: Of all files of its tests and examples, by their names and contents.
DIGEST = "95e77b5c9345581cf185e04fc9c520949360f08430391764c8af5c50485b31bc"
HERE = Path(__file__).parent
LISTED = HERE / "osbrain_suite.txt"
#: What the tests take of Pyro, by the names that osb.brain has for it.
PYRO = """
import types
from osb.brain.errors import ConnectionClosedError, NamingError, PyroError

errors = types.SimpleNamespace(ConnectionClosedError=ConnectionClosedError, NamingError=NamingError, PyroError=PyroError)
config = types.SimpleNamespace()


def oneway(function):
    return function
"""


def fetch() -> Path:
    """The release in a temporary folder."""
    folder = Path(tempfile.mkdtemp(prefix="osbrain-"))
    with urllib.request.urlopen(URL, timeout=60) as answer:
        archive = tarfile.open(fileobj=io.BytesIO(answer.read()))
    for member in archive.getmembers():
        if member.isfile() and ".." not in member.name:
            path = folder / member.name.partition("/")[2]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(archive.extractfile(member).read())
    return folder


def files_of(source: Path):
    """Its tests and examples."""
    return sorted([*(source / "osbrain" / "tests").glob("*.py"), *(source / "examples").glob("*.py")])


def digest(source: Path) -> str:
    """Of all of them."""
    sum = hashlib.sha256()
    for file in files_of(source):
        sum.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return sum.hexdigest()


def exchanged(text: str) -> str:
    """A file with the imports exchanged, and nothing else."""
    text = re.sub(r"^(\s*)import osbrain$", r"\1import osb.brain as osbrain", text, flags=re.M)
    text = re.sub(r"^(\s*)from osbrain(\.\w+)? import", r"\1from osb.brain\2 import", text, flags=re.M)
    text = re.sub(r"^(\s*)from Pyro4\.errors import", r"\1from pyro_names import", text, flags=re.M)
    return re.sub(r"^(\s*)import Pyro4$", r"\1import pyro_names as Pyro4", text, flags=re.M)


def lay_out(source: Path, folder: Path) -> None:
    """Copies of the tests and the examples, with the import exchanged."""
    for file in files_of(source):
        place = folder / ("osbrain_tests" if file.parent.name == "tests" else "examples") / file.name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(exchanged(file.read_text()))
    (folder / "pyro_names.py").write_text(PYRO)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    timeout: by pytest-timeout\n    flaky: by rerunfailures\n")


def listed():
    """The tests that are expected to fail: name → reason."""
    entries = (line.partition("#") for line in LISTED.read_text().splitlines() if line.strip() and line[0] != "#")
    return {name.strip(): reason.strip() for name, _, reason in entries}


def environment(folder: Path):
    """For the tests: osb from this repository, if no other is installed."""
    path = [str(folder), str(HERE.parent / "src"), os.environ.get("PYTHONPATH", "")]
    # A test reads these variables, and others are to find no name server of a former one.
    left_out = ("PYRO_LOGFILE", "PYRO_LOGLEVEL", "OSBRAIN_NAMESERVER_ADDRESS", "OSB_NAMESERVER")
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    return {**kept, "PYTHONPATH": os.pathsep.join(path), "PYTHONUNBUFFERED": "1"}


def run_tests(folder: Path, names, options) -> int:
    """All tests, or those that are named. Says what is not as it is listed."""
    chosen = [f"osbrain_tests/{name}" for name in names] or ["osbrain_tests"]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:osb", "-rA", "--tb=short", *options]
    process = subprocess.Popen(
        [*command, *chosen], cwd=folder, env=environment(folder), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    outcomes = {}
    for line in process.stdout:
        print(line, end="", flush=True)
        found = re.match(r"(PASSED|FAILED|ERROR|SKIPPED) osbrain_tests/(\S.*?)(?: - .*)?$", line.rstrip())
        if found and outcomes.get(found[2]) != "FAILED":
            outcomes[found[2]] = found[1]
    process.wait()
    return compare(outcomes, not names)


def compare(outcomes, whole: bool) -> int:
    """Holds outcomes against the list."""
    expected = listed()
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        expected = {name: reason for name, reason in expected.items() if not reason.startswith("as root")}
    passed = sorted(name for name, outcome in outcomes.items() if outcome == "PASSED")
    unexpected = sorted(name for name in outcomes if outcomes[name] != "PASSED" and name not in expected)
    too_good = [name for name in passed if not expected.get(name, "as root").startswith("as root")]
    gone = sorted(set(expected) - set(outcomes)) if whole else []
    print(f"\n{len(passed)} of {len(outcomes)} tests of osBrain {VERSION} pass")
    for what, names in (("fails, and is not listed", unexpected), ("passes, and is listed", too_good), ("is unknown", gone)):
        for name in names:
            print(f"{what}: {name}")
    return 1 if unexpected or too_good or gone else 0


def run_examples(folder: Path) -> int:
    """Each example ends well within a minute, and says no word of an error."""
    failed = 0
    for file in sorted((folder / "examples").glob("*.py")):
        try:
            done = subprocess.run(
                [sys.executable, file], env=environment(folder), text=True, timeout=60, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )  # fmt: skip
            good = done.returncode == 0 and "Traceback" not in done.stdout
            said = done.stdout
        except subprocess.TimeoutExpired as error:
            good, said = False, f"{error}\n{error.stdout}"
        print(f"{'ok    ' if good else 'FAILED'} {file.name}")
        if not good:
            failed += 1
            print(said)
    return 1 if failed else 0


def main() -> int:
    """By the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", type=Path, help="a folder with the release of osBrain")
    parser.add_argument("--examples", action="store_true", help="run the examples, and not the tests")
    parser.add_argument("tests", nargs="*", help="tests, as test_timer.py::test_timer_each")
    known, options = parser.parse_known_args()
    sys.path.insert(0, str(HERE.parent / "src"))
    from osb.system import program

    print(f"with {program()}")
    source = known.source or fetch()
    if digest(source) != DIGEST:
        sys.exit(f"{source} does not have the tests of osBrain {VERSION}")
    with tempfile.TemporaryDirectory(prefix="osb-suite-") as folder:
        lay_out(source, Path(folder))
        if known.examples:
            return run_examples(Path(folder))
        return run_tests(Path(folder), known.tests, [it for it in options if it != "--"])


if __name__ == "__main__":
    sys.exit(main())
