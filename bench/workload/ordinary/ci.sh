# A repository is cloned, built and tested, as a CI server does.
# needs: git gcc curl

export HOME=$HERE GIT_AUTHOR_NAME=ci GIT_AUTHOR_EMAIL=ci@example.org GIT_COMMITTER_NAME=ci GIT_COMMITTER_EMAIL=ci@example.org
git init -q --bare origin.git
git clone -q origin.git checkout 2>/dev/null
cd checkout
printf '#!/bin/sh\nset -e\ngcc -o tool tool.c\n./tool\nsh tests/run.sh\n' > build.sh
mkdir tests .git/hooks -p
printf '#!/bin/bash\nfor i in 1 2 3; do ./tool >/dev/null; done\ndiff <(./tool) tests/expected\n' > tests/run.sh
sed -i 's/^#!.bin.bash/#!\/bin\/bash/' tests/run.sh
echo 'int puts(const char *); int main(void) { puts("ok"); return 0; }' > tool.c
echo ok > tests/expected
chmod +x build.sh tests/run.sh
git add -A && git commit -qm 'a tool' && git push -q origin HEAD 2>/dev/null
cd ..
for build in 1 2; do
    git clone -q origin.git build$build
    (cd build$build && gcc -o tool tool.c && ./tool && bash tests/run.sh)
    tar czf artifact$build.tar.gz -C build$build .
    sha256sum artifact$build.tar.gz > artifact$build.sum
    curl -s -o /dev/null file://$HERE/artifact$build.tar.gz
    rm -rf build$build
done
find . -name '*.o' -exec rm {} +
