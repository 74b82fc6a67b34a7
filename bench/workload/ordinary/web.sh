# nginx serves files and passes requests on, under load.
# needs: nginx ab curl

mkdir -p site logs
chmod 755 $HERE site
for page in $(seq 50); do head -c 4000 /dev/zero | tr '\0' x > site/$page.html; done
printf "user www-data; worker_processes 2; pid $HERE/nginx.pid; error_log $HERE/logs/error.log; events {} http { access_log $HERE/logs/access.log; server { listen 127.0.0.1:47380; root $HERE/site; location /app { proxy_pass http://127.0.0.1:47381/; } } }" > nginx.conf
python3 -m http.server --bind 127.0.0.1 --directory site 47381 >/dev/null 2>&1 & app=$!
/usr/sbin/nginx -c $HERE/nginx.conf
ab -q -n 20000 -c 20 http://127.0.0.1:47380/1.html >/dev/null
ab -q -n 300 -c 4 http://127.0.0.1:47380/app/2.html >/dev/null
/usr/sbin/nginx -c $HERE/nginx.conf -t 2>/dev/null
/usr/sbin/nginx -c $HERE/nginx.conf -s reload
for page in 1 2 3 404; do curl -s -o /dev/null http://127.0.0.1:47380/$page.html; done
/usr/sbin/nginx -c $HERE/nginx.conf -s quit
kill $app
