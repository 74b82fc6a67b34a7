# Containers are built, started, entered and stopped.
# needs: podman

export PODMAN_IGNORE_CGROUPSV1_WARNING=1
engine() { podman $(test -x /usr/sbin/runc && echo --runtime runc) "$@"; }
engine load -q -i $IMAGE >/dev/null
printf 'FROM localhost/falcohost/test:1\nRUN cat /etc/passwd > /etc/copy\nCMD ["sh", "-c", "sleep 1"]\n' > Containerfile
echo copied > copied
printf 'FROM localhost/falcohost/test:1\nCOPY copied /etc/copy\nCMD ["sh", "-c", "sleep 1"]\n' > Copying
# Where a build cannot run programs, such as inside of another container, it copies.
engine build -q -t localhost/noise:1 . >/dev/null 2>&1 || engine build -q -f Copying -t localhost/noise:1 . >/dev/null
for start in $(seq 6); do engine run --rm --network none localhost/noise:1 sh -c 'cat /etc/passwd' >/dev/null; done
id=$(engine run -d --network none localhost/noise:1 sleep 60)
engine exec $id cat /etc/copy >/dev/null
engine logs $id
engine ps >/dev/null
engine inspect $id >/dev/null
engine stop -t 0 $id >/dev/null
engine rm $id >/dev/null
engine rmi -f localhost/noise:1 >/dev/null
