# Pushes what other tools write: a ModelKit by the specification of KitOps, and a ModelPack of the CNCF model specification.
import gzip, hashlib, io, json, sys, tarfile, urllib.request

url, name = sys.argv[1:]
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def call(method, target, body=None, kind="application/octet-stream"):
    request = urllib.request.Request(target, data=body, method=method)
    request.add_header("Content-Type", kind)
    return urllib.request.urlopen(request)


def blob(kind, data, **more):
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    place = call("POST", f"{url}/v2/{name}/blobs/uploads/", b"").headers["Location"]
    call("PUT", f"{place}{'&' if '?' in place else '?'}digest={digest}", data)
    return {"mediaType": kind, "digest": digest, "size": len(data), **more}


def manifest(tag, config, layers, **more):
    body = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers, **more}
    call("PUT", f"{url}/v2/{name}/manifests/{tag}", json.dumps(body).encode(), MANIFEST)


def tar(files):
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as out:
        for path, data in files:
            entry = tarfile.TarInfo(path)
            entry.size = len(data)
            out.addfile(entry, io.BytesIO(data))
    return archive.getvalue()


KIT = "application/vnd.kitops.modelkit"
kitfile = {
    "manifestVersion": "1.0.0",
    "package": {"name": "churn"},
    "model": {"name": "churn", "path": "model"},
    "datasets": [{"name": "train", "path": "data.csv"}],
}
weights = [("model/weights.bin", b"secret weights"), ("model/deep/readme.txt", b"read me")]
manifest(
    "1.0.0",
    blob(f"{KIT}.config.v1+json", json.dumps(kitfile).encode()),
    [
        blob(f"{KIT}.model.v1.tar", tar(weights)),
        blob(f"{KIT}.dataset.v1.tar+gzip", gzip.compress(tar([("data.csv", b"a,b")]))),
    ],
)



def link(path, to):
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as out:
        entry = tarfile.TarInfo(path)
        entry.type, entry.linkname = tarfile.SYMTYPE, to
        out.addfile(entry)
    return archive.getvalue()


for tag, layers in {
    "kit": [tar([("./weights.bin", bytes(3_000_000))]), tar([("docs/a.md", b"a"), ("docs/b.md", b"")])],
    "linked": [link("weights.bin", "/etc/passwd")],
    "escaping": [tar([("../weights.bin", b"1")])],
    "cut": [tar([("weights.bin", bytes(3_000_000))])[:1_000_000]],
}.items():
    config = blob(f"{KIT}.config.v1+json", b"{}")
    manifest(tag, config, [blob(f"{KIT}.model.v1.tar", layer) for layer in layers])

MODEL = "application/vnd.cncf.model"
path = "org.cncf.model.filepath"
config = {"descriptor": {"name": "churn"}, "config": {}, "modelfs": {"type": "layers", "diffIds": []}}
config = blob(f"{MODEL}.config.v1+json", json.dumps(config).encode())
layers = [
    blob(f"{MODEL}.weight.v1.raw", b"other weights", annotations={path: "weights/model.bin"}),
    blob(f"{MODEL}.doc.v1.raw", b"# churn", annotations={path: "README.md"}),
]
for tag in ["2.0.0", "2.0.1", "latest"]:
    manifest(tag, config, layers, artifactType=f"{MODEL}.manifest.v1+json")
