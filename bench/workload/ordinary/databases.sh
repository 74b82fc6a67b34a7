# Redis and PostgreSQL under load, and a dump.
# needs: redis-server pgbench

redis-server --port 47379 --bind 127.0.0.1 --dir $HERE --daemonize yes --pidfile $HERE/redis.pid --save '1 1' >/dev/null
redis-benchmark -p 47379 -q -n 20000 -c 20 -t get,set >/dev/null
redis-cli -p 47379 bgsave >/dev/null; sleep 1
redis-cli -p 47379 shutdown
bin=$(ls -d /usr/lib/postgresql/*/bin | tail -1)
install -d -o postgres data
chmod 755 $HERE
cd /
as() { setpriv --reuid postgres --regid postgres --init-groups "$@"; }
as $bin/initdb -D $HERE/data -A trust >/dev/null
as $bin/pg_ctl -s -w -D $HERE/data -o "-p 47354 -k $HERE/data -c listen_addresses=127.0.0.1" -l $HERE/data/log start
as pgbench -q -i -h 127.0.0.1 -p 47354 postgres >/dev/null 2>&1
as pgbench -n -c 4 -T 15 -h 127.0.0.1 -p 47354 postgres >/dev/null 2>&1
as pg_dump -h 127.0.0.1 -p 47354 postgres > $HERE/dump.sql
as psql -q -h 127.0.0.1 -p 47354 -c 'vacuum analyze' postgres
as $bin/pg_ctl -s -D $HERE/data stop
