#!/bin/bash
# Process 1 of a lab node. Arguments: the node's folder, its name.
# Runs in fresh mount, pid, uts and ipc namespaces and the node's network namespace, without the right to set the
# clock, load modules or reboot: all of these are the machine's.
set -e
folder=$1 name=$2 root=$1/root
mount --make-rprivate /

# The node's files: this machine's, under a layer of the node's own. The layer lies on an ext4 image, because the
# machine's root may itself be an overlay, on which no upper layer can lie.
mount -o loop "$folder/system.img" "$folder/system"
mkdir -p "$folder/system/upper" "$folder/system/work"
mount -t overlay overlay -o "lowerdir=/,upperdir=$folder/system/upper,workdir=$folder/system/work" "$root"

mkdir -p "$root"/{proc,sys,dev,run,tmp,data,root,var/log}
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
if [ -e "$root/proc/sysrq-trigger" ]; then mount --bind /dev/null "$root/proc/sysrq-trigger"; fi
mount -t tmpfs -o mode=755,size=1m tmpfs "$root/dev"
for device in null zero full random urandom tty; do
    : > "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777,size=64m tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s /proc/self/fd/0 "$root/dev/stdin"
ln -s /proc/self/fd/1 "$root/dev/stdout"
ln -s /proc/self/fd/2 "$root/dev/stderr"
mount -t tmpfs -o mode=755,size=16m tmpfs "$root/run"
mkdir -p "$root/run/sshd" "$root/run/lock"
mount -o loop "$folder/data.img" "$root/data"

# A shell's start-up files can cost more than the commands that the harness runs, and a locked root cannot log in.
mkdir -p "$root/etc/pestle-lab"
cp "$folder"/etc/* "$root/etc/pestle-lab/"
cp "$folder/etc/hosts" "$root/etc/hosts"
: > "$root/root/.bashrc"
: > "$root/root/.profile"
sed -i 's/^root:![^:]*:/root:*:/' "$root/etc/shadow"

cd "$root"
pivot_root . .
umount -l .
cd /
hostname "$name"
# A host that boots has no firewall rules, but this one's network namespace outlives it.
filter=$(command -v iptables || command -v iptables-legacy)
$filter -w -F
$filter -w -X
/usr/sbin/sshd -f /etc/pestle-lab/sshd_config -E /var/log/sshd.log
set +e
while :; do sleep 3600 & wait $!; done # bash as process 1 reaps what is orphaned
