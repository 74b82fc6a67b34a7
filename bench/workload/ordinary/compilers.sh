# A program is compiled, linked and installed.
# needs: gcc make

mkdir objects
for number in $(seq 40); do
    echo "#include <stdio.h>
    int f$number(int x) { return x * $number; }" > part$number.c
    gcc -O2 -c -o objects/part$number.o part$number.c
done
echo '#include <stdio.h>
int f1(int); int main(void) { printf("%d\n", f1(2)); return 0; }' > main.c
printf 'all: main\nmain: main.o\n\tgcc -o main main.o objects/*.o\nmain.o: main.c\n\tgcc -c main.c\ninstall: main\n\tinstall main $(DESTDIR)/main\n' > Makefile
make -s
strip main
./main
mkdir installed
make -s install DESTDIR=$HERE/installed
ar rcs libparts.a objects/*.o
