# The usual script: pymemcache, one set and one get per chunk, the same chunks and the same SHA-256. Prints seconds as JSON.

import hashlib
import json
import sys
import time

from pymemcache.client.base import Client

port, path, rounds, chunk = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), 510_000
client = Client(("127.0.0.1", port), default_noreply=False, no_delay=True)


def store():
    digest, count = hashlib.sha256(), 0
    with open(path, "rb") as file:
        while piece := file.read(chunk):
            digest.update(piece)
            assert client.set(f"py:{count}", piece)
            count += 1
    assert client.set("py", json.dumps([count, digest.hexdigest()]))


def retrieve():
    count, expected = json.loads(client.get("py"))
    digest = hashlib.sha256()
    for index in range(count):
        digest.update(client.get(f"py:{index}"))
    assert digest.hexdigest() == expected


def clear():
    count, _ = json.loads(client.get("py"))
    for index in range(count):
        client.delete(f"py:{index}")
    client.delete("py")


results = []
for _ in range(rounds):
    begin = time.perf_counter()
    store()
    stored = time.perf_counter()
    retrieve()
    results.append([stored - begin, time.perf_counter() - stored])
    clear()
print(json.dumps(results))
