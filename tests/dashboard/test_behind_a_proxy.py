"""The pages behind nginx, below a path of another site: every page, its charts, live updates and downloads."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.dashboard.world import PAGES, let_in, world
from tests.ports import free_port, wait_until_open

NGINX = Path("/usr/sbin/nginx")
CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/pid;
error_log stderr warn;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location /crossing/ {{
      proxy_pass {address}/;
      proxy_set_header Host $http_host;
      proxy_http_version 1.1;
    }}
  }}
}}
"""


@contextmanager
def proxied(address: str, folder: Path) -> Iterator[str]:
    """The address below which nginx serves what is served at `address`."""
    if not NGINX.exists():
        pytest.skip("nginx is not installed: apt-get install nginx-light")
    port = free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(CONFIGURATION.format(folder=folder, port=port, address=address.rstrip("/")))
    with subprocess.Popen([NGINX, "-p", str(folder), "-c", str(configuration)], stderr=subprocess.PIPE) as process:
        try:
            wait_until_open(port, process)
            yield f"http://127.0.0.1:{port}/crossing"
        finally:
            process.terminate()
            process.wait(60)


def test_every_page_stands_below_a_path_of_a_proxy(browser: Browser, tmp_path: Path) -> None:
    with (
        world(tmp_path, days=2) as made,
        proxied(made.address, tmp_path) as address,
        let_in(browser, f"{address}/", made.token) as tab,  # it fails where a page complains in the console
    ):
        expect(tab.locator(".card.site").first).to_be_visible()
        paths = [cookie["path"] for cookie in tab.context.cookies()]
        assert paths == ["/crossing/api/v1"], "other sites of the host never see it"
        for page, path in PAGES.items():
            tab.goto(f"{address}/{path.format(site=made.site)}")
            expect(tab.locator(f"main[data-page={page}] h1")).to_be_visible()
            for chart in tab.locator("figure.chart:visible .canvas").all():
                expect(chart).to_have_attribute("data-drawn", "true")
        tab.goto(f"{address}/{PAGES['history'].format(site=made.site)}")
        with tab.expect_download() as download:
            tab.get_by_role("link", name="CSV").first.click()
        assert download.value.path().stat().st_size > 1_000
        told: list[str] = []
        tab.on("request", lambda request: told.append(request.url))
        tab.reload()
        expect(tab.locator("main[data-page=history] h1")).to_be_visible()
        assert all(url.startswith(address) for url in told), told
        tab.click("#leave")
        expect(tab.locator("#token")).to_be_visible()
        assert tab.context.cookies() == []
