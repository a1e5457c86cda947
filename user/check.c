// SPDX-License-Identifier: GPL-2.0-or-later
#include "check.h"

#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "capture/capture.h"

static void line(const char *what, bool ok, const char *detail)
{
	printf("%-28s %-4s %s\n", what, ok ? "ok" : "no", detail);
}

static bool has_cap(unsigned cap)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0}};

	if (syscall(SYS_capget, &head, data))
		return false;
	return data[cap / 32].effective >> cap % 32 & 1;
}

static bool check_capabilities(void)
{
	bool admin = has_cap(CAP_SYS_ADMIN);
	bool bpf = admin || has_cap(CAP_BPF), perfmon = admin || has_cap(CAP_PERFMON);
	bool ptrace = has_cap(CAP_SYS_PTRACE);

	line("CAP_BPF", bpf, bpf ? "" : "missing: run as root");
	line("CAP_PERFMON", perfmon, perfmon ? "" : "missing: run as root");
	line("CAP_SYS_PTRACE", ptrace,
	     ptrace ? "" : "missing: names of other users' processes stay unknown");
	return bpf && perfmon;
}

int check_run(const struct config *config)
{
	struct capture_config cc = {.mode = (enum capture_mode)config->capture,
				    .ring_bytes = config->ring_bytes};
	struct capture *capture = NULL;
	struct capture_probe probe;
	struct utsname un = {0};
	bool ok;
	int r;

	uname(&un);
	printf("redtap %s on Linux %s %s\n", REDTAP_VERSION, un.release, un.machine);
	ok = check_capabilities();
	capture_probe(&probe);
	line("kernel BTF", probe.btf, probe.btf ? "" : "/sys/kernel/btf/vmlinux is missing");
	line("bpf()", probe.bpf_allowed, probe.bpf_allowed ? "" : strerror(probe.bpf_errno));
	line("sock_send/recv_length", probe.sock_length,
	     probe.sock_length ? "socket capture" : "needs Linux 6.3; the fallback is used");
	line("tcp_sendmsg_locked", probe.send_locked,
	     probe.send_locked ? "sends are stamped at entry"
			       : "needs Linux 6.16; sends are stamped at return");
	line("sys_exit", probe.sys_exit, probe.sys_exit ? "fallback capture" : "no fallback");
	line("socket storage iterator", probe.storage_iter,
	     probe.storage_iter ? "lists what is open"
				: "refused; open files are looked through instead");
	r = ok ? capture_open(&cc, &capture) : -1;
	if (r == 0) {
		line("programs load and attach", true, "");
		printf("capture: %s\n", capture_mode_name(capture_mode(capture)));
	} else {
		line("programs load and attach", false, ok ? strerror(-r) : "not tried");
		printf("capture: none; redtap cannot run here\n");
	}
	capture_close(capture);
	return r ? 1 : 0;
}
