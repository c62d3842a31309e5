#!/usr/bin/python3
"""A camera nobody here wrote: GStreamer's RTSP server on loopback, with digest authentication.

rtsp_server.py PORT FOLDER [CERTIFICATE KEY]

/h264-aac /h264-g711 /h265-aac /b-frames   FOLDER/<name>.mp4 (.mov) as it is, from its beginning for each client
/live                                      a test picture with G.711 sound, as many cameras send it
/stuck                                     the same, but its picture ends after three seconds, and its sound goes on
/sound-only                                no picture
Every mount wants user "viewer" with the password in the variable PASSWORD. It says "ready" when it listens, and "teardown" when a client
said goodbye. With a certificate it speaks TLS only.
"""
import os
import sys

import gi

for name in ("Gst", "GstRtsp", "GstRtspServer"):
    gi.require_version(name, "1.0")
from gi.repository import Gio, GLib, Gst, GstRtsp, GstRtspServer

FILE = 'filesrc location="{}" ! qtdemux name=d d.video_0 ! queue ! '
H264 = "h264parse config-interval=-1 ! rtph264pay name=pay0 pt=96"
H265 = "h265parse config-interval=-1 ! rtph265pay name=pay0 pt=96"
AAC = " d.audio_0 ! queue ! aacparse ! rtpmp4gpay name=pay1 pt=97"
G711 = " d.audio_0 ! queue ! rtppcmapay name=pay1 pt=8"
LIVE = (
    "videotestsrc is-live=true pattern=ball {}! video/x-raw,width=320,height=240,framerate=25/1"
    " ! x264enc tune=zerolatency speed-preset=ultrafast bitrate=300 key-int-max=25 ! "
    + H264
    + " audiotestsrc is-live=true volume=0.1 ! audio/x-raw,rate=8000,channels=1 ! alawenc ! rtppcmapay name=pay1 pt=8"
)
SOUND = "audiotestsrc is-live=true ! audio/x-raw,rate=8000,channels=1 ! alawenc ! rtppcmapay name=pay0 pt=8"


def main(port, folder, certificate=None, key=None):
    Gst.init(None)
    server = GstRtspServer.RTSPServer(address="127.0.0.1", service=port)
    auth = GstRtspServer.RTSPAuth()
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth.add_digest("viewer", os.environ["PASSWORD"], token)
    if certificate:
        auth.set_tls_certificate(Gio.TlsCertificate.new_from_files(certificate, key))
    server.set_auth(auth)
    for path, pipeline, shared in (
        ("/h264-aac", FILE.format(f"{folder}/h264-aac.mp4") + H264 + AAC, False),
        ("/h264-g711", FILE.format(f"{folder}/h264-g711.mov") + H264 + G711, False),
        ("/h265-aac", FILE.format(f"{folder}/h265-aac.mp4") + H265 + AAC, False),
        ("/b-frames", FILE.format(f"{folder}/b-frames.mp4") + H264, False),
        ("/live", LIVE.format(""), True),
        ("/stuck", LIVE.format("num-buffers=75 "), False),
        ("/sound-only", SOUND, True),
    ):
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(f"( {pipeline} )")
        factory.set_shared(shared)
        role = Gst.Structure.new_empty("viewer")
        role.set_value("media.factory.access", True)
        role.set_value("media.factory.construct", True)
        factory.add_role_from_structure(role)
        server.get_mount_points().add_factory(path, factory)
    server.connect("client-connected", watch)
    if not server.attach(None):
        sys.exit("the port is taken")
    print("ready", flush=True)
    GLib.MainLoop().run()


def watch(_server, client):
    client.connect("teardown-request", lambda *_: print("teardown", flush=True))


main(*sys.argv[1:])
