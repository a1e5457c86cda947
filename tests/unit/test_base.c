// SPDX-License-Identifier: GPL-2.0-or-later
/* fifo, intern and u64map: random operations against models too simple to be wrong. */
#include "test.h"

#include <errno.h>

#include "base/fifo.h"
#include "base/intern.h"
#include "base/u64map.h"
#include "limits.h"

static uint64_t seed = 88172645463325252ull;

static uint32_t rnd(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 33) % below;
}

/* ---- fifo ---- */

struct item {
	uint32_t value;
	uint8_t pad[9]; /* an odd size */
};

struct model {
	uint32_t value[64];
	uint32_t len;
};

static void model_pop(struct model *m, uint32_t n)
{
	if (n > m->len)
		n = m->len;
	memmove(m->value, m->value + n, (m->len - n) * sizeof(m->value[0]));
	m->len -= n;
}

static bool model_same(const struct model *m, const struct fifo *f)
{
	const struct item *front = fifo_front(f), *back = fifo_back(f);

	if (f->len != m->len || fifo_at(f, m->len) || fifo_at(f, UINT32_MAX))
		return false;
	if (!m->len)
		return !front && !back;
	for (uint32_t i = 0; i < m->len; i++)
		if (((const struct item *)fifo_at(f, i))->value != m->value[i])
			return false;
	return front->value == m->value[0] && back->value == m->value[m->len - 1];
}

TEST(fifo_as_its_model)
{
	static const uint32_t bounds[] = {1, 3, 4, 37, 64};

	for (size_t b = 0; b < sizeof(bounds) / sizeof(bounds[0]); b++) {
		struct model m = {0};
		struct fifo f;
		uint32_t refused = 0;

		fifo_init(&f, sizeof(struct item), bounds[b], NULL);
		for (uint32_t i = 0; i < 20000; i++) {
			uint32_t what = rnd(16), n;
			struct item *p;

			if (what < 8) {
				p = fifo_push(&f);
				REQUIRE(!p == (m.len == bounds[b]));
				refused += !p;
				if (p) {
					REQUIRE(!p->value && !p->pad[8]);
					p->value = m.value[m.len++] = i + 1;
					p->pad[8] = 0xee;
				}
			} else if (what < 12) {
				n = rnd(3);
				fifo_pop(&f, n);
				model_pop(&m, n);
			} else if (what < 14) {
				fifo_pop_back(&f);
				m.len -= m.len > 0;
			} else if (what == 14) {
				fifo_trim(&f, rnd(8));
			} else if (rnd(50) == 0) {
				fifo_pop(&f, m.len + rnd(2));
				m.len = 0;
			}
			REQUIRE(model_same(&m, &f));
		}
		CHECK(refused > 0);
		fifo_free(&f);
	}
}

TEST(fifo_gives_its_memory_back)
{
	struct fifo f;

	fifo_init(&f, 8, 1000, NULL);
	CHECK(!f.mem);
	for (int i = 0; i < 1000; i++)
		REQUIRE(fifo_push(&f));
	CHECK(!fifo_push(&f));
	fifo_trim(&f, 16);
	CHECK(f.mem && f.len == 1000); /* not empty: nothing goes */
	fifo_pop(&f, 1000);
	fifo_trim(&f, 1024);
	CHECK(f.mem != NULL);
	fifo_trim(&f, 16);
	CHECK(!f.mem);
	CHECK(fifo_push(&f)); /* can be used again */
	fifo_free(&f);
	CHECK_EQ(f.len, 0);
}

TEST(fifos_share_what_is_spare)
{
	static struct fifo f[FIFO_SPARES_MAX + 2];
	struct fifo_spares spares = {0};
	struct fifo other;
	const uint8_t *mem;

	fifo_init(&f[0], 400, 1000, &spares);
	fifo_init(&f[1], 400, 1000, &spares);
	memset(fifo_push(&f[0]), 0xff, 400);
	mem = f[0].mem;
	fifo_trim(&f[0], 16);
	CHECK(f[0].mem == mem); /* not empty */
	fifo_pop(&f[0], 1);
	fifo_trim(&f[0], 16);
	CHECK(!f[0].mem);
	CHECK_EQ(spares.len, 1);
	CHECK_EQ(*(uint8_t *)fifo_push(&f[1]), 0);
	CHECK(f[1].mem == mem);
	CHECK_EQ(spares.len, 0);
	fifo_push(&f[1]); /* room for two is the queue's own */
	fifo_pop(&f[1], 2);
	fifo_trim(&f[1], 16);
	CHECK(f[1].mem != NULL);
	fifo_free(&f[1]);
	for (int i = 0; i < FIFO_SPARES_MAX + 2; i++) {
		fifo_init(&f[i], 400, 1000, &spares);
		REQUIRE(fifo_push(&f[i]));
	}
	for (int i = 0; i < FIFO_SPARES_MAX + 2; i++) {
		fifo_pop(&f[i], 1);
		fifo_trim(&f[i], 0);
		CHECK(!f[i].mem);
	}
	CHECK_EQ(spares.len, FIFO_SPARES_MAX);
	fifo_init(&other, 8, 1000, &spares); /* of another size */
	REQUIRE(fifo_push(&other));
	CHECK_EQ(spares.len, FIFO_SPARES_MAX);
	fifo_pop(&other, 1);
	fifo_trim(&other, 0);
	CHECK_EQ(spares.len, FIFO_SPARES_MAX);
	fifo_spares_free(&spares);
	CHECK_EQ(spares.len, 0);
}

/* ---- intern ---- */

TEST(intern_gives_every_string_one_number)
{
	struct intern *t = intern_new(4096);
	char text[16];

	REQUIRE(t);
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 4000; i++) {
			int n = snprintf(text, sizeof(text), "name-%d", i);
			uint32_t id = intern_put(t, slice_make(text, (size_t)n));

			REQUIRE(id == (uint32_t)i + 3);
			REQUIRE(intern_get(t, id).n == (size_t)n);
			REQUIRE(!strcmp((const char *)intern_get(t, id).p, text));
		}
	CHECK_EQ(intern_count(t), 4003);
	CHECK_EQ(intern_overflows(t), 0);
	intern_free(t);
}

TEST(intern_knows_its_fixed_strings)
{
	struct intern *t = intern_new(8);

	REQUIRE(t);
	CHECK_EQ(intern_put(t, SLICE("")), INTERN_EMPTY);
	CHECK_EQ(intern_put(t, SLICE("other")), INTERN_OTHER);
	CHECK_EQ(intern_put(t, SLICE("unknown")), INTERN_UNKNOWN);
	CHECK_STR((const char *)intern_get(t, INTERN_EMPTY).p, "");
	CHECK_STR((const char *)intern_get(t, INTERN_OTHER).p, "other");
	CHECK_STR((const char *)intern_get(t, INTERN_UNKNOWN).p, "unknown");
	CHECK_EQ(intern_get(t, 77).n, 0);
	CHECK_EQ(intern_get(t, UINT32_MAX).n, 0);
	intern_free(t);
	intern_free(NULL);
}

TEST(intern_is_bounded_and_counts_what_it_folds)
{
	char text[RT_LABEL_BYTES + 2];
	struct intern *t = intern_new(8);
	uint32_t id[5];

	REQUIRE(t);
	for (uint32_t i = 0; i < 5; i++) {
		text[0] = (char)('a' + i);
		id[i] = intern_put(t, slice_make(text, 1));
		CHECK_EQ(id[i], i + 3);
	}
	CHECK_EQ(intern_put(t, SLICE("z")), INTERN_OTHER);
	CHECK_EQ(intern_put(t, SLICE("y")), INTERN_OTHER);
	CHECK_EQ(intern_overflows(t), 2);
	CHECK_EQ(intern_put(t, SLICE("a")), id[0]); /* what is there stays */
	CHECK_EQ(intern_overflows(t), 2);
	intern_free(t);

	t = intern_new(16);
	REQUIRE(t);
	memset(text, 'x', sizeof(text));
	CHECK(intern_put(t, slice_make(text, RT_LABEL_BYTES)) > INTERN_UNKNOWN);
	CHECK_EQ(intern_put(t, slice_make(text, RT_LABEL_BYTES + 1)), INTERN_OTHER);
	CHECK_EQ(intern_overflows(t), 1);
	intern_free(t);
}

TEST(intern_tells_strings_with_zeroes_apart)
{
	struct intern *t = intern_new(16);
	uint32_t a, b, c;

	REQUIRE(t);
	a = intern_put(t, slice_make("a\0b", 3));
	b = intern_put(t, slice_make("a\0c", 3));
	c = intern_put(t, slice_make("a", 1));
	CHECK(a != b && b != c && a != c);
	CHECK_EQ(intern_get(t, b).n, 3);
	CHECK_EQ(intern_get(t, b).p[2], 'c');
	intern_free(t);
}

/* ---- u64map ---- */

#define KEYS 400

/* Keys of one home slot beside keys of all kinds, so that runs are long and wrap around. */
static uint64_t key_of(uint32_t i)
{
	if (i % 3 == 0)
		return (uint64_t)i + 1;
	if (i % 3 == 1)
		return ((uint64_t)i + 1) << 40;
	return ~(uint64_t)i;
}

TEST(u64map_as_its_model)
{
	static char cells[KEYS];
	void *model[KEYS] = {0};
	size_t live = 0, refused = 0;
	struct u64map m;

	u64map_init(&m, 300);
	CHECK(!u64map_get(&m, 1));
	CHECK(!u64map_del(&m, 1));
	for (uint32_t i = 0; i < 200000; i++) {
		uint32_t k = rnd(KEYS), what = rnd(10);
		bool filling = !(i & 0x4000);
		uint64_t key = key_of(k);
		void *value = &cells[rnd(KEYS)];
		int r;

		if (what < (filling ? 7 : 2)) {
			r = u64map_put(&m, key, value);
			REQUIRE(r == (!model[k] && live == 300 ? -ENOSPC : 0));
			refused += r != 0;
			if (!r) {
				live += !model[k];
				model[k] = value;
			}
		} else if (what < 9) {
			REQUIRE(u64map_del(&m, key) == model[k]);
			live -= model[k] != NULL;
			model[k] = NULL;
		} else {
			REQUIRE(u64map_get(&m, key) == model[k]);
		}
		REQUIRE(m.len == live);
		if (i % 1000 == 0)
			for (uint32_t j = 0; j < KEYS; j++)
				REQUIRE(u64map_get(&m, key_of(j)) == model[j]);
	}
	u64map_free(&m);
	CHECK_EQ(m.len, 0);
	CHECK(!u64map_get(&m, key_of(1)));
	CHECK(refused > 0);
}

TEST(u64map_is_bounded)
{
	struct u64map m;
	int x;

	u64map_init(&m, 3);
	CHECK_EQ(u64map_put(&m, 0, &x), -EINVAL);
	for (uint64_t k = 1; k <= 3; k++)
		CHECK_EQ(u64map_put(&m, k, &x), 0);
	CHECK_EQ(u64map_put(&m, 4, &x), -ENOSPC);
	CHECK_EQ(u64map_put(&m, 3, &m), 0); /* replacing takes no room */
	CHECK(u64map_get(&m, 3) == &m);
	CHECK(u64map_del(&m, 2) == &x);
	CHECK_EQ(u64map_put(&m, 4, &x), 0);
	CHECK(!u64map_get(&m, 0));
	CHECK(!u64map_del(&m, 0));
	u64map_free(&m);
}
