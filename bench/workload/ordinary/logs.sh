# Logs are rotated.
# needs: logrotate

mkdir logs
for name in access error app; do head -c 200000 /dev/zero | tr '\0' y > logs/$name.log; done
printf "$HERE/logs/*.log { su root root\n rotate 3\n compress\n create 640 root adm\n sharedscripts\n postrotate\n /bin/true\n endscript\n }\n" > rotate.conf
for day in 1 2 3; do /usr/sbin/logrotate -f -s $HERE/state rotate.conf; for name in access error app; do echo z > logs/$name.log; done; done
/usr/sbin/logrotate -d /etc/logrotate.conf >/dev/null 2>&1
truncate -s 0 logs/app.log
find logs -name '*.gz' -mtime +30 -delete
