/*
 * A library that somebody else preloads: its constructor runs before that of a library in front of it, and says what stat
 * says of $CONSTRUCTOR_FILE.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

__attribute__((constructor)) static void look(void)
{
    const char *file = getenv("CONSTRUCTOR_FILE");
    struct stat s;

    if (file && stat(file, &s) == 0)
        printf("constructor: %s\n", S_ISCHR(s.st_mode) ? "character device" : "something else");
    fflush(stdout);
}
