#!/bin/sh
# Installs the crossing monitor into /opt/crossing-monitor/<version>, upgrades it, rolls it back, removes it.
#
#   install.sh install [WHEEL | CHECKOUT] [--wheelhouse DIR] [--python PYTHON] [--extras LIST] [--csi] [--no-start]
#   install.sh rollback
#   install.sh remove [--purge]
#
# `install` is an upgrade too, and may be repeated: what is configured stays. Without WHEEL the checkout is taken in which
# this script lies. With --wheelhouse nothing is fetched from anywhere. --csi is for a camera on the ribbon: the system's
# picamera2 is let in. --extras names further extras, as collector,alerts. `remove` keeps configuration and outbox,
# --purge takes them too.
set -eu

BASE=/opt/crossing-monitor
UNITS="crossing-edge.service crossing-collector.service"
COMMANDS="crossing-edge crossing-collector"
CONFIGURATION="/etc/crossing /etc/crossing-collector"
STATE="/var/lib/crossing /var/lib/crossing-collector"
DEPLOY=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

fail() {
    echo "install.sh: $1" >&2
    exit "${2:-1}"
}

systemd_runs() { [ -d /run/systemd/system ]; }

# A link changes in one step, also when the power fails in the middle.
point() { # LINK TARGET
    ln -sfn "$2" "$1.new"
    mv -T "$1.new" "$1"
}

# The units of a version come with it, so a rollback brings back its own.
put_units() { # FOLDER
    install -D -m 0644 "$1/sysusers.conf" /usr/lib/sysusers.d/crossing-monitor.conf
    install -D -m 0644 "$1/tmpfiles.conf" /usr/lib/tmpfiles.d/crossing-monitor.conf
    for unit in $UNITS; do
        install -D -m 0644 "$1/$unit" "/etc/systemd/system/$unit"
        # systemd 254 and later; an older one does not know the keys and says so at every reload.
        if [ "$(systemctl --version | sed -n '1s/systemd \([0-9]*\).*/\1/p')" -ge 254 ]; then
            install -D -m 0644 "$1/back-off.conf" "/etc/systemd/system/$unit.d/back-off.conf"
        fi
    done
    # Yours from then on.
    if [ ! -e /etc/systemd/journald.conf.d/crossing.conf ]; then
        install -D -m 0644 "$1/journald.conf" /etc/systemd/journald.conf.d/crossing.conf
        if systemd_runs; then systemctl try-restart systemd-journald.service; fi
    fi
    for command in $COMMANDS; do
        point "/usr/local/bin/$command" "$BASE/current/bin/$command"
    done
    systemd-sysusers crossing-monitor.conf
    systemd-tmpfiles --create crossing-monitor.conf
}

start_units() {
    if ! systemd_runs; then
        return
    fi
    systemctl daemon-reload
    for unit in $UNITS; do
        if systemctl --quiet is-enabled "$unit" && ! systemctl restart "$unit"; then
            echo "install.sh: $unit does not start; see: journalctl -u $unit" >&2
        fi
    done
}

install_version() {
    source="" wheelhouse="" python=python3 extras=setup csi="" start=yes
    while [ $# -gt 0 ]; do
        case $1 in
            --wheelhouse | --python | --extras)
                [ $# -ge 2 ] || fail "$1 wants a value" 2
                case $1 in
                    --python) python=$2 ;;
                    --extras) extras=setup,$2 ;;
                    *) wheelhouse=$(cd -- "$2" && pwd) || exit 2 ;;
                esac
                shift
                ;;
            --csi) csi=yes ;;
            --no-start) start="" ;;
            -*) fail "$1 is not known; allowed are --wheelhouse, --python, --extras, --csi, --no-start" 2 ;;
            *) source=$1 ;;
        esac
        shift
    done
    if dpkg-query -W -f '${db:Status-Status}\n' crossing-monitor 2>/dev/null | grep -qx installed; then
        fail "the Debian package crossing-monitor is installed; update that, or remove it first" 2
    fi
    : "${source:=$DEPLOY/..}"
    [ -e "$source" ] || fail "$source does not exist; a wheel or a checkout is expected" 2
    "$python" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' ||
        fail "Python 3.11 to 3.13 with venv is needed (apt-get install python3-venv), or name one with --python" 2

    mkdir -p "$BASE"
    new=$(mktemp -d "$BASE/.new.XXXXXX")
    trap 'rm -rf "$new"' EXIT
    trap 'exit 1' INT TERM
    chmod 0755 "$new"
    set -- --quiet --disable-pip-version-check
    [ -z "$wheelhouse" ] || set -- "$@" --no-index --find-links "$wheelhouse"
    "$python" -m venv ${csi:+--system-site-packages} "$new/trial"
    "$new/trial/bin/python" -m pip install "$@" "${source}[$extras]"
    version=$("$new/trial/bin/crossing-edge" --version | sed 's/.* //')
    case $version in *[!0-9A-Za-z.+-]* | "") fail "the program calls its version '$version'" ;; esac

    # What was just tried moves to its place; its commands name their interpreter by its path.
    sed -i "s#$new/trial#$BASE/$version#g" "$new/trial/pyvenv.cfg"
    for script in "$new"/trial/bin/*; do
        [ -L "$script" ] || sed -i "s#$new/trial#$BASE/$version#g" "$script"
    done
    target=$BASE/$version
    running=$(readlink "$BASE/current" || true)
    if [ "$running" = "$version" ]; then
        target=$BASE/$version.again
        if [ -e "$target" ]; then fail "$target is in the way, of an installation that was cut off; remove it"; fi
    fi
    rm -rf "$target"
    mv "$new/trial" "$target"
    mkdir "$target/units"
    install -m 0644 "$DEPLOY"/systemd/* "$target/units/"
    install -m 0644 "$DEPLOY"/*.example.yaml "$target/units/"
    if [ "$target" != "$BASE/$version" ]; then
        mv "$BASE/$version" "$new/replaced"
        mv "$target" "$BASE/$version"
    fi

    if [ -n "$running" ] && [ "$running" != "$version" ]; then point "$BASE/previous" "$running"; fi
    point "$BASE/current" "$version"
    put_units "$BASE/$version/units"
    if [ -n "$csi" ]; then
        install -D -m 0644 "$BASE/$version/units/csi.conf" /etc/systemd/system/crossing-edge.service.d/csi.conf
    fi
    if [ -z "$running" ]; then
        # shellcheck disable=SC2086  # two words
        systemctl enable $UNITS
    fi
    [ -z "$start" ] || start_units
    drop_old
    echo "crossing-monitor $version is installed; configure it in /etc/crossing/edge.yaml"
}

# Those that `current` and `previous` do not name.
drop_old() {
    keep=" $(readlink "$BASE/current") $(readlink "$BASE/previous" || true) "
    for folder in "$BASE"/*; do
        name=${folder##*/}
        if [ -d "$folder" ] && [ ! -L "$folder" ]; then
            case $keep in *" $name "*) ;; *) rm -rf "$folder" ;; esac
        fi
    done
}

roll_back() {
    [ -L "$BASE/previous" ] || fail "there is no previous version in $BASE" 2
    previous=$(readlink "$BASE/previous")
    [ -d "$BASE/$previous" ] || fail "$BASE/$previous is gone" 1
    point "$BASE/previous" "$(readlink "$BASE/current")"
    point "$BASE/current" "$previous"
    put_units "$BASE/$previous/units"
    start_units
    echo "crossing-monitor $previous runs again; 'rollback' once more undoes it"
}

remove() {
    case ${1:-} in "" | --purge) ;; *) fail "$1 is not known; allowed is --purge" 2 ;; esac
    for unit in $UNITS; do
        if [ -e "/etc/systemd/system/$unit" ]; then
            if systemd_runs; then systemctl stop "$unit"; fi
            systemctl disable "$unit"
        fi
        rm -f "/etc/systemd/system/$unit" "/etc/systemd/system/$unit.d/back-off.conf"
    done
    for command in $COMMANDS; do rm -f "/usr/local/bin/$command"; done
    rm -f /usr/lib/sysusers.d/crossing-monitor.conf /usr/lib/tmpfiles.d/crossing-monitor.conf
    rm -rf "$BASE"
    if [ "${1:-}" = --purge ]; then
        # shellcheck disable=SC2086  # several words
        rm -rf $CONFIGURATION $STATE /etc/systemd/journald.conf.d/crossing.conf
        rm -rf /etc/systemd/system/crossing-edge.service.d /etc/systemd/system/crossing-collector.service.d
    fi
    if systemd_runs; then systemctl daemon-reload; fi
    echo "crossing-monitor is removed${1:+, with configuration and outbox}"
}

[ "$(id -u)" -eq 0 ] || fail "only root can install; use sudo" 2
verb=${1:-}
[ $# -eq 0 ] || shift
case $verb in
    install) install_version "$@" ;;
    rollback) roll_back ;;
    remove) remove "$@" ;;
    *) sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
