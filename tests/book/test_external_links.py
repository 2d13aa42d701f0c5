"""Links to other sites are asked, here at a server of the test's own."""

import http.server
import threading

import pytest

from book._tools.external_links import fault, main, outside_links


class Server(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        code = int(self.path.strip("/") or 200)
        self.send_response(code)
        if code == 301:
            self.send_header("Location", "/404")
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def base():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def site(folder, *links):
    (folder / "sub").mkdir()
    text = "".join(f'<a class="x" href="{link}">x</a>' for link in links)
    (folder / "sub/page.html").write_text(f'{text}<a href="other.html">inside</a><img src="http://127.0.0.1:9/">')
    return folder


def test_each_address_once_without_the_place_in_it(tmp_path):
    folder = site(tmp_path, "https://a.example/b?c=1&amp;d=2", "https://a.example/b?c=1&amp;d=2#e")
    (folder / "two.html").write_text('<a href="https://a.example/b?c=1&amp;d=2">x</a>')
    assert outside_links(folder) == {"https://a.example/b?c=1&d=2": ["sub/page.html", "sub/page.html", "two.html"]}


@pytest.mark.parametrize(("path", "said"), [("", ""), ("403", ""), ("404", "404"), ("301", "404"), ("500", "500")])
def test_what_an_answer_means(base, path, said):
    assert fault(base + path).startswith(said) and bool(fault(base + path)) == bool(said)


def test_what_is_gone_is_told_with_its_page(base, tmp_path, capsys):
    assert main(site(tmp_path, base, f"{base}404")) == 1
    told = capsys.readouterr().out
    assert f"{base}404\n    404 Not Found\n    in sub/page.html\n" in told
    assert "2 links to other sites, 1 of them at fault" in told and "Nobody" not in told


def test_all_well(base, tmp_path, capsys):
    assert main(site(tmp_path, base)) == 0
    assert capsys.readouterr().out == "1 links to other sites, 0 of them at fault\n"


def test_without_the_internet_it_says_so(tmp_path, capsys):
    assert main(site(tmp_path, "http://127.0.0.1:9/gone")) == 1
    assert "nobody answers" in capsys.readouterr().out


def test_a_machine_that_reaches_nobody_is_asked_for_its_network(tmp_path, capsys):
    assert main(site(tmp_path, "http://nobody.invalid/")) == 1
    assert "is this machine on the internet?" in capsys.readouterr().out
