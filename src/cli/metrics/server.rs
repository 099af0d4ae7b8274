//! The page by HTTP, for those who scrape: nothing can be changed here, and nothing else be read.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HOST};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{LocalSet, spawn_local};

use super::look::Look;
use crate::metrics::page;

/// How many are served at a time; others wait.
const CONNECTIONS: usize = 64;
/// How long one may take to say what it wants, before its connection is closed.
const PATIENCE: Duration = Duration::from_secs(10);
/// How much of a request is read.
const LARGEST_HEAD: usize = 16 << 10;
/// What Prometheus calls its text format.
const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Listens, tells where, and serves until it is dropped.
pub(super) async fn serve(
    at: SocketAddr,
    look: Look,
    tell: impl FnOnce(SocketAddr),
) -> io::Result<()> {
    let listener = TcpListener::bind(at).await?;
    let at = listener.local_addr()?;
    tell(at);
    LocalSet::new()
        .run_until(accept(listener, at.ip(), look))
        .await
}

async fn accept(listener: TcpListener, ip: IpAddr, look: Look) -> io::Result<()> {
    let room = Rc::new(Semaphore::new(CONNECTIONS));
    loop {
        let place = Rc::clone(&room);
        let Ok((stream, _)) = listener.accept().await else {
            // Of one that has gone again, or for which there is no descriptor now.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let look = look.clone();
        spawn_local(async move {
            // It is never closed.
            let _place = place.acquire().await;
            attend(stream, ip, look).await;
        });
    }
}

async fn attend(stream: TcpStream, ip: IpAddr, look: Look) {
    let answer = service_fn(|request| {
        let look = look.clone();
        async move { Ok::<_, Infallible>(respond(&request, ip, &look).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(stream), answer);
    // One that breaks off, or says what is no HTTP, harms nobody else.
    let _ = connection.await;
}

async fn respond(request: &Request<Incoming>, ip: IpAddr, look: &Look) -> Response<Full<Bytes>> {
    if ip.is_loopback() && !is_for_here(request) {
        // A page of somewhere else, in a browser here, may have a name that leads here.
        return plain(
            StatusCode::FORBIDDEN,
            "this is served to this machine alone\n",
        );
    }
    match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/metrics") => {
            let mut response = plain(StatusCode::OK, page(&look.scrape().await));
            let format = hyper::header::HeaderValue::from_static(FORMAT);
            response.headers_mut().insert(CONTENT_TYPE, format);
            response
        }
        (&Method::GET | &Method::HEAD, "/") => {
            plain(StatusCode::OK, "osb: the metrics are at /metrics\n")
        }
        (&Method::GET | &Method::HEAD, _) => {
            plain(StatusCode::NOT_FOUND, "the metrics are at /metrics\n")
        }
        _ => {
            let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "metrics are read by GET\n");
            let allowed = hyper::header::HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(ALLOW, allowed);
            response
        }
    }
}

fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    response
}

/// Whether a request is for a name of this machine's loopback interface.
fn is_for_here(request: &Request<Incoming>) -> bool {
    let host = request.headers().get(HOST).and_then(|it| it.to_str().ok());
    host.is_none_or(is_loopback)
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let ip = name.parse::<IpAddr>();
    name.eq_ignore_ascii_case("localhost") || ip.is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_served_at_its_loopback_address() {
        for host in [
            "localhost",
            "LOCALHOST:9464",
            "127.0.0.1:1",
            "127.9.9.9",
            "[::1]:9464",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "evil.example",
            "10.0.0.1:9464",
            "localhost.evil.example",
            "[::2]",
            "",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
