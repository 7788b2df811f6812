#!/usr/bin/env python3
"""A workspace in a folder, as a program that `promote` runs. Python's standard library alone.

Each run answers one question: a line of JSON comes on standard input, lines of JSON go to standard output.
`docs/adapters/exec.md` explains it; the conformance suite of `promote` holds this file to it.
"""

import contextlib
import fcntl
import json
import os
import pathlib
import shutil
import sys
import tempfile

PIECE = 1 << 20


class Refused(Exception):
    """The answer is no. The kinds are those of `docs/adapters/exec.md`."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


def say(answer):
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")


def folder_of(root, version):
    artifact, _, number = version.partition("@")
    return root / artifact / number


def record_of(root, version):
    path = folder_of(root, version) / "record.json"
    return json.loads(path.read_text()) if path.exists() else None


def pointer_of(root, artifact):
    path = root / artifact / "current"
    return path.read_text() if path.exists() else None


def list_versions(root, question):
    for path in sorted(root.glob("*/*/*/*/record.json")):
        record = json.loads(path.read_text())
        artifact = record["version"].partition("@")[0]
        if not question["artifacts"] or artifact in question["artifacts"]:
            say({"record": record})
    return {}


def stat(root, question):
    return {"record": record_of(root, question["version"])}


def current(root, question):
    version = pointer_of(root, question["artifact"])
    return {"record": record_of(root, version) if version else None}


def read(root, question):
    path = folder_of(root, question["version"]) / "content" / question["path"]
    try:
        source = open(path, "rb")
    except (FileNotFoundError, NotADirectoryError):
        raise Refused("not-found", f"there is no {question['path']} in {question['version']}")
    with source:
        say({"ok": {"bytes": os.fstat(source.fileno()).st_size}})
        shutil.copyfileobj(source, sys.stdout.buffer, PIECE)
    return None


def write(root, question):
    target = folder_of(root, question["version"])
    record = {"version": question["version"], "digest": question["digest"]}
    record["files"] = [{key: file[key] for key in ("path", "size", "sha256")} for file in question["files"]]
    target.parent.mkdir(parents=True, exist_ok=True)
    # Built aside, on the same file system: a version appears by one rename, whole or not at all.
    with tempfile.TemporaryDirectory(dir=root) as aside:
        built = pathlib.Path(aside) / "version"
        for file in question["files"]:
            path = built / "content" / file["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file["from"], path)
        (built / "record.json").write_text(json.dumps(record))
        with locked(root):
            held = record_of(root, question["version"])
            if held is None:
                os.rename(built, target)
                return {"written": "created"}
    if held["digest"] == question["digest"]:
        return {"written": "unchanged"}
    raise Refused("already-exists", f"{question['version']} is there with {held['digest']}")


def point(root, question):
    version = question["version"]
    artifact = version.partition("@")[0]
    if record_of(root, version) is None:
        raise Refused("not-found", f"there is no {version} to point to")
    with locked(root):
        held = pointer_of(root, artifact)
        if held == version:
            return {}
        digest = record_of(root, held)["digest"] if held else None
        if digest != question["expected"]:
            raise Refused("precondition", f"the pointer of {artifact} holds {held}")
        path = root / artifact / "current"
        aside = path.with_name("current.new")
        aside.write_text(version)
        os.replace(aside, path)
    return {}


def describe(root, question):
    if record_of(root, question["version"]) is None:
        raise Refused("not-found", f"there is no {question['version']}")
    return {"properties": {}}


def probe(root, question):
    permission = "granted" if os.access(root, os.W_OK) else "refused"
    limits = ["whoever owns the folder can change files: every version is read back after it is written"]
    return {"server": "example.py 1", "permissions": {"write": permission}, "limits": limits}


@contextlib.contextmanager
def locked(root):
    """Two runs at once: one waits for the other."""
    with open(root / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


OPERATIONS = {
    "list": list_versions,
    "stat": stat,
    "current": current,
    "read": read,
    "write": write,
    "point": point,
    "describe": describe,
    "probe": probe,
}


def main():
    question = json.loads(sys.stdin.readline())
    try:
        if question["protocol"] != 1:
            raise Refused("unsupported", f"protocol {question['protocol']} is not spoken here")
        root = pathlib.Path(question["settings"]["folder"])
        root.mkdir(parents=True, exist_ok=True)
        answer = OPERATIONS[question["operation"]](root, question)
        if answer is not None:
            say({"ok": answer})
    except Refused as refused:
        say({"error": {"kind": refused.kind, "message": str(refused)}})
    except OSError as error:
        # The disk is full, or gone: another time it may work.
        say({"error": {"kind": "unexpected", "message": str(error), "temporary": True}})


if __name__ == "__main__":
    main()
