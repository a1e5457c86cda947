// SPDX-License-Identifier: GPL-2.0-or-later

// pgx v5: pg_pgx cached | exec | simple, its ways to run a query: prepared by name and described
// first, unnamed in one round trip, and simple; with batches (pipelines), CopyFrom and a pool.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"runtime/debug"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

var ctx = context.Background()

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// Lets what the server refuses pass, and nothing else.
func refused(err error) {
	var e *pgconn.PgError
	if err == nil || !errors.As(err, &e) {
		log.Fatalf("not refused: %v", err)
	}
}

func exec(conn *pgx.Conn, sql string, args ...any) {
	_, err := conn.Exec(ctx, sql, args...)
	must(err)
}

func query(conn *pgx.Conn, sql string, args ...any) {
	rows, err := conn.Query(ctx, sql, args...)
	must(err)
	for rows.Next() {
	}
	must(rows.Err())
}

func statements(conn *pgx.Conn) {
	for n := 0; n < 50; n++ {
		query(conn, "SELECT 1")
	}
	for n := 0; n < 50; n++ {
		exec(conn, "INSERT INTO t VALUES ($1, $2)", n, fmt.Sprintf("it's %d", n))
	}
	for n := 0; n < 100; n++ {
		query(conn, "SELECT id, name FROM t WHERE id < $1", n%60-5)
	}
	query(conn, "INSERT INTO t SELECT g, 'many' FROM generate_series(1001, 1100) g RETURNING id")
	query(conn, "SELECT generate_series(1, 1000)")
	for n := 0; n < 20; n++ {
		exec(conn, "UPDATE t SET name = name || '!' WHERE id <= $1", n)
	}
	for n := 0; n < 10; n++ {
		exec(conn, "DELETE FROM t WHERE id = $1", 1000+n)
	}
}

func failures(conn *pgx.Conn) {
	for n := 0; n < 3; n++ {
		_, err := conn.Exec(ctx, "INSERT INTO t VALUES ($1, 'twice')", n)
		refused(err)
		_, err = conn.Exec(ctx, "SELEC 1")
		refused(err)
		_, err = conn.Exec(ctx, "SELEC $1", n)
		refused(err)
	}
}

func transactions(conn *pgx.Conn) {
	tx, err := conn.Begin(ctx)
	must(err)
	_, err = tx.Exec(ctx, "UPDATE t SET name = 'kept' WHERE id = $1", 1)
	must(err)
	must(tx.Commit(ctx))
	tx, err = conn.Begin(ctx)
	must(err)
	_, err = tx.Exec(ctx, "DELETE FROM t")
	must(err)
	must(tx.Rollback(ctx))
}

func copies(conn *pgx.Conn) {
	rows := make([][]any, 500)
	for n := range rows {
		rows[n] = []any{2000 + n, "c"}
	}
	_, err := conn.CopyFrom(ctx, pgx.Identifier{"t"}, []string{"id", "name"}, pgx.CopyFromRows(rows))
	must(err)
	_, err = conn.PgConn().CopyTo(ctx, &bytes.Buffer{}, "COPY t TO STDOUT")
	must(err)
}

func batches(conn *pgx.Conn) {
	for _, size := range []int{1, 10, 200} {
		batch := &pgx.Batch{}
		for n := 0; n < size; n++ {
			batch.Queue("SELECT id FROM t WHERE id < $1", n%10)
			batch.Queue("UPDATE t SET name = $1 WHERE id = $2", "b", n)
		}
		must(conn.SendBatch(ctx, batch).Close())
	}
	batch := &pgx.Batch{} // one of five fails, what follows is skipped
	for n := 0; n < 5; n++ {
		id := 6000 + n
		if n == 2 {
			id = 1
		}
		batch.Queue("INSERT INTO t VALUES ($1, 'batch')", id)
	}
	refused(conn.SendBatch(ctx, batch).Close())
}

func pool() {
	config, err := pgxpool.ParseConfig("sslmode=disable pool_max_conns=4")
	must(err)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	must(err)
	defer pool.Close()
	var all sync.WaitGroup
	for n := 0; n < 100; n++ {
		all.Add(1)
		go func(n int) {
			defer all.Done()
			_, err := pool.Exec(ctx, "SELECT id FROM t WHERE id < $1", n)
			must(err)
		}(n)
	}
	all.Wait()
}

func version() string {
	info, _ := debug.ReadBuildInfo()
	for _, dep := range info.Deps {
		if strings.HasPrefix(dep.Path, "github.com/jackc/pgx") {
			return strings.TrimPrefix(dep.Version, "v")
		}
	}
	return "?"
}

func main() {
	config, err := pgx.ParseConfig("sslmode=disable")
	must(err)
	config.DefaultQueryExecMode = map[string]pgx.QueryExecMode{
		"cached": pgx.QueryExecModeCacheStatement,
		"exec":   pgx.QueryExecModeExec,
		"simple": pgx.QueryExecModeSimpleProtocol,
	}[os.Args[1]]
	conn, err := pgx.ConnectConfig(ctx, config)
	must(err)
	statements(conn)
	failures(conn)
	transactions(conn)
	copies(conn)
	batches(conn)
	must(conn.Close(ctx))
	if os.Args[1] == "cached" {
		pool()
	}
	fmt.Printf("{\"version\": %q, \"suspended_rows\": 0}\n", version())
}
