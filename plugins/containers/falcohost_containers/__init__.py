"""What container runtimes know of the containers that events are from: names, images, labels, mounts, pods."""
