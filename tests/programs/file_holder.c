/* For tests/run_examples.py and ci/demo: opens the file that it is given so that nobody else
   can (on Windows), says "held", and keeps it until its standard input ends. */
#include <stdio.h>

#include "support_native.h"

int main(int argc, char **argv) {
    const char *path = native_argument(argc, argv, 1);
    intptr_t file = path == NULL ? -1 : native_open_alone(path);
    if (file == -1) {
        fprintf(stderr, "file_holder: the file cannot be opened\n");
        return 1;
    }
    puts("held");
    fflush(stdout);
    while (getchar() != EOF) {
    }
    native_close(file);
    return 0;
}
