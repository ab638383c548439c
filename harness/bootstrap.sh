#!/bin/sh
# Makes .venv from the lock file named as the argument and, as root on Debian or Ubuntu, installs the system packages
# that `pestle lab` needs. Safe to repeat. Elsewhere it says in one sentence what is missing and what still works.
set -eu
lock=$1

is_debian() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; }

install_packages() {
    missing=""
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok' || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    echo "installing system packages:$missing"
    # Installing openssh-server must not open a door into this machine: no daemon is started by it.
    policy=/usr/sbin/policy-rc.d
    ours=no
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod 755 $policy
        ours=yes
    fi
    log=$(mktemp)
    if (apt-get -o DPkg::Lock::Timeout=120 update -qq &&
        DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 install -y -qq --no-install-recommends \
            $missing) >"$log" 2>&1; then status=0; else status=$?; fi
    [ $ours = no ] || rm -f $policy
    if [ $status != 0 ]; then
        tail -n 5 "$log" >&2
        echo "could not install the system packages$missing; see above" >&2
    fi
    rm -f "$log"
    return $status
}

find_python() {
    for candidate in python3.11 python3 python3.12 python3.13 python3.14; do
        if command -v $candidate >/dev/null &&
            $candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo $candidate
            return
        fi
    done
    echo "Pestle needs Python 3.11 or newer; install it (Debian: apt-get install python3 python3-venv)" >&2
    return 1
}

if is_debian; then
    install_packages openssh-server openssh-client iproute2 iptables nftables e2fsprogs iputils-ping procps libeatmydata1
else
    for program in sshd ip iptables mkfs.ext4; do
        PATH="$PATH:/usr/sbin:/sbin" command -v $program >/dev/null || lacking="${lacking:-} $program"
    done
    [ "$(id -u)" = 0 ] || lacking="${lacking:-} root"
    [ -z "${lacking:-}" ] ||
        echo "note: \`pestle lab\` and \`make demo\` need${lacking} here; all else works: checking, reports, the reference server, runs against hosts over SSH" >&2
fi

python=$(find_python)
if ! $python -c 'import ensurepip, venv' 2>/dev/null; then
    if is_debian; then install_packages python3-venv; else
        echo "Python's venv module is missing; install it (Debian: apt-get install python3-venv)" >&2
        exit 1
    fi
fi
[ -x .venv/bin/pip ] || $python -m venv .venv
# A compiler alone does not make the compiled checkers: Debian keeps Python's headers in a package of their own.
if is_debian && command -v c++ >/dev/null &&
    ! .venv/bin/python -c 'import os, sysconfig as s; os.stat(s.get_path("include") + "/Python.h")' 2>/dev/null; then
    install_packages python3-dev
fi
echo "installing Python packages from $lock into .venv"
.venv/bin/pip install -qq --disable-pip-version-check --require-hashes -r "$lock"
.venv/bin/pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
.venv/bin/python -c 'from checkers.native import AVAILABLE, NOTICE; AVAILABLE or print("note:", NOTICE)' >&2
