# A virtual environment, modules, processes and a database of Python.
# needs: python3

python3 -m venv --without-pip venv
venv/bin/python -c 'import json, sqlite3, ssl, ctypes; print(json.dumps(1))'
python3 -m compileall -q /usr/lib/python3/dist-packages >/dev/null || true
cat > work.py <<'END'
import multiprocessing, subprocess, sqlite3
def work(number):
    return subprocess.run(["true"]).returncode + number
if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        print(sum(pool.map(work, range(50))))
    base = sqlite3.connect("base.db")
    base.execute("create table t (a)")
    base.executemany("insert into t values (?)", [(number,) for number in range(10000)])
    base.commit()
END
python3 work.py
