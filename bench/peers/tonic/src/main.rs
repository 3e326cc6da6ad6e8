//! The services of the benchmark on tonic, all on one thread: `bench-tonic PORT [CERT KEY]`. gRPC-Web over HTTP/1.1 as well, without TLS.

use std::{env, error::Error, fs, pin::Pin};

use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio_stream::{Stream, StreamExt};
use tonic::codec::CompressionEncoding::{Gzip, Zstd};
use tonic::transport::{Identity, Server, ServerTlsConfig, server::TcpIncoming};
use tonic::{Request, Response, Status, Streaming};
use tonic_web::GrpcWebLayer;

mod stubs;

use stubs::bench::blobs_server::{Blobs, BlobsServer};
use stubs::bench::profiles_server::{Profiles, ProfilesServer};
use stubs::bench::streams_server::{Streams, StreamsServer};
use stubs::bench::*;
use stubs::hello::greeter_server::{Greeter, GreeterServer};
use stubs::hello::{HelloReply, HelloRequest};

struct Service;

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

fn greeting(name: &str) -> String {
    format!("Hello, {name}!")
}

#[tonic::async_trait]
impl Greeter for Service {
    async fn say_hello(&self, request: Request<HelloRequest>) -> Result<Response<HelloReply>, Status> {
        Ok(Response::new(HelloReply { message: greeting(&request.into_inner().name) }))
    }
}

#[tonic::async_trait]
impl Profiles for Service {
    async fn echo_profile(&self, request: Request<EchoProfileRequest>) -> Result<Response<EchoProfileResponse>, Status> {
        Ok(Response::new(EchoProfileResponse { profile: request.into_inner().profile }))
    }
}

#[tonic::async_trait]
impl Streams for Service {
    type SayManyStream = Answers<SayManyResponse>;
    type PingPongStream = Answers<PingPongResponse>;

    async fn say_many(&self, request: Request<SayManyRequest>) -> Result<Response<Self::SayManyStream>, Status> {
        let SayManyRequest { name, count } = request.into_inner();
        let answers = (0..count).map(move |_| Ok(SayManyResponse { message: greeting(&name) }));
        Ok(Response::new(Box::pin(tokio_stream::iter(answers))))
    }

    async fn count(&self, request: Request<Streaming<CountRequest>>) -> Result<Response<CountResponse>, Status> {
        let mut messages = request.into_inner();
        let mut count = 0;
        while messages.message().await?.is_some() {
            count += 1;
        }
        Ok(Response::new(CountResponse { count }))
    }

    async fn ping_pong(&self, request: Request<Streaming<PingPongRequest>>) -> Result<Response<Self::PingPongStream>, Status> {
        let answers = request.into_inner().map(|ping| ping.map(|PingPongRequest { name }| PingPongResponse { message: greeting(&name) }));
        Ok(Response::new(Box::pin(answers)))
    }
}

#[tonic::async_trait]
impl Blobs for Service {
    type DownloadStream = Answers<DownloadResponse>;

    async fn echo_blob(&self, request: Request<EchoBlobRequest>) -> Result<Response<EchoBlobResponse>, Status> {
        Ok(Response::new(EchoBlobResponse { data: request.into_inner().data }))
    }

    async fn upload(&self, request: Request<Streaming<UploadRequest>>) -> Result<Response<UploadResponse>, Status> {
        let mut messages = request.into_inner();
        let mut hash = Sha256::new();
        while let Some(UploadRequest { chunk }) = messages.message().await? {
            hash.update(chunk);
        }
        Ok(Response::new(UploadResponse { sha256: hash.finalize().to_vec() }))
    }

    async fn download(&self, request: Request<DownloadRequest>) -> Result<Response<Self::DownloadStream>, Status> {
        let DownloadRequest { count, chunk_bytes } = request.into_inner();
        let chunk = vec![0; chunk_bytes as usize];
        let answers = (0..count).map(move |_| Ok(DownloadResponse { chunk: chunk.clone() }));
        Ok(Response::new(Box::pin(tokio_stream::iter(answers))))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().collect();
    let port = args.get(1).ok_or("usage: bench-tonic PORT [CERT KEY]")?.parse()?;
    let mut server = Server::builder();
    if let [_, _, cert, key] = args.as_slice() {
        server = server.tls_config(ServerTlsConfig::new().identity(Identity::from_pem(fs::read(cert)?, fs::read(key)?)))?;
    }
    let blobs = BlobsServer::new(Service)
        .accept_compressed(Gzip)
        .accept_compressed(Zstd)
        .send_compressed(Gzip)
        .send_compressed(Zstd);
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("ready");
    server
        .accept_http1(true)
        .layer(GrpcWebLayer::new())
        .add_service(GreeterServer::new(Service))
        .add_service(ProfilesServer::new(Service))
        .add_service(StreamsServer::new(Service))
        .add_service(blobs)
        .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)))
        .await?;
    Ok(())
}
