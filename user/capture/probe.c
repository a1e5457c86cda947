// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/capture.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <unistd.h>

static bool has_tracepoint(const struct btf *btf, const char *typedef_name)
{
	return btf__find_by_name_kind(btf, typedef_name, BTF_KIND_TYPEDEF) > 0;
}

void capture_probe(struct capture_probe *probe)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int fd;

	*probe = (struct capture_probe){0};
	if (!libbpf_get_error(btf)) {
		probe->btf = true;
		probe->sock_length = has_tracepoint(btf, "btf_trace_sock_send_length") &&
				     has_tracepoint(btf, "btf_trace_sock_recv_length");
		probe->send_locked = has_tracepoint(btf, "btf_trace_tcp_sendmsg_locked");
		probe->sys_exit = has_tracepoint(btf, "btf_trace_sys_exit");
		btf__free(btf);
	}
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "redtap_probe", 4, 8, 1, NULL);
	if (fd < 0) {
		probe->bpf_errno = errno;
		return;
	}
	probe->bpf_allowed = true;
	close(fd);
}

enum capture_mode capture_choose(const struct capture_probe *probe)
{
	if (!probe->btf || !probe->bpf_allowed)
		return CAPTURE_AUTO;
	if (probe->sock_length)
		return CAPTURE_SOCKET;
	return probe->sys_exit ? CAPTURE_SYSCALL : CAPTURE_AUTO;
}

const char *capture_mode_name(enum capture_mode mode)
{
	switch (mode) {
	case CAPTURE_SOCKET: return "socket";
	case CAPTURE_SYSCALL: return "syscall";
	default: return "auto";
	}
}
