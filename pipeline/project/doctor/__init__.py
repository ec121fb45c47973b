"""What `hindcast doctor` looks at: the environment, the remote, the disk, locks, caches, settings and the graph. It writes nothing."""
