/* SPDX-License-Identifier: BSD-2-Clause */
/* ./run.sh EXPERIMENT --help: what the file itself says about it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "experiment.h"
#include "experiment_schema.h"
#include "util.h"
#include "yamlfile.h"

#define WIDTH 100

/* The words of text on lines of WIDTH, the first at `column`, the others indented by `indent`. */
static void print_wrapped(const char *text, unsigned column, unsigned indent)
{
    for (const char *p = text; *p;) {
        size_t blank = strspn(p, " \n"), word = strcspn(p + blank, " \n");

        if (!word)
            break;
        if (column > indent && column + 1 + word > WIDTH) {
            printf("\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            putchar(' ');
            column++;
        }
        printf("%.*s", (int)word, p + blank);
        column += (unsigned)word;
        p += blank + word;
    }
    putchar('\n');
}

/* "  NAME   about", the abouts below each other */
static void print_item(const char *name, const char *about)
{
    printf("  %-18s ", name);
    if (strlen(name) > 18)
        printf("\n%*s", 21, "");
    print_wrapped(about && *about ? about : "-", 21, 21);
}

static void print_parameter(const struct x_param *p)
{
    char *about = xasprintf("%s (%s%s%s)", p->about ? p->about : "", p->value,
                            p->quick ? "; with --quick " : "", p->quick ? p->quick : "");

    print_item(p->name, about);
    free(about);
}

int experiment_help(const char *name_or_path, struct err *e)
{
    struct x_file *x = NULL;
    struct yamlfile *pos = NULL;
    char *path = experiment_file(name_or_path, e);
    int rc;

    if (!path)
        return -ENOENT;
    rc = yamlfile_load(path, &experiment_schema, (cyaml_data_t **)&x, &pos, e);
    free(path);
    if (rc)
        return rc;
    print_wrapped(x->title, 0, 0);
    if (x->about) {
        putchar('\n');
        print_wrapped(x->about, 0, 0);
    }
    printf("\ntopology: %s\n", x->topology);
    if (x->parameters_count)
        printf("\nparameters (--set NAME=VALUE)\n");
    for (unsigned i = 0; i < x->parameters_count; i++)
        print_parameter(&x->parameters[i]);
    printf("\nvariants (--variant NAME)\n");
    for (unsigned i = 0; i < x->variants_count; i++)
        print_item(x->variants[i].name, x->variants[i].about);
    if (x->claims_count)
        printf("\nclaims\n");
    for (unsigned i = 0; i < x->claims_count; i++) {
        printf("  ");
        print_wrapped(x->claims[i].name, 2, 2);
    }
    printf("\n./run.sh without arguments has the other options\n");
    yamlfile_data_free(&experiment_schema, x);
    yamlfile_free(pos);
    return 0;
}
