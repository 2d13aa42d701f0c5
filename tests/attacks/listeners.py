"""What an attack on the network may reach: sockets of the tests' own, on this machine alone."""

import contextlib
import secrets
import socket
import threading

TOKEN = "token-of-the-teacher-4711"


class Listeners:
    """Sockets that hear what reaches them: TCP and UDP on loopback, an abstract one, one in a folder."""

    def __init__(self, folder):
        self.heard = []
        self.abstract, self.path = f"attacks-{secrets.token_hex(4)}", str(folder / "s")
        tcp, udp, abstract, file = (
            socket.socket(family, kind)
            for family, kind in (
                (socket.AF_INET, socket.SOCK_STREAM),
                (socket.AF_INET, socket.SOCK_DGRAM),
                (socket.AF_UNIX, socket.SOCK_STREAM),
                (socket.AF_UNIX, socket.SOCK_STREAM),
            )
        )
        for each, place in (
            (tcp, ("127.0.0.1", 0)),
            (udp, ("127.0.0.1", 0)),
            (abstract, f"\0{self.abstract}"),
            (file, self.path),
        ):
            each.bind(place)
        self.sockets = [tcp, udp, abstract, file]
        self.places = {"@TCP@": tcp.getsockname()[1], "@UDP@": udp.getsockname()[1]}
        self.places |= {"@ABSTRACT@": self.abstract, "@SOCKET@": self.path, "@TOKEN@": TOKEN}
        for each in (tcp, abstract, file):
            each.listen()
            threading.Thread(target=self._accept, args=(each,), daemon=True).start()
        threading.Thread(target=self._receive, args=(udp,), daemon=True).start()

    def _accept(self, listening):
        while True:
            try:
                peer, _ = listening.accept()
                with peer:
                    self.heard.append(peer.recv(100))
            except OSError:
                return

    def _receive(self, udp):
        while True:
            try:
                self.heard.append(udp.recv(500))
            except OSError:
                return

    def close(self):
        for each in self.sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)  # who waits in accept is woken
            each.close()
