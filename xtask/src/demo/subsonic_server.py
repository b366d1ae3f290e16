"""A real supysonic over a folder of songs, the sottovoce server, and a scrobble receiver, behind one address on this machine.

    python subsonic_server.py --music DIR --state DIR --upstream http://127.0.0.1:7700 [--port 7701]

One address, because the player's page may only call where it comes from (Content-Security-Policy), and so nothing has to be
loosened for a demo: /rest is supysonic, /1 is what supysonic scrobbles to (the two requests of the ListenBrainz API that it
makes, kept in memory), everything else is the sottovoce server. Prints one JSON line once it answers.
"""

import argparse
import json
import os
import time

from mutagen.id3 import TALB, TCON, TIT2, TPE1, TPE2, TRCK
from mutagen.wave import WAVE
from waitress import create_server
from werkzeug.middleware.http_proxy import ProxyMiddleware

from supysonic.config import DefaultConfig
from supysonic.db import Track, User, close_connection, open_connection
from supysonic.managers.folder import FolderManager
from supysonic.managers.user import UserManager
from supysonic.scanner import Scanner
from supysonic.web import create_application

USER, PASSWORD = "demo", "sotto voce"
# Stands for the account that a listener would have linked.
SCROBBLE_TOKEN = "demo"


def tag(folder):
    """Writes the names into the files, as a collector would have."""
    with open(os.path.join(folder, "library.json"), encoding="utf-8") as file:
        songs = json.load(file)
    for song in songs:
        audio = WAVE(os.path.join(folder, song["file"]))
        if audio.tags is None:
            audio.add_tags()
        for frame, value in (
            (TIT2, song["title"]),
            (TPE1, song["artist"]),
            (TPE2, song["artist"]),
            (TALB, song["album"]),
            (TCON, song["genre"] or ""),
            (TRCK, str(song["track"])),
        ):
            audio.tags.setall(frame.__name__, [frame(encoding=3, text=[value])])
        audio.save()
    return len(songs)


def settings(state):
    """Everything below the state folder; no watcher, no web interface, nobody to scrobble to yet."""
    config = DefaultConfig()
    config.BASE = {**DefaultConfig.BASE, "database_uri": "sqlite:///" + os.path.join(state, "supysonic.db")}
    config.WEBAPP = {**DefaultConfig.WEBAPP, "cache_dir": os.path.join(state, "cache"), "mount_webui": False}
    config.DAEMON = {**DefaultConfig.DAEMON, "socket": os.path.join(state, "no-daemon.sock"), "run_watcher": False}
    config.LISTENBRAINZ = {"api_url": None}
    return config


def fill(music):
    """The account and the library, scanned by supysonic itself."""
    open_connection()
    try:
        if User.get_or_none(name=USER) is None:
            UserManager.add(USER, PASSWORD, admin=True)
            FolderManager.add("music", music)
        User.update(listenbrainz_session=SCROBBLE_TOKEN, listenbrainz_status=True).where(User.name == USER).execute()
        scanner = Scanner()
        scanner.queue_folder("music")
        scanner.run()
        return Track.select().count(), scanner.stats().errors
    finally:
        close_connection()


class Scrobbles:
    """Takes what supysonic submits, and tells it again: GET /1/user/demo/listens, GET /1/user/demo/playing-now."""

    def __init__(self):
        self.listens, self.playing = [], None

    def __call__(self, environ, start_response):
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        if method == "POST" and path == "/1/submit-listens" and environ.get("HTTP_AUTHORIZATION") == f"Token {SCROBBLE_TOKEN}":
            body = json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
            if body["listen_type"] == "playing_now":
                self.playing = body["payload"][0]
            else:
                self.listens += body["payload"]
            return answer(start_response, "200 OK", {"status": "ok"})
        if method == "GET" and path == f"/1/user/{USER}/listens":
            return answer(start_response, "200 OK", {"payload": {"count": len(self.listens), "listens": self.listens}})
        if method == "GET" and path == f"/1/user/{USER}/playing-now":
            listens = [self.playing] if self.playing else []
            return answer(start_response, "200 OK", {"payload": {"count": len(listens), "listens": listens}})
        return answer(start_response, "404 Not Found", {"error": "not here"})


def answer(start_response, status, body):
    start_response(status, [("Content-Type", "application/json"), ("Cache-Control", "no-store")])
    return [json.dumps(body).encode()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--music", required=True)
    parser.add_argument("--state", required=True)
    parser.add_argument("--upstream", required=True)
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    os.makedirs(given.state, exist_ok=True)

    began = time.monotonic()
    tag(given.music)
    supysonic = create_application(settings(given.state))
    tracks, errors = fill(given.music)
    scrobbles = Scrobbles()
    relay = ProxyMiddleware(supysonic, {}, timeout=60)
    everything = {"target": given.upstream, "remove_prefix": False, "host": None, "headers": {}, "ssl_context": None}

    def one_address(environ, start_response):
        path = environ["PATH_INFO"]
        if path.startswith("/rest/"):
            return supysonic(environ, start_response)
        if path.startswith("/1/"):
            return scrobbles(environ, start_response)
        return relay.proxy_to(everything, path, "/")(environ, start_response)

    server = create_server(one_address, host="127.0.0.1", port=given.port, threads=12)
    url = f"http://127.0.0.1:{server.effective_port}"
    supysonic.config["LISTENBRAINZ"]["api_url"] = url
    ready = {"url": url, "user": USER, "password": PASSWORD, "tracks": tracks, "errors": errors, "seconds": round(time.monotonic() - began, 1)}
    print(json.dumps(ready), flush=True)
    server.run()


if __name__ == "__main__":
    main()
