#!/usr/bin/python3
"""A camera nobody here wrote: GStreamer's RTSP server on loopback, with digest authentication.

rtsp_server.py PORT FOLDER [CERTIFICATE KEY]

/h264-aac /h264-g711 /h265-aac /odd-times /b-frames   FOLDER/<name>.mp4 (.mov) as it is, from its beginning for each client
/own                                       FOLDER/own.mp4, H.264 without sound, if a test has put it there
/live                                      a test picture with G.711 sound, as many cameras send it
/lossy                                     the same, but one packet in forty of its picture is lost, and one picture in fifty
/stuck                                     the same as /live, but its picture ends after three seconds, and its sound goes on
/sound-only                                no picture
/clock-1 /clock-2                          the time at which each picture was drawn, in cells that a program reads (Drawing, below)
/changing                                  the same, twice as wide and high from its 240th picture on
Every mount wants user "viewer" with the password in the variable PASSWORD. It says "ready" when it listens, and "teardown" when a client
said goodbye. With a certificate it speaks TLS only.
"""
import itertools
import os
import sys
import time

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
DRAWN = "video/x-raw,format=I420,width={},height={},framerate=30/1"
CLOCK = (
    "appsrc name=drawn is-live=true do-timestamp=true format=time"
    " ! x264enc tune=zerolatency speed-preset=ultrafast bitrate=1500 key-int-max=30 ! "
    + H264
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
        ("/odd-times", FILE.format(f"{folder}/odd-times.mp4") + H264, False),
        ("/own", FILE.format(f"{folder}/own.mp4") + H264, False),
        ("/live", LIVE.format(""), True),
        ("/lossy", LIVE.format(""), False),
        ("/stuck", LIVE.format("num-buffers=75 "), False),
        ("/sound-only", SOUND, True),
        ("/clock-1", CLOCK, True),
        ("/clock-2", CLOCK, True),
        ("/changing", CLOCK, True),
    ):
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(f"( {pipeline} )")
        factory.set_shared(shared)
        if pipeline is CLOCK:
            drawing = Drawing(240 if path == "/changing" else None)
            factory.connect("media-configure", lambda _, media, drawing=drawing: drawing.begin(media))
        if path == "/lossy":
            factory.connect("media-configure", lambda _, media: lose(media))
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


def lose(media):
    """One packet in forty of its picture goes missing, and one picture in fifty whole, as on a bad radio link."""
    sent = itertools.count(1)
    pictures = {}

    def fate(_pad, info):
        packet = info.get_buffer() if info.type & Gst.PadProbeType.BUFFER else info.get_buffer_list().get(0)
        picture = pictures.setdefault(packet.pts, len(pictures))
        lost = picture % 50 == 25 or next(sent) % 40 == 0
        return Gst.PadProbeReturn.DROP if lost else Gst.PadProbeReturn.OK

    kinds = Gst.PadProbeType.BUFFER | Gst.PadProbeType.BUFFER_LIST
    media.get_element().get_by_name("pay0").get_static_pad("src").add_probe(kinds, fate)


class Drawing:
    """Pictures of 640x360 in cells of 40x40, black for 0 and white for 1. The upper four rows, most significant bit first: 48 bits of
    milliseconds since 1970, 16 bits of check (the sum of the three words before it, xor 0x5a5a). Below them a bar that moves."""

    def __init__(self, doubled_from):
        self.doubled_from = doubled_from
        self.drawn = 0

    def begin(self, media):
        source = media.get_element().get_by_name("drawn")
        timer = GLib.timeout_add(33, self.draw, source)
        media.connect("unprepared", lambda *_: GLib.source_remove(timer))

    def draw(self, source):
        cell = 80 if self.doubled_from is not None and self.drawn >= self.doubled_from else 40
        clock = int(time.time() * 1000)
        words = [clock >> shift & 0xFFFF for shift in (32, 16, 0)]
        words.append(sum(words) & 0xFFFF ^ 0x5A5A)
        luma = bytearray()
        for word in words:
            luma += b"".join((b"\xeb" if word >> bit & 1 else b"\x10") * cell for bit in range(15, -1, -1)) * cell
        self.drawn += 1
        at = self.drawn * 4 % (15 * cell)
        luma += (b"\x50" * at + b"\xc0" * cell + b"\x50" * (15 * cell - at)) * (5 * cell)
        picture = Gst.Buffer.new_wrapped(bytes(luma) + b"\x80" * (len(luma) // 2))
        source.set_property("caps", Gst.Caps.from_string(DRAWN.format(16 * cell, 9 * cell)))
        source.emit("push-buffer", picture)
        return GLib.SOURCE_CONTINUE


def watch(_server, client):
    client.connect("teardown-request", lambda *_: print("teardown", flush=True))


main(*sys.argv[1:])
