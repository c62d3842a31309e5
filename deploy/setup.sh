# Sourced by ./demo and ./check: brings a fresh Debian 12 machine with Rust to where both can run.
# Everything it installs, it names first. It does nothing where nothing is missing.

say() { printf '\n==> %s\n' "$*"; }
fail() { printf '\nerror: %s\n' "$*" >&2; exit 1; }

# The tests alone: a broker for home automation (its server and what makes its passwords); two browsers for the owner's page, and what checks its scripts; RTSP cameras, which are GStreamer's server as the system's Python reaches it, with TLS and a
# certificate, and with a clock that is wrong.
candor_test_packages=(chromium chromium-driver firefox-esr nodejs npm python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good
    gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly glib-networking libfaketime openssl mosquitto)

# Debian packages: a C compiler for ring, ffmpeg (sources that are files or cameras; checks of exports),
# Python (second implementations of the vectors), real footage from opencv-doc; and those that are named.
candor_debian_packages() {
    local missing=() package
    for package in build-essential ca-certificates ffmpeg opencv-doc python3 python3-pip "$@"; do
        case "$package" in
            build-essential) command -v cc >/dev/null && continue ;;
            python3-pip) python3 -m pip --version >/dev/null 2>&1 && continue ;;
            chromium) command -v chromium >/dev/null && continue ;;
            firefox-esr) command -v firefox-esr >/dev/null && continue ;;
            nodejs) command -v node >/dev/null && continue ;;
            npm) command -v npm >/dev/null && continue ;;
            chromium-driver) command -v chromedriver >/dev/null && continue ;;
            python3) command -v python3 >/dev/null && continue ;;
            ffmpeg) command -v ffmpeg >/dev/null && command -v ffprobe >/dev/null && continue ;;
        esac
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    command -v apt-get >/dev/null || fail "missing: ${missing[*]}. Install them with your system's package manager, then run this again."
    local root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || fail "missing: ${missing[*]}. Run as root: apt-get install ${missing[*]}"
        root=(sudo)
    fi
    say "installing Debian packages: ${missing[*]}"
    "${root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

candor_rust() {
    command -v cargo >/dev/null || { [ -f "$HOME/.cargo/env" ] && . "$HOME/.cargo/env"; }
    command -v cargo >/dev/null || fail "Rust is missing. Install it with rustup (stable, 1.90 or newer), then run this again."
}
