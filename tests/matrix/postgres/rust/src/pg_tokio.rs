// SPDX-License-Identifier: GPL-2.0-or-later

//! tokio-postgres: every query is prepared and described first; queries that are polled at the same
//! time travel as a pipeline.

use futures_util::{future, pin_mut, SinkExt, StreamExt};
use std::{env, io::Cursor};
use tokio_postgres::{Client, Config, Error, NoTls};

async fn statements(client: &Client) -> Result<(), Error> {
    for _ in 0..50 {
        client.simple_query("SELECT 1").await?;
    }
    for n in 0..50 {
        client
            .execute("INSERT INTO t VALUES ($1, $2)", &[&n, &format!("it's {n}")])
            .await?;
    }
    let below = client
        .prepare("SELECT id, name FROM t WHERE id < $1")
        .await?;
    for n in 0..100 {
        client.query(&below, &[&(n % 60 - 5)]).await?;
    }
    client
        .query(
            "INSERT INTO t SELECT g, 'many' FROM generate_series(1001, 1100) g RETURNING id",
            &[],
        )
        .await?;
    client.query("SELECT generate_series(1, 1000)", &[]).await?;
    for n in 0..20 {
        client
            .execute("UPDATE t SET name = name || '!' WHERE id <= $1", &[&n])
            .await?;
    }
    for n in 0..10 {
        client
            .execute("DELETE FROM t WHERE id = $1", &[&(1000 + n)])
            .await?;
    }
    client
        .batch_execute("SELECT 1; SELECT 2; UPDATE t SET name = 'multi' WHERE id < 3")
        .await
}

fn refused<T>(result: Result<T, Error>) {
    match result {
        Err(e) if e.code().is_some() => (),
        Err(e) => panic!("{e}"),
        Ok(_) => panic!("not refused"),
    }
}

async fn failures(client: &Client) {
    for n in 0..3 {
        refused(
            client
                .execute("INSERT INTO t VALUES ($1, 'twice')", &[&n])
                .await,
        );
        refused(client.batch_execute("SELEC 1").await);
        refused(client.query("SELEC $1", &[&n]).await);
    }
}

/// Rows that came by Executes which ended in PortalSuspended.
async fn transactions(client: &mut Client) -> Result<usize, Error> {
    let tx = client.transaction().await?;
    tx.execute("UPDATE t SET name = 'kept' WHERE id = $1", &[&1])
        .await?;
    tx.commit().await?;
    let tx = client.transaction().await?;
    tx.execute("DELETE FROM t", &[]).await?;
    tx.rollback().await?;
    let tx = client.transaction().await?;
    let portal = tx.bind("SELECT id FROM t ORDER BY id", &[]).await?;
    let mut rows = 0;
    loop {
        let got = tx.query_portal(&portal, 30).await?.len();
        rows += got;
        if got < 30 {
            break;
        }
    }
    assert_eq!(rows, 141);
    tx.commit().await?;
    Ok(rows - rows % 30)
}

async fn pipelines(client: &Client) -> Result<(), Error> {
    let select = client.prepare("SELECT generate_series(1, $1::int)").await?;
    for size in [2, 10, 300] {
        let sizes: Vec<i32> = (0..size).map(|n| n % 5).collect();
        future::try_join_all(sizes.iter().map(|n| async {
            let n = *n;
            client.query(&select, &[&n]).await
        }))
        .await?;
    }
    let insert = client.prepare("INSERT INTO t VALUES ($1, 'pipe')").await?;
    let ids: Vec<i32> = (0..20)
        .map(|n| if n % 7 == 3 { n } else { 7000 + n })
        .collect();
    // each has a Sync of its own: three fail, the others do not
    let done = future::join_all(ids.iter().map(|id| async {
        let id = *id;
        client.execute(&insert, &[&id]).await
    }))
    .await;
    assert_eq!(done.iter().filter(|r| r.is_err()).count(), 3);
    Ok(())
}

async fn copies(client: &Client) -> Result<(), Error> {
    let sink = client.copy_in("COPY t FROM STDIN").await?;
    pin_mut!(sink);
    for n in 2000..2500 {
        sink.send(Cursor::new(format!("{n}\tc{n}\n").into_bytes()))
            .await?;
    }
    sink.finish().await?;
    let stream = client.copy_out("COPY t TO STDOUT").await?;
    pin_mut!(stream);
    while let Some(chunk) = stream.next().await {
        chunk?;
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let var = |name| env::var(name).unwrap();
    let (mut client, connection) = Config::new()
        .host(&var("PGHOST"))
        .port(var("PGPORT").parse().unwrap())
        .user(&var("PGUSER"))
        .dbname(&var("PGDATABASE"))
        .connect(NoTls)
        .await?;
    let connection = tokio::spawn(connection);
    statements(&client).await?;
    failures(&client).await;
    let suspended = transactions(&mut client).await?;
    pipelines(&client).await?;
    copies(&client).await?;
    drop(client);
    connection.await.unwrap()?;
    println!("{{\"version\": \"\", \"suspended_rows\": {suspended}}}"); // Cargo.lock has it
    Ok(())
}
