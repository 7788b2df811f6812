"""Checks a ledger of `promote` without it: `verify_ledger.py FOLDER`, a plain clone or a copy of the ledger's files.

Written from the formats alone: RFC 6962 (tree), c2sp.org/signed-note and tlog-checkpoint (head), DSSE 1.0.2 over in-toto
statements (entries), dirHash1 (digests). What people signed with SSH is for `ssh-keygen -Y verify`.
"""

import base64, hashlib, io, json, os, re, subprocess, sys, tarfile
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

IN_TOTO = "application/vnd.in-toto+json"
TYPES = {
    "adopted": "policy-adopted", "registered": "version-registered", "received": "statement-received",
    "refused": "statement-refused", "intended": "promotion-intent", "taken-over": "promotion-takeover",
    "ended": "promotion-result", "decided": None,
}

EXTENSIONS = {
    "facts": "json", "approval": "json", "bad-mark": "json", "act": "json", "release-signature": "sig",
    "attestation": "sigstore.json", "cosignature": "note",
}


def need(holds, otherwise):
    if not holds:
        sys.exit(f"wrong: {otherwise}")


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def decode(text):
    need(re.fullmatch(r"[A-Za-z0-9+/]*={0,2}", text) and len(text) % 4 == 0, "a value is not base64")
    return base64.b64decode(text)


def load(folder):
    """The files by path: of the branch when the folder is a clone, else of the folder itself."""
    if not os.path.isdir(os.path.join(folder, "ledger")):
        for branch in ("promote-ledger", "origin/promote-ledger"):
            done = subprocess.run(["git", "-C", folder, "archive", branch], capture_output=True)
            if done.returncode == 0:
                with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
                    return {one.name: tar.extractfile(one).read() for one in tar if one.isfile()}
        sys.exit("wrong: there is no ledger")
    paths = (os.path.join(at, name) for at, _, names in os.walk(folder) for name in names)
    return {os.path.relpath(path, folder): open(path, "rb").read() for path in paths if "/.git/" not in path}


def tree(leaves):
    """RFC 6962, section 2.1."""
    if len(leaves) < 2:
        return hashlib.sha256(b"\0" + leaves[0] if leaves else b"").digest()
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return hashlib.sha256(b"\1" + tree(leaves[:split]) + tree(leaves[split:])).digest()


def section(text, name):
    """The lines below a key of `spec` in the trust root, which is YAML in blocks."""
    found = re.search(rf"^  {name}:\n((?:    .*\n|\s*\n)*)", text, re.M)
    return found.group(1) if found else ""


def engines(root):
    """The engines of a trust root: each one's key and the environments that it may act for."""
    found = {}
    for name, body in re.findall(r"^    ([\w.-]+):\n((?:      .*\n|\s*\n)+)", section(root, "engines"), re.M):
        pem = re.search(r"-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----", body)
        listed = body[body.index("environments:"):].split("key:")[0]
        pem = re.sub(r"\n +", "\n", pem.group()).encode()
        found[name] = (load_pem_public_key(pem), set(re.findall(r"[\w.-]+", listed)[1:]))
    return found


def check_head(checkpoint, root, leaves):
    """The note is signed by the log's key, and covers exactly these leaves."""
    key = re.search(r"key: ['\"]?([^\s'\"]+)", section(root, "ledger")).group(1)
    origin, key_id, public = key.split("+", 2)
    public = decode(public)
    need(public[0] == 1 and sha256(origin.encode() + b"\n" + public)[:8] == key_id, "the log's key is not one")
    text, _, lines = checkpoint.partition(b"\n\n")
    text += b"\n"
    fields = text.decode().split("\n")
    need(fields[0] == origin, "the checkpoint is of another ledger")
    need(fields[1] == str(len(leaves)), "the checkpoint covers another number of entries")
    need(decode(fields[2]) == tree(leaves), "the checkpoint has another root")
    for line in lines.decode().split("\n")[:-1]:
        dash, name, signature = line.split(" ")
        signature = decode(signature)
        if dash == "\u2014" and name == origin and signature[:4].hex() == key_id:
            try:
                return Ed25519PublicKey.from_public_bytes(public[1:]).verify(signature[4:], text)
            except InvalidSignature:
                break
    sys.exit("wrong: the log's key did not sign the checkpoint")


def open_entry(line, trusted):
    """The entry in an envelope, and the engine whose key signed it."""
    envelope = json.loads(line)
    kind, body = envelope["payloadType"], decode(envelope["payload"])
    need(kind == IN_TOTO, "an envelope holds something else than a statement")
    message = b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(body), body)
    statement = json.loads(body)
    entry = statement["predicate"]["entry"]
    kind = TYPES.get(entry["event"]["type"], "")
    expected = f"https://promote.dev/{kind}/v1" if kind else "https://slsa.dev/verification_summary/v1"
    need(statement["predicateType"] == expected, "a statement is of another type than its event")
    need(entry["engine"] in trusted, "an entry names an engine that is not trusted")
    for signature in envelope["signatures"]:
        try:
            trusted[entry["engine"]][0].verify(decode(signature["sig"]), message, ECDSA(SHA256()))
            return entry
        except InvalidSignature:
            pass
    sys.exit("wrong: the engine that an entry names did not sign it")


def named(event):
    """The files of evidence that an event names: path without its folder, and SHA-256."""
    def signature(of, ref, extension):
        key = ref["key"].removeprefix("SHA256:").replace("/", "_").replace("+", "-")
        return f"{of}.{extension}.{key}.sig", ref["sha256"]
    kind = event["type"]
    if kind == "adopted":
        yield from ((f"{one}.yaml", one) for one in (event["root"], event["index"]))
        for path, ref in event["signatures"].items():
            yield signature(event["root" if path.startswith("trust/root.yaml") else "index"], ref, "yaml")
    elif kind == "registered":
        digest = event["digest"].removeprefix("dirhash1:")
        yield from ((f"{event['manifest']}.yaml", event["manifest"]), (f"{digest}.sha256", digest))
        if "signature" in event:
            yield signature(event["manifest"], event["signature"], "yaml")
    elif kind in ("received", "refused"):
        yield f"{event['statement']}.json", event["statement"]
        if kind == "received":
            ref = {"key": event["key"], "sha256": event["signature"]}
            yield signature(event["statement"], ref, "json")
    elif kind == "decided":
        yield f"{event['inputs']}.json", event["inputs"]
        for source in event["sources"]:
            yield f"{source['sha256']}.{EXTENSIONS.get(source['what'], 'yaml')}", source["sha256"]


def main(folder):
    files = load(folder)
    names = sorted(path for path in files if path.startswith("ledger/entries/"))
    texts = [files[name] for name in names]
    need(names == [f"ledger/entries/{number:03}.jsonl" for number in range(len(names))], "a file of entries is missing")
    need(texts and all(text.count(b"\n") == 256 for text in texts[:-1]), "a file of entries is cut")
    need(all(text.endswith(b"\n") for text in texts), "the last line is cut")
    lines = b"".join(texts).split(b"\n")[:-1]
    first = json.loads(decode(json.loads(lines[0])["payload"]))["predicate"]["entry"]["event"]
    need(first["type"] == "adopted", "a ledger begins with the adoption of a trust root")

    def evidence(name, digest):
        data = files.get(f"evidence/sha256/{name[:2]}/{name}")
        need(data is not None, f"evidence {name} is not there")
        need(sha256(data) == digest, f"evidence {name} was changed")
        return data

    root = evidence(f"{first['root']}.yaml", first["root"]).decode()
    trusted, time, count = engines(root), ("", ""), 0
    for line in lines:
        entry = open_entry(line, trusted)
        event = entry["event"]
        whole, _, fraction = entry["recordedAt"].rstrip("Z").partition(".")
        need((whole, fraction.ljust(9, "0")) >= time, "an entry is dated before the one that it follows")
        place = event.get("promotion")
        place = place["environment"] if isinstance(place, dict) else event.get("environment")
        if event["type"] in ("decided", "intended", "taken-over", "ended"):
            need(place in trusted[entry["engine"]][1], "an engine acted for an environment that is not its own")
        time = (whole, fraction.ljust(9, "0"))
        for name, digest in named(event):
            evidence(name, digest)
            count += 1
        if event["type"] == "adopted":
            index = evidence(f"{event['index']}.yaml", event["index"]).decode()
            for digest in re.findall(r"^ {4}\S+: ([0-9a-f]{64})$", index.partition("\n  files:\n")[2], re.M):
                evidence(f"{digest}.yaml", digest)
                count += 1
            root = evidence(f"{event['root']}.yaml", event["root"]).decode()
            trusted = engines(root)
    check_head(files.get("ledger/checkpoint", b""), root, lines)
    print(f"good: {len(lines)} entries, {count} files of evidence")


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except (ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
        sys.exit(f"wrong: something does not have its form: {error!r}")
