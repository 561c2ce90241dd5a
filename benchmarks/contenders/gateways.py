"""The gateways that are compared, each with three deployments (or what it has in their place) at the same upstream."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import yaml

from benchmarks.contenders.clients import KEY, MODEL
from benchmarks.contenders.pixelrelay_router import config
from benchmarks.environments import litellm_python, nginx, portkey_command

MASTER_KEY = "sk-8d1fd0c9b4f04e55a2c5be6a7a0c9e13"
"""Of those gateways that ask for one: one of them will not start without."""
ASKED_FOR_KEY = {"authorization": f"Bearer {MASTER_KEY}"}
PATH = "/v1/images/generations"
DEPLOYMENTS = 3


@dataclass(frozen=True, slots=True)
class Started:
    """How to start one, and how to call it."""

    command: list[str]
    environ: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    model: str = "images"


class Gateway(Protocol):
    name: str
    settings: str
    ready: str
    """The path that answers once requests are served."""
    is_cheap: bool

    def start(self, folder: Path, port: int, upstream: int) -> Started:
        """Write its configuration into ``folder``. ``NotHereError`` where it is not installed."""


class PixelRelay:
    name = "pixelrelay serve"
    settings = "one worker, three deployments with a quota and a price each, a master key, --log-level warning"
    ready = "/health/ready"
    is_cheap = True

    def start(self, folder: Path, port: int, upstream: int) -> Started:
        written = folder / "relay.yaml"
        written.write_text(yaml.safe_dump({**config(upstream, DEPLOYMENTS), "server": {"master_key": MASTER_KEY}}))
        arguments = ["--config", str(written), "--port", str(port), "--log-level", "warning"]
        return Started([sys.executable, "-m", "pixelrelay", "serve", *arguments], headers=ASKED_FOR_KEY)


class LiteLLM:
    name = "LiteLLM's proxy"
    settings = (
        "one worker on uvicorn (its default), three deployments, a master key, no database, num_retries 0; "
        "LITELLM_MODE=PRODUCTION, LITELLM_LOG=ERROR, set_verbose false"
    )
    ready = "/health/readiness"
    is_cheap = False

    def start(self, folder: Path, port: int, upstream: int) -> Started:
        deployments = [
            {
                "model_name": "images",
                "litellm_params": {
                    "model": f"openai/{MODEL}",
                    "api_base": f"http://127.0.0.1:{upstream}/v1",
                    "api_key": KEY,
                    "rpm": 100_000_000,
                },
                "model_info": {"id": f"d{number}"},
            }
            for number in range(DEPLOYMENTS)
        ]
        settings = {"set_verbose": False, "num_retries": 0, "telemetry": False}
        written = folder / "litellm.yaml"
        general = {"master_key": MASTER_KEY}
        whole = {"model_list": deployments, "litellm_settings": settings, "general_settings": general}
        written.write_text(yaml.safe_dump(whole))
        command = [str(litellm_python().parent / "litellm"), "--config", str(written), "--host", "127.0.0.1"]
        environ = {"LITELLM_LOG": "ERROR", "LITELLM_MODE": "PRODUCTION", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        return Started([*command, "--port", str(port), "--num_workers", "1"], environ, ASKED_FOR_KEY)


class Portkey:
    name = "Portkey's gateway"
    settings = "node, --headless, NODE_ENV=production; a config header that balances over three targets; no retries"
    ready = "/"
    is_cheap = False

    def start(self, folder: Path, port: int, upstream: int) -> Started:  # noqa: ARG002 - it has no files
        target = {"provider": "openai", "api_key": KEY, "custom_host": f"http://127.0.0.1:{upstream}/v1"}
        balanced = {"strategy": {"mode": "loadbalance"}, "targets": [target] * DEPLOYMENTS}
        headers = {"x-portkey-config": json.dumps(balanced)}
        return Started(portkey_command(port), {"NODE_ENV": "production"}, headers, MODEL)


class Nginx:
    name = "nginx"
    settings = "one process, a reverse proxy that keeps its connections and its buffers in memory; no log"
    ready = "/ready"
    is_cheap = False

    def start(self, folder: Path, port: int, upstream: int) -> Started:
        written = folder / "nginx.conf"
        written.write_text(NGINX.format(port=port, upstream=upstream, folder=folder))
        return Started([nginx(), "-p", str(folder), "-c", str(written), "-e", "stderr"], model=MODEL)


NGINX = """
daemon off;
master_process off;
worker_rlimit_nofile 8192;
pid {folder}/nginx.pid;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_requests 1000000;
    proxy_buffers 16 128k;
    proxy_buffer_size 16k;
    proxy_busy_buffers_size 256k;
    proxy_max_temp_file_size 0;
    upstream images {{
        server 127.0.0.1:{upstream};
        server 127.0.0.1:{upstream};
        server 127.0.0.1:{upstream};
        keepalive 256;
    }}
    server {{
        listen 127.0.0.1:{port};
        location = /ready {{ return 204; }}
        location / {{
            proxy_pass http://images;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
}}
"""

GATEWAYS: tuple[Gateway, ...] = (PixelRelay(), LiteLLM(), Portkey(), Nginx())
