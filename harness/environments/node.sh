#!/bin/sh
# What Pestle does on a host: `node.sh VERB [ARGUMENT...]`. It is copied there and needs sh, iptables for cuts, and
# the usual small programs. Every verb may be repeated. An error is one sentence on standard error, and exit 1.
#
# Dead man's switch: whoever uses the host renews a lease. `watch` runs detached, and when the lease has lapsed it
# undoes what the journal says (removes Pestle's chains, lets paused programs go on) and ends. Verbs that break
# something write the journal first and refuse to act without a watch.
set -u
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
case $0 in /*) self=$0 ;; *) self=$PWD/$0 ;; esac
if [ "$(id -u)" = 0 ]; then
    state=/run/pestle-node logs=/var/log/pestle installed=/opt/pestle
else
    state=$HOME/.pestle/state logs=$HOME/.pestle/log installed=$HOME/.pestle/opt
fi
programs=$state/programs journal=$state/journal lease=$state/lease watch=$state/watch

fail() { echo "$*" >&2; exit 1; }

now() { cut -d. -f1 /proc/uptime; } # seconds that no clock fault can move

# --- processes: a record "pid start-time boot" is believed only if the process is still the same one

stat_of() { # state letter and start time; the name in parentheses may contain anything
    line=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    set -- ${line##*) }
    echo "$1 ${20}"
}

record() { # FILE PID
    set -- "$1" "$2" $(stat_of "$2")
    echo "$2 ${4:-0} $(cat /proc/sys/kernel/random/boot_id)" > "$1.$$" && mv "$1.$$" "$1"
}

recorded() { # FILE: sets pid and letter if its process lives
    { read -r pid born boot < "$1"; } 2>/dev/null || return 1
    [ "$boot" = "$(cat /proc/sys/kernel/random/boot_id)" ] || return 1
    set -- $(stat_of "$pid")
    [ "${2:-}" = "$born" ] || return 1
    letter=$1
    case $letter in Z | X) return 1 ;; esac
}

signal() { kill "-$1" "-$pid" 2>/dev/null || kill "-$1" "$pid" 2>/dev/null || :; } # its whole group

until_gone() { # FILE SECONDS
    tries=$(($2 * 50))
    while recorded "$1"; do
        [ $tries -gt 0 ] || return 1
        tries=$((tries - 1))
        sleep 0.02
    done
}

until_state() { # FILE T|not-T
    tries=250
    while recorded "$1"; do
        case $2/$letter in T/T | not-T/[!T]) return 0 ;; esac
        [ $tries -gt 0 ] || return 1
        tries=$((tries - 1))
        sleep 0.02
    done
    return 1
}

start() { # NAME N, then N times VARIABLE=VALUE, then PROGRAM [ARGUMENT...]
    name=$1 variables=$2
    shift 2
    recorded "$programs/$name" && return
    (shift "$variables" && command -v "$1" > /dev/null) || fail "there is no program to start as $name"
    mkdir -p "$programs" "$logs"
    ulimit -n 65536 2>/dev/null || :
    cd / || exit 1
    setsid nohup env "$@" < /dev/null >> "$logs/$name.log" 2>&1 &
    record "$programs/$name" $!
}

kill_program() { # NAME
    recorded "$programs/$1" || return 0
    signal KILL
    until_gone "$programs/$1" 5 || fail "$1 (process $pid) does not die"
    rm -f "$journal/pause-$1"
}

stop() { # NAME
    recorded "$programs/$1" || return 0
    signal TERM
    signal CONT
    until_gone "$programs/$1" 10 || kill_program "$1"
    rm -f "$journal/pause-$1"
}

pause() { # NAME
    guarded
    recorded "$programs/$1" || fail "$1 does not run"
    cp "$programs/$1" "$journal/pause-$1"
    signal STOP
    until_state "$programs/$1" T || fail "$1 (process $pid) does not pause"
}

go_on() { # FILE of a record
    recorded "$1" || return 0
    signal CONT
    until_state "$1" not-T || ! recorded "$1"
}

resume() { # NAME
    go_on "$programs/$1" || fail "$1 (process $pid) does not go on"
    rm -f "$journal/pause-$1"
}

state_of() { # NAME
    if ! recorded "$programs/$1"; then echo gone; elif [ "$letter" = T ]; then echo paused; else echo running; fi
}

# --- network: rules in a chain of our own, hooked from INPUT

find_filter() {
    filter=$(command -v iptables || command -v iptables-legacy) || fail "iptables is not installed; install it"
}

cut_off() { # CHAIN ADDRESS...
    find_filter
    guarded
    chain=$1
    shift
    echo "$chain" > "$journal/cut"
    $filter -w -N "$chain" 2>/dev/null || :
    for address in "$@"; do
        $filter -w -C "$chain" -s "$address" -j DROP 2>/dev/null || $filter -w -A "$chain" -s "$address" -j DROP ||
            fail "iptables refuses to drop packets of $address"
    done
    $filter -w -C INPUT -j "$chain" 2>/dev/null || $filter -w -I INPUT 1 -j "$chain" || fail "iptables refuses the chain"
}

dropped() { # CHAIN: "address packets" of each rule in force
    find_filter
    $filter -w -C INPUT -j "$1" 2>/dev/null || return 0
    $filter -w -nvxL "$1" | while read -r packets _ target _ _ _ _ source _; do
        if [ "$target" = DROP ]; then echo "$source $packets"; fi
    done
}

chains() { $filter -w -S 2>/dev/null | sed -n 's/^-N \(PESTLE-[0-9a-f]*\)$/\1/p'; }

join_up() { # remove every chain of ours, again until none is left
    filter=$(command -v iptables || command -v iptables-legacy) || return 0
    tries=20
    while left=$(chains) && [ -n "$left" ]; do
        [ $tries -gt 0 ] || fail "the chain $left cannot be removed"
        tries=$((tries - 1))
        for chain in $left; do
            while $filter -w -D INPUT -j "$chain" 2>/dev/null; do :; done
            $filter -w -F "$chain" && $filter -w -X "$chain"
        done
    done
    rm -f "$journal/cut"
}

# --- dead man's switch

guarded() {
    recorded "$watch" || fail "the watch that would mend this is not running"
    mkdir -p "$journal"
}

undo() { # everything in the journal; what fails does not keep the rest from being tried
    undone=0
    for entry in "$journal"/pause-*; do
        if [ -e "$entry" ]; then go_on "$entry" && rm -f "$entry" || undone=1; fi
    done
    if [ -e "$journal/cut" ]; then (join_up) || undone=1; fi
    return $undone
}

renew() { # HOLDER SECONDS
    mkdir -p "$state"
    if recorded "$watch" && { read -r holder lapses < "$lease"; } 2>/dev/null; then
        if [ "$holder" != "$1" ]; then
            echo "$holder $lapses"
            exit 75
        fi
    fi
    echo "$1 $(($(now) + $2))" > "$lease.$$" && mv "$lease.$$" "$lease"
    if ! recorded "$watch"; then
        setsid nohup sh "$self" watch < /dev/null > /dev/null 2>&1 &
        record "$watch" $!
    fi
}

keep_watch() {
    while { read -r holder lapses < "$lease"; } 2>/dev/null; do
        if [ "$(now)" -ge "$lapses" ] && undo; then
            rm -f "$lease"
            break
        fi
        sleep 1
    done
}

# --- the host as a whole

end_programs() { # VERB
    for file in "$programs"/*; do
        if [ -e "$file" ]; then "$1" "${file##*/}" && rm -f "$file"; fi
    done
}

clear() { # DATA: begin with nothing
    end_programs kill_program
    undo
    join_up
    case $1 in */pestle) rm -rf "$1" "$logs" ;; *) fail "$1 is not a folder of Pestle" ;; esac
    mkdir -p "$1" "$logs" || exit 1
    rm -f .pestle/*.tar.gz # uploads that were broken off
}

release() { # HOLDER DATA: leave nothing but what is installed
    if recorded "$watch" && { read -r holder lapses < "$lease"; } 2>/dev/null && [ "$holder" != "$1" ]; then
        fail "the lease lapsed and another run has taken the host"
    fi
    end_programs stop
    undo
    join_up
    case $2 in */pestle) rm -rf "$2" "$logs" ;; *) fail "$2 is not a folder of Pestle" ;; esac
    rm -f "$lease"
    if recorded "$watch"; then signal KILL; fi
    rm -rf "$state"
}

unpack() { # HASH ARCHIVE
    rm -rf "$installed/$1.new"
    mkdir -p "$installed/$1.new"
    tar -xzf "$2" -C "$installed/$1.new" || fail "$2 cannot be unpacked"
    rm -f "$2"
    if [ -x "$installed/$1.new/check" ]; then "$installed/$1.new/check" || exit 1; fi
    rm -rf "${installed:?}/$1"
    mv "$installed/$1.new" "$installed/$1"
    ls -1dt "$installed"/* | tail -n +6 | while read -r old; do rm -rf "$old"; done
    echo "$installed/$1"
}

has() { # HASH: its path, if it is there
    if [ -d "$installed/$1" ]; then touch "$installed/$1" && echo "$installed/$1"; fi
}

pack_logs() { # prints the archive's path
    mkdir -p "$logs" "$state"
    tar -czf "$state/logs.tar.gz" -C "$logs" . && chmod 644 "$state/logs.tar.gz" && echo "$state/logs.tar.gz"
}

verb=$1
shift
case $verb in
    start | stop | pause | resume | dropped | undo | renew | release | clear | unpack | has | pack_logs) $verb "$@" ;;
    kill) kill_program "$1" ;;
    state) state_of "$1" ;;
    cut) cut_off "$@" ;;
    heal) join_up ;;
    watch) keep_watch ;;
    *) fail "unknown verb $verb" ;;
esac
