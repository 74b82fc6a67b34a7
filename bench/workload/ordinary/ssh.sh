# Some thirty logins over SSH, with and without a terminal, and copies of files.
# needs: sshd ssh useradd

trap 'userdel -rf noise-user 2>/dev/null' EXIT
useradd -m -s /bin/bash noise-user 2>/dev/null || true
ssh-keygen -q -t ed25519 -N '' -f host_key
ssh-keygen -q -t ed25519 -N '' -f key
install -d -m 700 -o noise-user -g noise-user /home/noise-user/.ssh
install -m 600 -o noise-user -g noise-user key.pub /home/noise-user/.ssh/authorized_keys
mkdir -p /run/sshd keys
cp key.pub keys/root
chmod 755 $HERE keys; chmod 644 keys/root
printf "Port 47322\nListenAddress 127.0.0.1\nHostKey $HERE/host_key\nPidFile $HERE/sshd.pid\nUsePAM yes\nPermitRootLogin yes\nStrictModes no\nAuthorizedKeysFile .ssh/authorized_keys $HERE/keys/%%u\nSubsystem sftp internal-sftp\n" > sshd_config
/usr/sbin/sshd -f sshd_config -E sshd.log
options="-F none -i $HERE/key -o StrictHostKeyChecking=no -o UserKnownHostsFile=$HERE/known -o LogLevel=ERROR -o BatchMode=yes"
until ssh -p 47322 $options root@127.0.0.1 true; do tail -3 sshd.log; sleep 0.2; done
for login in $(seq 12); do
    ssh -p 47322 $options root@127.0.0.1 'uptime; df -h >/dev/null; ps aux >/dev/null; ls -la /etc >/dev/null; ss -ltn >/dev/null'
    ssh -p 47322 $options noise-user@127.0.0.1 'id; cat /etc/hosts >/dev/null; ls; vi --version 2>/dev/null | head -1 || true'
done
for login in $(seq 4); do
    ssh -tt -p 47322 $options noise-user@127.0.0.1 <<< $'whoami\ntop -b -n 1 | head -3\nexit\n' >/dev/null
    ssh -tt -p 47322 $options root@127.0.0.1 <<< $'w\nsu - noise-user -c id\nlast | head -2\nexit\n' >/dev/null
    head -c 100000 /dev/urandom > file
    scp -q -P 47322 $options file noise-user@127.0.0.1:file
    scp -q -P 47322 $options noise-user@127.0.0.1:file back
done
ssh -p 47322 -o PreferredAuthentications=publickey -F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=$HERE/known -o BatchMode=yes nobody-here@127.0.0.1 true 2>/dev/null
kill $(cat sshd.pid)
userdel -r noise-user 2>/dev/null
trap - EXIT
true
