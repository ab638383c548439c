"""The lab: hosts made out of this machine, for tests that need several.

A node has its own network, process tree, mounts, hostname and ipc (Linux namespaces), an sshd with keys of
its own, and an ext4 disk at /data that can lose power. Its other files are a private layer over this
machine's, so programs are the machine's while every change stays on the node. To the harness a node is an
ordinary SSH host.

`lifecycle` makes, shows and removes labs; `node` boots one and cuts its power. What a lab consists of can
be found again from its folder below /run/pestle alone, which is written first and removed last: `down`
works after anything was killed at any moment.

Not here: limits on memory, CPU and disk speed; packet delay and loss; labs without root.
"""
