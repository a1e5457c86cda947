// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/capture.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "capture/reader.h"
#include "capture/sizes.h"
#include "capture/young.h"
#include "redtap.skel.h"

#define CAPTURE_CPUS_MAX   4096
#define CONN_STORAGE_BYTES 2048 /* of a socket: its state (bpf/conn.h) and the kernel's own */

struct capture {
	struct redtap_bpf *skel;
	struct ring_buffer *ring;
	uint8_t *queues; /* of all CPUs, shared with the programs */
	size_t queues_bytes;
	uint64_t *heads; /* of each, when a pass begins */
	struct bpf_link *iter;
	bool by_files; /* what `iter` walks: open files, else socket storage */
	enum capture_mode mode;
	int cpus;
	struct capture_sizes sizes;
	void (*fn)(void *arg, const struct rt_rec *rec);
	void *arg;
	uint64_t stored;   /* connections with a state in the kernel, when last listed */
	bool hashes_count; /* fdinfo says what is in a hash, from 6.4, not what could be */
	uint64_t malformed;
	uint64_t read_bytes, read_records; /* what is written at once may be several records */
};

static int capture_libbpf_log(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char line[1024];

	if (level == LIBBPF_DEBUG)
		return 0;
	vsnprintf(line, sizeof(line), fmt, ap);
	line[strcspn(line, "\n")] = '\0';
	log_debug("libbpf: %s", line);
	return 0;
}

/* Whether a map may have values of so many bytes: older kernels allow what kmalloc() does, 4 MiB.
 */
static bool capture_value_allowed(uint32_t bytes)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "redtap_probe", 4, bytes, 1, NULL);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static void capture_deal(struct capture *c, size_t total)
{
	uint32_t page = (uint32_t)sysconf(_SC_PAGESIZE);

	c->sizes = capture_sizes(total, c->cpus, page, UINT32_MAX);
	if (c->sizes.step > RT_QUEUE_STEP_SURE && !capture_value_allowed(c->sizes.step))
		c->sizes = capture_sizes(total, c->cpus, page, RT_QUEUE_STEP_SURE);
}

/* What was written at once: records one behind the other, each at a multiple of eight bytes. */
static void on_written(void *arg, const void *data, size_t bytes)
{
	struct capture *c = arg;
	const struct rt_rec *rec;
	size_t at = 0, step;

	c->read_bytes += bytes;
	c->read_records++;
	while (at < bytes) {
		rec = (const struct rt_rec *)((const char *)data + at);
		if (bytes - at < sizeof(*rec) || rec->bytes < sizeof(*rec) ||
		    rec->bytes > bytes - at) {
			c->malformed++;
			return;
		}
		step = (rec->bytes + 7ul) & ~7ul;
		c->fn(c->arg, rec);
		at += step;
	}
}

static int on_sample(void *arg, void *data, size_t bytes)
{
	on_written(arg, data, bytes);
	return 0;
}

static struct rt_queue *capture_queue(const struct capture *c, int cpu)
{
	return (struct rt_queue *)(c->queues + (size_t)cpu * c->sizes.step);
}

static int capture_share(struct capture *c)
{
	size_t page = sysconf(_SC_PAGESIZE);
	void *queues;

	c->heads = calloc(c->cpus, sizeof(*c->heads));
	c->ring = ring_buffer__new(bpf_map__fd(c->skel->maps.ring), on_sample, c, NULL);
	if (!c->ring)
		return -errno;
	if (!c->heads)
		return -ENOMEM;
	c->queues_bytes = ((size_t)c->cpus * c->sizes.step + page - 1) & ~(page - 1);
	queues = mmap(NULL, c->queues_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
		      bpf_map__fd(c->skel->maps.queues), 0);
	if (queues == MAP_FAILED)
		return -errno;
	c->queues = queues;
	return 0;
}

/* A program's first runs are slow, and the one that is timed stands for a hundred: not one of them.
 */
static int capture_start_times(struct capture *c)
{
	struct rt_cpu *start = calloc(1, sizeof(*start));
	int r = start ? 0 : -ENOMEM, fd = bpf_map__fd(c->skel->maps.cpus);

	for (int id = 0; start && id < RT_PROGRAM_MAX; id++)
		start->left[id] = RT_TIMED_LEAST + RT_TIMED_SPREAD / 2;
	for (uint32_t cpu = 0; !r && cpu < (uint32_t)c->cpus; cpu++)
		if (bpf_map_update_elem(fd, &cpu, start, BPF_ANY))
			r = -errno;
	free(start);
	return r;
}

static void capture_choose_programs(struct capture *c, const struct capture_probe *probe)
{
	bool socket = c->mode == CAPTURE_SOCKET;

	bpf_program__set_autoload(c->skel->progs.rt_sock_send, socket);
	bpf_program__set_autoload(c->skel->progs.rt_sock_recv, socket);
	bpf_program__set_autoload(c->skel->progs.rt_iter_sockets, !c->by_files);
	bpf_program__set_autoload(c->skel->progs.rt_iter_files, c->by_files);
	bpf_program__set_autoload(c->skel->progs.rt_send_start, socket && probe->send_locked);
	bpf_program__set_autoload(c->skel->progs.rt_sys_exit, !socket);
	/* Attached below, with the map it walks. */
	bpf_program__set_autoattach(c->skel->progs.rt_iter_sockets, false);
	bpf_program__set_autoattach(c->skel->progs.rt_iter_files, false);
	c->skel->rodata->cfg_self_tgid = getpid();
	c->skel->rodata->cfg_queue_bytes = c->sizes.queue;
	c->skel->rodata->cfg_wake_bytes = c->sizes.queue / 4;
	c->skel->rodata->cfg_ring_wake_bytes = c->sizes.ring / 4;
	c->skel->rodata->cfg_crowd_bytes = c->sizes.queue / 2;
	c->skel->rodata->cfg_stamp_sends = socket && probe->send_locked;
	c->skel->rodata->cfg_fallback = !socket;
}

static int capture_attach_iter(struct capture *c)
{
	union bpf_iter_link_info info = {.map.map_fd = bpf_map__fd(c->skel->maps.sk_conns)};
	LIBBPF_OPTS(bpf_iter_attach_opts, opts);

	if (c->by_files) {
		c->iter = bpf_program__attach_iter(c->skel->progs.rt_iter_files, NULL);
		return c->iter ? 0 : -errno;
	}
	/* Set one by one: an initialiser leaves the padding undefined, and libbpf refuses that. */
	opts.link_info = &info;
	opts.link_info_len = sizeof(info);
	c->iter = bpf_program__attach_iter(c->skel->progs.rt_iter_sockets, &opts);
	return c->iter ? 0 : -errno;
}

/* What the kernel says that a map takes; 0 when it does not. */
static uint64_t map_memory(const struct bpf_map *map)
{
	char path[64], line[128];
	uint64_t bytes = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", bpf_map__fd(map));
	f = fopen(path, "re");
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f) && sscanf(line, "memlock: %" SCNu64, &bytes) != 1)
		;
	fclose(f);
	return bytes;
}

/* Whether that is of what a hash holds (from 6.4), not of all it could: it is empty yet. */
static bool hashes_counted(const struct bpf_map *hash)
{
	return map_memory(hash) < (uint64_t)bpf_map__max_entries(hash) * bpf_map__value_size(hash);
}

int capture_open(const struct capture_config *config, struct capture **out)
{
	struct capture_probe probe;
	struct capture *c;
	int r;

	libbpf_set_print(capture_libbpf_log);
	capture_probe(&probe);
	if (!probe.bpf_allowed && probe.bpf_errno)
		return -probe.bpf_errno;
	if (!probe.btf)
		return -ENOSYS;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->mode = config->mode == CAPTURE_AUTO ? capture_choose(&probe) : config->mode;
	r = -ENOSYS;
	if (c->mode == CAPTURE_AUTO || (c->mode == CAPTURE_SOCKET && !probe.sock_length))
		goto fail;
	c->by_files = config->by_files || c->mode == CAPTURE_SYSCALL || !probe.storage_iter;
	c->cpus = libbpf_num_possible_cpus();
	r = -EINVAL;
	if (c->cpus < 1 || c->cpus > CAPTURE_CPUS_MAX)
		goto fail;
	capture_deal(c, config->ring_bytes);
	r = -errno;
	c->skel = redtap_bpf__open();
	if (!c->skel)
		goto fail;
	bpf_map__set_max_entries(c->skel->maps.ring, c->sizes.ring);
	bpf_map__set_max_entries(c->skel->maps.queues, c->cpus);
	bpf_map__set_value_size(c->skel->maps.queues, c->sizes.step);
	bpf_map__set_max_entries(c->skel->maps.cpus, c->cpus);
	capture_choose_programs(c, &probe);
	r = redtap_bpf__load(c->skel);
	if (r)
		goto fail;
	c->hashes_count = hashes_counted(c->skel->maps.kafka_walks);
	r = capture_share(c);
	if (r)
		goto fail;
	r = capture_start_times(c);
	if (r)
		goto fail;
	r = redtap_bpf__attach(c->skel);
	if (r)
		goto fail;
	r = capture_attach_iter(c);
	if (r)
		goto fail;
	malloc_trim(0); /* a megabyte that the kernel's types and the programs took */
	*out = c;
	return 0;
fail:
	capture_close(c);
	return r ? r : -EINVAL;
}

void capture_close(struct capture *c)
{
	if (!c)
		return;
	bpf_link__destroy(c->iter);
	redtap_bpf__destroy(c->skel);
	ring_buffer__free(c->ring);
	if (c->queues)
		munmap(c->queues, c->queues_bytes);
	free(c->heads);
	free(c);
}

enum capture_mode capture_mode(const struct capture *c)
{
	return c->mode;
}

int capture_cpus(const struct capture *c)
{
	return c->cpus;
}

bool capture_stamps_sends(const struct capture *c)
{
	return c->skel->rodata->cfg_stamp_sends;
}

int capture_fd(const struct capture *c)
{
	return ring_buffer__epoll_fd(c->ring);
}

uint64_t capture_malformed(const struct capture *c)
{
	return c->malformed;
}

uint64_t capture_read_bytes(const struct capture *c)
{
	return c->read_bytes;
}

int capture_read(struct capture *c, void (*fn)(void *arg, const struct rt_rec *rec), void *arg)
{
	int64_t n, sum;

	c->fn = fn;
	c->arg = arg;
	/*
	 * The ring first, and no queue further than before it: what is in a queue comes behind what
	 * the ring says of its process, and what its connection wrote there before; unless a writer
	 * to the ring is still at work.
	 */
	for (int cpu = 0; cpu < c->cpus; cpu++)
		c->heads[cpu] = queue_head(capture_queue(c, cpu));
	sum = ring_buffer__consume(c->ring);
	for (int cpu = 0; sum >= 0 && cpu < c->cpus; cpu++) {
		n = queue_read(capture_queue(c, cpu), c->sizes.queue, c->heads[cpu], on_written, c);
		if (n < 0)
			c->malformed++;
		else
			sum += n;
	}
	return sum > INT32_MAX ? INT32_MAX : (int)sum;
}

int capture_list(struct capture *c, void (*fn)(void *arg, const struct rt_rec_open *rec), void *arg)
{
	struct rt_rec_open batch[64];
	size_t have = 0;
	uint64_t listed = 0;
	ssize_t n;
	int fd = bpf_iter_create(bpf_link__fd(c->iter));

	if (fd < 0)
		return -errno;
	if (!++c->skel->data->open_sweep)
		c->skel->data->open_sweep = 1;
	/* EAGAIN: a million objects had nothing to say, and there are more. */
	while ((n = read(fd, (char *)batch + have, sizeof(batch) - have)) > 0 ||
	       (n < 0 && errno == EAGAIN)) {
		if (n < 0)
			continue;
		have += n;
		for (size_t i = 0; i < have / sizeof(batch[0]); i++)
			fn(arg, &batch[i]);
		memmove(batch, &batch[have / sizeof(batch[0])], have % sizeof(batch[0]));
		listed += have / sizeof(batch[0]);
		have %= sizeof(batch[0]);
	}
	n = n < 0 ? -errno : 0;
	if (!n)
		c->stored = listed;
	close(fd);
	return (int)n;
}

void capture_policy(struct capture *c, bool small, uint32_t sample)
{
	c->skel->data->policy_sample = sample;
	c->skel->bss->policy_small = small;
}

void capture_prime(struct capture *c)
{
	c->skel->bss->young_after = young_frontier(c->cpus);
}

bool capture_primed(const struct capture *c)
{
	return __atomic_load_n(&c->skel->bss->young_after, __ATOMIC_RELAXED) != 0;
}

void capture_unprime(struct capture *c)
{
	__atomic_store_n(&c->skel->bss->young_after, 0, __ATOMIC_SEQ_CST);
}

void capture_trace(struct capture *c, uint32_t tgid, bool on)
{
	__u64 *word = &c->skel->bss->traced[tgid / 64 % (RT_PID_BITS / 64)];

	if (on)
		__atomic_fetch_or(word, 1ull << tgid % 64, __ATOMIC_RELAXED);
	else
		__atomic_fetch_and(word, ~(1ull << tgid % 64), __ATOMIC_RELAXED);
}

int capture_hint(struct capture *c, uint64_t conn, const struct rt_hint *hint)
{
	if (bpf_map_update_elem(bpf_map__fd(c->skel->maps.hints), &conn, hint, BPF_ANY))
		return -errno;
	return 0;
}

void capture_forget(struct capture *c, uint64_t conn)
{
	bpf_map_delete_elem(bpf_map__fd(c->skel->maps.hints), &conn);
}

void capture_stats(const struct capture *c, uint64_t out[RT_STAT_MAX])
{
	uint64_t *values = calloc(c->cpus, sizeof(*values));
	int fd = bpf_map__fd(c->skel->maps.stats);

	memset(out, 0, RT_STAT_MAX * sizeof(*out));
	for (uint32_t id = 0; values && id < RT_STAT_MAX; id++)
		if (bpf_map_lookup_elem(fd, &id, values) == 0)
			for (int cpu = 0; cpu < c->cpus; cpu++)
				out[id] += values[cpu];
	out[RT_STAT_EVENTS] = c->read_records; /* a counter less on the way of each */
	free(values);
}

void capture_run_times(const struct capture *c, uint64_t out[RT_PROGRAM_MAX])
{
	struct rt_cpu value;
	int fd = bpf_map__fd(c->skel->maps.cpus);

	memset(out, 0, RT_PROGRAM_MAX * sizeof(*out));
	for (uint32_t cpu = 0; cpu < (uint32_t)c->cpus; cpu++)
		if (bpf_map_lookup_elem(fd, &cpu, &value) == 0)
			for (int id = 0; id < RT_PROGRAM_MAX; id++)
				out[id] += value.ns[id];
}

void capture_memory(const struct capture *c, uint64_t *ring_bytes, uint64_t *map_bytes)
{
	uint64_t maps = c->stored * CONN_STORAGE_BYTES;
	struct bpf_map *map;

	bpf_object__for_each_map(map, c->skel->obj)
	{
		if (map == c->skel->maps.ring || map == c->skel->maps.queues ||
		    map == c->skel->maps.fb_conns ||
		    (map == c->skel->maps.kafka_walks && !c->hashes_count))
			continue;
		maps += map_memory(map);
	}
	*ring_bytes = c->sizes.ring + (uint64_t)c->sizes.step * c->cpus;
	*map_bytes = maps;
}

uint64_t capture_recursion_misses(const struct capture *c)
{
	struct bpf_program *prog;
	uint64_t misses = 0;

	bpf_object__for_each_program(prog, c->skel->obj)
	{
		struct bpf_prog_info info = {};
		uint32_t len = sizeof(info);
		int fd = bpf_program__fd(prog);

		if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len))
			misses += info.recursion_misses;
	}
	return misses;
}
