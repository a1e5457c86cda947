// SPDX-License-Identifier: GPL-2.0-or-later
/* Attaches the programs of an object file, says "ready" and waits for its end: floor OBJECT */
#include <stdio.h>
#include <unistd.h>

#include <bpf/libbpf.h>

int main(int argc, char **argv)
{
	struct bpf_program *prog;
	struct bpf_object *obj;

	if (argc != 2) {
		fprintf(stderr, "usage: floor OBJECT\n");
		return 2;
	}
	obj = bpf_object__open_file(argv[1], NULL);
	if (!obj)
		return 1;
	/* tcp_sendmsg_locked is younger than the others: attach what there is. */
	bpf_object__for_each_program(
		prog, obj) if (libbpf_find_vmlinux_btf_id(bpf_program__section_name(prog) +
								  sizeof("tp_btf"),
							  BPF_TRACE_RAW_TP) < 0)
		bpf_program__set_autoload(prog, false);
	if (bpf_object__load(obj))
		return 1;
	bpf_object__for_each_program(prog, obj) if (bpf_program__autoload(prog) &&
						    !bpf_program__attach(prog)) return 1;
	printf("ready\n");
	fflush(stdout);
	pause();
	return 0;
}
