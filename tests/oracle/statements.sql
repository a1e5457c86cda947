# Statements PostgreSQL 15 can read, one a line; a line that begins with a tab goes on. Of those
# that begin with ! only the tokens are compared: pg_query_normalize() glues $n to the word before.
# -- constants of all sorts
SELECT 1
SELECT 1;
SELECT 1 ; ;
;SELECT 1
SELECT 0, 00, 007, 42, 2147483648, 9223372036854775808, 99999999999999999999
SELECT 1.5, .5, 5., 0.001, 1.5e3, 1e10, 1E+5, 1.e5, .5e-3, 1e-3
SELECT -1, - 1, +1, -1.5, - .5e1
SELECT 1-1, 1 - 1, 1 -1, a-1, a - -1
SELECT 1+2*3/4%5^6
SELECT 'x', '', ' ', 'it''s', '''', ''''''
SELECT 'a;b', 'a--b', 'a/*b*/c', 'a$1b', 'a"b', 'a?b'
SELECT 'C:\', 'a\\b', '\n'
SELECT E'it\'s', e'a\\', E'\n\t\x41\u00e9', E'', E'a''b\'c'
SELECT U&'\0041bc', u&'d\0061t\+000061', U&''
SELECT U&'d!0061t' UESCAPE '!'
SELECT B'0101', b'', X'1FF', x'dead'
!SELECT N'national', n''
SELECT 'one'
	  'two'
	  'three'
SELECT E'one\''
	'two'
SELECT B'01'
	'10', X'f'
	'e'
SELECT $$body$$, $$$$, $$it's$$, $$ $1 $$
SELECT $tag$body$tag$, $t$ $$ inside $$ $t$, $a$ $b$ $a$, $_1$x$_1$
SELECT $é$ü$é$
SELECT $fn$ one $fn fn$ two $fn$
SELECT true, FALSE, null, NULL::int, unknown
SELECT DATE '2020-01-01', TIME '10:00', TIMESTAMP '2020-01-01 10:00', TIMESTAMPTZ '2020-01-01'
SELECT INTERVAL '1 day', INTERVAL '1' YEAR, INTERVAL '1-2' YEAR TO MONTH, INTERVAL(3) '1 second'
SELECT float8 '1.5', int4 '7', bool 't', numeric(3,2) '1.23', point '(1,2)'
SELECT bit '101', bit(3) '101', char 'x', varchar(3) 'abc', time(3) '10:00'
SELECT json '{"a": 1}', jsonb '[1, 2]', xml '<a/>', uuid '00000000-0000-0000-0000-000000000000'
!SELECT'a', 1,'b'
!SELECT 1 FROM t WHERE a=1 AND b='x'OR c=E'y'and 2>1
SELECT 1,2,3
SELECT 1 , 2 , 3
SELECT ( 1 )
SELECT(1)
SELECT (1),(2)
SELECT 'ünïcödé', '日本語', '🙂'
# -- parameters
SELECT $1
SELECT $1, $2, $10
SELECT $1::int + 1
SELECT * FROM t WHERE a = $1 AND b = 2 AND c = $3
SELECT * FROM t WHERE id IN ($1, $2, $3)
SELECT * FROM t WHERE id IN ($1)
SELECT * FROM t WHERE id IN ($1, 2, 'x')
SELECT * FROM t WHERE id IN (2, $1)
INSERT INTO t (a, b) VALUES ($1, $2)
INSERT INTO t (a, b) VALUES ($1, $2), ($3, $4), ($5, $6)
UPDATE t SET a = $2, b = b + 1 WHERE id = $1
DELETE FROM t WHERE id = ANY($1)
SELECT * FROM t LIMIT $1 OFFSET 5
# -- identifiers
SELECT "a", "A b", "a""b", """", "it's", "a -- b", "a /* b */", "$1", "?"
SELECT "t"."c", t."c", "t".c FROM "s"."t", s.t
SELECT U&"d\0061ta", U&"d!0061ta" UESCAPE '!'
SELECT é, ünï, "日本", 日本 FROM テーブル
SELECT _a, a1, a$b, a_1$, $1 FROM t_1
SELECT a.b.c FROM a.b
SELECT select_, selected, "select" FROM fromage
SELECT e, b, x, n, u FROM e, b, x, n, u
SELECT e.x, b.x FROM e, b WHERE e.u = b.n
SELECT t.* FROM t
SELECT (t).a, (t.c).d, ((t).a).b FROM t
SELECT a AS "select", b AS b, c d FROM t
SELECT count(*), COUNT( * ), count (x) FROM t
# -- comments and white space
SELECT /* one */ 1
SELECT 1 /* one */
SELECT /* a /* nested */ comment */ 1
SELECT /**/ 1 /***/
SELECT 1 -- the end
SELECT -- a comment
	1
-- in front
	SELECT 1
/* in front */ SELECT 1 /* behind */
SELECT a/* c */b FROM t
SELECT a/*c*/+/*d*/b FROM t
SELECT	a ,	b
	FROM	t
	WHERE	a	=	1
SELECT   a   FROM   t
SELECT a+/* it's */b FROM t
SELECT 1/*'*/, 'a'/*'*/
SELECT 4-/*x*/-2
SELECT a -- it's
	, b -- "c"
	FROM t
SELECT f( a , b )  ,  g ( )
SELECT a [ 1 ] , b[ 1 : 2 ] FROM t
# -- operators
SELECT a=1, a = 1, a<>1, a!=1, a<=1, a>=1, a<1, a>1
SELECT a||'x', a || 'x' || b
SELECT a::int, a :: text, '1'::int, 1::text, '1'::numeric(10,2)::text
SELECT -1::int, - 1::int, (-1)::int
SELECT 'a'::character varying, 'a'::character varying(10), '1'::double precision
SELECT '2020-01-01'::timestamp with time zone, '10:00'::time(3) without time zone
SELECT '{1,2}'::int[], '{1,2}'::int[3], '{}'::int[][], '{}'::int ARRAY[3]
SELECT CAST(1 AS text), CAST('1' AS numeric(3,2)), CAST($1 AS int)
SELECT a@>b, a<@b, a&&b, a->b, a->>b, a#>b, a#>>b, a#-b
SELECT a ~ 'x', a ~* 'x', a !~ 'x', a !~* 'x', a ~~ 'x'
SELECT a <-> b, a <#> b, a <=> b, @a, @-1, |/4, ||/8, ~1, !!5
SELECT a |> b, a *- b, a =- 1, a <-1, a >-1, a=-1
SELECT a % 2, a %% b, a ^ 2, a # b, a & b, a | b, a << 1, a >> 1
SELECT a OPERATOR(pg_catalog.+) 1
SELECT a AND b OR NOT c
SELECT a BETWEEN 1 AND 5, a NOT BETWEEN -5 AND -1, a BETWEEN SYMMETRIC 1 AND 5
SELECT a LIKE 'x%', a NOT LIKE 'x%' ESCAPE '\', a ILIKE 'x', a SIMILAR TO 'x'
SELECT a IS NULL, a IS NOT NULL, a IS TRUE, a IS DISTINCT FROM 1, a IS NOT DISTINCT FROM b
SELECT a IN (1), a IN (1,2), a NOT IN (1, 2, 3)
SELECT CASE WHEN a = 1 THEN 'one' WHEN a = 2 THEN 'two' ELSE 'many' END FROM t
SELECT CASE a WHEN 1 THEN 2 END FROM t
SELECT COALESCE(a, 0), NULLIF(a, ''), GREATEST(a, 1), LEAST(a, b, 2)
SELECT a COLLATE "C" < 'x' COLLATE "de_DE"
SELECT a AT TIME ZONE 'UTC' FROM t
SELECT (a, b) = (1, 2), ROW(1, 'x'), ROW(), (1, 2) < (3, 4)
SELECT EXISTS (SELECT 1), ARRAY(SELECT 1), (SELECT 1)
SELECT a = ANY (ARRAY[1, 2, 3]), a = ALL ('{1,2}'::int[]), a = SOME (SELECT 1)
# -- lists
SELECT * FROM t WHERE a IN (1, 2, 3)
SELECT * FROM t WHERE a IN ( 1 , 2 )
SELECT * FROM t WHERE a IN(1,2)
SELECT * FROM t WHERE a IN ('a', 'b', 'c') AND b IN (1)
SELECT * FROM t WHERE a IN (-1, +2, - 3)
SELECT * FROM t WHERE a IN ('a'::text, 'b'::text)
SELECT * FROM t WHERE a IN ('a'::varchar(10), 'b'::character varying)
SELECT * FROM t WHERE a IN (1, b, 2, 3)
SELECT * FROM t WHERE a IN (b, 1, 2, c, 3, 4)
SELECT * FROM t WHERE a IN (f(1), f(2))
SELECT * FROM t WHERE a IN (1 + 1, 2)
SELECT * FROM t WHERE a IN (1, 2 + 1, 3, 4)
SELECT * FROM t WHERE a IN ((1), (2))
SELECT * FROM t WHERE (a, b) IN ((1, 2), (3, 4))
SELECT * FROM t WHERE (a, b) IN ((1, 'x'), ($1, $2), (-3, 'y'::text))
SELECT * FROM t WHERE (a, b) IN ((1, c), (3, 4), (5, 6))
SELECT * FROM t WHERE a IN (SELECT b FROM u WHERE c IN (1, 2))
SELECT * FROM t WHERE a IN ((SELECT 1), 2, 3)
SELECT * FROM t WHERE a IN (1, 2) OR a IN (3, 4, 5)
SELECT * FROM t WHERE a IN (1, 2, (SELECT max(x) FROM u WHERE y IN (1, 2)), 3, 4)
SELECT * FROM t WHERE a NOT IN ('x', 'y') AND (b IN (1, 2) OR c IN ('z'))
SELECT * FROM t WHERE a IN (1, NULL, 2, 3, TRUE)
SELECT ARRAY[1, 2, 3], ARRAY['a'], ARRAY[]::int[], ARRAY[1, a, 2]
SELECT ARRAY[[1, 2], [3, 4]], ARRAY[ARRAY[1, 2], ARRAY[3]]
SELECT * FROM t WHERE a = ANY(ARRAY[1,2,3]::bigint[])
SELECT ARRAY[1, 2] || ARRAY[3, 4] || 5
SELECT position('a' IN 'abc'), position('a' IN b)
SELECT f(1, 2, 3), f(a => 1, b => 2), f(a := 1), f(VARIADIC ARRAY[1, 2])
VALUES (1)
VALUES (1, 'a'), (2, 'b'), (3, 'c')
VALUES (1, 'a') , ( 2 , 'b' ) ORDER BY 1
SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS v (x, y)
SELECT * FROM (VALUES (1), (2)) v, (VALUES (3), (4)) w, u
SELECT * FROM (VALUES (1), (f(2, 'x')), ((SELECT 3))) v
INSERT INTO t VALUES (1, 'a')
INSERT INTO t VALUES (1, 'a'), (2, 'b')
INSERT INTO t VALUES (1,'a'),(2,'b'),(3,'c') RETURNING id, (a)
INSERT INTO t VALUES (DEFAULT, now(), 1), (DEFAULT, now(), 2)
INSERT INTO t (a) VALUES ((1)), ((2))
INSERT INTO t (a) VALUES (ARRAY[1,2]), (ARRAY[3])
INSERT INTO t (a) VALUES (1), (2) ON CONFLICT (a) DO UPDATE SET a = EXCLUDED.a, n = t.n + 1
INSERT INTO t (a) VALUES ('('), (')'), ('((')
INSERT INTO t (a) VALUES (1 IN (1,2)), (2 IN (3))
# -- select
SELECT
SELECT * FROM t
SELECT DISTINCT a FROM t
SELECT DISTINCT ON (a, b) a, b, c FROM t ORDER BY a, b, c DESC NULLS LAST
SELECT ALL a FROM ONLY t
SELECT a, b FROM t WHERE a = 1 AND b = 'x' ORDER BY a, 2 LIMIT 10 OFFSET 20
SELECT a, count(*) FROM t GROUP BY a, 2 HAVING count(*) > 5
SELECT a, sum(b) FROM t GROUP BY GROUPING SETS ((a), (b), ())
SELECT a, b FROM t GROUP BY ROLLUP (a, b), CUBE (a, 1)
SELECT * FROM t FETCH FIRST 5 ROWS ONLY
SELECT * FROM t ORDER BY a OFFSET 5 ROWS FETCH NEXT 10 ROWS WITH TIES
SELECT * FROM t LIMIT ALL
SELECT * FROM t FOR UPDATE OF t SKIP LOCKED
SELECT * FROM t FOR NO KEY UPDATE NOWAIT
SELECT * FROM a, b WHERE a.id = b.id
SELECT * FROM a JOIN b ON a.id = b.id LEFT JOIN c USING (id, x) WHERE c.id IS NULL
SELECT * FROM a NATURAL JOIN b CROSS JOIN c FULL OUTER JOIN d ON true
SELECT * FROM (a JOIN b ON a.x = b.x) RIGHT JOIN c ON b.y = c.y
SELECT * FROM (SELECT a FROM t WHERE b = 1) s WHERE a > 2
SELECT * FROM t, LATERAL (SELECT * FROM u WHERE u.id = t.id LIMIT 3) l
SELECT * FROM generate_series(1, 10) AS g (n)
SELECT * FROM ROWS FROM (generate_series(1, 2), f('x')) AS r (a, b)
SELECT * FROM f(1) WITH ORDINALITY AS t (a, n)
SELECT * FROM json_to_recordset('[{"a":1}]') AS x (a int, b text)
SELECT * FROM t TABLESAMPLE BERNOULLI (10) REPEATABLE (42)
SELECT 1 UNION SELECT 2 UNION ALL SELECT 3
(SELECT 1) UNION (SELECT 2) ORDER BY 1
SELECT a FROM t INTERSECT SELECT b FROM u EXCEPT SELECT c FROM v
SELECT a INTO n FROM t WHERE b = 1
SELECT a INTO TEMP n FROM t
TABLE t
TABLE s.t ORDER BY 1 LIMIT 5
SELECT (SELECT max(a) FROM t), (SELECT 1 FROM u LIMIT 1) FROM v
SELECT a[1], a[1:2], a[:2], a[1:], a[:], (a)[1][2] FROM t
SELECT count(*) FILTER (WHERE a > 1), string_agg(a, ',' ORDER BY b), sum(DISTINCT a) FROM t
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY a) FROM t
SELECT extract(epoch FROM a), extract('dow' FROM a), date_trunc('day', a) FROM t
SELECT substring('abc' FROM 1 FOR 2), overlay('abc' PLACING 'x' FROM 2), trim(BOTH 'x' FROM 'xax')
SELECT now(), current_timestamp, current_timestamp(3), current_user, localtime
SELECT * FROM t WHERE a > now() - interval '5 minutes' AND b < current_date - 7
SELECT xmlelement(name foo, xmlattributes('x' AS bar), 'content')
SELECT xmlparse(CONTENT '<a/>'), xmlserialize(CONTENT a AS text)
SELECT a FROM t WHERE b = 'x' AND c = 'y' AND d IN ('p', 'q') OR e = 5 ORDER BY CASE WHEN f = 1 THEN 2 ELSE 3 END
SELECT pg_advisory_unlock_all()
SELECT set_config('search_path', 'public', false)
SELECT nextval('t_id_seq'), currval('t_id_seq'::regclass), 't'::regclass::oid
SELECT version()
SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.version()
SELECT t.oid, typarray FROM pg_type t JOIN pg_namespace ns ON typnamespace = ns.oid WHERE typname = 'hstore'
SELECT 1 AS "one", 'x' AS two
SELECT * FROM t WHERE t = ROW(1, 'x')::t
# -- windows
SELECT row_number() OVER (), rank() OVER (ORDER BY a DESC) FROM t
SELECT sum(a) OVER (PARTITION BY b ORDER BY c ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM t
SELECT sum(a) OVER (ORDER BY c RANGE BETWEEN '1 day' PRECEDING AND '1 day' FOLLOWING) FROM t
SELECT lag(a, 1, 0) OVER w, lead(a) OVER (w ROWS UNBOUNDED PRECEDING) FROM t WINDOW w AS (PARTITION BY b)
SELECT ntile(4) OVER (ORDER BY a GROUPS 2 PRECEDING EXCLUDE TIES) FROM t
# -- common table expressions
WITH a AS (SELECT 1) SELECT * FROM a
WITH a AS (SELECT * FROM t WHERE x = 1), b (c, d) AS (SELECT 2, 'x') SELECT * FROM a, b
WITH RECURSIVE r (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM r WHERE n < 100) SELECT sum(n) FROM r
WITH a AS MATERIALIZED (SELECT 1), b AS NOT MATERIALIZED (SELECT 2) TABLE a
WITH d AS (DELETE FROM t WHERE a < 5 RETURNING *) INSERT INTO u SELECT * FROM d
WITH u AS (UPDATE t SET a = 1 RETURNING id) SELECT count(*) FROM u
WITH RECURSIVE s AS (SELECT 1 AS id) SEARCH DEPTH FIRST BY id SET o SELECT * FROM s
WITH i AS (INSERT INTO t (a) VALUES (1), (2) RETURNING id) SELECT id FROM i WHERE id IN (1, 2, 3)
# -- insert, update, delete, merge
INSERT INTO shipping_details (order_id, address) SELECT order_id, address FROM orders WHERE order_id = 5
INSERT INTO t DEFAULT VALUES
INSERT INTO t AS x (a) VALUES (1) ON CONFLICT DO NOTHING
INSERT INTO t (a) OVERRIDING SYSTEM VALUE VALUES (1)
INSERT INTO s.t (a, "B c") SELECT 1, 'x' RETURNING *
INSERT INTO t (a, b) VALUES (1, 'x') ON CONFLICT ON CONSTRAINT k DO UPDATE SET b = 'y' WHERE t.a > 3
INSERT INTO t (a[1], b.c) VALUES (1, 2)
UPDATE t SET a = 1
UPDATE ONLY s.t AS x SET a = 1, b = DEFAULT, c = NULL WHERE id = 7
UPDATE t SET (a, b) = (1, 'x'), (c, d) = (SELECT 2, 3) WHERE id IN (1, 2)
UPDATE t SET a = u.a FROM u, v WHERE t.id = u.id AND u.x = 'y' RETURNING t.*
UPDATE t SET a[1] = 5, b.c = 6, n = n + 1 WHERE CURRENT OF cur
UPDATE t SET data = jsonb_set(data, '{a,b}', '"x"'), at = now() WHERE data->>'k' = 'v'
DELETE FROM t
DELETE FROM ONLY t WHERE a = 1 RETURNING a
DELETE FROM t USING u, v WHERE t.id = u.id AND u.x = 5
MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN UPDATE SET a = s.a + 1 WHEN NOT MATCHED THEN INSERT (id, a) VALUES (s.id, 5)
MERGE INTO t AS x USING (SELECT 1 AS id) s ON x.id = s.id WHEN MATCHED AND x.a > 5 THEN DELETE WHEN NOT MATCHED THEN DO NOTHING
# -- json
SELECT data->'a'->>'b', data #> '{a,b}', data #>> '{a}' FROM t
SELECT data ? 'k', data ?| ARRAY['a', 'b'], data ?& ARRAY['a'], data @> '{"a": 1}' FROM t
SELECT data?'k',data?|'{a}',data->0,data->-1 FROM t
SELECT data - 'k', data #- '{a,b}', data || '{"x": 1}'::jsonb, data @? '$.a', data @@ '$.a > 1' FROM t
SELECT jsonb_path_query(data, '$.a[*] ? (@ > $x)', '{"x": 2}') FROM t
SELECT jsonb_build_object('a', 1, 'b', ARRAY[1, 2]), to_jsonb(t.*) FROM t
SELECT data['a']['b'], data['c'][0] FROM t
SELECT * FROM t WHERE data @> '{"tags": ["x", "y"]}' AND data->>'n' IN ('1', '2')
SELECT jsonb '{"a":1}' = '{"a":1}'::jsonb
# -- definitions
CREATE TABLE t (id int)
CREATE TABLE IF NOT EXISTS s.t (id bigserial PRIMARY KEY, a varchar(10) NOT NULL DEFAULT 'x', b numeric(10,2) CHECK (b > 0))
CREATE TEMP TABLE t (a int) ON COMMIT DROP
CREATE UNLOGGED TABLE t (a int, UNIQUE (a), FOREIGN KEY (a) REFERENCES u (b) ON DELETE CASCADE ON UPDATE SET NULL)
CREATE TABLE t AS SELECT 1 AS a, 'x' AS b
CREATE TABLE t (LIKE u INCLUDING ALL) WITH (fillfactor = 70)
CREATE TABLE p (a int, b text) PARTITION BY RANGE (a)
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (1) TO (10)
CREATE TABLE p2 PARTITION OF p FOR VALUES IN ('a', 'b')
CREATE TABLE p3 PARTITION OF p FOR VALUES WITH (MODULUS 4, REMAINDER 0)
CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY (START WITH 10 INCREMENT BY 5), b int GENERATED ALWAYS AS (a * 2) STORED)
CREATE TABLE t (at timestamp(3) with time zone DEFAULT now(), j jsonb DEFAULT '{}'::jsonb, x int[] DEFAULT ARRAY[1, 2])
CREATE INDEX ON t (a)
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON t USING btree (lower(a), b DESC) WHERE a IS NOT NULL
CREATE INDEX i ON t USING gin (data jsonb_path_ops) WITH (fastupdate = off)
CREATE VIEW v AS SELECT a, 'x' AS b FROM t WHERE c = 5
CREATE OR REPLACE VIEW s.v (a, b) AS SELECT 1, 2 WITH CHECK OPTION
CREATE MATERIALIZED VIEW m AS SELECT * FROM t WITH NO DATA
REFRESH MATERIALIZED VIEW CONCURRENTLY m
CREATE SEQUENCE s START 10 INCREMENT BY 2 MAXVALUE 100 CYCLE
CREATE SCHEMA IF NOT EXISTS s AUTHORIZATION joe
CREATE TYPE e AS ENUM ('a', 'b', 'c')
CREATE TYPE c AS (a int, b text)
ALTER TYPE e ADD VALUE IF NOT EXISTS 'd' BEFORE 'a'
CREATE DOMAIN d AS text CHECK (VALUE ~ '^\d+$')
CREATE EXTENSION IF NOT EXISTS pg_stat_statements WITH SCHEMA public
CREATE FUNCTION f(a int DEFAULT 5, b text = 'x') RETURNS int LANGUAGE sql AS $$ SELECT a + 1 $$
CREATE OR REPLACE FUNCTION f() RETURNS trigger AS $body$ BEGIN NEW.a := 'it''s'; RETURN NEW; END $body$ LANGUAGE plpgsql
CREATE FUNCTION f() RETURNS SETOF t LANGUAGE plpgsql COST 100 ROWS 10 AS 'begin return; end'
CREATE PROCEDURE p(INOUT a int) LANGUAGE sql AS 'SELECT 1'
CREATE TRIGGER tr BEFORE INSERT OR UPDATE OF a ON t FOR EACH ROW WHEN (NEW.a > 5) EXECUTE FUNCTION f('x', 1)
CREATE RULE r AS ON INSERT TO v DO INSTEAD INSERT INTO t VALUES (1, 'x')
CREATE POLICY p ON t FOR SELECT USING (owner = current_user AND a > 1)
CREATE ROLE r LOGIN PASSWORD 'secret' CONNECTION LIMIT 5 VALID UNTIL '2030-01-01'
CREATE USER u WITH PASSWORD 'secret'
CREATE DATABASE d ENCODING 'UTF8' TEMPLATE template0
CREATE PUBLICATION p FOR TABLE t, u
CREATE SUBSCRIPTION s CONNECTION 'host=h password=secret' PUBLICATION p
CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'h', port '5432')
CREATE STATISTICS st (dependencies) ON a, b FROM t
CREATE AGGREGATE ag (int) (sfunc = int4pl, stype = int, initcond = '0')
CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = f)
CREATE CAST (text AS int) WITH FUNCTION f(text)
CREATE EVENT TRIGGER et ON ddl_command_end EXECUTE FUNCTION f()
ALTER TABLE t ADD COLUMN IF NOT EXISTS a int DEFAULT 5, DROP COLUMN b CASCADE
ALTER TABLE t ALTER COLUMN a TYPE varchar(20) USING a::varchar(20), ALTER b SET DEFAULT 'x'
ALTER TABLE ONLY s.t ADD CONSTRAINT c CHECK (a IN (1, 2, 3)) NOT VALID
ALTER TABLE t ALTER a SET STATISTICS 100, SET (autovacuum_vacuum_scale_factor = 0.1)
ALTER TABLE t RENAME COLUMN a TO b
ALTER TABLE p ATTACH PARTITION p1 FOR VALUES FROM ('a') TO ('b')
ALTER ROLE r SET statement_timeout = '5s'
ALTER USER u PASSWORD 'secret'
ALTER DATABASE d SET search_path TO 'a', b
ALTER SYSTEM SET work_mem = '64MB'
ALTER SEQUENCE s RESTART WITH 5
ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT SELECT ON TABLES TO r
ALTER INDEX i RENAME TO j
DROP TABLE t
DROP TABLE IF EXISTS a, s.b CASCADE
DROP INDEX CONCURRENTLY i
DROP FUNCTION f(int, text), g()
DROP OWNED BY r
TRUNCATE t
TRUNCATE TABLE ONLY a, b RESTART IDENTITY CASCADE
COMMENT ON TABLE t IS 'it''s a table'
COMMENT ON COLUMN s.t.a IS NULL
GRANT SELECT, INSERT (a, b) ON t TO r WITH GRANT OPTION
REVOKE ALL ON ALL TABLES IN SCHEMA s FROM r CASCADE
SECURITY LABEL ON TABLE t IS 'label'
# -- utility
BEGIN
BEGIN ISOLATION LEVEL SERIALIZABLE, READ ONLY, DEFERRABLE
START TRANSACTION READ WRITE
COMMIT
COMMIT AND CHAIN
ROLLBACK TO SAVEPOINT a
END
SAVEPOINT "sp 1"
RELEASE SAVEPOINT a
PREPARE TRANSACTION 'gid'
COMMIT PREPARED 'gid'
SET search_path TO public, 's'
SET LOCAL statement_timeout = 100
SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED
SET TIME ZONE 'Europe/Berlin'
SET TIME ZONE INTERVAL '+02:00' HOUR TO MINUTE
SET x.y = 1, 'a', on
SET client_encoding TO 'UTF8'
SHOW ALL
SHOW search_path
RESET ALL
DISCARD ALL
SELECT pg_advisory_unlock_all(); CLOSE ALL; UNLISTEN *; RESET ALL
BEGIN; SELECT 1; COMMIT;
INSERT INTO t VALUES (1, 'a;b'), (2, 'c'); UPDATE t SET a = 'x;y' WHERE b IN (1, 2); ;
PREPARE p (int, text) AS SELECT * FROM t WHERE a = $1 AND b = $2 AND c = 5
EXECUTE p (1, 'x')
DEALLOCATE p
DEALLOCATE ALL
EXPLAIN SELECT * FROM t WHERE a = 1
EXPLAIN (ANALYZE, BUFFERS, FORMAT json) UPDATE t SET a = 1
EXPLAIN ANALYZE VERBOSE DELETE FROM t WHERE a = 1
COPY t FROM STDIN
COPY t (a, b) FROM STDIN WITH (FORMAT csv, HEADER true, DELIMITER ';', NULL '', QUOTE '"')
COPY t TO '/tmp/x.csv' CSV HEADER DELIMITER ','
COPY (SELECT * FROM t WHERE a = 'x' AND b IN (1, 2)) TO STDOUT
COPY t FROM PROGRAM 'gunzip < /tmp/x.gz'
LISTEN channel
NOTIFY channel, 'payload with secrets'
UNLISTEN *
LOCK TABLE a, b IN ACCESS EXCLUSIVE MODE NOWAIT
VACUUM
VACUUM (VERBOSE, ANALYZE) t, u (a, b)
VACUUM FULL FREEZE VERBOSE t
ANALYZE t (a, b)
REINDEX (VERBOSE) TABLE CONCURRENTLY t
CLUSTER t USING i
CHECKPOINT
LOAD 'auto_explain'
DO $$ BEGIN PERFORM f('secret'); END $$
DO LANGUAGE plpgsql 'begin end'
CALL p(1, 'x', NULL)
CALL s.p()
DECLARE c CURSOR WITH HOLD FOR SELECT * FROM t WHERE a = 5
DECLARE "C_1" NO SCROLL CURSOR FOR SELECT 1
FETCH 100 FROM c
FETCH FORWARD 5 IN c
MOVE BACKWARD 3 FROM c
CLOSE c
SET CONSTRAINTS ALL DEFERRED
IMPORT FOREIGN SCHEMA s LIMIT TO (a, b) FROM SERVER srv INTO l
REASSIGN OWNED BY a TO b
# -- what clients send
SELECT 1 /*traceparent='00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'*/
/* app:web */ SELECT "users".* FROM "users" WHERE "users"."id" = $1 LIMIT $2
SELECT "users"."id" AS t0_r0, "users"."name" AS t0_r1 FROM "users" LEFT OUTER JOIN "posts" ON "posts"."user_id" = "users"."id" WHERE "posts"."id" IN (1, 2, 3)
SELECT c.oid::pg_catalog.regclass FROM pg_catalog.pg_class c, pg_catalog.pg_inherits i WHERE c.oid = i.inhparent AND i.inhrelid = '16384' ORDER BY inhseqno
SELECT users.id AS users_id, users.name AS users_name FROM users WHERE users.name = 'O''Brien' AND users.age >= 21
SELECT anon_1.a FROM (SELECT t.a AS a FROM t WHERE t.b = 'x' LIMIT 5) AS anon_1 LEFT OUTER JOIN u AS u_1 ON anon_1.a = u_1.a
INSERT INTO "django_session" ("session_key", "session_data", "expire_date") VALUES ('abc', 'def', '2024-01-01T00:00:00+00:00'::timestamptz)
INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (1, 2, 3, -4, CURRENT_TIMESTAMP)
UPDATE pgbench_accounts SET abalance = abalance + -1234 WHERE aid = 5678
SELECT abalance FROM pgbench_accounts WHERE aid = 1
SELECT u0."id" FROM "users" AS u0 WHERE (u0."email" = 'a@b.c') AND NOT (u0."deleted_at" IS NULL)
SELECT DISTINCT ON (t.a) t.a, t.b FROM t WHERE t.c = ANY('{1,2,3}'::integer[]) ORDER BY t.a, t.b DESC
select pg_catalog.format_type(a.atttypid, a.atttypmod), coalesce(d.description, '') from pg_attribute a left join pg_description d on d.objoid = a.attrelid and d.objsubid = a.attnum where a.attnum > 0
SELECT * FROM "Order" o INNER JOIN "OrderItem" i ON (o."id" = i."orderId") WHERE o."total" > 99.99 AND i."sku" LIKE 'AB-%'
SELECT 1 WHERE '2020-01-01'::date + 1 > now()::date AND '5'::int4 BETWEEN 1::int8 AND 10
SELECT st_distance(geom, ST_SetSRID(ST_MakePoint(-71.06, 42.28), 4326)) FROM t WHERE geom && ST_MakeEnvelope(1, 2, 3, 4, 4326)
SELECT to_tsvector('english', body) @@ plainto_tsquery('english', 'fat rats') FROM t
SELECT regexp_replace(a, '(\d+)', '<\1>', 'g'), a ~ E'\\d+\'' FROM t
