// SPDX-License-Identifier: GPL-2.0-or-later

import java.io.StringReader;
import java.io.StringWriter;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyManager;

/**
 * pgjdbc: PgJdbc simple | extended. `extended`: the driver's default, prepared by name from the
 * fifth time on, `BEGIN` glued in front of a transaction's first statement.
 */
public class PgJdbc {
	static Connection conn;

	static void each(int from, int to, String sql) throws SQLException {
		try (PreparedStatement s = conn.prepareStatement(sql)) {
			for (int n = from; n < to; n++) {
				s.setInt(1, n);
				if (s.execute())
					try (ResultSet r = s.getResultSet()) {
						while (r.next()) { }
					}
			}
		}
	}

	static void text(String sql) throws SQLException {
		try (Statement s = conn.createStatement()) {
			s.execute(sql);
		}
	}

	static void fails(String sql) {
		try {
			text(sql);
		} catch (SQLException e) {
			if (e.getSQLState().startsWith("08"))
				throw new IllegalStateException(e);
			return;
		}
		throw new IllegalStateException(sql + " did not fail");
	}

	static void statements() throws SQLException {
		for (int n = 0; n < 50; n++)
			text("SELECT 1");
		each(0, 50, "INSERT INTO t VALUES (?, 'it''s one')");
		each(-5, 95, "SELECT id, name FROM t WHERE id < ?");
		text("INSERT INTO t SELECT g, 'many' FROM generate_series(1001, 1100) g RETURNING id");
		text("SELECT generate_series(1, 1000)");
		each(0, 20, "UPDATE t SET name = name || '!' WHERE id <= ?");
		each(1000, 1010, "DELETE FROM t WHERE id = ?");
		text("SELECT 1; SELECT 2; UPDATE t SET name = 'multi' WHERE id < 3");
	}

	static void failures() {
		for (int n = 0; n < 3; n++) {
			fails("INSERT INTO t VALUES (1, 'twice')");
			fails("SELEC 1");
		}
	}

	static void transactions() throws SQLException {
		conn.setAutoCommit(false);
		for (int n = 0; n < 10; n++) {
			each(n, n + 3, "UPDATE t SET name = 'kept' WHERE id = ?");
			conn.commit();
		}
		text("DELETE FROM t");
		conn.rollback();
		fails("INSERT INTO t VALUES (1, 'twice')");
		fails("SELECT 'in a failed transaction'");
		conn.rollback();
	}

	/** A result in portions of 30 rows; how many of its rows came ahead of the last portion. */
	static int portions() throws SQLException {
		int rows = 0;
		try (PreparedStatement s = conn.prepareStatement("SELECT id FROM t ORDER BY id")) {
			s.setFetchSize(30);
			try (ResultSet r = s.executeQuery()) {
				while (r.next())
					rows++;
			}
		}
		conn.commit();
		if (rows != 141)
			throw new IllegalStateException(rows + " rows in portions");
		return rows - rows % 30;
	}

	static void batch(int from, int count, String sql) throws SQLException {
		try (PreparedStatement s = conn.prepareStatement(sql)) {
			for (int n = from; n < from + count; n++) {
				s.setInt(1, n);
				s.addBatch();
			}
			s.executeBatch();
		} catch (SQLException e) {
			if (!"23505".equals(e.getSQLState()))
				throw e;
			if (!conn.getAutoCommit())
				conn.rollback();
		}
	}

	static void batches() throws SQLException {
		conn.setAutoCommit(true);
		batch(3000, 200, "INSERT INTO t VALUES (?, 'batch')");
		conn.setAutoCommit(false);
		batch(3000, 300, "UPDATE t SET name = 'again' WHERE id = ?");
		conn.commit();
		batch(3190, 20, "INSERT INTO t VALUES (?, 'twice')");
		try (Statement s = conn.createStatement()) {
			for (int n = 0; n < 20; n++)
				s.addBatch("UPDATE t SET name = 'text' WHERE id = " + n);
			s.executeBatch();
		}
		conn.commit();
		conn.setAutoCommit(true);
	}

	static void copies() throws Exception {
		CopyManager copy = conn.unwrap(PGConnection.class).getCopyAPI();
		StringBuilder lines = new StringBuilder();
		for (int n = 2000; n < 2500; n++)
			lines.append(n).append("\tc\n");
		copy.copyIn("COPY t FROM STDIN", new StringReader(lines.toString()));
		copy.copyOut("COPY t TO STDOUT", new StringWriter());
	}

	public static void main(String[] args) throws Exception {
		boolean simple = args[0].equals("simple");
		String url = String.format("jdbc:postgresql://%s:%s/%s?user=%s&sslmode=disable%s",
			System.getenv("PGHOST"), System.getenv("PGPORT"), System.getenv("PGDATABASE"),
			System.getenv("PGUSER"), simple ? "&preferQueryMode=simple" : "");
		conn = DriverManager.getConnection(url);
		statements();
		failures();
		transactions();
		int suspended = portions();
		batches();
		copies();
		String version = conn.getMetaData().getDriverVersion();
		conn.close();
		System.out.printf("{\"version\": \"%s\", \"suspended_rows\": %d}%n", version,
			simple ? 0 : suspended);
	}
}
