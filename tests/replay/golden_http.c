// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>

#include "golden.h"

/* "| text" is a line of HTTP with its CRLF, ": text" is text as it stands. */
static void http_text(struct golden *g, const struct golden_line *line)
{
	const char *from = line->text + 1;
	char *text = strdup(*from == ' ' ? from + 1 : from);
	size_t n;

	if (!text)
		abort();
	n = golden_unescape(text, strlen(text));
	golden_put(g, line->side, text, n);
	if (line->text[0] == '|')
		golden_put(g, line->side, "\r\n", 2);
	free(text);
}

void golden_http_line(struct golden *g, const struct golden_line *line)
{
	if (line->text[0] == '|' || line->text[0] == ':') {
		http_text(g, line);
	} else if (line->n == 2 && !strcmp(line->token[0].p, "bytes")) {
		golden_put(g, line->side, line->token[1].p, line->token[1].n);
	} else {
		golden_bad(line, "neither | nor : nor bytes");
	}
	golden_end(g, line->side);
}
