/* SPDX-License-Identifier: BSD-2-Clause */
#include "gnuplot.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "tool.h"
#include "util.h"

#define GNUPLOT_LIMIT_MS 60000

bool gnuplot_name_ok(const char *s)
{
    if (!s || !isalnum((unsigned char)*s))
        return false;
    for (; *s; s++)
        if (!isalnum((unsigned char)*s) && !strchr("-_.", *s))
            return false;
    return true;
}

/* All but letters, digits and a few signs become octal escapes. */
void gnuplot_string(FILE *f, const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    bool escaped = false; /* gnuplot reads a digit after the three of an escape as one more */

    fputc('"', f);
    while (*s) {
        bool after_escape = escaped;

        unsigned more = *s < 0x80 ? 0 : *s >= 0xf0 ? 3 : *s >= 0xe0 ? 2 : *s >= 0xc2 ? 1 : 9;

        for (unsigned i = 1; more < 9 && i <= more; i++)
            if ((s[i] & 0xc0) != 0x80)
                more = 9;
        escaped = false;
        if (*s > 0xf4 || more == 9 || (*s < 0x20 && *s != '\n') || *s == 0x7f) {
            fputc('?', f);
            s++;
        } else if (more) {
            fwrite(s, 1, more + 1, f);
            s += more + 1;
        } else {
            escaped =
                !(isalpha(*s) || strchr(" -_.,:;()[]/+*=", *s) || (isdigit(*s) && !after_escape));
            fprintf(f, escaped ? "\\%03o" : "%c", *s);
            s++;
        }
    }
    fputc('"', f);
}

static bool starts_and_ends(const char *data, size_t len, const char *start, const char *end)
{
    size_t a = strlen(start), b = strlen(end);

    while (len && isspace((unsigned char)data[len - 1]))
        len--;
    return len >= a + b && !memcmp(data, start, a) && !memcmp(data + len - b, end, b);
}

/* Both pictures are there, from their first to their last byte. */
static int check_picture(const char *figures, const char *name, const char *ending, struct err *e)
{
    bool png = !strcmp(ending, "png");
    char *path = xasprintf("%s/%s.%s", figures, name, ending), *data = NULL;
    size_t len = 0;
    int rc = read_file(path, &data, &len, e);

    if (rc)
        err_broke(e, rc, "figure %s: gnuplot did not write %s: %s", name, path, strerror(-rc));
    else if (!starts_and_ends(data, len, png ? "\x89PNG" : "<?xml",
                              png ? "IEND\xae\x42\x60\x82" : "</svg>"))
        rc = err_broke(e, -EIO, "figure %s: %s is not a whole %s file (%zu bytes)", name, path,
                       ending, len);
    free(data);
    free(path);
    return rc;
}

/* gnuplot does not say that the disk is full, and leaves what it had written. */
static void remove_pictures(const char *figures, const char *name, struct err *e)
{
    static const char *const endings[] = {"svg", "png"};

    if (no_space_left(figures))
        err_prefix(e, "%s: %s", figures, strerror(ENOSPC));
    for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
        char *path = xasprintf("%s/%s.%s", figures, name, endings[i]);
        unlink_regular(path);
        free(path);
    }
}

int gnuplot_run(const char *name, const char *figures, struct err *e)
{
    char *program = xasprintf("%s.gp", name), *dir = xasprintf("%s/plots", extcp_home());
    char *plots = realpath(dir, NULL); /* gnuplot runs elsewhere */
    char *output = NULL, *quoted = NULL, *define;
    size_t size;
    FILE *m = open_memstream(&quoted, &size);
    int status = 0, rc;

    gnuplot_string(m, plots ? plots : dir);
    fclose(m);
    define = xasprintf("plots = %s", quoted);
    rc = tool_run((char *[]){(char *)"gnuplot", (char *)"-d", (char *)"-e", define, program, NULL},
                  figures, GNUPLOT_LIMIT_MS, &output, &status, e);
    if (rc == -ENOENT)
        err_lacks(e, rc,
                  "figure %s: gnuplot is not there; install it with: "
                  "apt-get install gnuplot-nox",
                  name);
    else if (rc)
        err_prefix(e, "figure %s", name);
    else if (status || *output)
        rc = err_broke(e, -EIO, "figure %s: gnuplot ended with status %d and said:\n%.1500s", name,
                       status, *output ? output : "(nothing)");
    if (!rc)
        rc = check_picture(figures, name, "svg", e);
    if (!rc)
        rc = check_picture(figures, name, "png", e);
    if (rc)
        remove_pictures(figures, name, e);
    free(output);
    free(define);
    free(quoted);
    free(plots);
    free(dir);
    free(program);
    return rc;
}
