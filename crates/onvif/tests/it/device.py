#!/usr/bin/env python3
"""An ONVIF device for tests: WS-Discovery on a port of its own, Device, Media and Event services.

It says `ready HTTP_PORT DISCOVERY_PORT`, and writes to the file of --log each action that it was asked
for, with how the asker proved himself. It checks proofs by Python's own hashes, dated by its clock.
"""
import argparse
import base64
import calendar
import hashlib
import http.server
import re
import socket
import threading
import time

ARGS = argparse.ArgumentParser()
ARGS.add_argument("--proof", choices=["none", "token", "digest", "basic"], default="token")
ARGS.add_argument("--user", default="viewer")
ARGS.add_argument("--password", default="secret")
ARGS.add_argument("--ahead", type=int, default=0, help="seconds by which its clock is ahead")
ARGS.add_argument("--elsewhere", default="", help="a host that it names for its media service")
ARGS.add_argument("--gov-max", type=int, default=400)
ARGS.add_argument("--join", action="store_true", help="hear questions to everybody, on loopback")
ARGS.add_argument("--stream", default="rtsp://admin:hidden@127.0.0.1:554/main?a=1")
ARGS.add_argument("--busy", action="store_true", help="answer 503 and a page to whoever sets something")
ARGS.add_argument("--no-events", action="store_true", help="have no event service")
ARGS.add_argument("--says", default="tns1:RuleEngine/CellMotionDetector/Motion", help="the topic of what it notices")
ARGS.add_argument("--lasts", type=float, default=60, help="seconds for which a pull point lasts")
ARGS.add_argument("--no-renew", action="store_true", help="renew none")
ARGS.add_argument("--log", default="")
A = ARGS.parse_args()
GOV = {"main-encoder": 100, "sub-encoder": 20}
NONCE = "0123456789abcdef"
LOCK = threading.Lock()
NAMES = (
    'xmlns:SOAP="http://www.w3.org/2003/05/soap-envelope" xmlns:tt="http://www.onvif.org/ver10/schema" '
    'xmlns:tds="http://www.onvif.org/ver10/device/wsdl" xmlns:trt="http://www.onvif.org/ver10/media/wsdl" '
    'xmlns:tev="http://www.onvif.org/ver10/events/wsdl" xmlns:wsa="http://www.w3.org/2005/08/addressing" '
    'xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2" xmlns:ter="http://www.onvif.org/ver10/error" '
    'xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" '
    'xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:maker="urn:maker"'
)


def envelope(body, head=""):
    return f'<?xml version="1.0"?>\n<SOAP:Envelope {NAMES}><SOAP:Header>{head}</SOAP:Header><SOAP:Body>{body}</SOAP:Body></SOAP:Envelope>'


def fault(code, text):
    return envelope(
        f"<SOAP:Fault><SOAP:Code><SOAP:Value>SOAP:Sender</SOAP:Value><SOAP:Subcode><SOAP:Value>{code}</SOAP:Value>"
        f"</SOAP:Subcode></SOAP:Code><SOAP:Reason><SOAP:Text>{text}</SOAP:Text></SOAP:Reason></SOAP:Fault>"
    )


def between(text, name):
    found = re.search(rf"<(?:\w+:)?{name}\b[^>]*>([^<]*)</", text)
    return found.group(1) if found else None


def lasting():
    """By its own clock, as everything that it says."""
    now = time.time() + A.ahead
    at = lambda seconds: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
    return f"<wsnt:CurrentTime>{at(now)}</wsnt:CurrentTime><wsnt:TerminationTime>{at(now + A.lasts)}</wsnt:TerminationTime>"


def token_is_right(text):
    nonce, created, digest = (between(text, name) for name in ("Nonce", "Created", "Password"))
    if not (nonce and created and digest) or between(text, "Username") != A.user:
        return False
    at = calendar.timegm(time.strptime(created.split(".")[0].rstrip("Z"), "%Y-%m-%dT%H:%M:%S"))
    if abs(at - (time.time() + A.ahead)) > 5:
        return False
    right = hashlib.sha1(base64.b64decode(nonce) + created.encode() + A.password.encode()).digest()
    return base64.b64encode(right).decode() == digest


def digest_is_right(header):
    if not header.startswith("Digest "):
        return False
    fields = dict(re.findall(r'(\w+)="?([^",]*)"?', header[7:]))
    md5 = lambda text: hashlib.md5(text.encode()).hexdigest()
    ha1, ha2 = md5(f"{A.user}:device:{A.password}"), md5(f"POST:{fields.get('uri')}")
    right = md5(f"{ha1}:{NONCE}:{fields.get('nc')}:{fields.get('cnonce')}:auth:{ha2}")
    return fields.get("nonce") == NONCE and fields.get("username") == A.user and fields.get("response") == right


def encoder(token, name):
    return (
        f'<{name} token="{token}" maker:odd="1"><tt:Name>enc &amp; {token}</tt:Name><tt:UseCount>1</tt:UseCount>'
        f"<tt:Encoding>H264</tt:Encoding><tt:Resolution><tt:Width>1920</tt:Width><tt:Height>1080</tt:Height></tt:Resolution>"
        f"<tt:Quality>4</tt:Quality><tt:RateControl><tt:FrameRateLimit>25</tt:FrameRateLimit><tt:EncodingInterval>1"
        f"</tt:EncodingInterval><tt:BitrateLimit>4096</tt:BitrateLimit></tt:RateControl><tt:H264><tt:GovLength>{GOV[token]}"
        f"</tt:GovLength><tt:H264Profile>Main</tt:H264Profile></tt:H264><tt:SessionTimeout>PT60S</tt:SessionTimeout>"
        f"<maker:Smart>off</maker:Smart></{name}>"
    )


def profile(token, encoder_token, audio):
    sound = f'<tt:AudioEncoderConfiguration token="a"><tt:Name>a</tt:Name><tt:Encoding>G711</tt:Encoding></tt:AudioEncoderConfiguration>' if audio else ""
    return f'<trt:Profiles token="{token}" fixed="true"><tt:Name>{token} stream</tt:Name>{encoder(encoder_token, "tt:VideoEncoderConfiguration")}{sound}</trt:Profiles>'


class Device(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        action = re.search(r"<s:Body><(\w+)", text).group(1)
        header = self.headers.get("Authorization", "")
        shown = header.split(" ")[0] if header else "token" if "UsernameToken" in text else "nobody"
        if A.log:
            with LOCK, open(A.log, "a") as log:
                log.write(f"{action} {shown}\n")
        # Its clock is told to everybody, as the specification wants.
        if action != "GetSystemDateAndTime":
            if A.proof == "token" and not token_is_right(text):
                return self.say(400, fault("ter:NotAuthorized", "Sender not authorized"))
            if A.proof == "digest" and not digest_is_right(header):
                return self.say(401, "", f'Digest realm="device", qop="auth", nonce="{NONCE}", algorithm=MD5')
            if A.proof == "basic":
                return self.say(401, "", 'Basic realm="device"')
        if A.busy and action.startswith("Set"):
            return self.say(503, "<html><body>busy</body></html>")
        self.say(200, self.answer(action, text))

    def answer(self, action, text):
        here = f"http://127.0.0.1:{self.server.server_port}"
        if action == "GetSystemDateAndTime":
            t = time.gmtime(time.time() + A.ahead)
            return envelope(
                f"<tds:{action}Response><tds:SystemDateAndTime><tt:UTCDateTime><tt:Time><tt:Hour>{t.tm_hour}</tt:Hour><tt:Minute>{t.tm_min}"
                f"</tt:Minute><tt:Second>{t.tm_sec}</tt:Second></tt:Time><tt:Date><tt:Year>{t.tm_year}</tt:Year><tt:Month>{t.tm_mon}</tt:Month>"
                f"<tt:Day>{t.tm_mday}</tt:Day></tt:Date></tt:UTCDateTime></tds:SystemDateAndTime></tds:{action}Response>"
            )
        if action == "GetCapabilities":
            media = f"http://{A.elsewhere}/media" if A.elsewhere else f"{here}/media"
            return envelope(
                f"<tds:{action}Response><tds:Capabilities><tt:Device><tt:XAddr>{here}/onvif/device_service</tt:XAddr></tt:Device>"
                f"{'' if A.no_events else f'<tt:Events><tt:XAddr>{here}/events</tt:XAddr></tt:Events>'}<tt:Media><tt:XAddr>{media}</tt:XAddr></tt:Media>"
                f"</tds:Capabilities></tds:{action}Response>"
            )
        if action == "GetProfiles":
            body = profile("main", "main-encoder", True) + profile("sub", "sub-encoder", False)
            return envelope(f"<trt:{action}Response>{body}</trt:{action}Response>")
        if action == "GetStreamUri":
            if between(text, "ProfileToken") != "main":
                return fault("ter:NoProfile", "no stream of that")
            address = A.stream.replace("&", "&amp;")
            return envelope(f"<trt:{action}Response><trt:MediaUri><tt:Uri>{address}</tt:Uri></trt:MediaUri></trt:{action}Response>")
        if action == "GetVideoEncoderConfiguration":
            return envelope(f"<trt:{action}Response>{encoder(between(text, 'ConfigurationToken'), 'trt:Configuration')}</trt:{action}Response>")
        if action == "GetVideoEncoderConfigurationOptions":
            return envelope(
                f"<trt:{action}Response><trt:Options><tt:H264><tt:GovLengthRange><tt:Min>1</tt:Min><tt:Max>{A.gov_max}</tt:Max>"
                f"</tt:GovLengthRange></tt:H264></trt:Options></trt:{action}Response>"
            )
        if action == "SetVideoEncoderConfiguration":
            # All that was there must come back, also what only its maker understands.
            kept = all(part in text for part in ("enc &amp; ", "<SessionTimeout", "PT60S", "urn:maker", "ForcePersistence"))
            token = re.search(r'<Configuration [^>]*token="([^"]+)"', text)
            if not kept or not token:
                return fault("ter:ConfigModify", "something is missing")
            GOV[token.group(1)] = int(between(text, "GovLength"))
            return envelope(f"<trt:{action}Response/>")
        if action == "CreatePullPointSubscription":
            self.server.points += 1
            self.server.ends[f"/pull/{self.server.points}"] = time.time() + A.lasts
            return envelope(
                f"<tev:{action}Response><tev:SubscriptionReference><wsa:Address>{here}/pull/{self.server.points}</wsa:Address></tev:SubscriptionReference>"
                f"{lasting()}</tev:{action}Response>"
            )
        if action in ("Renew", "PullMessages") and self.server.ends.get(self.path, 0) < time.time():
            return fault("ter:InvalidArgVal", "no such subscription")
        if action == "Renew" and not A.no_renew:
            self.server.ends[self.path] = time.time() + A.lasts
            return envelope(f"<wsnt:RenewResponse>{lasting()}</wsnt:RenewResponse>")
        if action == "PullMessages":
            moves = "true" if self.server.pulls % 2 == 0 else "false"
            self.server.pulls += 1
            return envelope(
                f"<tev:{action}Response><wsnt:NotificationMessage><wsnt:Topic>{A.says}</wsnt:Topic><wsnt:Message>"
                f'<tt:Message><tt:Data><tt:SimpleItem Name="IsMotion" Value="{moves}"/></tt:Data></tt:Message></wsnt:Message>'
                f"</wsnt:NotificationMessage></tev:{action}Response>"
            )
        return fault("ter:ActionNotSupported", "not supported")

    def say(self, status, body, challenge=None):
        data = body.encode()
        self.send_response(status)
        if challenge:
            self.send_header("WWW-Authenticate", challenge)
        self.send_header("Content-Type", "application/soap+xml")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


def discovery(sock, http_port):
    while True:
        question, asker = sock.recvfrom(65536)
        text = question.decode(errors="replace")
        if "Probe" not in text or "NetworkVideoTransmitter" not in text:
            continue
        body = (
            "<d:ProbeMatches><d:ProbeMatch><a:EndpointReference><a:Address>urn:uuid:1</a:Address></a:EndpointReference>"
            "<d:Scopes>onvif://www.onvif.org/name/Front%20door onvif://www.onvif.org/hardware/IPC-1</d:Scopes>"
            f"<d:XAddrs>http://127.0.0.1:{http_port}/onvif/device_service</d:XAddrs></d:ProbeMatch></d:ProbeMatches>"
        )
        sock.sendto(envelope(body, f"<a:RelatesTo>{between(text, 'MessageID')}</a:RelatesTo>").encode(), asker)


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Device)
    server.pulls, server.points, server.ends = 0, 0, {}
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if A.join:
        sock.bind(("", 3702))
        everybody = socket.inet_aton("239.255.255.250") + socket.inet_aton("127.0.0.1")
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, everybody)
    else:
        sock.bind(("127.0.0.1", 0))
    threading.Thread(target=discovery, args=(sock, server.server_port), daemon=True).start()
    print("ready", server.server_port, sock.getsockname()[1], flush=True)
    server.serve_forever()


main()
