#!/bin/bash
# Runs inside the emulated board, on its console: installs the package, starts the service, hangs it, changes the camera.
say() { echo "=== $1 at $(cut -d. -f1 /proc/uptime) s"; }
until_true() { # SECONDS COMMAND...
    local left=$1; shift
    while [ "$left" -gt 0 ]; do "$@" && return 0; sleep 1; left=$((left - 1)); done
    return 1
}
active() { [ "$(systemctl is-active crossing-edge)" = active ]; }
restarts() { systemctl show -P NRestarts crossing-edge; }
restarted() { [ "$(restarts)" -gt "$1" ] && active; }
frames_come() { journalctl -b -u crossing-edge -o cat --no-pager | grep -q "camera $1 gives frames"; }

say "board up: $(uname -srm), $(nproc) cores"
dpkg --install /root/crossing-monitor.deb 2>&1 | tail -3
say "installed, dpkg says $?"
install -m 0640 -g crossing-edge /root/edge.yaml /etc/crossing/edge.yaml
systemctl start crossing-edge
until_true 120 active && say "service active"
until_true 120 frames_come /opt/day.mp4 && say "camera file gives frames"
systemctl show crossing-edge -p StatusText,NRestarts,MemoryCurrent
systemd-analyze security --no-pager crossing-edge | tail -1
sleep "$SEEN_S"
before=$(restarts)
kill -STOP "$(systemctl show -P MainPID crossing-edge)"
say "pipeline hung"
until_true 150 restarted "$before" && say "watchdog restarted it"
systemctl show crossing-edge -p NRestarts,ActiveState
sleep "$SEEN_S"
modprobe vivid n_devs=1 && udevadm settle && ls -l /dev/video0
sed -i 's#/opt/day.mp4#/dev/video0#' /etc/crossing/edge.yaml
systemctl restart crossing-edge
until_true 120 frames_come /dev/video0 && say "camera vivid gives frames"
sleep "$SEEN_S"
date_before=$(date +%s)
systemctl stop crossing-edge
say "service stopped in $(($(date +%s) - date_before)) s: $(systemctl show -P Result crossing-edge)"
ls -l /var/lib/crossing
journalctl -b -u crossing-edge --no-pager -o short-monotonic | tail -40
say "end"
sync
systemctl poweroff --no-block
