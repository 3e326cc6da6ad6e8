//! The Greeter and Streams on tonic, all on one thread: `bench-tonic PORT`.

use std::{env, error::Error};

use tokio::net::TcpListener;
use tokio_stream::Stream;
use tonic::transport::{Server, server::TcpIncoming};
use tonic::{Request, Response, Status};

mod hello {
    tonic::include_proto!("_");
}

mod bench {
    tonic::include_proto!("edgewire.bench.v1");
}

use bench::streams_server::{Streams, StreamsServer};
use bench::{SayManyRequest, SayManyResponse};
use hello::greeter_server::{Greeter, GreeterServer};
use hello::{HelloReply, HelloRequest};

struct Service;

#[tonic::async_trait]
impl Greeter for Service {
    async fn say_hello(&self, request: Request<HelloRequest>) -> Result<Response<HelloReply>, Status> {
        let message = format!("Hello, {}!", request.into_inner().name);
        Ok(Response::new(HelloReply { message }))
    }
}

type Answers = Box<dyn Stream<Item = Result<SayManyResponse, Status>> + Send + Unpin>;

#[tonic::async_trait]
impl Streams for Service {
    type SayManyStream = Answers;

    async fn say_many(&self, request: Request<SayManyRequest>) -> Result<Response<Answers>, Status> {
        let SayManyRequest { name, count } = request.into_inner();
        let answers = (0..count).map(move |_| Ok(SayManyResponse { message: format!("Hello, {name}!") }));
        Ok(Response::new(Box::new(tokio_stream::iter(answers))))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = env::args().nth(1).ok_or("usage: bench-tonic PORT")?.parse()?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("ready");
    Server::builder()
        .add_service(GreeterServer::new(Service))
        .add_service(StreamsServer::new(Service))
        .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)))
        .await?;
    Ok(())
}
