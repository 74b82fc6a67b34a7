# Packages are installed again, from the cache of apt or from its servers.
# needs: apt-get

for package in less tree sed; do
    apt-get -qq -y -o DPkg::Lock::Timeout=300 -o APT::Sandbox::User=root --reinstall install $package >out 2>&1
done
apt-get -qq -y -o DPkg::Lock::Timeout=300 install --reinstall cron logrotate rsync >>out 2>&1
apt-cache policy less >/dev/null
dpkg -l >/dev/null
dpkg --verify sed || true
