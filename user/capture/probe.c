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

/* Some kernels refuse every iterator of a map's elements with EPERM, whoever asks. */
static bool may_iterate_storage(const struct btf *btf)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts);
	int id = btf__find_by_name_kind(btf, "bpf_iter_bpf_sk_storage_map", BTF_KIND_FUNC);
	int fd;

	if (id <= 0)
		return false;
	opts.expected_attach_type = BPF_TRACE_ITER;
	opts.attach_btf_id = id;
	fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "redtap_probe", "GPL", insns,
			   sizeof(insns) / sizeof(insns[0]), &opts);
	if (fd < 0)
		return false;
	close(fd);
	return true;
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
		probe->storage_iter = may_iterate_storage(btf);
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
