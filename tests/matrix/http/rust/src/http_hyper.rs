// SPDX-License-Identifier: GPL-2.0-or-later

//! The matrix's server on hyper: http_hyper PORT.

use http_body_util::{combinators::BoxBody, BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::{server::conn::http1, service::service_fn, Request, Response};
use hyper_util::rt::TokioIo;
use std::{convert::Infallible, env};
use tokio::net::TcpListener;

type Body = BoxBody<Bytes, Infallible>;

fn full(byte: u8, size: usize) -> Body {
    Full::new(Bytes::from(vec![byte; size])).boxed()
}

/// Five chunks of a length nobody was told.
fn chunked() -> Body {
    let chunks = (1..6).map(|n| Ok(Frame::data(Bytes::from(vec![b'z'; n * 50]))));
    BodyExt::boxed(StreamBody::new(futures_util::stream::iter(chunks)))
}

async fn answer(request: Request<Incoming>) -> Result<Response<Body>, hyper::Error> {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let (status, body) = match path.as_str() {
        "/tiny.txt" => (200, full(b'x', 612)),
        "/large.bin" => (200, full(b'l', 102400)),
        "/chunked" => (200, chunked()),
        "/echo" => {
            request.into_body().collect().await?;
            (200, full(b't', 10))
        }
        "/none" => (204, full(b'-', 0)),
        "/broken" => (503, full(b'-', 0)),
        p if p.starts_with("/page/") => (200, full(b'y', 100)),
        _ => (404, full(b'-', 0)),
    };
    println!("{method} {path} {status}");
    Ok(Response::builder().status(status).body(body).unwrap())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let port: u16 = env::args().nth(1).unwrap().parse().unwrap();
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            let _ = http1::Builder::new()
                .half_close(true)
                .serve_connection(TokioIo::new(stream), service_fn(answer))
                .await; // its end by an error is the client's
        });
    }
}
