# Accounts, a crontab, a certificate.
# needs: useradd openssl

trap 'crontab -u noise-admin -r 2>/dev/null; userdel -rf noise-admin 2>/dev/null' EXIT
useradd -m noise-admin
echo noise-admin:correct-horse | chpasswd
usermod -aG adm noise-admin
passwd -S noise-admin >/dev/null
chage -l noise-admin >/dev/null
crontab -u noise-admin - <<< '0 3 * * * true'
crontab -u noise-admin -r
getent passwd >/dev/null; getent hosts localhost >/dev/null
sysctl -a >/dev/null 2>&1
mount >/dev/null; df >/dev/null; lsof -v >/dev/null 2>&1
cp -a /etc/hosts hosts; sed -i 's/x-none/x-none/' hosts
userdel -r noise-admin 2>/dev/null
trap - EXIT
openssl req -x509 -newkey rsa:2048 -nodes -keyout tls.key -out tls.pem -days 1 -subj /CN=noise 2>/dev/null
chmod 600 tls.key
dd if=/dev/zero of=disk bs=1M count=8 2>/dev/null
strace -c true 2>/dev/null || true
