/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A test program is a list of TEST(name) bodies and TEST_MAIN. It prints TAP; tests/run.sh counts.
 * CHECK() goes on after a failure, REQUIRE() leaves the test, SKIP() leaves it with a reason.
 */
#ifndef REDTAP_TEST_H
#define REDTAP_TEST_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test_case {
	const char *name;
	void (*run)(void);
	struct test_case *next;
};

static struct test_case *test_first, **test_tail = &test_first;
static bool test_failed;
static const char *test_skip;

#define TEST(id)                                                                                   \
	static void test_##id(void);                                                               \
	static struct test_case test_case_##id = {#id, test_##id, NULL};                           \
	__attribute__((constructor)) static void test_register_##id(void)                          \
	{                                                                                          \
		*test_tail = &test_case_##id;                                                      \
		test_tail = &test_case_##id.next;                                                  \
	}                                                                                          \
	static void test_##id(void)

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			test_failed = true;                                                        \
			printf("# %s:%d: %s\n", __FILE__, __LINE__, #cond);                        \
		}                                                                                  \
	} while (0)

#define CHECK_EQ(a, b)                                                                             \
	do {                                                                                       \
		long long test_a = (long long)(a), test_b = (long long)(b);                        \
		if (test_a != test_b) {                                                            \
			test_failed = true;                                                        \
			printf("# %s:%d: %s is %lld, expected %s = %lld\n", __FILE__, __LINE__,    \
			       #a, test_a, #b, test_b);                                            \
		}                                                                                  \
	} while (0)

#define CHECK_STR(a, b)                                                                            \
	do {                                                                                       \
		const char *test_a = (a), *test_b = (b);                                           \
		if (!test_a || strcmp(test_a, test_b)) {                                           \
			test_failed = true;                                                        \
			printf("# %s:%d: %s is \"%s\", expected \"%s\"\n", __FILE__, __LINE__, #a, \
			       test_a ? test_a : "(null)", test_b);                                \
		}                                                                                  \
	} while (0)

#define REQUIRE(cond)                                                                              \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			test_failed = true;                                                        \
			printf("# %s:%d: %s\n", __FILE__, __LINE__, #cond);                        \
			return;                                                                    \
		}                                                                                  \
	} while (0)

#define SKIP(why)                                                                                  \
	do {                                                                                       \
		test_skip = (why);                                                                 \
		return;                                                                            \
	} while (0)

/* A sanitizer slows down what is measured, and it has a malloc() of its own. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* The bytes at the end of a heap buffer of just their size, so that an over-read trips ASan. */
static inline uint8_t *test_exact(const void *p, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);

	if (!copy)
		abort();
	memcpy(copy, p, n);
	return copy;
}

int main(void)
{
	int n = 0, failures = 0;

	for (struct test_case *t = test_first; t; t = t->next) {
		test_failed = false;
		test_skip = NULL;
		t->run();
		n++;
		if (test_failed)
			failures++;
		printf("%s %d - %s%s%s\n", test_failed ? "not ok" : "ok", n, t->name,
		       test_skip ? " # SKIP " : "", test_skip ? test_skip : "");
		fflush(stdout);
	}
	printf("1..%d\n", n);
	return failures ? 1 : 0;
}

#endif
