/* SPDX-License-Identifier: BSD-2-Clause */
#include "program_struct_ops.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <gelf.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECTION ".struct_ops"
/* Kernel 6.4, include/uapi/linux/bpf.h; newer than the headers that this is built with. */
#define MAP_F_LINK        (1U << 13) /* BPF_F_LINK */
#define ATTACH_STRUCT_OPS 44         /* BPF_STRUCT_OPS */
#define KERNEL_ENOTSUPP   524

int struct_ops_name(char out[STRUCT_OPS_NAME_SIZE], const char *base, const char *tag)
{
    bool tagged = tag && *tag;
    int n =
        snprintf(out, STRUCT_OPS_NAME_SIZE, "%s%s%s", base, tagged ? "_" : "", tagged ? tag : "");

    return n < STRUCT_OPS_NAME_SIZE ? 0 : -ENAMETOOLONG;
}

/* Where a section's bytes are in the object; NULL where there is none. */
static char *section_bytes(void *elf, size_t size, const char *name, size_t *length)
{
    Elf *e = elf_version(EV_CURRENT) == EV_NONE ? NULL : elf_memory(elf, size);
    Elf_Scn *scn = NULL;
    char *bytes = NULL;
    size_t strings;

    while (e && !elf_getshdrstrndx(e, &strings) && (scn = elf_nextscn(e, scn))) {
        GElf_Shdr h;
        const char *n = gelf_getshdr(scn, &h) ? elf_strptr(e, strings, h.sh_name) : NULL;
        if (!n || strcmp(n, name) || h.sh_offset > size || h.sh_size > size - h.sh_offset)
            continue;
        bytes = (char *)elf + h.sh_offset;
        *length = h.sh_size;
        break;
    }
    elf_end(e);
    return bytes;
}

/* Offset of the member `name` in a struct tcp_congestion_ops, or -1 in anything else. */
static long name_offset(const struct btf *btf, __u32 type)
{
    const struct btf_type *t = btf__type_by_id(btf, type);
    const struct btf_member *m = t && btf_is_struct(t) ? btf_members(t) : NULL;

    for (int i = 0; m && i < btf_vlen(t); i++)
        if (!strcmp(btf__name_by_offset(btf, m[i].name_off), "name") &&
            btf__resolve_size(btf, m[i].type) == STRUCT_OPS_NAME_SIZE)
            return btf_member_bit_offset(t, (__u32)i) / 8;
    return -1;
}

int struct_ops_rename(void *elf, size_t size, const struct btf *btf, const char *tag,
                      const char *program, struct err *e)
{
    int id = btf__find_by_name_kind(btf, SECTION, BTF_KIND_DATASEC);
    const struct btf_type *t = id > 0 ? btf__type_by_id(btf, (__u32)id) : NULL;
    const struct btf_var_secinfo *v = t ? btf_var_secinfos(t) : NULL;
    size_t length = 0;
    char *bytes = t ? section_bytes(elf, size, SECTION, &length) : NULL;
    int n = 0;

    if (t && !bytes)
        return err_broke(e, -EINVAL, "program %s: its object has no section " SECTION, program);
    for (int i = 0; t && i < btf_vlen(t); i++) {
        long at = name_offset(btf, btf__type_by_id(btf, v[i].type)->type);
        char base[STRUCT_OPS_NAME_SIZE];
        if (at < 0 || v[i].offset + (size_t)at + STRUCT_OPS_NAME_SIZE > length)
            return err_broke(e, -EINVAL,
                             "program %s: a struct_ops map that is no tcp_congestion_ops with a "
                             "name; accepted: congestion controls",
                             program);
        char *name = bytes + v[i].offset + at;
        snprintf(base, sizeof(base), "%.15s", name);
        memset(name, 0, STRUCT_OPS_NAME_SIZE);
        if (struct_ops_name(name, base, tag))
            return err_broke(e, -ENAMETOOLONG,
                             "program %s: the congestion control '%s' cannot be called %s_%s: the "
                             "kernel takes %d characters",
                             program, base, base, tag, STRUCT_OPS_NAME_SIZE - 1);
        n++;
    }
    return n;
}

/* A kernel that knows the flag goes on to look for the type, and finds none. */
static bool links_exist(void)
{
    DECLARE_LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = MAP_F_LINK,
                        .btf_vmlinux_value_type_id = 1);
    int fd = bpf_map_create(BPF_MAP_TYPE_STRUCT_OPS, "extcp_probe", 4, 64, 1, &opts);

    if (fd >= 0)
        close(fd);
    return fd >= 0 || fd == -KERNEL_ENOTSUPP;
}

void struct_ops_prepare(struct bpf_object *obj, bool plain)
{
    bool links = !plain && links_exist();
    struct bpf_map *m;

    bpf_object__for_each_map(m, obj)
    {
        if (bpf_map__type(m) == BPF_MAP_TYPE_STRUCT_OPS && links)
            bpf_map__set_map_flags(m, MAP_F_LINK);
    }
}

bool struct_ops_makes_link(const struct bpf_map *map)
{
    return bpf_map__map_flags(map) & MAP_F_LINK;
}

int struct_ops_register(struct bpf_map *map, int *link_fd, const char *program, struct err *e)
{
    /* Fills in the descriptors of the callbacks; without the flag, that registers it too. What
     * libbpf returns has nothing to add: it knows only the old way. */
    struct bpf_link *filled = bpf_map__attach_struct_ops(map);
    int rc = filled ? 0 : -errno;

    *link_fd = -1;
    if (filled) {
        bpf_link__disconnect(filled);
        bpf_link__destroy(filled);
        if (struct_ops_makes_link(map)) {
            *link_fd = bpf_link_create(bpf_map__fd(map), 0, ATTACH_STRUCT_OPS, NULL);
            rc = *link_fd < 0 ? *link_fd : 0;
        }
    }
    if (rc == -EEXIST)
        return err_broke(e, rc,
                         "program %s: a congestion control with the name of its '%s' is registered "
                         "already; 'bpftool struct_ops' lists them",
                         program, bpf_map__name(map));
    if (rc)
        return err_broke(e, rc, "program %s: '%s' cannot be registered: %s", program,
                         bpf_map__name(map), strerror(-rc));
    return 0;
}

void struct_ops_handle(const struct bpf_map *map, char *out, size_t size)
{
    struct bpf_map_info info = {0};
    __u32 len = sizeof(info);

    bpf_obj_get_info_by_fd(bpf_map__fd(map), &info, &len);
    snprintf(out, size, "%u:%s", info.id, info.name);
}

int struct_ops_unregister(const char *handle)
{
    const char *colon = strchr(handle, ':');
    unsigned long id = strtoul(handle, NULL, 10);
    struct bpf_map_info info = {0};
    __u32 len = sizeof(info), zero = 0;
    int fd = colon && id ? bpf_map_get_fd_by_id((__u32)id) : -ENOENT, rc = fd < 0 ? fd : 0;

    if (!rc)
        rc = bpf_obj_get_info_by_fd(fd, &info, &len);
    if (!rc && info.type == BPF_MAP_TYPE_STRUCT_OPS && !strcmp(info.name, colon + 1))
        rc = bpf_map_delete_elem(fd, &zero);
    if (fd >= 0)
        close(fd);
    return rc;
}
