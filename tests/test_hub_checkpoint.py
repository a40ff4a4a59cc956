"""A checkpoint of the hub is fetched without pickles, and an absent one explained."""

import http.server
import json
import os
import subprocess
import sys
import threading

import pytest
import tiny_bundle
from plain_checkpoint import plain_weights

from bert_cpu.errors import UserError
from bert_cpu.models.checkpoint import open_checkpoint


@pytest.fixture
def directory(tmp_path):
    return tiny_bundle.write_bundle(tmp_path / "encoder")


def test_a_hub_id_without_the_hub_says_what_was_tried():
    with pytest.raises(UserError) as caught:
        open_checkpoint("nobody/no-such-bert")
    message = str(caught.value)
    assert "'nobody/no-such-bert' is no directory here" in message
    assert "could not be had from the hub" in message
    assert "give a directory" in message
    assert "\n" not in message


class StandInHub(http.server.BaseHTTPRequestHandler):
    """Answers as the hub does for one model, `tester/tiny`."""

    revision = "0123456789abcdef0123456789abcdef01234567"
    files: dict[str, bytes]
    requests: list[str]

    def do_HEAD(self):
        self._answer()

    def do_GET(self):
        self._answer()

    def _answer(self):
        path = self.path.partition("?")[0]
        self.requests.append(path)
        if path == "/api/models/tester/tiny/revision/main":
            siblings = [{"rfilename": name} for name in self.files]
            content = {"id": "tester/tiny", "sha": self.revision, "siblings": siblings}
            self._send(json.dumps(content).encode())
        elif path == f"/api/models/tester/tiny/tree/{self.revision}":
            tree = [
                {"type": "file", "path": name, "size": len(data), "oid": f"{name}-1"}
                for name, data in self.files.items()
            ]
            self._send(json.dumps(tree).encode())
        elif path.startswith(f"/tester/tiny/resolve/{self.revision}/"):
            name = path.rpartition("/")[2]
            self._send(self.files[name], ETag=f'"{name}-1"')
        else:
            self._send(b"", 404, **{"X-Error-Code": "RepoNotFound"})

    def _send(self, body, status=200, **headers):
        self.send_response(status)
        headers |= {"Content-Length": str(len(body)), "X-Repo-Commit": self.revision}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, format, *arguments):
        pass


@pytest.fixture
def hub(directory):
    """Serves `directory` and a pickle on this machine; gives address and requests."""
    (directory / "pytorch_model.bin").write_bytes(b"never fetched")
    files = {path.name: path.read_bytes() for path in directory.iterdir()}
    requests: list[str] = []
    handler = type("Hub", (StandInHub,), {"files": files, "requests": requests})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", requests
        server.shutdown()
        thread.join()


OPEN_FROM_HUB = """
import sys
from bert_cpu.errors import UserError
from bert_cpu.models.checkpoint import open_checkpoint, read_encoder_tensors
checkpoint = open_checkpoint("tester/tiny")
tensors = read_encoder_tensors(checkpoint.directory / "model.safetensors")
print(checkpoint.config.hidden_size, len(checkpoint.tokenizer), len(tensors))
try:
    open_checkpoint("tester/other")
except UserError as error:
    print(error)
"""


def test_a_hub_id_is_fetched_and_an_unknown_one_is_explained(hub, tmp_path):
    address, requests = hub
    environment = os.environ | {
        "HF_ENDPOINT": address,
        "HF_HOME": str(tmp_path / "hub"),
        "HF_HUB_OFFLINE": "0",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }
    done = subprocess.run(
        [sys.executable, "-c", OPEN_FROM_HUB],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    opened, unknown = done.stdout.splitlines()
    # The classifier's two are there too: they are the reader's to leave out.
    assert opened == f"64 15 {len(plain_weights()) + 2}"
    assert "'tester/other' is no directory here" in unknown
    assert "could not be had from the hub" in unknown
    assert any(path.endswith("/model.safetensors") for path in requests)
    assert not any(path.endswith("/pytorch_model.bin") for path in requests)
